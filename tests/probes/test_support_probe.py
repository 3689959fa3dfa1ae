from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparseprobe.experiments import planted_problem
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.selection import AdaptiveThresholding, Choice, Problem
from sparseprobe.selection.adaptive import elastic_net_settings


@pytest.fixture(scope="module")
def problem():
    planted = planted_problem(500, 40, 4)
    return Problem.of(planted.X, planted.y)


def test_the_default_probe_is_scikit_learns_on_scaled_activations(problem):
    support = np.array([3, 8, 21])
    [probe] = fit_supports(problem, [Choice(support)])
    scaled = problem.layer.X[:, support] / (10 * problem.layer.X[:, support].std(axis=0))
    theirs = LogisticRegression(C=10.0, class_weight="balanced", tol=1e-10, solver="newton-cholesky")
    theirs.fit(scaled.astype(np.float64), problem.y)
    assert probe.converged
    np.testing.assert_allclose(probe.decision(problem.layer.X), theirs.decision_function(scaled), atol=1e-4)


def test_coefficients_are_for_activations_as_they_are(problem):
    support = np.array([3, 8, 21])
    [probe] = fit_supports(problem, [Choice(support)])
    X = problem.layer.X
    by_hand = X[:, support].astype(np.float64) @ probe.coef + probe.intercept
    np.testing.assert_allclose(probe.decision(X), by_hand)
    np.testing.assert_allclose(probe.decision(X, np.array([4, 2])), by_hand[[4, 2]])


def test_the_papers_probe_is_the_elastic_net_that_the_path_fitted(problem):
    choices = AdaptiveThresholding(rungs="asked").path(problem, [2, 8])
    fitted = fit_supports(problem, choices, preset="paper")
    afresh = fit_supports(problem, [Choice(choice.support) for choice in choices], preset="paper")
    for one, two in zip(fitted, afresh, strict=True):
        np.testing.assert_allclose(one.decision(problem.layer.X), two.decision(problem.layer.X), atol=1e-3)
    C, rho = elastic_net_settings(8)
    saga = LogisticRegression(C=C, l1_ratio=rho, solver="saga", class_weight="balanced", tol=1e-6, max_iter=5000)
    saga.fit(problem.columns(choices[1].support), problem.y)
    theirs = saga.decision_function(problem.columns(choices[1].support))
    np.testing.assert_allclose(fitted[1].decision(problem.layer.X), theirs, atol=0.02)
