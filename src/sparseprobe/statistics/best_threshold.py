"""The best threshold (by F1) on each single neuron, found exactly in one pass over its sorted activations.

For each neuron every cut between two different activations is tried. The one with the largest F1 is taken (of equal
ones, the first from the positive side) and placed half-way between its neighbours. The caller says for each neuron
whether large or small activations mean yes. Cost: a sort and a pass for each neuron.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled


def best_thresholds(
    X: NDArray[np.floating], positive: NDArray[np.bool_], upwards: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The threshold with the largest F1, and that F1, for each neuron; shapes (m,).

    X (n, m) activations; positive (n,) with at least one positive; upwards (m,): whether large activations mean yes.

    >>> best_thresholds(np.array([[0.0], [1.0], [3.0], [2.0]]), np.array([False, False, True, False]), np.array([True]))
    (array([2.5]), array([1.]))
    """
    signed = np.where(upwards, X, -X).astype(np.float64)
    order = np.argsort(-signed, axis=0, kind="stable")
    falling = np.ascontiguousarray(np.take_along_axis(signed, order, axis=0).T)
    truth = np.ascontiguousarray(positive[order].T)
    thresholds, f1 = np.empty(X.shape[1]), np.empty(X.shape[1])
    _walk(falling, truth, thresholds, f1)
    return np.where(upwards, thresholds, -thresholds), f1


@compiled()
def _walk(
    falling: NDArray[np.float64],
    truth: NDArray[np.bool_],
    thresholds: NDArray[np.float64],
    f1: NDArray[np.float64],
) -> None:
    m, n = falling.shape
    for j in range(m):
        total = truth[j].sum()
        best, place, hits = -1.0, 0, 0
        for i in range(n):
            hits += truth[j, i]
            if i + 1 < n and falling[j, i] == falling[j, i + 1]:
                continue
            value = 2.0 * hits / (total + i + 1)
            if value > best:
                best, place = value, i
        lowest = place + 1 == n
        thresholds[j] = falling[j, place] - 1.0 if lowest else 0.5 * (falling[j, place] + falling[j, place + 1])
        f1[j] = best
