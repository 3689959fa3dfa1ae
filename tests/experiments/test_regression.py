from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

from sparseprobe.activations import Activations
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import REGRESSION, planted_experiment, regression
from sparseprobe.statistics.group_bootstrap import GroupBootstrap
from sparseprobe.statistics.regression_scores import r2_interval, regression_scores


@pytest.fixture(scope="module")
def positions():
    """A layer that knows the position of a token in two neurons; every seventh position is not given."""
    acts, data = planted_experiment(n=600, width=40, per_group=4)
    rng = np.random.default_rng(0)
    position = rng.integers(0, 500, 600).astype(np.float32)
    X = acts.layer(0)[:].copy()
    X[:, 3] = 0.03 * position + 3 * rng.standard_normal(600)
    X[:, 20] = 3 * rng.standard_normal(600) - 0.03 * position
    position[::7] = np.nan
    noise = rng.standard_normal(600).astype(np.float32)
    labels = pd.DataFrame({"position": position, "noise": noise})
    features = pd.DataFrame({"name": ["position", "noise"], "description": "", "category": "", "kind": "continuous"})
    return Activations.from_arrays({5: X}, model_name="m"), replace(data, labels=labels, features=features)


@pytest.fixture(scope="module")
def table(positions):
    return regression(*positions, k=[1, 2, 8], alpha=1e-6)


def test_the_neurons_that_know_are_found_and_noise_is_not(table):
    assert list(table.columns) == [column.name for column in REGRESSION]
    known, noise = (table[table["feature"] == name] for name in ("position", "noise"))
    assert known["support"].iloc[1] == [3, 20]
    assert (known["r2_low"] > 0.5).all()
    assert (known["control_r2"] < 0.1).all()
    assert (noise["r2_low"] < 0.02).all()
    assert known["r2"].is_monotonic_increasing or known["r2"].iloc[2] > known["r2"].iloc[1] - 0.02


def test_scores_are_those_of_least_squares_on_the_chosen_neurons(positions, table):
    acts, data = positions
    split = data.examples["split"].to_numpy()
    for row in table[table["feature"] == "position"].itertuples():
        y = data.labels["position"].to_numpy(np.float64)
        X = acts.layer(5)[:][:, row.support].astype(np.float64)
        train, test = ((split == part) & np.isfinite(y) for part in ("train", "test"))
        theirs = LinearRegression().fit(X[train], y[train])
        assert (row.n_train, row.n_test) == (train.sum(), test.sum())
        np.testing.assert_allclose(row.coef, theirs.coef_, rtol=1e-3)
        predicted = X[test] @ np.array(row.coef) + row.intercept
        assert row.r2 == pytest.approx(r2_score(y[test], predicted))
        assert row.mae == pytest.approx(mean_absolute_error(y[test], predicted))
        assert row.r2_low < row.r2 < row.r2_high


def test_nothing_is_learnt_from_test_examples(positions, table):
    acts, data = positions
    X = acts.layer(5)[:].copy()
    test = (data.examples["split"] != "train").to_numpy()
    X[test] = 0
    other = regression(Activations.from_arrays({5: X}, model_name="m"), data, k=[1, 2, 8], alpha=1e-6)
    assert other["coef"].tolist() == table["coef"].tolist()


def test_intervals_equal_their_slow_twin():
    rng = np.random.default_rng(0)
    groups, truth = np.repeat(np.arange(30), 3), rng.standard_normal(90) + 1000
    predicted = truth + 0.5 * rng.standard_normal(90)
    drawn = GroupBootstrap.draw(groups, np.random.default_rng(1), resamples=50)
    slow = []
    for times in drawn.times:
        rows = np.repeat(np.arange(90), times[groups].astype(int))
        slow.append(r2_score(truth[rows], predicted[rows]))
    np.testing.assert_allclose(r2_interval(truth, predicted, drawn), np.percentile(slow, (2.5, 97.5)), rtol=1e-6)
    alone = GroupBootstrap.draw(np.zeros(90), np.random.default_rng(1))
    assert np.isnan(r2_interval(truth, predicted, alone)).all()


def test_resamples_of_equal_values_have_no_r2():
    """Three documents of one value each: one resample in nine draws the same document three times."""
    groups = np.repeat(np.arange(3), 7)
    truth = np.array([0.1, 0.7, 1.3])[groups]
    predicted = truth + 0.1 * np.random.default_rng(0).standard_normal(21)
    low, high = r2_interval(truth, predicted, GroupBootstrap.draw(groups, np.random.default_rng(1)))
    assert 0.5 < low < high < 1


def test_scores_that_do_not_exist():
    assert np.isnan(regression_scores(np.ones(3), np.arange(3.0))["r2"])
    assert np.isnan(regression_scores(np.full(3, 0.1), np.arange(3.0))["r2"])  # the mean of three 0.1 is not 0.1
    assert regression_scores(np.arange(3.0), np.ones(3))["spearman"] == 0.0
    assert np.isnan(list(regression_scores(np.empty(0), np.empty(0)).values())).all()


def test_the_place_in_documents_of_equal_length_is_no_control_for_itself():
    """The neuron that counts tokens explains the place, and nothing of the places of a control."""
    acts, data = planted_experiment(n=3000, width=4, informative=1, per_group=50)
    place = np.tile(np.arange(50, dtype=np.float32), 60)
    X = acts.layer(0)[:].copy()
    X[:, 2] = place
    features = data.features.assign(kind="continuous")
    data = replace(data, labels=pd.DataFrame({"f0": place}), features=features)
    [row] = regression(Activations.from_arrays({0: X}, model_name="m"), data, k=[1], bootstrap=20).itertuples()
    assert row.r2 > 0.99
    assert row.control_r2 < 0.2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_activations_that_overflowed_are_refused(positions, bad):
    acts, data = positions
    X = acts.layer(5)[:].copy()
    X[3, 20] = bad
    with pytest.raises(InputError, match="layer 5 holds values that are not finite"):
        regression(Activations.from_arrays({5: X}, model_name="m"), data, k=[1])


def test_what_cannot_be_asked_is_said(positions):
    acts, data = positions
    binary = planted_experiment(n=600, width=5)[1]
    constant = replace(data, labels=data.labels.assign(noise=np.float32(1)))
    cases = [
        ({"features": ["place"]}, data, UnknownNameError, "unknown feature 'place'.*Known: position, noise"),
        ({"features": ["f0"]}, binary, InputError, "feature 'f0' is binary: probe it with the sweep"),
        ({}, binary, InputError, "planted has no continuous features"),
        ({}, constant, InputError, "'noise' needs at least two different values among its train examples"),
        ({"selection": "best"}, data, UnknownNameError, "Known: matching_pursuit, correlation"),
        ({"k": [41]}, data, InputError, "k = 41 is larger than the width 40 of layer 5"),
    ]
    for arguments, dataset, error, message in cases:
        with pytest.raises(error, match=message):
            regression(acts, dataset, **arguments)
