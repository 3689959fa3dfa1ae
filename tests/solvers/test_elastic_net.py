from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparseprobe.errors import InputError
from sparseprobe.experiments import planted_problem
from sparseprobe.solvers.elastic_net import NestedFits, elastic_net
from sparseprobe.solvers.logistic import logistic
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.statistics.class_weights import balanced_weights


def objective(problem, C, rho, coef, intercept):
    return C * problem.loss(coef, intercept) + rho * np.abs(coef).sum() + 0.5 * (1 - rho) * coef @ coef


@pytest.mark.parametrize(("C", "rho"), [(0.05, 0.9), (1.0, 0.5), (12.8, 0.1), (100.0, 1.0)])
def test_subgradient_holds_zero_at_the_answer(hard_problem, C, rho):
    fit = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C, l1_ratio=rho)
    assert fit.converged
    assert fit.objective == pytest.approx(objective(hard_problem, C, rho, fit.coef, fit.intercept), rel=1e-10)
    p = 1 / (1 + np.exp(-fit.decision(hard_problem.X)))
    pull = C * hard_problem.X.T @ (hard_problem.weights * (p - hard_problem.y)) + (1 - rho) * fit.coef
    away = np.where(fit.coef != 0, np.abs(pull + rho * np.sign(fit.coef)), np.maximum(np.abs(pull) - rho, 0))
    size = C * np.abs(hard_problem.X).max() * hard_problem.weights.sum()
    assert away.max() <= 3e-5 * size


@pytest.mark.filterwarnings("ignore:The max_iter was reached")  # saga does not get through heavy weights
@pytest.mark.parametrize(("C", "rho"), [(1.0, 0.5), (12.8, 0.1)])
def test_objective_is_never_worse_than_scikit_learns(hard_problem, C, rho):
    fit = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C, l1_ratio=rho)
    theirs = LogisticRegression(C=C, l1_ratio=rho, solver="saga", tol=1e-6, max_iter=3000, random_state=0)
    if np.abs(hard_problem.X).max() > 20:  # saga needs ages where columns lie far from zero: the other tests cover it
        hard_problem = type(hard_problem)(hard_problem.X - 50.0, hard_problem.y, hard_problem.weights)
        fit = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C, l1_ratio=rho)
    theirs.fit(hard_problem.X, hard_problem.y, sample_weight=hard_problem.weights)
    reached = objective(hard_problem, C, rho, theirs.coef_[0], theirs.intercept_[0])
    assert fit.objective <= reached * (1 + 1e-6)
    if theirs.n_iter_[0] < theirs.max_iter:
        assert fit.objective == pytest.approx(reached, rel=1e-5)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("rho", [0.3, 1.0])
def test_gap_bounds_the_distance_to_the_minimum_on_the_way_there(hard_problem, steps, rho):
    settings = {"weights": hard_problem.weights, "C": 5.0, "l1_ratio": rho}
    best = elastic_net(hard_problem.X, hard_problem.y, **settings)
    stopped = elastic_net(hard_problem.X, hard_problem.y, **settings, max_iterations=steps)
    assert stopped.objective - best.objective <= stopped.gap * stopped.objective + 1e-12 * best.objective


def test_without_the_l1_part_it_is_the_ridge(hard_problem):
    net = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=2.0, l1_ratio=0.0)
    ridge = logistic(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=2.0)
    assert net.objective == pytest.approx(ridge.objective, rel=1e-9)


def test_a_penalty_above_every_gradient_leaves_nothing(hard_problem):
    p = hard_problem.weights @ hard_problem.y / hard_problem.weights.sum()
    pull = hard_problem.X.T @ (hard_problem.weights * (p - hard_problem.y))
    C = 0.999 / np.abs(pull).max()
    fit = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C, l1_ratio=1.0)
    assert not fit.coef.any()
    assert fit.intercept == pytest.approx(np.log(p / (1 - p)), abs=1e-8)
    fit = elastic_net(hard_problem.X, hard_problem.y, weights=hard_problem.weights, C=C * 1.01, l1_ratio=1.0)
    assert fit.coef.any()


@pytest.mark.parametrize("n", [300, 2000])
def test_a_nested_path_and_ridge_fits_on_its_supports_reach_what_single_fits_reach(n):
    problem = planted_problem(n, 400, 8)
    X, weights = (problem.X / (10 * problem.X.std(axis=0))).astype(np.float64), balanced_weights(problem.y)
    ranking = np.argsort(-np.abs(X[problem.y == 1].mean(axis=0) - X[problem.y == 0].mean(axis=0)))
    nested = NestedFits.of(TwoClassData.of(X, problem.y, weights))
    current, start, path = ranking[:128], None, []
    for k, following in ((128, 64), (64, 16), (16, 4), (4, 1), (1, 0)):
        C, rho = k / 20, float(np.clip(np.exp(-k / 20), 0.1, 0.9))
        fit = nested.fit(current, C=C, l1_ratio=rho, start=start)
        alone = elastic_net(X[:, current], problem.y, weights=weights, C=C, l1_ratio=rho)
        assert fit.converged
        assert fit.objective == pytest.approx(alone.objective, rel=1e-9)
        path.append((current, fit))
        kept = np.argsort(-np.abs(fit.coef), kind="stable")[:following]
        current, start = current[kept], fit.take(kept)
    for support, start in path:
        fit = nested.fit(support, C=10.0, l1_ratio=0.0, start=start, tolerance=1e-12)
        alone = logistic(X[:, support], problem.y, weights=weights, C=10.0, tolerance=1e-12)
        assert fit.converged
        assert fit.objective == pytest.approx(alone.objective, rel=1e-11)
        np.testing.assert_allclose(fit.coef, alone.coef, atol=1e-4 * np.abs(alone.coef).max())


def test_columns_are_gathered_once_for_all_subsets():
    problem = planted_problem(200, 50, 4)
    gathered = []

    def gather(columns):
        gathered.append(columns.tolist())
        return np.asfortranarray(problem.X[:, columns], np.float64)

    nested = NestedFits(gather, 50, problem.y == 1, balanced_weights(problem.y))
    nested.hold(np.arange(10))
    for columns in (np.arange(10), np.array([3, 1]), np.array([7])):
        nested.fit(columns, C=1.0, l1_ratio=0.0)
    assert gathered == [list(range(10))]


@pytest.mark.parametrize("l1_ratio", [1.5, -0.1, np.nan])
def test_a_share_out_of_range_is_refused(l1_ratio):
    with pytest.raises(InputError, match=r"l1_ratio must be in \[0, 1\], the share of the L1 penalty, got"):
        elastic_net([[0.0], [1.0]], [0, 1], l1_ratio=l1_ratio)


@pytest.mark.parametrize("C", [0.0, -1.0, np.inf, np.nan, "1"])
def test_a_strength_that_is_none_is_refused(C):
    with pytest.raises(InputError, match="C must be a finite number above 0"):
        elastic_net([[0.0], [1.0]], [0, 1], C=C)
