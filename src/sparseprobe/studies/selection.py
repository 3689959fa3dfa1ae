"""Selection (the paper's appendix): all ways to choose neurons against each other and against the proven optimum."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sparseprobe.reports.findings import Cell, Sentence
from sparseprobe.studies.study import Study, StudyFigure, Tables

_OF_EACH = ["model", "collection", "k", "selection"]


def _derive(tables: Tables) -> Tables:
    return {"against_optimum": against_optimum(tables["optimum"]), "found": found(tables["planted"])}


def against_optimum(optimum: pd.DataFrame) -> pd.DataFrame:
    """For each k and selection, over features and layers with a proven optimum: how near it comes."""
    proven = optimum[optimum["proven"]]
    groups = proven.groupby(_OF_EACH, sort=False)
    table = groups.agg(
        problems=("excess", "size"), median_excess=("excess", "median"), largest_excess=("excess", "max"),
        mean_shared=("n_shared", "mean"), median_near_ties=("near_ties", "median"),
    )  # fmt: skip
    return table.reset_index().sort_values(["model", "collection", "k", "median_excess"], ignore_index=True)


def found(planted: pd.DataFrame) -> pd.DataFrame:
    """The mean share of the planted neurons that each selection finds, the best first."""
    means = planted.groupby(["model", "collection", "selection"], sort=False)["share"].agg(
        problems="size", share="mean"
    )
    return means.reset_index().sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _findings(tables: Tables) -> Iterator[Sentence]:
    near = tables["against_optimum"]
    for (model, collection, k), part in near.groupby(["model", "collection", "k"], sort=False):
        others = part[~part["selection"].isin(["optimal", "random"])]
        if others.empty:
            continue
        row = others.iloc[0]
        at = int(str(row.name))
        yield Sentence(
            (
                f"{model}, {collection}, k = {k}: the optimum is proven in ",
                Cell("against_optimum", at, "problems", f"{row['problems']}"),
                " problems, and has a median of ",
                Cell("against_optimum", at, "median_near_ties", f"{row['median_near_ties']:.1f}"),
                f" near-ties; nearest to it is {row['selection']}, whose objective is larger by a median of ",
                Cell("against_optimum", at, "median_excess", f"{row['median_excess']:.4f}"),
                " of the optimum's.",
            )
        )
    for place, row in tables["found"].head(3).iterrows():
        yield Sentence(
            (
                f"Planted problems: {row['selection']} finds a mean share of ",
                Cell("found", int(str(place)), "share", f"{row['share']:.3f}"),
                " of the planted neurons.",
            )
        )


SELECTION = Study(
    name="selection",
    about="Which way to choose k neurons comes nearest to the proven optimum, and which finds planted neurons?",
    models=("demo-4.7m",),
    datasets=("natural_language",),
    experiments=("comparison", "optimum", "planted"),
    settings={"k": [1, 2, 4], "layers": "1"},
    derive=_derive,
    figures=(
        StudyFigure(
            "selections-over-k",
            "selections_over_k",
            "Test F1 of each selection's neurons over k, mean over features.",
            "comparison",
            by=("model", "collection"),
        ),
        StudyFigure(
            "against-optimum",
            "listing",
            "How far each selection's objective lies above the proven optimum (as a share of it), how many of its "
            "neurons it shares, and how many sets that differ in one neuron come within 1 % (near-ties).",
            "against_optimum",
        ),
        StudyFigure(
            "planted-over-n",
            "selections_on_planted",
            "Share of the planted neurons that each selection finds, over the number of examples.",
            "planted",
        ),
        StudyFigure(
            "planted-over-size",
            "selections_on_planted",
            "The same over the number of planted neurons.",
            "planted",
            {"over": "informative"},
        ),
    ),
    findings=_findings,
)
