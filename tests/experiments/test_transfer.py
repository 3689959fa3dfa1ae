"""Neurons on another dataset: the same probe, its scores there, and what does not match."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from sparseprobe.activations import Activations
from sparseprobe.errors import InputError
from sparseprobe.experiments import TRANSFER, planted_experiment, single_neurons, transfer


@pytest.fixture(scope="module")
def source():
    acts, data = planted_experiment(n=500, width=20, informative=1, n_features=2, n_layers=2, shift=4.0)
    return acts, data, single_neurons(acts, data)


def other(data, acts, *, add: float = 0.0, name: str = "other"):
    """The same examples with a little noise, all activations moved by a constant: text of another origin."""
    noise = np.random.default_rng(1)
    arrays = {
        layer: acts.layer(layer)[:] + add + 0.01 * noise.standard_normal(acts.layer(layer).shape, np.float32)
        for layer in acts.layers
    }
    return Activations.from_arrays(arrays, model_name="planted"), dataclasses.replace(data, name=name)


def test_the_probe_is_scored_as_it_is(source):
    acts, data, neurons = source
    there, renamed = other(data, acts)
    table = transfer(neurons, there, renamed)
    assert table.columns.tolist() == [column.name for column in TRANSFER]
    for row in table.itertuples():
        best = neurons[neurons["feature"] == row.feature].nsmallest(1, "log_loss_choosing").iloc[0]
        assert (row.neuron, row.coef, row.f1_source) == (best["neuron"], best["coef"], best["f1"])
        decision = there.layer(row.layer)[:][:, row.index].astype(float) * row.coef + row.intercept
        y = data.labels[row.feature]
        assert row.f1 == pytest.approx(f1_score(y, decision > 0))
        assert row.roc_auc == pytest.approx(roc_auc_score(y, decision))
        assert row.lost == pytest.approx(row.f1_source - row.f1)
        assert row.f1_low < row.f1 < row.f1_high
        assert (row.n, row.n_positive, row.collection, row.chosen_on) == (500, y.sum(), "other", "planted")


def test_a_moved_neuron_loses_its_threshold_and_gets_it_back_when_refitted(source):
    acts, data, neurons = source
    table = transfer(neurons, *other(data, acts, add=5.0))
    assert (table["lost"] > 0.3).all()
    assert (table["f1_refitted"] > table["f1"] + 0.3).all()
    assert (table["roc_auc"] > 0.85).all()


def test_several_neurons_of_each_feature_come_best_first(source):
    acts, data, neurons = source
    table = transfer(neurons, *other(data, acts), n=3)
    assert table["feature"].tolist() == ["f0"] * 3 + ["f1"] * 3
    assert table["neuron"].iloc[0] == transfer(neurons, *other(data, acts))["neuron"].iloc[0]


def test_what_does_not_match_is_said(source):
    acts, data, neurons = source
    strangers = dataclasses.replace(
        data, features=data.features.assign(name=["a", "b"]), labels=data.labels.set_axis(["a", "b"], axis=1)
    )
    with pytest.raises(InputError, match="no feature of planted has the name of one of the neurons': they read f0, f1"):
        transfer(neurons, acts, strangers)
    with pytest.raises(InputError, match="neurons are of the model planted, and the activations of m"):
        transfer(neurons, Activations.from_arrays({0: np.zeros((500, 40))}, model_name="m"), data)
    with pytest.raises(InputError, match="needs the table of single_neurons, and this one lacks"):
        transfer(neurons[["feature", "neuron"]], acts, data)
    with pytest.raises(InputError, match="n must be at least 1"):
        transfer(neurons, acts, data, n=0)
