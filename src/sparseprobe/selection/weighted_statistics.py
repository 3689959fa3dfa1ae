"""Class statistics of examples that weigh differently, or that are stored sparse (latents of sparse autoencoders).

An example of weight 2 counts as two examples, one of weight 0 not at all. Float64 throughout; for a sparse matrix the
cost is that of its stored values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import sparse

from sparseprobe.activations.class_statistics import ClassStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

Matrix: TypeAlias = Any
"""Activations (n, d): a dense array of float32 or float64, or a SciPy CSR array."""


def is_sparse(X: Matrix) -> bool:
    """Whether activations are stored sparse."""
    return bool(sparse.issparse(X))


def weighted_class_statistics(X: Matrix, labels: NDArray[np.int8], weights: NDArray[np.float64]) -> ClassStatistics:
    """Statistics of X (n, d) by labels (n, n_features) in {1, 0, -1}; weights (n,). Counts are sums of weights.

    >>> X = np.array([[0.0], [3.0], [5.0]])
    >>> found = weighted_class_statistics(X, np.array([[0], [1], [1]], np.int8), np.array([1.0, 3.0, 1.0]))
    >>> found.count, found.mean[0, 1], found.scatter[0, 1]
    (array([[1., 4.]]), array([3.5]), array([3.]))
    """
    indicators = np.concatenate([(labels == 0).T, (labels == 1).T]) * weights
    count = indicators.sum(axis=1)
    if is_sparse(X):
        pivot = np.zeros(X.shape[1])
        values: Matrix = X.astype(np.float64)
        squares: Matrix = values.multiply(values)
    else:
        pivot = X.mean(axis=0, dtype=np.float64)
        values = X - pivot
        squares = values**2
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = (indicators @ values) / count[:, None]
    scatter = np.maximum(indicators @ squares - count[:, None] * np.nan_to_num(offset) ** 2, 0.0)
    n_features = labels.shape[1]

    def by_class(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([flat[:n_features], flat[n_features:]], axis=1)

    names = tuple(map(str, range(n_features)))
    count_by_class: Any = by_class(count)  # sums of weights, whole numbers only where weights are
    return ClassStatistics(names, count_by_class, by_class(offset + pivot), by_class(scatter))
