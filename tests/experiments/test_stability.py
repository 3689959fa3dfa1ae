from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.errors import InputError
from sparseprobe.experiments import STABILITY, best_neurons, planted_experiment, selection_stability, single_neurons
from sparseprobe.experiments.stability import agreement


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=500, width=30, informative=2, n_features=2, per_group=2, shift=6.0)


def test_planted_neurons_are_always_chosen_and_noise_comes_and_goes(planted):
    acts, data = planted
    found = selection_stability(acts, data, k=[2, 8], resamples=12)
    assert list(found.columns) == [column.name for column in STABILITY]
    for feature, rows in found[found["selection"] == "adaptive"].groupby("feature"):
        two = rows[rows["k"] == 2]
        assert set(two[two["frequency"] > 0.9]["index"]) == set(data.settings["planted"][feature])
        assert two["stability"].iloc[0] > 0.8 > rows[rows["k"] == 8]["stability"].iloc[0]
        for k in (2, 8):
            assert rows[rows["k"] == k]["frequency"].sum() == pytest.approx(k)


def test_the_neurons_of_the_table_of_single_neurons_have_frequencies(planted):
    """Whatever selection is asked about, and by name alone too."""
    best = best_neurons(single_neurons(*planted, keep=1))
    for selection in ("adaptive", "every"):
        found = selection_stability(*planted, selection=selection, k=[1], resamples=6)
        shown = best.merge(found[found["selection"] == "every"], on=["feature", "neuron"])
        assert (shown["frequency"] > 0.3).all()
        assert len(shown) == len(best)


def test_random_neurons_agree_by_chance_only(planted):
    found = selection_stability(*planted, selection="random", k=[10], resamples=30, features=["f0"])
    found = found[found["selection"] == "random"]
    assert found["stability"].iloc[0] == pytest.approx(0, abs=0.05)


def test_agreement_of_known_choices():
    same = np.tile([True, True, False, False], (6, 1))
    assert agreement(same) == 1.0
    assert agreement(np.ones((4, 3), bool)) == 1.0
    rng = np.random.default_rng(0)
    drawn = np.stack([np.isin(np.arange(200), rng.choice(200, 20, replace=False)) for _ in range(200)])
    assert agreement(drawn) == pytest.approx(0.0, abs=0.01)
    half = np.stack([np.isin(np.arange(200), [*range(10), *rng.choice(np.arange(10, 200), 10)]) for _ in range(200)])
    assert 0.4 < agreement(half) < 0.6


def test_draws_are_keyed_by_feature_and_number(planted):
    whole = selection_stability(*planted, k=[3], resamples=5)
    part = selection_stability(*planted, k=[3], resamples=5, features=["f1"])
    assert whole[whole["feature"] == "f1"]["neuron"].tolist() == part["neuron"].tolist()


def test_what_cannot_be_asked_is_said(planted):
    for settings in ({"resamples": 1}, {"share": 0.0}, {"share": 1.0}):
        with pytest.raises(InputError, match="stability needs 2 resamples or more and 0 < share < 1"):
            selection_stability(*planted, **settings)
    acts, data = planted_experiment(n=30, width=5, per_group=5)
    with pytest.raises(InputError, match="has labels of one class: raise the share"):
        selection_stability(acts, data, share=0.1, k=[1])
