from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from sparseprobe.errors import InputError
from sparseprobe.experiments import planted_problem
from sparseprobe.selection import (
    AdaptiveThresholding,
    FStatistic,
    MeanDifference,
    Prefiltered,
    Problem,
    Random,
    TrainingLayer,
    selection_named,
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


def test_the_papers_optimal_neurons_are_among_fifty_of_the_largest_mean_difference():
    planted = planted_problem(300, 80, 3, seed=2)
    problem = Problem.of(planted.X, planted.y)
    method = selection_named("optimal", preset="paper")
    kept = MeanDifference().path(problem, [50])[0].support
    [choice] = method.path(problem, [3])
    assert set(choice.support) <= set(kept)
    among = selection_named("optimal").path(Problem.of(planted.X[:, kept], planted.y), [3])[0]
    assert choice.support.tolist() == kept[among.support].tolist()
    assert choice.certificate.objective == pytest.approx(among.certificate.objective, rel=1e-6)
    with pytest.raises(InputError, match="k = 51 is larger than the 50 candidates that the selection 'optimal' is"):
        method.path(problem, [3, 51])


def test_the_papers_mutual_information_is_scikit_learns_nearest_neighbour_estimate():
    planted = planted_problem(200, 12, 2, seed=3)
    problem = Problem.of(planted.X, planted.y)
    paper = selection_named("mutual_information", preset="paper")
    assert paper.name == "mutual_information"
    theirs = mutual_info_classif(planted.X, planted.y, random_state=0)
    np.testing.assert_allclose(paper.scores(problem), theirs, atol=0.02)
    np.testing.assert_array_equal(paper.scores(problem), paper.scores(problem))
