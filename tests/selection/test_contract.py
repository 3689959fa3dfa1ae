"""What the contract asks, asked of every registered selection; and how users add their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import planted_problem
from sparseprobe.selection import (
    Choice,
    MeanDifference,
    Problem,
    Ranking,
    best_first,
    choose,
    register_selection,
    registry,
    selection_named,
    selection_names,
)

PAPERS = ("adaptive", "f_statistic", "l1", "mean_difference", "mutual_information", "random", "svm")
RANKINGS = PAPERS[1:]
BINS_ARE_SHARED = ("mutual_information",)  # the quantile bins are those of all training rows of the layer


@pytest.mark.parametrize(
    ("name", "preset"),
    [*((name, "default") for name in PAPERS), ("adaptive", "paper"), ("mutual_information_knn", "paper")],
)
def test_supports_are_what_the_contract_says(name, preset, problem):
    ks = [1, 2, 5, 17, problem.width]
    choices = selection_named(name, preset=preset).path(problem, ks)
    assert [len(choice.support) for choice in choices] == ks
    for choice in choices:
        assert np.array_equal(choice.support, np.unique(choice.support))
        assert choice.support.min() >= 0
        assert choice.support.max() < problem.width
    again = selection_named(name, preset=preset).path(problem, ks)
    assert all(np.array_equal(one.support, two.support) for one, two in zip(choices, again, strict=True))


@pytest.mark.parametrize("name", RANKINGS)
def test_rankings_are_nested_and_do_not_depend_on_the_other_k(name, problem):
    selection = selection_named(name)
    path = selection.path(problem, [1, 3, 9])
    assert set(path[0].support) <= set(path[1].support) <= set(path[2].support)
    assert np.array_equal(selection.path(problem, [3])[0].support, path[1].support)


@pytest.mark.parametrize("name", ["mean_difference", "f_statistic", "mutual_information", "l1", "svm", "adaptive"])
def test_planted_neurons_are_found(name):
    planted = planted_problem(1500, 80, 3, seed=4)
    [choice] = selection_named(name).path(Problem.of(planted.X, planted.y), [3])
    assert set(choice.support) == set(planted.support)


@pytest.mark.parametrize("name", sorted({*PAPERS} - {*BINS_ARE_SHARED}))
def test_a_feature_is_chosen_for_alone_as_in_company(name, layer, problem):
    """Beside other features, and with rows that have no label: the same as a problem of the labelled rows alone."""
    alone = Problem.of(layer.X[problem.rows], problem.y, seed=5)
    alone = Problem(alone.layer, 0, 5, problem.name)
    together, single = (selection_named(name).path(p, [1, 4])[1].support for p in (problem, alone))
    assert np.array_equal(together, single)


def test_ties_go_to_the_lower_neuron_and_nan_is_last():
    assert best_first(np.array([1.0, np.nan, 2.0, 1.0, 2.0])).tolist() == [2, 4, 0, 3, 1]


def test_names_are_known_and_others_are_answered_with_the_list():
    assert set(PAPERS) <= set(selection_names())
    with pytest.raises(UnknownNameError, match="unknown selection 'mean_diference': did you mean 'mean_difference'"):
        selection_named("mean_diference")


def test_users_register_their_own(problem, monkeypatch):
    @dataclass(frozen=True)
    class Variance(Ranking):
        name: str = "variance"

        def scores(self, problem: Problem) -> np.ndarray:
            return problem.matrix().var(axis=0)

    monkeypatch.setattr(registry, "_SELECTIONS", dict(registry._SELECTIONS))
    register_selection(Variance())
    assert "variance" in selection_names()
    assert len(selection_named("variance", preset="paper").path(problem, [4])[0].support) == 4
    with pytest.raises(InputError, match="there is a selection 'variance' already"):
        register_selection(Variance())


def test_a_selection_itself_is_as_good_as_its_name(problem):
    assert selection_named(MeanDifference()) == MeanDifference()


def test_a_problem_of_one_class_is_refused():
    with pytest.raises(InputError, match="a selection compares two classes"):
        Problem.of(np.ones((3, 2)), [1, 1, 1])


@pytest.mark.parametrize(
    ("supports", "message"),
    [
        ([[0, 1]], "must give a Choice for each of 2 k: 1"),
        ([[0], [0]], r"'own' must choose 2 different neurons from 0 to 61, ascending, for k = 2: it gave \[0\]"),
        ([[0], [3, 3]], r"it gave \[3, 3\]"),
        ([[0], [4, 3]], r"it gave \[4, 3\]"),
        ([[62], [0, 1]], r"for k = 1: it gave \[62\]"),
        ([[-1], [0, 1]], r"it gave \[-1\]"),
        ([[0.0], [0, 1]], r"it gave \[0.0\]"),
    ],
)
def test_a_selection_that_breaks_the_contract_is_told_so(problem, supports, message):
    class Own:
        name = "own"

        def path(self, problem, ks):
            return [Choice(np.array(support)) for support in supports]

    with pytest.raises(InputError, match=message):
        choose(Own(), problem, [1, 2])


@pytest.mark.parametrize("k", [0, -1, 63, 1.5])
def test_a_k_that_no_selection_can_give_is_refused(problem, k):
    with pytest.raises(InputError, match=rf"k must be an integer from 1 .*, got {k}: ask for at most 62"):
        choose(selection_named("adaptive"), problem, [k])


@pytest.mark.parametrize("what", [3, object(), MeanDifference])
def test_what_is_no_selection_is_refused(what):
    for use in (register_selection, selection_named):
        with pytest.raises(InputError, match=r"is not a selection: give a name \(adaptive"):
            use(what)
