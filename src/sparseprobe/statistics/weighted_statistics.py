"""Class statistics of examples that weigh differently, or that are stored sparse (latents of sparse autoencoders).

An example of weight 2 counts as two examples, one of weight 0 not at all. Float64 throughout, block by block;
for a sparse matrix the cost is that of its stored values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.solvers.matrix import is_sparse
from sparseprobe.statistics.class_statistics import ClassStatistics

if TYPE_CHECKING:
    from sparseprobe.solvers.matrix import Matrix

_ROWS = 1024  # rows that are made float64 at once


def weighted_class_statistics(X: Matrix, labels: NDArray[np.int8], weights: NDArray[np.float64]) -> ClassStatistics:
    """Statistics of X (n, d) by labels (n, n_features) in {1, 0, -1}; weights (n,). Counts are sums of weights.

    >>> X = np.array([[0.0], [3.0], [5.0]])
    >>> found = weighted_class_statistics(X, np.array([[0], [1], [1]], np.int8), np.array([1.0, 3.0, 1.0]))
    >>> found.count, found.mean[0, 1], found.scatter[0, 1]
    (array([[1., 4.]]), array([3.5]), array([3.]))
    """
    indicators = np.concatenate([(labels == 0).T, (labels == 1).T]) * weights
    count = indicators.sum(axis=1)
    pivot, sums, squares = _stored_sums(X, indicators) if is_sparse(X) else _dense_sums(X, indicators)
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = sums / count[:, None]
    scatter = np.maximum(squares - count[:, None] * np.nan_to_num(offset) ** 2, 0.0)
    n_features = labels.shape[1]

    def by_class(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([flat[:n_features], flat[n_features:]], axis=1)

    names = tuple(map(str, range(n_features)))
    count_by_class: Any = by_class(count)  # sums of weights, whole numbers only where weights are
    return ClassStatistics(names, count_by_class, by_class(offset + pivot), by_class(scatter))


def _dense_sums(
    X: Matrix, indicators: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A pivot (d,) near the mean, which is taken away first, and the sums and sums of squares (2 n_features, d)."""
    pivot = X.mean(axis=0, dtype=np.float64)
    sums, squares = np.zeros((len(indicators), X.shape[1])), np.zeros((len(indicators), X.shape[1]))
    for first in range(0, X.shape[0], _ROWS):
        values = X[first : first + _ROWS] - pivot
        share = indicators[:, first : first + _ROWS]
        sums += share @ values
        squares += share @ np.square(values, out=values)
    return pivot, sums, squares


def _stored_sums(
    X: Matrix, indicators: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The same of stored values; they lie around 0, which is the pivot."""
    values = X.astype(np.float64)
    return np.zeros(X.shape[1]), indicators @ values, indicators @ values.multiply(values)
