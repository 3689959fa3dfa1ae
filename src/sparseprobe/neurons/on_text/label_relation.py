"""Label relation: is a neuron's own feature the label, more specific than it, or more general?

    high precision, low recall    the neuron is more specific: it fires on some of the positives
    low precision, high recall    it is more general: it fires on the positives and on similar text

The paper, case study 4 (iii). The result includes the examples in question: positives at which a specific neuron is
silent, negatives at which a general one fires, strongest first; reading them shows what the neuron responds to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.datasets.preview import show
from sparseprobe.errors import InputError
from sparseprobe.neurons.on_text.union_or_superposition import f1_of, fires_best

Relation = Literal["same", "more specific", "more general", "other"]
HIGH, RATIO = 0.8, 1.5


@dataclass(frozen=True, eq=False)
class LabelRelation:
    """How the examples at which a neuron fires relate to those with the label; scores of held-out examples."""

    relation: Relation
    precision: float
    recall: float
    f1: float
    rows: NDArray[np.int64]
    """Example numbers in question: silent positives, or firing negatives by activation; empty for the same or other."""

    def preview(self, data: ProbingDataset, n: int = 5) -> str:
        """The first `n` examples in question, one line each, with their spans marked."""
        return "\n".join(show(data, int(row)) for row in self.rows[:n])


def label_relation(x: ArrayLike, y: ArrayLike, train: ArrayLike) -> LabelRelation:
    """Name the relation of a neuron x (n,) to labels y (n,) in {0, 1}, its threshold chosen on `train` (n,).

    `same` from 0.8 precision and recall on; `more specific` where precision is the larger, and at least 0.8 or 1.5
    times the recall; `more general` the other way round; else `other`. Raises `InputError` for parts that lack a
    class.

    >>> y = np.tile([1, 1, 0, 0], 50)
    >>> label_relation(np.tile([1.0, 0, 0, 0], 50), y, np.arange(200) < 100).relation
    'more specific'
    """
    x, y, train = np.asarray(x, np.float64), np.asarray(y).astype(bool), np.asarray(train).astype(bool)
    if not all((y & part).any() and (~y & part).any() for part in (train, ~train)):
        raise InputError("training and held-out examples must both be of both classes")
    fires, held = fires_best(x, y, train), ~train
    hits = float((fires & y & held).sum())
    precision, recall = hits / max(1, int((fires & held).sum())), hits / int((y & held).sum())
    relation = _name(precision, recall)
    rows = np.empty(0, np.int64)
    if relation == "more specific":
        rows = np.flatnonzero(held & y & ~fires)
    elif relation == "more general":
        rows = np.flatnonzero(held & ~y & fires)
        distance = np.abs(x[rows] - x[held & ~fires].mean()) if (held & ~fires).any() else x[rows]
        rows = rows[np.argsort(-distance, kind="stable")]
    return LabelRelation(relation, precision, recall, f1_of(y[held], fires[held]), rows)


def _name(precision: float, recall: float) -> Relation:
    if min(precision, recall) >= HIGH:
        return "same"
    if precision > recall and (precision >= HIGH or precision >= RATIO * recall):
        return "more specific"
    if recall > precision and (recall >= HIGH or recall >= RATIO * precision):
        return "more general"
    return "other"
