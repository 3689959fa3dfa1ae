"""Summaries choose by training and validation examples, and layers of a sweep by validation scores."""

from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.errors import InputError
from sparseprobe.experiments import best_neurons, candidate_neurons, planted_experiment, single_neurons, sweep


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=300, width=20, informative=1, n_features=2)


@pytest.fixture(scope="module")
def table(planted):
    return single_neurons(*planted)


def test_a_feature_without_validation_scores_is_shown_and_ablated(planted, table):
    """Its cells of the sweep stay empty."""
    table = table.assign(f1_validation=table["f1_validation"].where(table["feature"] != "f1"))
    assert set(candidate_neurons(table, 2)["feature"]) == {"f0", "f1"}
    by_k = sweep(*planted, k=[1])
    by_k.loc[by_k["feature"] == "f1", "f1_validation"] = np.nan
    best = best_neurons(table, by_k).set_index("feature")
    assert best.loc["f1", "neuron"].startswith("L")
    assert best["f1_k1"].isna().tolist() == [False, True]


def test_candidates_are_the_firing_neurons_of_the_least_log_loss(table):
    few = candidate_neurons(table, 3)
    for feature, rows in few.groupby("feature"):
        firing = table[(table["feature"] == feature) & (table["mean_difference"] > 0)]
        assert rows["index"].tolist() == firing.nsmallest(3, "log_loss_choosing")["index"].tolist()
    assert few.columns.tolist() == table.columns.tolist()


def test_it_is_said_what_there_is_nothing_to_choose_by(table):
    with pytest.raises(InputError, match="no values of 'log_loss_choosing' to choose by"):
        candidate_neurons(table.assign(log_loss_choosing=np.nan))
