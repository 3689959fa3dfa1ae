"""Scores over the number of neurons: by layer, by feature, by way to choose, and by basis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparseprobe.errors import InputError
from sparseprobe.reports.figures.style import (
    COLUMN,
    GREY,
    PAGE,
    colour,
    log2_axis,
    log10_axis,
    panels,
    require,
    shorten,
    steps,
    styled,
)

LABELS = {
    "f1": "F1",
    "log_loss": "log loss (nats)",
    "mcc": "MCC",
    "roc_auc": "ROC AUC",
    "balanced_accuracy": "balanced accuracy",
    "r2": "R²",
}
_SEVERAL = 9
"""Lines that can be told apart by colour; more are drawn thin, with their mean."""


def metric_over_k(table: pd.DataFrame, *, metric: str = "f1", by: str = "layer") -> Figure:
    """A score on test over k: a line for each layer (mean over features), or for each feature (its best layer).

    `table` is a sweep's (`tables.SWEEP`). The layer of a feature is that of the best validation F1 at each k; without
    validation scores the layers' maximum is shown, and the axis says so. The dashed line is the control.

    Raises `InputError` for another `by` or a table without the columns.
    """
    require(table, [metric, "k", "layer", "feature", "control_f1"], "metric_over_k")
    if by not in {"layer", "feature"}:
        raise InputError(f"by={by!r} is not a way to draw metric_over_k: give 'layer' or 'feature'")
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.5)
        if by == "layer":
            _by_layer(axes, table, metric)
        else:
            _by_feature(axes, best_layer(table), metric)
        log2_axis(axes, table["k"].tolist())
        axes.set_ylabel(f"{LABELS.get(metric, metric)} on test")
        if metric == "f1":
            control = table.groupby("k")["control_f1"].mean()
            axes.plot(control.index, control, color=GREY, linestyle="--", label="control")
            axes.set_ylim(0, 1.03)
        axes.legend(ncols=2, loc="best")
    return figure


def best_layer(table: pd.DataFrame) -> pd.DataFrame:
    """For each feature and k the row of the layer that does best on validation, else on test."""
    choose_by = "f1_validation" if table["f1_validation"].notna().any() else "f1"
    ordered = table.sort_values(choose_by, ascending=False, kind="stable")
    return ordered.drop_duplicates(["feature", "k"]).sort_values(["feature", "k"])


def _by_layer(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    means = table.pivot_table(index="k", columns="layer", values=metric)
    shades = steps(means.shape[1])
    for shade, layer in zip(shades, means, strict=True):
        named = means.shape[1] <= _SEVERAL or layer in {means.columns[0], means.columns[-1]}
        axes.plot(means.index, means[layer], color=shade, marker="o", label=f"layer {layer}" if named else None)
    axes.set_title("mean over features, by layer")


def _by_feature(axes: Axes, best: pd.DataFrame, metric: str) -> None:
    features = best["feature"].unique()
    few = len(features) <= _SEVERAL
    for number, feature in enumerate(features):
        part = best[best["feature"] == feature]
        if few:
            axes.plot(part["k"], part[metric], color=colour(number), marker="o", label=shorten(str(feature), 16))
        else:
            axes.plot(part["k"], part[metric], color=colour(0), alpha=0.25, linewidth=0.7)
    if not few:
        mean = best.groupby("k")[metric].mean()
        axes.plot(mean.index, mean, color="black", marker="o", label=f"mean of {len(features)} features")
    axes.set_title("best layer of each feature")


def selections_over_k(table: pd.DataFrame, *, metric: str = "f1") -> Figure:
    """Ways to choose neurons on real activations: the mean score over features and layers, by k.

    `table` has the columns of `tables.SWEEP` and rows of several selections, as `compare_selections` gives.
    """
    require(table, [metric, "k", "selection"], "selections_over_k")
    means = table.pivot_table(index="k", columns="selection", values=metric)
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.5)
        for number, selection in enumerate(means):
            style = "-" if number < _SEVERAL else ":"
            axes.plot(means.index, means[selection], style, color=colour(number), marker="o", label=str(selection))
        log2_axis(axes, table["k"].tolist())
        axes.set_ylabel(f"{LABELS.get(metric, metric)} on test, mean")
        axes.legend(ncols=1)
    return figure


def basis_over_k(table: pd.DataFrame, *, metric: str = "log_loss") -> Figure:
    """Is the neuron basis special? The score of the neurons and of rotated bases over k, one panel for each feature.

    `table` is that of the baselines (`tables.BASELINES`); the layer is the one in which the neurons do best on
    validation. Bands reach from the worst to the best trial of a basis.
    """
    require(table, [metric, "k", "arm", "layer", "feature", "trial"], "basis_over_k")
    features = list(table["feature"].unique())[:9]
    with styled():
        figure, all_axes = panels(len(features), width=PAGE if len(features) > 1 else COLUMN, height=2.1)
        for axes, feature in zip(all_axes, features, strict=True):
            of_feature = table[table["feature"] == feature]
            of_neurons = of_feature[of_feature["arm"] == "neurons"]
            chosen = of_neurons if len(of_neurons) else of_feature
            by_layer = chosen.groupby("layer")["f1_validation" if chosen["f1_validation"].notna().any() else "f1"]
            layer = by_layer.mean().idxmax()
            here = of_feature[of_feature["layer"] == layer]
            for number, (arm, rows) in enumerate(here.groupby("arm", sort=False)):
                trials = rows.groupby("k")[metric]
                axes.plot(trials.mean().index, trials.mean(), color=colour(number), marker="o", label=_arm(str(arm)))
                axes.fill_between(
                    trials.min().index, trials.min(), trials.max(), color=colour(number), alpha=0.18, linewidth=0
                )
            axes.set_title(f"{shorten(str(feature), 20)}, layer {layer}")
            log2_axis(axes, here["k"].tolist())
            axes.set_ylabel(LABELS.get(metric, metric))
        all_axes[0].legend()
    return figure


def _arm(name: str) -> str:
    return name.replace("_", " ")


def f1_by_rank(table: pd.DataFrame, *, most: int = 100) -> Figure:
    """How fast single neurons fall off: test F1 of the neurons of each feature, best first by the choosing score.

    `table` is that of single neurons (`tables.NEURONS`); the dashed line is the mean control.
    """
    require(table, ["feature", "f1", "log_loss_choosing", "control_f1"], "f1_by_rank")
    chosen = table["log_loss_choosing"].notna().any()
    ranked = table.sort_values("log_loss_choosing" if chosen else "f1", ascending=bool(chosen), kind="stable")
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.5)
        features = list(table["feature"].unique())
        for number, feature in enumerate(features):
            part = ranked[ranked["feature"] == feature][:most]
            few = len(features) <= _SEVERAL
            axes.plot(
                np.arange(1, len(part) + 1),
                part["f1"],
                color=colour(number) if few else colour(0),
                alpha=1.0 if few else 0.3,
                linewidth=1.0,
                label=shorten(str(feature), 16) if few else None,
            )
        axes.axhline(float(table["control_f1"].mean()), color=GREY, linestyle="--", label="control")
        log10_axis(axes)
        axes.set_xlabel("rank of the neuron (training and validation)")
        axes.set_ylabel("F1 on test")
        axes.set_ylim(0, 1.03)
        axes.legend(ncols=2)
    return figure
