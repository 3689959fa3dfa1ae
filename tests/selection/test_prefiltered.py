from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.experiments import planted_problem
from sparseprobe.selection import (
    AdaptiveThresholding,
    FStatistic,
    MeanDifference,
    Prefiltered,
    Problem,
    Random,
    TrainingLayer,
)


@pytest.fixture(scope="module")
def problem():
    planted = planted_problem(400, 50, 3)
    return Problem.of(planted.X, planted.y)


def test_choices_are_neurons_of_the_layer_and_among_the_candidates(problem):
    method = Prefiltered(Random(), candidates=6)
    kept = method.chosen_candidates(problem)
    assert kept.tolist() == MeanDifference().path(problem, [6])[0].support.tolist()
    for choice in method.path(problem, [1, 3, 6]):
        assert set(choice.support) <= set(kept)
    assert method.path(problem, [6])[0].support.tolist() == kept.tolist()
    assert method.name == "random"


def test_a_filter_that_keeps_all_changes_nothing(problem):
    inside, outside = Prefiltered(AdaptiveThresholding(), candidates=50), AdaptiveThresholding()
    for one, two in zip(inside.path(problem, [2, 7]), outside.path(problem, [2, 7]), strict=True):
        assert one.support.tolist() == two.support.tolist()


def test_neurons_that_are_left_out_stay_out(problem):
    first = FStatistic().path(problem, [3])[0].support
    method = Prefiltered(FStatistic(), 50, FStatistic(), without=frozenset(first.tolist()))
    found = method.path(problem, [3])[0].support
    assert not set(found) & set(first)
    assert set(FStatistic().path(problem, [6])[0].support) == set(first) | set(found)


def test_rows_without_labels_and_weights_are_carried_along():
    planted = planted_problem(400, 50, 3)
    labels = planted.y.copy()
    labels[::5] = -1
    from_all = Problem(TrainingLayer(planted.X, labels[:, None]))
    from_few = Problem.of(planted.X[labels >= 0], labels[labels >= 0])
    one, two = (Prefiltered(AdaptiveThresholding(), 20).path(p, [4])[0].support for p in (from_all, from_few))
    assert np.array_equal(one, two)
