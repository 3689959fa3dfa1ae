from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sparseprobe.solvers.profiled_loss import profiled_loss


def loss(scores, positive, weights, b):
    return weights @ np.logaddexp(0, np.where(positive, -1, 1) * (scores + b))


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 300.0])
@pytest.mark.parametrize("start", [0.0, -500.0, 40.0])
def test_the_intercept_is_the_best_one(spread, start):
    rng = np.random.default_rng(int(spread))
    scores, positive, weights = rng.standard_normal(80) * spread, rng.random(80) < 0.3, rng.random(80) + 0.1
    point = profiled_loss(scores, positive, weights, start=start)
    theirs = minimize_scalar(lambda b: loss(scores, positive, weights, b), bracket=(-1.0, 1.0), tol=1e-12)
    assert point.loss <= theirs.fun * (1 + 1e-10)
    assert point.loss == pytest.approx(loss(scores, positive, weights, point.intercept), rel=1e-12)
    assert abs(point.residual.sum()) <= 1e-9 * np.abs(point.residual).sum()


def test_derivatives_equal_finite_differences():
    rng = np.random.default_rng(1)
    scores, positive, weights = rng.standard_normal(30), rng.random(30) < 0.5, rng.random(30)
    point = profiled_loss(scores, positive, weights)
    for i in range(0, 30, 7):
        move = np.zeros(30)
        move[i] = 1e-4
        ahead, behind = (profiled_loss(scores + side * move, positive, weights).loss for side in (1, -1))
        assert (ahead - behind) / 2e-4 == pytest.approx(point.residual[i], abs=1e-7)
        p = 1 / (1 + np.exp(-scores[i] - point.intercept))
        assert point.curvature[i] == pytest.approx(weights[i] * p * (1 - p), rel=1e-12)
