"""The same token inside and outside of a feature's text: what differs in the neuron is the context, not the token."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations, texts_of
from sparseprobe.neurons.on_text.text_stream import class_tokens
from sparseprobe.runs.best_on_text import read_best
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import SAME_TOKEN, make_table

LEAST, SHOWN = 5, 20
"""Occurrences that a token needs on both sides; tokens of a feature that are kept, the most frequent ones."""
SHARES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def _check(question: Question) -> Work:
    model_of(question, "same_token")
    return partial(_parts, question)


def _parts(question: Question, sources: Sources) -> Iterator[Part]:
    yield Part("same_token", "all", partial(_table, question, sources))


def _table(question: Question, sources: Sources) -> pd.DataFrame:
    best, read = read_best(question, sources)
    names = [str(neuron) for neuron in read.neurons]
    rows: list[dict[str, Any]] = []
    for row in best:
        about = {name: row[name] for name in ("model", "collection", "feature", "neuron", "sign")}
        rows += [about | one for one in in_and_out(read, names.index(row["neuron"]), row["feature"])]
    return make_table(rows, SAME_TOKEN)


def in_and_out(read: TokenActivations, column: int, feature: str, *, least: int = LEAST) -> Iterator[dict[str, Any]]:
    """Quantiles of a neuron at each token that occurs on both sides; nothing where no token does."""
    tokens = read.data.sequences.tokens
    size = int(tokens.max()) + 1
    sides = {label: class_tokens(read.data, feature, label) & read.known for label in (1, 0)}
    counts = {label: np.bincount(tokens[side], minlength=size) for label, side in sides.items()}
    rarer = np.minimum(counts[1], counts[0])
    order = np.argsort(-rarer, kind="stable")
    texts = texts_of(read.data.tokenizer, size)
    for token in order[rarer[order] >= least][:SHOWN].tolist():
        for label, side in sides.items():
            values = read.matrix[side & (tokens == token), column]
            found = np.quantile(values, list(SHARES.values())).tolist()
            about = {"token": token, "text": texts[token], "inside": label == 1, "count": len(values)}
            yield about | dict(zip(SHARES, found, strict=True))


SAME_TOKEN_IN_AND_OUT = Experiment(
    name="same_token",
    about="the best neuron of each feature on the same token inside and outside of its text",
    columns=SAME_TOKEN,
    takes=(),
    check=_check,
    needs_model=True,
    needs_tables=("neurons",),
)
