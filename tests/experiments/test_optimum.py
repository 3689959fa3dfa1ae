"""Selections against the optimum: objectives and near-ties are those that every set of a small problem has."""

from itertools import combinations

import numpy as np
import pytest

from sparseprobe.experiments.optimum import NEAR, against_optimum, near_ties, objective
from sparseprobe.experiments.planted import planted_problem
from sparseprobe.selection.problem import Problem

D = 8


@pytest.fixture(scope="module")
def problem():
    planted = planted_problem(n=120, d=D, informative=2, seed=3)
    return Problem.of(planted.X, planted.y)


@pytest.fixture(scope="module")
def every_pair(problem):
    return {pair: objective(problem, np.array(pair)) for pair in combinations(range(D), 2)}


def test_the_optimum_is_the_least_of_all_sets_and_the_others_lie_above(problem, every_pair):
    rows = against_optimum(problem, [2])
    assert {row["selection"] for row in rows} >= {"optimal", "mean_difference", "random"}
    for row in rows:
        assert row["proven"]
        assert row["optimum"] == pytest.approx(min(every_pair.values()), rel=1e-4)
        assert row["excess"] >= -1e-4
        assert row["objective"] >= row["optimum"] * (1 - 1e-4)
        assert 0 <= row["n_shared"] <= 2
    (optimal,) = [row for row in rows if row["selection"] == "optimal"]
    assert optimal["n_shared"] == 2
    assert optimal["excess"] == pytest.approx(0, abs=1e-4)


def test_near_ties_are_counted_among_sets_that_differ_in_one_neuron(problem, every_pair):
    least = min(every_pair, key=every_pair.get)
    close = [
        pair
        for pair, reached in every_pair.items()
        if len(set(pair) & set(least)) == 1 and reached <= (1 + NEAR) * every_pair[least]
    ]
    assert near_ties(problem, np.array(least), every_pair[least]) == len(close)
