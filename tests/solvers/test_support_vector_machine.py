"""The hinge probe against libsvm, its intercept against a grid, weights against repeated rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from sparseprobe.keyed_random import generator
from sparseprobe.solvers.support_vector_machine import middle_intercept, support_vector_machine
from sparseprobe.solvers.two_class_data import TwoClassData

LOSSES = {"hinge": lambda m: np.maximum(0, 1 - m), "squared_hinge": lambda m: np.maximum(0, 1 - m) ** 2}


def objective(data: TwoClassData, loss: str, C: float, w: np.ndarray, b: float) -> float:
    margins = np.where(data.positive, 1.0, -1.0) * (data.X @ w + b)
    return float(data.weights @ LOSSES[loss](margins) + w @ w / (2 * C))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("C", [0.1, 10.0])
def test_no_other_rule_is_better(hard_problem, loss, C):
    data = TwoClassData.of(hard_problem.X, hard_problem.y, hard_problem.weights)
    fit = support_vector_machine(data, C=C, loss=loss)
    assert fit.converged
    assert objective(data, loss, C, fit.coef, fit.intercept) <= fit.objective * (1 + 1e-10)
    draw = generator(0, "other rules", loss, C)
    for size in (1e-6, 1e-3, 0.1):
        w, b = fit.coef + size * draw.standard_normal(fit.coef.size), fit.intercept + size * draw.standard_normal()
        assert objective(data, loss, C, w, b) >= fit.objective * (1 - 1e-8)


def test_it_is_libsvms_machine(hard_problem):
    data = TwoClassData.of(hard_problem.X, hard_problem.y, hard_problem.weights)
    theirs = SVC(kernel="linear", C=1.0, tol=1e-7).fit(data.X, hard_problem.y, sample_weight=data.weights)
    ours = support_vector_machine(data, C=1.0, loss="hinge")
    reached = objective(data, "hinge", 1.0, theirs.coef_[0], float(theirs.intercept_[0]))
    assert ours.objective <= reached * (1 + 1e-9)
    assert ours.objective == pytest.approx(reached, rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("C", [0.1, 1.0, 1000.0])
def test_a_weight_is_so_many_rows(loss, C):
    """Also where rounded activations put many examples on the margin, and where the intercept is not unique."""
    for trial in range(4):
        draw = generator(trial, "rows")
        X = draw.standard_normal((150, 3))
        X = np.round(X, 1) if trial % 2 else X
        y = X[:, 0] + draw.standard_normal(150) > 0.5
        times = draw.integers(0, 4, 150)
        weighted = support_vector_machine(TwoClassData.of(X, y, times), C=C, loss=loss)
        rows = TwoClassData.of(np.repeat(X, times, axis=0), np.repeat(y, times))
        repeated = support_vector_machine(rows, C=C, loss=loss)
        np.testing.assert_allclose(weighted.decision(X), repeated.decision(X), rtol=1e-7, atol=1e-7)


def test_the_intercept_is_the_middle_of_the_best(hard_problem):
    scores = hard_problem.X[:, 0]
    positive, weights = hard_problem.y == 1, np.round(hard_problem.weights * 8)
    ours = middle_intercept(scores, positive, weights)
    kinks = np.where(positive, 1.0, -1.0) - scores
    margins = np.where(positive, 1.0, -1.0) * (scores + kinks[:, None])
    losses = np.maximum(0, 1 - margins) @ weights
    best = kinks[losses <= losses.min() * (1 + 1e-12)]
    assert ours == pytest.approx((best.min() + best.max()) / 2, abs=1e-9)
