"""The data of a two-class problem, checked once before it is solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparseprobe.errors import InputError
from sparseprobe.matrix import Matrix


@dataclass(frozen=True)
class TwoClassData:
    """Columns, labels and weights of one two-class problem, of dtypes that the kernels take."""

    X: Matrix
    """(n, k) float64; float32 or CSR where a whole layer is fitted and memory counts."""
    positive: np.ndarray
    """(n,) bool, True for the class 1."""
    weights: np.ndarray
    """(n,) float64, not negative, some of each class above 0."""

    @classmethod
    def of(cls, X: object, y: object, weights: object = None) -> TwoClassData:
        """Check arrays and convert them to the kernels' dtypes.

        Raises `InputError` for wrong shapes, values that are not finite, labels other than 0 and 1 (or False and True),
        and labels or weights that leave a single class.

        >>> TwoClassData.of([[0.0], [1.0]], [0, 1]).weights
        array([1., 1.])
        """
        columns = np.asarray(X, np.float64)
        labels = np.asarray(y)
        if columns.ndim != 2 or labels.shape != columns.shape[:1]:
            raise InputError(f"X must be (n, k) and y (n,), but they are {columns.shape} and {labels.shape}")
        if not np.isfinite(columns).all():
            raise InputError("X holds values that are not finite: replace or drop them first")
        if not np.isin(labels, (0, 1)).all():
            raise InputError(
                f"labels must be 0 and 1, but they are {np.unique(labels)[:5].tolist()}: encode them first"
            )
        positive = labels.astype(bool)
        shares = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != labels.shape or not np.isfinite(shares).all() or (shares < 0).any():
            raise InputError(
                f"weights must be {labels.shape[0]} finite numbers that are not negative, got {shares.shape}"
            )
        if not (shares[positive] > 0).any() or not (shares[~positive] > 0).any():
            raise InputError(
                "labels of one class cannot be fitted: give at least one positive and one negative example"
            )
        return cls(columns, positive, shares)
