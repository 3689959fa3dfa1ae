"""The optimal selection: registered, certified, and as good as the solver it stands on."""

from __future__ import annotations

import numpy as np

from sparseprobe.experiments.planted import planted_problem
from sparseprobe.selection import Problem, selection_named
from sparseprobe.solvers import optimal_support


def test_chooses_what_the_solver_proves_best():
    planted = planted_problem(500, 60, 3, seed=1)
    choices = selection_named("optimal").path(Problem.of(planted.X, planted.y), [1, 3])
    for k, choice in zip((1, 3), choices, strict=True):
        best = optimal_support(planted.X / (10 * planted.X.std(axis=0)), planted.y, k)
        np.testing.assert_array_equal(choice.support, best.support)
        assert choice.certificate.proven
        assert choice.certificate.bound <= choice.certificate.objective
