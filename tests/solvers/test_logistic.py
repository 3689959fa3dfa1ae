from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from sparseprobe.errors import InputError
from sparseprobe.solvers import logistic as module
from sparseprobe.solvers.logistic import logistic


def objective(problem, C, coef, intercept):
    return C * problem.loss(coef, intercept) + 0.5 * coef @ coef


@pytest.mark.parametrize("C", [0.01, 1.0, 1e4])
def test_objective_is_never_worse_than_scikit_learns(hard_problem, C):
    fit = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C)
    theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=500)
    used = hard_problem.weights > 0
    theirs.fit(hard_problem.X[used], hard_problem.y[used], sample_weight=hard_problem.weights[used])
    assert fit.converged
    assert fit.objective == pytest.approx(objective(hard_problem, C, fit.coef, fit.intercept), rel=1e-10)
    reached = objective(hard_problem, C, theirs.coef_[0], theirs.intercept_[0])
    assert fit.objective <= reached * (1 + 1e-9)
    np.testing.assert_allclose(fit.coef, theirs.coef_[0], rtol=1e-3, atol=1e-4 * np.abs(fit.coef).max())


@pytest.mark.parametrize("C", [0.01, 1.0, 1e4])
def test_gradient_is_zero_at_the_answer(hard_problem, C):
    fit = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C)
    p = 1 / (1 + np.exp(-fit.decision(hard_problem.X)))
    residual = hard_problem.weights * (p - hard_problem.y)
    scale = C * np.abs(hard_problem.X * residual[:, None]).sum(axis=0) + 1e-12
    assert np.all(np.abs(C * hard_problem.X.T @ residual + fit.coef) <= 1e-4 * scale.max())
    assert abs(residual.sum()) <= 1e-9 * np.abs(residual).sum()


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_gap_bounds_the_distance_to_the_minimum_on_the_way_there(hard_problem, steps):
    best = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=3.0)
    stopped = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=3.0, max_iterations=steps)
    assert stopped.iterations <= steps
    assert stopped.converged == (stopped.gap <= 1e-9)
    assert stopped.objective - best.objective <= stopped.gap * stopped.objective + 1e-12 * best.objective


def test_a_second_opinion_from_a_general_minimiser():
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    signs = 2 * y - 1

    def value(v):
        return 2.0 * np.logaddexp(0, -signs * (X @ v[:3] + v[3])).sum() + 0.5 * v[:3] @ v[:3]

    theirs = minimize(value, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    fit = logistic(X, y, C=2.0)
    assert fit.objective == pytest.approx(theirs.fun, rel=1e-9)
    np.testing.assert_allclose([*fit.coef, fit.intercept], theirs.x, atol=1e-5)


def test_a_weight_of_two_is_two_rows(hard_problem):
    times = np.random.default_rng(0).integers(1, 4, len(hard_problem.y))
    weighted = logistic(hard_problem.X, hard_problem.y, weights=times)
    repeated = logistic(np.repeat(hard_problem.X, times, axis=0), np.repeat(hard_problem.y, times))
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-5, atol=1e-7)


def test_conjugate_gradients_reach_what_the_factored_hessian_reaches(hard_problem, monkeypatch):
    factored = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=2.0)
    monkeypatch.setattr(module, "MOST_COLUMNS_FACTORED", 0)
    truncated = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=2.0, tolerance=1e-10)
    assert truncated.converged
    assert truncated.objective == pytest.approx(factored.objective, rel=1e-9)


def test_starting_at_the_answer_costs_no_step(hard_problem):
    fit = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights)
    again = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, start=fit)
    assert again.iterations <= 1
    np.testing.assert_allclose(again.coef, fit.coef, rtol=1e-6, atol=1e-9)


def test_weights_of_zero_leave_rows_out():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0], [100.0]]), np.array([0, 1, 0, 1, 0])
    kept = logistic(X[:4], y[:4])
    weighted = logistic(X, y, weights=[1, 1, 1, 1, 0])
    np.testing.assert_allclose(weighted.coef, kept.coef, rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "y", "weights", "message"),
    [
        ([[1.0], [2.0]], [1, 1], None, "labels of one class cannot be fitted"),
        ([[1.0], [2.0]], [0, 1], [1.0, 0.0], "labels of one class cannot be fitted"),
        ([[1.0], [2.0]], [-1, 1], None, r"labels must be 0 and 1, but they are \[-1, 1\]"),
        ([[1.0], [2.0]], [0, 1, 1], None, r"X must be \(n, k\) and y \(n,\), but they are \(2, 1\) and \(3,\)"),
        ([[1.0], [np.nan]], [0, 1], None, "not finite"),
        ([[1.0], [2.0]], [0, 1], [1.0, -1.0], "not negative"),
    ],
)
def test_what_cannot_be_fitted_is_said(X, y, weights, message):
    with pytest.raises(InputError, match=message):
        logistic(X, y, weights=weights)
