"""The parts of optimal sparse probing: each against an oracle of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import SVC

from sparseprobe.keyed_random import generator
from sparseprobe.solvers.optimal.certificate import balance, certify
from sparseprobe.solvers.optimal.column_store import ColumnStore
from sparseprobe.solvers.optimal.k_support import Seats, penalty, penalty_slope, seat_shares
from sparseprobe.solvers.optimal.losses import LOSSES, dual_value, total_loss
from sparseprobe.solvers.optimal.problem import SupportProblem, pose
from sparseprobe.solvers.optimal.quadratic_model import minimise_quadratic
from sparseprobe.solvers.optimal.restricted import solve_restricted


def small_problem(
    loss: str, *, n: int = 80, d: int = 7, gamma: float = 0.2, dtype: type = np.float64
) -> SupportProblem:
    rng = generator(0, "parts", n, d)
    X = rng.normal(size=(n, d)).astype(dtype)
    y = X[:, 0] - X[:, 1] + rng.normal(size=n) > 0.7
    return pose(X, y, loss=loss, gamma=gamma, class_weight="balanced", sample_weight=None)


@pytest.mark.parametrize("loss", LOSSES)
def test_fenchel_inequality_is_an_equality_at_the_own_dual(loss):
    kind = LOSSES.index(loss)
    for m in np.linspace(-3, 3, 25):
        phi = total_loss(kind, np.array([m]), np.ones(1))
        slopes = np.linspace(1e-9, 1 - 1e-9, 101) if loss != "squared_hinge" else np.linspace(0, 9, 901)
        lower = [dual_value(kind, a) - a * m for a in slopes]
        assert max(lower) <= phi + 1e-12
        assert max(lower) == pytest.approx(phi, abs=2e-3)


@pytest.mark.parametrize("loss", ["squared_hinge", "logistic"])
def test_restricted_problem_agrees_with_a_general_minimiser(loss):
    problem = small_problem(loss)
    support = np.array([0, 1, 4])
    fit = solve_restricted(problem, ColumnStore(problem), support)

    def objective(v: np.ndarray) -> float:
        margins = problem.y * (problem.X[:, support] @ v[:3] + v[3])
        return total_loss(problem.loss, margins, problem.weights) + v[:3] @ v[:3] / (2 * problem.gamma)

    theirs = minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    assert fit.objective <= theirs.fun + 1e-10
    assert fit.objective == pytest.approx(theirs.fun, rel=1e-8)
    np.testing.assert_allclose([*fit.w, fit.b], theirs.x, atol=1e-4)


def test_restricted_hinge_agrees_with_libsvm():
    problem = small_problem("hinge")
    support = np.array([0, 1, 5, 6])
    fit = solve_restricted(problem, ColumnStore(problem), support)
    svm = SVC(kernel="linear", C=problem.gamma, tol=1e-10).fit(problem.X[:, support], problem.y, problem.weights)
    w, b = svm.coef_[0], svm.intercept_[0]
    margins = problem.y * (problem.X[:, support] @ w + b)
    theirs = total_loss(problem.loss, margins, problem.weights) + w @ w / (2 * problem.gamma)
    assert fit.bound <= fit.objective <= theirs * (1 + 1e-12)
    assert fit.objective == pytest.approx(theirs, rel=1e-7)
    assert (fit.objective - fit.bound) / fit.objective < 1e-9


def test_penalty_is_the_least_over_all_shares_and_a_ridge_where_seats_suffice():
    rng = generator(0, "seats")
    for _ in range(30):
        p, shared = int(rng.integers(2, 9)), int(rng.integers(1, 5))
        w, forced = rng.normal(size=p), rng.random(p) < 0.2
        seats = Seats(forced, shared, 0.7)
        shares = seat_shares(w, seats)
        least = penalty(w, seats)
        assert least == pytest.approx((w**2 / shares).sum() / 1.4)
        assert shares[~forced].sum() <= shared + 1e-12
        for _ in range(50):
            other = np.where(forced, 1.0, rng.random(p) + 1e-3)
            other[~forced] *= min(1.0, shared / other[~forced].sum())
            assert (w**2 / other).sum() / 1.4 >= least - 1e-12
        if (~forced).sum() <= shared:
            assert least == pytest.approx(w @ w / 1.4)
        direction = rng.normal(size=p)
        ahead = penalty(w + 1e-6 * direction, seats) - penalty(w - 1e-6 * direction, seats)
        assert penalty_slope(w, direction, seats) == pytest.approx(ahead / 2e-6, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("rank", [2, 12])
def test_quadratic_model_ends_where_no_direction_falls(rank):
    """Also where the quadratic is singular: the slope of the whole objective is non-negative in every direction."""
    rng = generator(rank, "model")
    for shared in (1, 3):
        Z = rng.normal(size=(9, rank)) * 3
        H, linear = Z @ Z.T, rng.normal(size=9) * 5
        H[8, 8] += 1.0
        seats = Seats(np.arange(8) == 2, shared, 0.5)
        v = np.zeros(9)
        gained = minimise_quadratic(H, linear, v, seats, 1e-13)
        assert gained > 0
        for direction in (*np.eye(9), *-np.eye(9), *rng.normal(size=(200, 9))):
            slope = (H @ v + linear) @ direction + penalty_slope(v[:8], direction[:8].copy(), seats)
            assert slope > -2e-4 * np.linalg.norm(direction)


@pytest.mark.parametrize("loss", LOSSES)
def test_any_dual_point_bounds_every_support(loss):
    """Random duals, far from balanced, on float32 columns with a large offset: below the optimum of all supports."""
    problem = small_problem(loss, d=6, dtype=np.float32)
    problem = pose(problem.X + np.float32(30), problem.y, loss=loss, gamma=0.2, class_weight=None, sample_weight=None)
    store = ColumnStore(problem)
    fits = [solve_restricted(problem, store, np.array(s)) for s in itertools.combinations(range(6), 2)]
    best = min(fits, key=lambda fit: fit.objective)
    nobody, everybody = np.zeros(6, bool), np.ones(6, bool)
    rng = generator(0, "duals", loss)
    duals = [*(rng.random(problem.n) * (rng.random() < 0.5) + (rng.random(problem.n) < 0.3) * 0.5 for _ in range(40))]
    for dual in [np.minimum(dual, 1.0) for dual in duals] + [fit.dual for fit in fits]:
        certificate = certify(problem, problem.X, problem.column_norms, dual, best.objective)
        assert certificate.bound(nobody, everybody, 2) <= best.objective
        forced = np.arange(6) == 3
        least = min(fit.objective for fit in fits if 3 in fit.support)
        assert certificate.bound(forced, ~forced, 1) <= least
        enter, leave, lost = certificate.screen(nobody, everybody, 2, best.objective * 1.0001)
        assert not (enter & leave).any()
        assert lost >= best.objective
        for column in range(6):
            others = [fit.objective for fit in fits if (column in fit.support) == bool(leave[column])]
            if enter[column] or leave[column]:
                assert min(others) > best.objective


def test_balance_is_restored_within_the_box():
    rng = generator(0, "balance")
    y, weights, dual = np.where(rng.random(500) < 0.02, 1.0, -1.0), rng.random(500), rng.random(500)
    pull, value, residual = balance(0, y, weights, dual)
    assert abs(pull.sum()) <= residual + 1e-14
    assert residual < 1e-12
    assert (np.abs(pull) <= weights * dual).all()
    assert (pull * y >= 0).all()
    assert value <= np.abs(pull).sum()


def test_a_full_store_still_hands_out_the_right_columns():
    problem = small_problem("hinge", d=7)
    store = ColumnStore(problem)
    store._capacity = 3
    for asked in ([0, 1], [2, 3], [6, 0, 2], [1, 2, 3, 4, 5]):
        slots = store.slots(np.array(asked))
        np.testing.assert_allclose(store.means[asked], problem.X[:, asked].mean(axis=0))
        np.testing.assert_array_equal(store.columns[slots], problem.X[:, asked].T - store.means[asked, None])
