"""L2-regularised logistic regression with weights and a free intercept, by Newton's method.

    min over w, b of  C sum_i c_i log(1 + exp(-y_i (x_i.w + b))) + |w|^2 / 2,      y_i in {-1, +1}

which is scikit-learn's `LogisticRegression(C=C)` objective with sample weights c. The intercept is profiled out (module
`profiled_loss`), so a step solves one k x k system: the weighted centred Gram plus the identity. Steps are halved until
the objective falls as Armijo asks; the ridge keeps the problem strongly convex, so separable labels, collinear and
constant columns need no special treatment. The result carries its relative duality gap;
once that is within the tolerance one more step is taken, which squares the error of the coefficients.

Cost: 5 to 10 steps of n k^2 (Cholesky up to 1,024 columns) or of n k for each conjugate-gradient turn (more columns).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from sparseprobe.errors import InputError
from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.penalised_loss import PenalisedLoss
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.threads import single_threaded_algebra

MOST_COLUMNS_FACTORED = 1024
_MOST_TURNS = 200
_EXACT = 1e-12  # a gap below which coefficients are exact to seven digits as they are


@single_threaded_algebra()
def logistic(
    X: object,
    y: object,
    *,
    weights: object = None,
    C: float = 1.0,
    start: LinearFit | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 100,
) -> LinearFit:
    """Fit an L2-regularised logistic regression.

    X (n, k) finite numbers; y (n,) in {0, 1}; weights (n,) or None for ones; `start` a fit to begin from. `tolerance`
    is the relative duality gap at which the fit counts as converged. Raises `InputError` for labels of one class, bad
    shapes and a C that is not a number above 0.

    >>> fit = logistic([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], C=10.0)
    >>> fit.converged, fit.decision(np.array([[1.5]])).round(6)
    (True, array([0.]))
    """
    data = TwoClassData.of(X, y, weights)
    return newton(data, C=checked_strength(C), start=start, tolerance=tolerance, max_iterations=max_iterations)


def checked_strength(C: object) -> float:
    """A weight of the loss; raises `InputError` for anything but a finite number above 0.

    >>> checked_strength(np.int64(2))
    2.0
    """
    if not isinstance(C, int | float | np.integer | np.floating) or isinstance(C, bool) or not 0 < C < np.inf:
        raise InputError(f"C must be a finite number above 0, the weight of the loss against the penalty, got {C!r}")
    return float(C)


def newton(
    data: TwoClassData, *, C: float, start: LinearFit | None = None, tolerance: float = 1e-9, max_iterations: int = 100
) -> LinearFit:
    """`logistic` for data that have been checked."""
    problem = PenalisedLoss(data, data.X, C, 0.0, 1.0)
    here = problem.start(start)
    direction_of = _factored_direction if data.X.shape[1] <= MOST_COLUMNS_FACTORED else _conjugate_direction
    polished = False
    for iteration in range(max_iterations + 1):
        loss_gradient = problem.gradient(here)
        gap = problem.gap(here, loss_gradient)
        if polished or gap <= min(tolerance, _EXACT) or iteration == max_iterations:
            break
        polished = gap <= tolerance
        gradient = loss_gradient + here.coef
        direction = direction_of(data.X, here.loss.curvature, gradient, C)
        found = problem.search(here, direction, float(gradient @ direction))
        if found is None:
            break
        here, _ = found
    return problem.fit(here, gap, iteration, tolerance)


def _factored_direction(X: np.ndarray, curvature: np.ndarray, gradient: np.ndarray, C: float) -> np.ndarray:
    hessian = C * centred_gram(X, curvature)
    hessian[np.diag_indices_from(hessian)] += 1.0
    direction: np.ndarray = cho_solve(cho_factor(hessian, overwrite_a=True, check_finite=False), -gradient)
    return direction


def centred_gram(X: np.ndarray, curvature: np.ndarray, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Sum over rows of h_i (x_i - m)(x_i - m)', m the h-weighted mean row: the Hessian of the profiled loss, (k, k).

    `dtype` is that of the products; columns are centred before they are rounded to it.
    """
    total = float(curvature.sum())
    if total == 0.0:
        return np.zeros((X.shape[1], X.shape[1]), dtype)
    centred = np.subtract(X, (curvature @ X) / total, dtype=dtype, casting="same_kind")
    centred *= np.sqrt(curvature, dtype=dtype, casting="same_kind")[:, None]
    gram: np.ndarray = centred.T @ centred
    return gram


def _conjugate_direction(X: np.ndarray, curvature: np.ndarray, gradient: np.ndarray, C: float) -> np.ndarray:
    """A truncated Newton direction: the forcing term shrinks with the gradient, so convergence is superlinear."""
    total = float(curvature.sum()) or 1.0
    mean = (curvature.astype(X.dtype) @ X) / total

    def apply(v: np.ndarray) -> np.ndarray:
        narrow = v.astype(X.dtype)
        moved = curvature * (X @ narrow - mean @ v)
        product: np.ndarray = v + C * (moved.astype(X.dtype) @ X - mean * moved.sum())
        return product

    size = len(gradient)
    hessian = LinearOperator((size, size), matvec=apply, dtype=np.float64)
    forcing = min(0.1, float(np.linalg.norm(gradient)) ** 0.5)
    direction: np.ndarray = cg(hessian, -gradient, rtol=forcing, maxiter=_MOST_TURNS)[0]
    return direction
