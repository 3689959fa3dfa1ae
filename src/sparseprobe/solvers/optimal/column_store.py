"""Columns in use, centred, as contiguous float64 rows: the only part of X that is ever copied.

Newton steps walk down single columns, X lies in rows. A column is fetched when a support or a working set first asks
for it; a full store starts again with the columns requested now. The intercept is free, so a column minus its mean
poses the same problem with the intercept b + w.mean; far from 0 the column itself would be nearly the intercept's, and
no step could tell the two apart. Memory: 8 n bytes per column, at most `capacity` columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.matrix import dense_columns, is_sparse

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.losses import Vector
    from sparseprobe.solvers.optimal.problem import SupportProblem
    from sparseprobe.solvers.optimal.proximal_newton import Slots
    from sparseprobe.solvers.optimal.quadratic_model import Columns

CAPACITY_BYTES = 512 * 2**20


class ColumnStore:
    """A cache of columns of X; it has state because a cache is state."""

    columns: Columns
    """(slots, n) float64: the columns held, less their means; `slots` tells which is where."""
    means: Vector
    """(d,) the mean of each column that was fetched."""

    def __init__(self, problem: SupportProblem) -> None:
        self._X = problem.X.tocsc() if is_sparse(problem.X) else problem.X
        self._capacity = min(problem.d, max(256, CAPACITY_BYTES // (8 * problem.n)))
        self._slot = np.full(problem.d, -1, dtype=np.int64)
        self._held = 0
        self.columns = np.empty((0, problem.n))
        self.means = np.zeros(problem.d)

    def slots(self, indices: NDArray[np.int64]) -> Slots:
        """Rows of `columns` that hold the columns `indices` of X, fetched if they are not there yet."""
        missing = indices[self._slot[indices] < 0]
        if self._held + missing.size > self._capacity:
            self._slot[:] = -1
            self._held, missing = 0, indices
        if self._held + missing.size > self.columns.shape[0]:
            rows = max(min(self._capacity, 2 * self.columns.shape[0]), self._held + missing.size, 16)
            grown = np.empty((rows, self._X.shape[0]))
            grown[: self._held] = self.columns[: self._held]
            self.columns = grown
        if missing.size:
            fetched = dense_columns(self._X, missing).T.astype(np.float64)
            self.means[missing] = fetched.mean(axis=1)
            self.columns[self._held : self._held + missing.size] = fetched - self.means[missing, None]
            self._slot[missing] = np.arange(self._held, self._held + missing.size)
            self._held += missing.size
        return self._slot[indices]
