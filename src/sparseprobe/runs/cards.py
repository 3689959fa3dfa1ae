"""Cards for the report: what the best neuron of each feature does on test text, each card as JSON in a table's row.

Test text is read once for all of them. A card has the histogram of the stored activations by class, the places of the
largest and of the smallest activations with the text around them, and the tokens whose logits the neuron moves most.
`describe_neuron` says more of one neuron.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.on_text.contexts import Context, contexts
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations
from sparseprobe.neurons.weights.direct_logit_effect import promoted_tokens, reads_residual_stream
from sparseprobe.runs.best_on_text import read_best
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import CARDS, make_table

BINS, TEXTS = 30, 5
"""Bins of a histogram, and texts of each end."""
_ONE_PLACE = 25
"""Tokens around a place from which no second place is shown."""


def _check(question: Question) -> Work:
    return partial(_parts, question, model_of(question, "cards"))


def _parts(question: Question, model: LanguageModel, sources: Sources) -> Iterator[Part]:
    yield Part("cards", "all", lambda: _cards(question, model, sources))


def _cards(question: Question, model: LanguageModel, sources: Sources) -> pd.DataFrame:
    best, read = read_best(question, sources)
    names = [str(neuron) for neuron in read.neurons]
    rows = []
    for row in best:
        sign: Literal["+", "-"] = "+" if row["sign"] == "+" else "-"
        column, neuron = names.index(row["neuron"]), Neuron.parse(row["neuron"])
        card = {
            "histogram": _histogram(question, sources, str(row["feature"]), neuron),
            "examples": _examples(read, column),
            **_logits(model, question, neuron, sign),
        }
        about = {name: row[name] for name in ("collection", "feature", "neuron", "sign")}
        rows.append({"model": model.name, **about, "card": json.dumps(card, ensure_ascii=False)})
    return make_table(rows, CARDS)


def _histogram(question: Question, sources: Sources, feature: str, neuron: Neuron) -> list[dict[str, float]]:
    """The share of test examples of each label in bins of equal width."""
    values = sources.activations.layer(neuron.layer)[:][:, neuron.index].astype(np.float64)
    labels = question.data.labels[feature].to_numpy()
    test = (question.data.examples["split"] == "test").to_numpy() & (labels >= 0)
    edges = np.round(np.histogram_bin_edges(values[test], BINS), 4)
    found: list[dict[str, float]] = []
    for label in (0, 1):
        counts, _ = np.histogram(values[test & (labels == label)], edges)
        shares = counts / max(1, counts.sum())
        found += [
            {
                "label": label,
                "low": round(float(low), 4),
                "high": round(float(high), 4),
                "share": round(float(share), 4),
            }
            for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True)
        ]
    return found


def _examples(read: TokenActivations, column: int) -> dict[str, list[dict[str, Any]]]:
    """The text around the largest and around the smallest activations, no place twice."""
    values = read.matrix[:, column]
    known = np.flatnonzero(read.known)
    ascending = known[np.argsort(values[known], kind="stable")]
    ends = {"positive": ascending[::-1], "negative": ascending}
    return {
        name: [_written(one) for one in contexts(read, column, [(name, place) for place in _apart(order)])]
        for name, order in ends.items()
    }


def _apart(order: NDArray[np.int64]) -> list[int]:
    chosen: list[int] = []
    for place in order.tolist():
        if all(abs(place - other) > _ONE_PLACE for other in chosen):
            chosen.append(place)
        if len(chosen) == TEXTS:
            break
    return chosen


def _written(context: Context) -> dict[str, Any]:
    shown = [0.0 if np.isnan(value) else round(value, 3) for value in context.activations]
    return {"group": context.group, "tokens": list(context.tokens), "values": shown, "at": context.at}


def _logits(model: LanguageModel, question: Question, neuron: Neuron, sign: Literal["+", "-"]) -> dict[str, Any]:
    """The tokens that a step to the probe's side raises and lowers most; nothing where there is no such effect."""
    if not reads_residual_stream(model) or model.layers[neuron.layer].mlp_factor is None:
        return {}
    table = promoted_tokens(model, str(neuron.side(sign)), tokenizer=question.data.tokenizer)
    rows = table[["text", "effect"]].round(4)
    return {kind: rows[table["direction"] == kind].to_dict("records") for kind in ("promoted", "suppressed")}


CARDS_OF_NEURONS = Experiment(
    name="cards",
    about="what the best neuron of each feature does on test text, for the report",
    columns=CARDS,
    takes=(),
    check=_check,
    needs_model=True,
    needs_tables=("neurons",),
)
