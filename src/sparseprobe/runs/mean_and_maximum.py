"""Mean against maximum: the best neuron of each feature on each test example.

A maximum alone can mislead, since one token of any text may reach it; a mean tells whether the neuron follows the
feature all along the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations
from sparseprobe.runs.best_on_text import read_best
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import MEAN_AND_MAXIMUM, make_table


def _check(question: Question) -> Work:
    model_of(question, "mean_and_maximum")
    return partial(_parts, question)


def _parts(question: Question, sources: Sources) -> Iterator[Part]:
    yield Part("mean_and_maximum", "all", partial(_table, question, sources))


def _table(question: Question, sources: Sources) -> pd.DataFrame:
    best, read = read_best(question, sources)
    names = [str(neuron) for neuron in read.neurons]
    means, maxima = over_examples(read)
    groups = read.data.examples["group"].to_numpy()
    rows: list[dict[str, Any]] = []
    for row in best:
        column, labels = names.index(row["neuron"]), read.data.labels[row["feature"]].to_numpy()
        about = {name: row[name] for name in ("model", "collection", "feature", "neuron", "sign")}
        known = np.flatnonzero((labels >= 0) & ~np.isnan(means[:, column]))
        rows += [
            about
            | {
                "group": str(groups[place]),
                "label": int(labels[place]),
                "mean": float(means[place, column]),
                "max": float(maxima[place, column]),
            }
            for place in known.tolist()
        ]
    return make_table(rows, MEAN_AND_MAXIMUM)


def over_examples(read: TokenActivations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and maximum (n_examples, m) over each example's tokens; NaN where all of them are special."""
    begin = read.data.sequences.offsets[read.data.examples["sequence"].to_numpy()]
    starts, stops = (begin + read.data.examples[name].to_numpy() for name in ("start", "stop"))
    known = read.known
    means = np.full((len(starts), read.matrix.shape[1]), np.nan)
    maxima = means.copy()
    for place, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        values = read.matrix[start:stop][known[start:stop]]
        if len(values):
            means[place], maxima[place] = values.mean(axis=0, dtype=np.float64), values.max(axis=0)
    return means, maxima


MEAN_AND_MAXIMUM_OF_TEXTS = Experiment(
    name="mean_and_maximum",
    about="mean and maximum of the best neuron of each feature on each test text",
    columns=MEAN_AND_MAXIMUM,
    takes=(),
    check=_check,
    needs_model=True,
    needs_tables=("neurons",),
)
