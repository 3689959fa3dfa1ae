"""Take the best neuron away, choose again, and see how long the feature lasts: redundancy, or its absence.

Each step keeps the `filtered` neurons of largest F statistic on training examples, finds the exact best k of them (the
paper's OSP, k = 5), scores a logistic probe on them on held-out examples, and removes of these k the one that is best
alone. If F1 stays after ten steps, many neurons carry the feature (redundancy); if it falls at once, few do (the paper,
case study 1).
Cost: `steps` exact problems of `filtered` columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.errors import InputError
from sparseprobe.neurons.schema import PRUNING, make_table
from sparseprobe.neurons.union_test import f1_score, fires_best, probe_says_yes
from sparseprobe.solvers.optimal import optimal_support

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

FILTERED = 50


def prune(
    X: ArrayLike,
    y: ArrayLike,
    train: ArrayLike,
    *,
    k: int = 5,
    steps: int = 10,
    filtered: int = FILTERED,
    time_limit: float = 60.0,
) -> pd.DataFrame:
    """One row a step, columns of `sparseprobe.neurons.schema.PRUNING`.

    X (n, d) activations, y (n,) in {0, 1}, `train` (n,) true for the examples that are chosen on. Raises `InputError`
    for fewer than k + steps - 1 neurons and for parts that lack a class.

    >>> y = np.tile([1, 0, 0, 0], 50)
    >>> X = np.random.default_rng(0).normal(size=(200, 6))
    >>> X[:, 2] += 5 * y
    >>> prune(X, y, np.arange(200) < 120, k=1, steps=2)["removed"].tolist()[0]
    2
    """
    X, y, train = np.asarray(X, np.float64), np.asarray(y).astype(bool), np.asarray(train).astype(bool)
    if X.ndim != 2 or X.shape[1] < k + steps - 1:
        raise InputError(f"X has the shape {X.shape}: {steps} steps of k={k} need at least {k + steps - 1} neurons")
    if not all((y & part).any() and (~y & part).any() for part in (train, ~train)):
        raise InputError("training and held-out examples must both be of both classes")
    scaled = X / (10 * np.maximum(X[train].std(0), 1e-3))
    order = np.argsort(-_f_statistic(X[train], y[train]), kind="stable")
    rows = []
    for step in range(steps):
        candidates = order[:filtered]
        found = optimal_support(scaled[train][:, candidates], y[train], k, time_limit=time_limit)
        chosen = candidates[found.support]
        yes = probe_says_yes(X[:, chosen], y, train)
        alone = [f1_score(y[train], fires_best(X[:, j], y, train)[train]) for j in chosen]
        removed = int(chosen[int(np.argmax(alone))])
        rows.append(
            {
                "step": step,
                "neurons": chosen.tolist(),
                "f1": f1_score(y[~train], yes[~train]),
                "removed": removed,
                "gap": found.gap,
                "proven": found.proven,
            }
        )
        order = order[order != removed]
    return make_table(rows, PRUNING)


def _f_statistic(X: NDArray[np.float64], y: NDArray[np.bool_]) -> NDArray[np.float64]:
    between = (X[y].mean(0) - X[~y].mean(0)) ** 2 * (y.sum() * (~y).sum() / len(y))
    within = y.sum() * X[y].var(0) + (~y).sum() * X[~y].var(0)
    ratio: NDArray[np.float64] = np.divide(between, within, out=np.where(between > 0, np.inf, 0.0), where=within > 0)
    return ratio
