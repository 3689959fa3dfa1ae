"""Union or superposition: why are several neurons needed to read a feature?

Each of the chosen neurons fires where it is past the threshold of its best F1 on training examples. Two rules are then
compared with the best single neuron, on the examples that were not trained on:

    union            some neuron fires          each is precise and sees a part of the positives
    superposition    at least t of them fire    each sees most positives, and much else; only together are they precise

(t >= 2 is chosen on training examples.) The decision is the rule that gains more in F1 over the single neuron, if that
is at least `margin` and half of what a logistic probe on all of them gains; else `distributed` if the probe gains
`margin`, so that degrees matter and not who fires; else `single`. The evidence is in the result. The paper raises the
question in case study 4 (i) and answers it by inspection. Cost: sorting k columns.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError
from sparseprobe.solvers.logistic import logistic
from sparseprobe.statistics.best_threshold import best_thresholds
from sparseprobe.statistics.class_weights import balanced_weights
from sparseprobe.statistics.confusion import Confusion

Decision = Literal["single", "union", "superposition", "distributed"]
MARGIN = 0.05


@dataclass(frozen=True, eq=False)
class UnionTest:
    """What k neurons do on a feature's examples; all scores are of held-out examples."""

    decision: Decision
    f1_single: float
    """Of the neuron that is best on training examples."""
    f1_union: float
    """Of "some neuron fires"."""
    f1_together: float
    """Of "at least `least_together` of them fire"."""
    f1_probe: float
    """Of a logistic probe on all of them."""
    least_together: int
    precision: NDArray[np.float64]
    """(k,) of each neuron alone."""
    recall: NDArray[np.float64]
    """(k,)"""
    overlap: NDArray[np.float64]
    """(k, k) of the positives at which one of two fires, the share at which both do."""
    fires_on: NDArray[np.float64]
    """(k + 1,) share of the positives at which 0, 1, ... k neurons fire."""

    @property
    def mean_overlap(self) -> float:
        """Mean overlap of two neurons: near 0 in a union, near 1 in superposition."""
        pairs = list(itertools.combinations(range(len(self.recall)), 2))
        return float(np.mean([self.overlap[pair] for pair in pairs]))


def union_test(X: ArrayLike, y: ArrayLike, train: ArrayLike, *, margin: float = MARGIN) -> UnionTest:
    """Decide on activations X (n, k) of k >= 2 neurons and labels y (n,) in {0, 1}.

    `train` (n,) is true for examples on which thresholds are chosen; scores are of the others. Raises `InputError` for
    fewer than two neurons and for parts that lack a class.

    >>> y = np.tile([1, 1, 0, 0], 50)
    >>> halves = np.stack([np.tile([1, 0, 0, 0], 50), np.tile([0, 1, 0, 0], 50)], axis=1)
    >>> union_test(halves, y, np.arange(200) < 100).decision
    'union'
    """
    X, y, train = np.asarray(X, np.float64), np.asarray(y).astype(bool), np.asarray(train).astype(bool)
    if X.ndim != 2 or X.shape[1] < 2 or len(X) != len(y) or len(y) != len(train):
        raise InputError(f"X has the shape {X.shape} for {len(y)} labels: give (n, k) activations of k >= 2 neurons")
    for name, part in (("training", train), ("held-out", ~train)):
        if not (y[part].any() and (~y[part]).any()):
            raise InputError(f"the {name} examples are not of both classes, so nothing can be decided on them")
    fires = np.stack([fires_best(column, y, train) for column in X.T], axis=1)
    number = fires.sum(1)
    k, held = X.shape[1], ~train
    best = int(np.argmax([f1_of(y[train], fires[train, j]) for j in range(k)]))
    least = 2 + int(np.argmax([f1_of(y[train], number[train] >= t) for t in range(2, k + 1)]))
    scores = {
        "f1_single": f1_of(y[held], fires[held, best]),
        "f1_union": f1_of(y[held], number[held] >= 1),
        "f1_together": f1_of(y[held], number[held] >= least),
        "f1_probe": f1_of(y[held], probe_says_yes(X, y, train)[held]),
    }
    positives, firing = fires[held & y], fires[held]
    both = positives.T.astype(np.float64) @ positives
    either = positives.sum(0)[:, None] + positives.sum(0) - both
    return UnionTest(
        decision=_decide(scores, margin),
        **scores,
        least_together=least,
        precision=np.array([y[held][firing[:, j]].mean() if firing[:, j].any() else 0.0 for j in range(k)]),
        recall=positives.mean(0),
        overlap=np.divide(both, either, out=np.zeros_like(both), where=either > 0),
        fires_on=np.bincount(positives.sum(1), minlength=k + 1) / len(positives),
    )


def f1_of(y: NDArray[np.bool_], yes: NDArray[np.bool_]) -> float:
    """F1 of yes-no predictions; 0 without a positive label or prediction."""
    return float(Confusion.of(y, yes).f1())


def fires_best(x: NDArray[np.float64], y: NDArray[np.bool_], train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a neuron is past the threshold of best F1 on training examples, above or below as its class means say."""
    upwards = x[train & y].mean() >= x[train & ~y].mean()
    [threshold], _ = best_thresholds(x[train, None], y[train], np.array([upwards]))
    return np.asarray(x > threshold if upwards else x < threshold)


def probe_says_yes(X: NDArray[np.float64], y: NDArray[np.bool_], train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a balanced logistic probe on standardised columns says yes."""
    spread = X[train].std(0)
    scaled = (X - X[train].mean(0)) / np.where(spread > 0, spread, 1.0)
    fit = logistic(scaled[train], y[train], weights=balanced_weights(y[train]))
    return np.asarray(fit.decision(scaled) > 0)


def _decide(scores: dict[str, float], margin: float) -> Decision:
    union, together, probe = (scores[name] - scores["f1_single"] for name in ("f1_union", "f1_together", "f1_probe"))
    if max(union, together) >= max(margin, probe / 2):
        return "union" if union >= together else "superposition"
    return "distributed" if probe >= margin else "single"
