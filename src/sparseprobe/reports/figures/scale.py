"""How sparsity changes with the size of the model, and where in a model features are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparseprobe.reports.figures.style import (
    COLUMN,
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

_SHOWN = 9


def best_over_k_by_size(table: pd.DataFrame) -> Figure:
    """Mean over features of the best layer's F1 over k, a line for each model, a panel for each collection.

    `table`: collection, model, n_parameters, feature, k, f1 (of the layer chosen on validation).
    """
    require(table, ["collection", "model", "n_parameters", "feature", "k", "f1"], "best_over_k_by_size")
    collections = list(table.groupby("collection", sort=False))
    with styled():
        figure, all_axes = panels(len(collections), width=PAGE if len(collections) > 1 else COLUMN, height=2.1)
        for axes, (collection, part) in zip(all_axes, collections, strict=True):
            models = list(part.sort_values("n_parameters").groupby("model", sort=False))
            for shade, (model, rows) in zip(steps(len(models)), models, strict=True):
                mean = rows.groupby("k")["f1"].mean()
                axes.plot(mean.index, mean, color=shade, marker="o", label=str(model))
            axes.set_title(str(collection).replace("_", " "))
            log2_axis(axes, part["k"].tolist())
            axes.set_ylabel("F1 on test, best layer")
        all_axes[0].legend()
    return figure


def feature_over_size(table: pd.DataFrame, *, k: int = 1) -> Figure:
    """F1 of k neurons over the number of parameters, a panel for each kind of change (emerging, splitting, stable).

    `table`: feature, n_parameters, k, f1, change; a row for each model and feature.
    """
    require(table, ["feature", "n_parameters", "k", "f1", "change"], "feature_over_size")
    chosen = table[table["k"] == k]
    require(chosen, ["change"], "feature_over_size")
    kinds = list(chosen.groupby("change", sort=True))
    with styled():
        figure, all_axes = panels(len(kinds), width=PAGE if len(kinds) > 1 else COLUMN, height=2.3)
        for axes, (kind, part) in zip(all_axes, kinds, strict=True):
            features = list(part.groupby("feature", sort=False))
            for number, (feature, rows) in enumerate(features[:_SHOWN]):
                ordered = rows.sort_values("n_parameters")
                label = shorten(str(feature), 18)
                axes.plot(ordered["n_parameters"], ordered["f1"], color=colour(number), marker="o", label=label)
            log10_axis(axes)
            axes.set_xlabel("parameters")
            axes.set_ylabel(f"F1 on test, k = {k}")
            axes.set_title(f"{kind} ({len(features)} features)")
            axes.set_ylim(0, 1.03)
            axes.legend(fontsize=6)
    return figure


def layer_feature_map(table: pd.DataFrame, *, k: int = 1) -> Figure:
    """Where features are: F1 of k neurons for each layer and feature, as a heat map. `table`: `tables.SWEEP`."""
    require(table, ["feature", "layer", "k", "f1"], "layer_feature_map")
    grid = table[table["k"] == k].pivot_table(index="feature", columns="layer", values="f1", sort=False)
    require(grid, [], "layer_feature_map")
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=0.9 + 0.16 * len(grid))
        image = axes.imshow(grid, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        _layer_ticks(axes, grid.columns.tolist())
        axes.set_yticks(range(len(grid)), [shorten(str(name), 22) for name in grid.index])
        figure.colorbar(image, ax=axes, label=f"F1 on test, k = {k}", shrink=0.8)
    return figure


def _layer_ticks(axes: Axes, layers: Sequence[object]) -> None:
    every = max(1, len(layers) // 10)
    axes.set_xticks(np.arange(0, len(layers), every), [str(layer) for layer in layers[::every]])
    axes.set_xlabel("layer")
