"""A k-sparse ridge regression as a scikit-learn regressor: for continuous features, such as the position of a token.

    min over w, b   sum_i c_i (y_i - w.x_i - b)^2 + alpha |w|^2        on activations scaled by 1 / (10 std)

An alpha of 0.01 shrinks a coefficient by 1 / (n + 1); it is there for collinear neurons.

Neurons are chosen on the data that it is fitted on (module `selection.regression_selection`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparseprobe.errors import InputError
from sparseprobe.matrix import dense_columns, require_usable
from sparseprobe.probes.sparse_probe import checked_k
from sparseprobe.selection.regression_selection import regression_supports
from sparseprobe.selection.scaling import scale_of
from sparseprobe.threads import single_threaded_algebra


class SparseRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A linear regression on k chosen neurons.

    Parameters: `k`; `selection` "matching_pursuit" or "correlation"; `alpha` the ridge. Attributes: `support_` (k,);
    `coef_` (n_features_in_,) with zeros off the support, in the units of y / X; `intercept_`.

    >>> X = np.random.default_rng(0).standard_normal((200, 30)); y = X[:, 4] - 2 * X[:, 11]
    >>> probe = SparseRegressor(k=2, alpha=1e-3).fit(X, y)
    >>> probe.support_, probe.coef_[[4, 11]].round(2)
    (array([ 4, 11]), array([ 1., -2.]))
    """

    def __init__(self, k: int = 1, *, selection: str = "matching_pursuit", alpha: float = 0.01) -> None:
        self.k = k
        self.selection = selection
        self.alpha = alpha

    @single_threaded_algebra()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SparseRegressor:
        """Choose neurons and fit; X (n, d) dense or CSR, y (n,), sample_weight (n,)."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32], y_numeric=True)
        require_usable(X)
        y = np.asarray(y, np.float64)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        k = checked_k(self.k, X.shape[1])
        _checked_alpha(self.alpha)
        [self.support_] = regression_supports(X, y, [k], selection=self.selection, weights=weights)
        coef, self.intercept_ = ridge(dense_columns(X, self.support_).astype(np.float64), y, weights, self.alpha)
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[self.support_] = coef
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        chosen = dense_columns(X, self.support_).astype(np.float64)
        values: NDArray[np.float64] = chosen @ self.coef_[self.support_] + self.intercept_
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def ridge(
    X: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], float]:
    """Coefficients (k,) and intercept of the ridge regression above, in the units of X (n, k).

    Raises `InputError` for an alpha that is negative or no finite number.

    >>> coef, intercept = ridge(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), np.ones(3), 0.0)
    >>> coef.round(6), round(intercept, 6)
    (array([2.]), 1.0)
    """
    alpha = _checked_alpha(alpha)
    share = weights / weights.sum()
    mean, middle = share @ X, float(share @ y)
    centred = X - mean
    scale = scale_of(np.sqrt(share @ centred**2))
    centred *= scale
    gram = (centred.T * weights) @ centred
    gram[np.diag_indices_from(gram)] += alpha if alpha > 0 else 1e-12 * max(1.0, float(np.trace(gram)))
    coef = solve(gram, (centred.T * weights) @ (y - middle), assume_a="pos") * scale
    return coef, middle - float(mean @ coef)


def _checked_alpha(alpha: object) -> float:
    if (
        not isinstance(alpha, int | float | np.integer | np.floating)
        or isinstance(alpha, bool)
        or not 0 <= alpha < np.inf
    ):
        raise InputError(f"alpha must be a finite number that is not negative, the weight of the ridge, got {alpha!r}")
    return float(alpha)
