from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparseprobe.errors import InputError
from sparseprobe.experiments import planted_problem
from sparseprobe.paper import elastic_net_settings
from sparseprobe.probes import SparseProbe
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.selection import AdaptiveThresholding, Choice, Problem


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
    afresh = fit_supports(problem, [replace(choice, fit=None) for choice in choices], preset="paper")
    for one, two in zip(fitted, afresh, strict=True):
        np.testing.assert_allclose(one.decision(problem.layer.X), two.decision(problem.layer.X), atol=1e-3)
    C, rho = elastic_net_settings(8)
    saga = LogisticRegression(C=C, l1_ratio=rho, solver="saga", class_weight="balanced", tol=1e-6, max_iter=5000)
    saga.fit(problem.columns(choices[1].support), problem.y)
    theirs = saga.decision_function(problem.columns(choices[1].support))
    np.testing.assert_allclose(fitted[1].decision(problem.layer.X), theirs, atol=0.02)


@pytest.mark.parametrize("selection", ["optimal", "mean_difference", "mutual_information"])
def test_the_papers_probe_on_other_neurons_is_a_plain_logistic_regression(selection):
    """C = 1, balanced; the elastic net of C = k / 20 would leave nothing of two neurons that carry the feature."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 20))
    y = (X[:, 3] + X[:, 7] + rng.standard_normal(200) > 0).astype(int)
    probe = SparseProbe(k=2, selection=selection, preset="paper").fit(X, y)
    scaled = X[:, probe.support_] / (10 * X[:, probe.support_].std(axis=0))
    theirs = LogisticRegression(class_weight="balanced", tol=1e-10).fit(scaled, y)
    np.testing.assert_allclose(probe.decision_function(X), theirs.decision_function(scaled), atol=1e-5)
    assert probe.score(X, y) > 0.7


@pytest.mark.parametrize("C", [0, -1, np.nan, np.inf, "1", None, True])
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_a_strength_that_trains_nothing_is_refused(problem, C, loss):
    with pytest.raises(InputError, match="C must be a finite number above 0"):
        fit_supports(problem, [Choice(np.array([3]))], loss=loss, C=C)
