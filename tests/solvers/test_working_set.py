from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.experiments import planted_problem
from sparseprobe.solvers.elastic_net import elastic_net
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.solvers.working_set import elastic_net_over_layer
from sparseprobe.statistics.class_weights import balanced_weights


@pytest.mark.parametrize(("C", "rho"), [(0.1, 1.0), (1.0, 1.0), (0.3, 0.7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_working_set_reaches_what_all_columns_reach(C, rho, dtype):
    problem = planted_problem(400, 600, 6)
    X, weights = (problem.X / (10 * problem.X.std(axis=0))).astype(dtype), balanced_weights(problem.y)
    data = TwoClassData(X, problem.y == 1, weights)
    fit = elastic_net_over_layer(data, C=C, l1_ratio=rho, tolerance=1e-5)
    whole = elastic_net(X, problem.y, weights=weights, C=C, l1_ratio=rho)
    assert fit.converged
    assert fit.objective <= whole.objective * (1 + 2e-5)
    assert 0 < np.count_nonzero(fit.coef) < 400
    np.testing.assert_allclose(fit.coef, whole.coef, atol=0.02 * np.abs(whole.coef).max())


def test_the_gap_is_that_of_the_whole_problem():
    problem = planted_problem(400, 600, 6)
    data = TwoClassData((problem.X / (10 * problem.X.std(axis=0))), problem.y == 1, balanced_weights(problem.y))
    best = elastic_net_over_layer(data, C=1.0, tolerance=1e-7)
    for rounds in (0, 1, 2):
        stopped = elastic_net_over_layer(data, C=1.0, tolerance=1e-7, max_rounds=rounds)
        assert stopped.objective - best.objective <= stopped.gap * stopped.objective + 1e-6 * best.objective


def test_a_strong_penalty_is_answered_without_a_fit():
    data = TwoClassData(np.eye(4), np.array([True, True, False, False]), np.ones(4))
    fit = elastic_net_over_layer(data, C=0.01)
    assert fit.converged
    assert fit.iterations == 0
    assert not fit.coef.any()
