"""The effect of scale (the paper's third case study): the same probes on models of several sizes.

For each model, feature and k the layer is chosen by validation F1 and shown by test F1. A feature is

    emerging     read by one neuron of the largest model, not by one of the smallest: the intervals do not overlap
    splitting    the other way round at k = 1, while the largest k loses nothing: several neurons share the feature now
    declining    the other way round at k = 1, and at the largest k, too
    stable       none of these: the intervals at k = 1 overlap
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from sparseprobe.demo.shipped_models import shipped_models
from sparseprobe.reports.findings import Cell, Sentence, chosen_rows
from sparseprobe.studies.study import Study, StudyFigure, Tables

ENOUGH = 0.95
"""Share of the dense probe's F1 that counts as reading a feature as well."""
_FEATURE = ["collection", "feature"]
_CHANGES = ("emerging", "splitting", "declining", "stable")


def _derive(tables: Tables) -> Tables:
    sizes = tables["models"][["model", "n_parameters"]]
    best = chosen_rows(tables["sweep"], ["model", *_FEATURE, "k"])
    kept = ["model", "n_parameters", *_FEATURE, "k", "layer", "neurons"]
    scores = ["f1_validation", "f1", "f1_low", "f1_high", "control_f1"]
    by_size = best.merge(sizes, on="model")[kept + scores]
    by_size = by_size.sort_values([*_FEATURE, "n_parameters", "k"], kind="stable", ignore_index=True)
    return {"by_size": by_size, "change": changes(by_size), "enough": neurons_needed(by_size, tables["dense"])}


def changes(by_size: pd.DataFrame) -> pd.DataFrame:
    """How each feature changes from the smallest to the largest model, with the scores that say so; none for one."""
    rows: list[dict[str, Any]] = []
    for keys, part in by_size.groupby(_FEATURE, sort=False):
        ordered = part.sort_values(["n_parameters", "k"], kind="stable")
        small, large = (ordered[ordered["model"] == ordered["model"].iloc[end]] for end in (0, -1))
        if small["model"].iloc[0] == large["model"].iloc[0]:
            continue
        one, most = (small.iloc[0], large.iloc[0]), (small.iloc[-1], large.iloc[-1])
        rows.append(
            {
                **dict(zip(_FEATURE, keys, strict=True)),
                "change": _change(one, most),
                "smallest": one[0]["model"],
                "largest": one[1]["model"],
                "k_most": int(most[1]["k"]),
                **_scores("one", one),
                **_scores("most", most),
            }
        )
    return pd.DataFrame(rows, columns=None if rows else [*_FEATURE, "change"])


def _change(one: tuple[pd.Series, pd.Series], most: tuple[pd.Series, pd.Series]) -> str:
    if one[1]["f1_low"] > one[0]["f1_high"]:
        return "emerging"
    if one[1]["f1_high"] >= one[0]["f1_low"]:
        return "stable"
    return "splitting" if most[1]["f1_high"] >= most[0]["f1_low"] else "declining"


def _scores(name: str, rows: tuple[pd.Series, pd.Series]) -> dict[str, float]:
    return {
        f"{name}_{size}{end}": float(row[f"f1{end}"])
        for size, row in zip(("smallest", "largest"), rows, strict=True)
        for end in ("", "_low", "_high")
    }


def neurons_needed(by_size: pd.DataFrame, dense: pd.DataFrame) -> pd.DataFrame:
    """The least k of the sweep that reaches 95 % of the dense probe's test F1, for each model and feature.

    The dense probe is that of the layer with the best validation F1; `k` is null where no k of the sweep reaches it.
    """
    whole = chosen_rows(dense, ["model", *_FEATURE])[["model", *_FEATURE, "f1"]].rename(columns={"f1": "dense_f1"})
    reached = by_size.merge(whole, on=["model", *_FEATURE])
    needed = reached[reached["f1"] >= ENOUGH * reached["dense_f1"]].groupby(["model", *_FEATURE], sort=False)["k"].min()
    table = reached.drop_duplicates(["model", *_FEATURE])[["model", "n_parameters", *_FEATURE, "dense_f1"]]
    return table.join(needed.astype("Int64"), on=["model", *_FEATURE]).reset_index(drop=True)


