"""Choose neurons for a continuous feature: by correlation, or greedily by matching pursuit.

`correlation` takes the k neurons most correlated with the target. `matching_pursuit` takes one at a time, the one most
correlated with the residual of the least-squares fit on those taken (Pati et al. 1993), so that redundant neurons are
skipped. Both use centred columns and weighted examples. Cost: one pass over X, or one for each neuron taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import UnknownNameError
from sparseprobe.matrix import Matrix, dense_columns, is_sparse

REGRESSION_SELECTIONS = ("matching_pursuit", "correlation")


def regression_supports(
    X: Matrix,
    y: NDArray[np.float64],
    ks: Sequence[int],
    *,
    selection: str = "matching_pursuit",
    weights: NDArray[np.float64] | None = None,
) -> list[NDArray[np.int64]]:
    """Supports, ascending, for each k; X (n, d) dense or CSR, y (n,), weights (n,). Raises `UnknownNameError`.

    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> regression_supports(X, X[:, 3] - 0.1 * X[:, 1], [1, 2])
    [array([3]), array([1, 3])]
    """
    if selection not in REGRESSION_SELECTIONS:
        raise UnknownNameError("selection for a continuous feature", selection, REGRESSION_SELECTIONS)
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    columns = _Columns(X, np.sqrt(share), share @ X)
    target = columns.root * (y - share @ y)
    if selection == "correlation":
        order = np.argsort(-columns.correlation(target), kind="stable")[: max(ks)]
    else:
        order = _pursue(columns, target, max(ks))
    return [np.sort(order[:k]) for k in ks]


@dataclass(frozen=True, eq=False)
class _Columns:
    """Columns seen centred, each row times the root of its weight."""

    X: Matrix
    root: NDArray[np.float64]
    mean: NDArray[np.float64]

    @cached_property
    def deviation(self) -> NDArray[np.float64]:
        if is_sparse(self.X):  # stored values lie around 0: what the difference cancels is little
            squares: NDArray[np.float64] = self.root**2 @ self.X.astype(np.float64).power(2) - self.mean**2
            return np.sqrt(np.maximum(squares, 0.0))
        deviation: NDArray[np.float64] = np.sqrt(self.root**2 @ np.square(self.X - self.mean))
        return deviation

    def column(self, neuron: int) -> NDArray[np.float64]:
        column: NDArray[np.float64] = self.root * (dense_columns(self.X, np.array([neuron]))[:, 0] - self.mean[neuron])
        return column

    def correlation(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """(d,) absolute covariance with a target over the column's deviation; 0 for a constant column."""
        covariance = (self.root * target) @ self.X - self.mean * float(self.root @ target)
        varying = self.deviation > 1e-12 * np.abs(self.mean)
        size: NDArray[np.float64] = np.divide(
            np.abs(covariance), self.deviation, out=np.zeros(len(self.mean)), where=varying
        )
        return size


def _pursue(columns: _Columns, target: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    basis = np.empty((len(target), 0))
    taken: list[int] = []
    residual = target.copy()
    for _ in range(k):
        size = columns.correlation(residual)
        size[taken] = -1.0
        best = int(size.argmax())
        taken.append(best)
        column = columns.column(best)
        column -= basis @ (basis.T @ column)
        length = float(np.linalg.norm(column))
        if length > 1e-10 * columns.deviation[best]:
            column /= length
            residual -= column * (column @ residual)
            basis = np.column_stack([basis, column])
    return np.array(taken)
