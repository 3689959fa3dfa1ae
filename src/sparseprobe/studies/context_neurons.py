"""Context neurons (the paper's second case study): one neuron per language, programming language or kind of text.

The best single neuron of each feature, how its activations are spread in texts with and without the feature, whether it
is the context or the tokens that it follows, and what the model loses without it, on its own and on all other text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from sparseprobe.reports.findings import Cell, Sentence, chosen_rows, findings
from sparseprobe.studies.study import Study, StudyFigure, Tables

ENOUGH = 0.95
"""Share of the best layer's F1 at which a feature counts as there."""
_KEYS = ["model", "collection", "feature"]


def _derive(tables: Tables) -> Tables:
    by_layer = chosen_rows(tables["neurons"], [*_KEYS, "layer"]).reset_index(drop=True)
    return {
        "best_by_layer": by_layer,
        "appearance": appearance(by_layer),
        "class_histograms": class_histograms(tables["cards"]),
    }


def appearance(by_layer: pd.DataFrame) -> pd.DataFrame:
    """For each feature the layer of its best neuron, and the first layer with a neuron that is nearly as good.

    Both by validation F1, or by test F1 where there is no validation part; the F1 shown are on test.
    """
    score = "f1_validation" if by_layer["f1_validation"].notna().any() else "f1"
    rows: list[dict[str, Any]] = []
    for keys, part in by_layer.groupby(_KEYS, sort=False):
        known = part.dropna(subset=score).sort_values("layer")
        if known.empty:
            continue
        best = known.iloc[int(known[score].argmax())]
        first = known[known[score] >= ENOUGH * best[score]].iloc[0]
        rows.append(
            {
                **dict(zip(_KEYS, keys, strict=True)),
                "first_layer": int(first["layer"]),
                "first_neuron": first["neuron"],
                "first_f1": first["f1"],
                "best_layer": int(best["layer"]),
                "best_neuron": best["neuron"],
                "best_f1": best["f1"],
            }
        )
    return pd.DataFrame(rows)


def class_histograms(cards: pd.DataFrame) -> pd.DataFrame:
    """The histograms of the cards as rows: model, collection, feature, neuron, label, low, high, share."""
    return pd.DataFrame(
        [
            {**{name: card[name] for name in (*_KEYS, "neuron")}, **one}
            for card in cards.to_dict("records")
            for one in json.loads(card["card"])["histogram"]
        ],
        columns=[*_KEYS, "neuron", "label", "low", "high", "share"],
    )


def tokens_of_neurons(tables: Tables) -> pd.DataFrame:
    """The same token in and out of context, each neuron with the first feature whose best it is."""
    table = tables["same_token"]
    first = table.drop_duplicates(["model", "collection", "neuron"])[["model", "collection", "neuron", "feature"]]
    return table.merge(first).drop_duplicates(["model", "collection", "neuron", "text", "inside"])


def _findings(tables: Tables) -> Iterator[Sentence]:
    yield from findings({"neurons": tables["neurons"]})
    yield from _first_layers(tables["appearance"])
    yield from _losses(tables["ablation"])


def _first_layers(table: pd.DataFrame) -> Iterator[Sentence]:
    for (model, collection), part in table.groupby(["model", "collection"], sort=False):
        row = part.sort_values(["best_f1", "first_layer"], ascending=[False, True], kind="stable").iloc[0]
        at = int(str(row.name))
        yield Sentence(
            (
                f"{model}, {collection}: {row['feature']} is there from layer ",
                Cell("appearance", at, "first_layer", f"{row['first_layer']}"),
                " on (a neuron with an F1 of ",
                Cell("appearance", at, "first_f1", f"{row['first_f1']:.3f}"),
                "), and its best neuron is in layer ",
                Cell("appearance", at, "best_layer", f"{row['best_layer']}"),
                " (",
                Cell("appearance", at, "best_f1", f"{row['best_f1']:.3f}"),
                ").",
            )
        )


def _losses(table: pd.DataFrame) -> Iterator[Sentence]:
    """The set of neurons of each collection with the largest change on its own text, and what it does elsewhere."""
    inside = table[(table["label"] == 1) & table["feature"].notna()]
    for (model, collection), part in inside.groupby(["model", "collection"], sort=False):
        row = part.sort_values("change", ascending=False, kind="stable").iloc[0]
        at = int(str(row.name))

        def cell(column: str, at: int = at, row: pd.Series = row) -> Cell:
            return Cell("ablation", at, column, f"{row[column]:+.4f}")

        yield Sentence(
            (
                f"{model}, {collection}: without {' and '.join(row['neurons'])} the loss on {row['feature']} ",
                "changes by ",
                cell("change"),
                " nats per token (95 % interval ",
                cell("change_low"),
                " to ",
                cell("change_high"),
                "), more than on the other text by ",
                cell("difference"),
                " (",
                cell("difference_low"),
                " to ",
                cell("difference_high"),
                "); without matched random neurons it changes by ",
                cell("control_change"),
                ".",
            )
        )


_EACH = ("model", "collection")
CONTEXT_NEURONS = Study(
    name="context-neurons",
    about="Does a single neuron tell which language or kind of text the model reads, and does the model need it there?",
    models=("demo-4.7m",),
    datasets=("natural_language", "programming_language", "data_source"),
    experiments=("neurons", "ablation", "cards", "mean_and_maximum", "same_token"),
    settings={"ablated": 1},
    derive=_derive,
    figures=(
        StudyFigure(
            "class-histogram",
            "class_histogram",
            "The best neuron of each feature: activations of test texts with the feature and of all others, averaged "
            "over the text's tokens. Two heaps that do not overlap are a neuron that reads the feature alone.",
            "class_histograms",
            by=_EACH,
        ),
        StudyFigure(
            "class-histogram-side-by-side",
            "class_histogram",
            "The same with the activation upright.",
            "class_histograms",
            {"orientation": "horizontal"},
            by=_EACH,
        ),
        StudyFigure(
            "mean-against-maximum",
            "mean_against_maximum",
            "Each test text as a point. Texts that differ in the mean but not in the maximum would be missed by a look "
            "at the largest activations alone.",
            "mean_and_maximum",
            by=_EACH,
        ),
        StudyFigure(
            "same-token",
            "same_token",
            "The same token in texts with the feature and in others: boxes that part show that the neuron follows the "
            "context, since the token is the same.",
            tokens_of_neurons,
            by=_EACH,
        ),
        StudyFigure(
            "loss-by-context",
            "loss_by_context",
            "Change of the next-token loss on each feature's text without the feature's neuron, "
            "with 95 % intervals over documents; grey: matched random neurons.",
            "ablation",
            by=_EACH,
        ),
        StudyFigure(
            "loss-heat-map",
            "loss_heat_map",
            "Each feature's neurons against the text of every context. A diagonal says that neurons matter to their "
            "own context and leave the others as they are.",
            "ablation",
            by=_EACH,
        ),
        StudyFigure(
            "layers",
            "layer_feature_map",
            "Test F1 of the best single neuron of each layer: where the features appear.",
            "best_by_layer",
            by=_EACH,
        ),
        StudyFigure("models", "listing", "The models of the study.", "models"),
        StudyFigure("datasets", "listing", "The datasets of the study.", "datasets"),
    ),
    findings=_findings,
)