def _with_change(tables: Tables) -> pd.DataFrame:
    return tables["by_size"].merge(tables["change"][[*_FEATURE, "change"]], on=_FEATURE)


def _listed_needs(tables: Tables) -> pd.DataFrame:
    """For each collection and model: features, how many reach the dense probe, and the median k of those."""
    groups = tables["enough"].groupby(["collection", "model", "n_parameters"], sort=False)
    table = groups["k"].agg(features="size", reached="count", median_k="median").reset_index()
    return table.astype({"median_k": float}).sort_values(["collection", "n_parameters"], ignore_index=True)


def _findings(tables: Tables) -> Iterator[Sentence]:
    change = tables["change"]
    if len(change):
        counts = change["change"].value_counts()
        said = ", ".join(f"{counts.get(name, 0)} {name}" for name in _CHANGES)
        yield Sentence((f"From the smallest model to the largest, {len(change)} features are: {said}.",))
    for name in ("emerging", "splitting"):
        part = change[change["change"] == name]
        by_distance = (part["one_largest"] - part["one_smallest"]).abs() if len(part) else part["change"]
        for at in by_distance.sort_values(ascending=False, kind="stable").index[:4]:
            yield _one_change(int(at), change.loc[at])


def _one_change(at: int, row: pd.Series) -> Sentence:
    def cell(column: str) -> Cell:
        return Cell("change", at, column, f"{row[column]:.3f}")

    return Sentence(
        (
            f"{row['collection']}, {row['feature']} ({row['change']}): one neuron reads it with an F1 of ",
            cell("one_smallest"),
            " (95 % interval ",
            cell("one_smallest_low"),
            " to ",
            cell("one_smallest_high"),
            f") in {row['smallest']} and of ",
            cell("one_largest"),
            " (",
            cell("one_largest_low"),
            " to ",
            cell("one_largest_high"),
            f") in {row['largest']}; ",
            Cell("change", at, "k_most", f"{row['k_most']}"),
            " neurons with ",
            cell("most_smallest"),
            " and ",
            cell("most_largest"),
            ".",
        )
    )


SCALE = Study(
    name="scale",
    about="How does the number of neurons that represent a feature change with the size of the model?",
    models=shipped_models(),
    datasets=("natural_language", "programming_language", "data_source", "compound_words", "people"),
    experiments=("sweep", "dense"),
    settings={"k": [1, 2, 4, 16]},
    derive=_derive,
    figures=(
        StudyFigure(
            "best-layer-over-k",
            "best_over_k_by_size",
            "Test F1 of the layer that is best on validation, over the number of neurons; mean over features, a line "
            "for each model, dark to light from small to large.",
            "by_size",
        ),
        StudyFigure(
            "features-over-size",
            "feature_over_size",
            "F1 of one neuron over the size of the model, features by how they change (nine of each kind are drawn).",
            _with_change,
        ),
        StudyFigure(
            "over-k-by-feature",
            "metric_over_k",
            "Test F1 over the number of neurons, in the layer that is best on validation for each feature and k.",
            "sweep",
            {"by": "feature"},
            by=("collection", "model"),
        ),
        StudyFigure(
            "neurons-needed",
            "listing",
            "How many features a few neurons read as well (95 % of the F1) as a probe on all neurons of a layer, and "
            "the median number of neurons that it takes, by model.",
            _listed_needs,
        ),
        StudyFigure("models", "listing", "The models of the study.", "models"),
        StudyFigure("datasets", "listing", "The datasets of the study.", "datasets"),
    ),
    findings=_findings,
)
