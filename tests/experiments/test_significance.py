from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from sparseprobe.activations import Activations
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import SIGNIFICANCE, confirm, neuron_significance, planted_experiment, single_neurons
from sparseprobe.keyed_random import generator
from sparseprobe.statistics.control_labels import permuted_over_groups, size_strata


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=400, width=25, informative=2, n_features=2, n_layers=2, per_group=2, shift=5.0)


@pytest.fixture(scope="module")
def table(planted):
    return neuron_significance(*planted, part="train", permutations=200, seed=7)


def test_every_number_written_out(planted, table):
    """The slow twin: one neuron and one permutation after the other."""
    acts, data = planted
    train = (data.examples["split"] == "train").to_numpy()
    y, groups = data.labels["f1"].to_numpy()[train], data.examples["group"].to_numpy(str)[train]
    shuffled = [permuted_over_groups(y, groups, generator(7, "significance", "f1", i)) for i in range(200)]
    X = {layer: acts.layer(layer)[:][train].astype(np.float64) for layer in (0, 1)}
    null = {layer: np.abs(np.corrcoef(np.vstack([shuffled, X[layer].T]))[:200, 200:]) for layer in (0, 1)}
    largest = np.maximum(null[0].max(axis=1), null[1].max(axis=1))
    assert list(table.columns) == [column.name for column in SIGNIFICANCE]
    rows = table[table["feature"] == "f1"]
    assert len(rows) == 100
    for row in rows.iloc[::9].itertuples():
        r = pearsonr(X[row.layer][:, row.index], y).statistic
        assert row.correlation == pytest.approx(r, abs=1e-5)
        assert row.p == pytest.approx((1 + (null[row.layer][:, row.index] >= abs(r) - 1e-6).sum()) / 201, abs=1e-9)
        assert row.p_family == pytest.approx((1 + (largest >= abs(r) - 1e-6).sum()) / 201, abs=1e-9)
        assert row.n == train.sum()
    layer = rows[rows["layer"] == 0]
    for row in layer.itertuples():
        size = abs(row.correlation) - 1e-6
        expected = (null[0] >= size).sum() / 200 / (layer["correlation"].abs() >= size).sum()
        assert row.q <= min(1, expected) + 1e-9


def test_planted_neurons_stand_out_of_the_family(planted, table):
    _, data = planted
    for feature in ("f0", "f1"):
        rows = table[(table["feature"] == feature) & (table["layer"] == 0)]
        found = set(rows[rows["p_family"] < 0.05]["index"])
        assert set(data.settings["planted"][feature]) <= found
        assert (rows[rows["p_family"] < 0.05]["q"] < 0.05).all()
        assert table[table["feature"] == feature]["p_family"].is_monotonic_increasing


def test_labels_without_information_have_no_significant_family():
    """Ten features of noise on 60 neurons: one of 600 p-values below 0.01 is nothing, of p_family it is an alarm."""
    acts, data = planted_experiment(n=300, width=6, n_features=10, shift=0.0, informative=1, seed=5)
    found = neuron_significance(acts, data, permutations=200, part="train")
    assert 0.02 < (found["p"] < 0.05).mean() < 0.09
    alarms = found.groupby("feature")["p_family"].min()
    assert (alarms < 0.05).sum() <= 2
    assert np.median(found.groupby("feature")["q"].min()) > 0.3


def unequal_groups(seed, n_features=20, n_groups=40):
    """Documents of lognormal length. Labels are theirs, and so is most of the only neuron, but they are unrelated."""
    rng = np.random.default_rng(seed)
    sizes = np.ceil(rng.lognormal(1.0, 1.5, n_groups)).astype(int)
    group = np.repeat(np.arange(2 * n_groups), np.tile(sizes, 2))
    n = len(group)
    X = rng.standard_normal((2 * n_groups, 1))[group] + 0.5 * rng.standard_normal((n, 1))
    each = {
        f"f{i}": np.tile(rng.permutation(np.arange(n_groups) % 2), 2)[group].astype(np.int8) for i in range(n_features)
    }
    _, data = planted_experiment(n=n, width=1, informative=1, n_features=n_features)
    names = [f"d{one}" for one in group]
    table = data.examples.assign(group=names, split=np.where(group < n_groups, "train", "test"))
    return Activations.from_arrays({0: X}, model_name="m"), replace(data, examples=table, labels=pd.DataFrame(each))


def test_unequal_groups_raise_no_more_alarms_than_they_may():
    """80 tests without anything to find. With a chance of 5 % each, 10 or more below 0.05 come in 0.7 % of such runs
    (binomial); labels laid across the borders of groups give 4 to 5 times too many.
    """
    p = np.concatenate([neuron_significance(*unequal_groups(seed), permutations=20)["p"] for seed in range(4)])
    assert len(p) == 80
    assert (p < 0.05).mean() < 0.12


def documents(sizes, positive, seed=0, d=60):
    """Test documents of these sizes and labels; neurons are theirs but for a little noise, and know no label."""
    rng = np.random.default_rng(seed)
    group, labels = np.repeat(np.arange(len(sizes)), sizes), np.repeat(positive, sizes).astype(np.int8)
    n = len(group)
    X = rng.standard_normal((len(sizes), d))[group] + 0.3 * rng.standard_normal((n, d))
    _, data = planted_experiment(n=2 * n, width=1, informative=1)
    names = [f"{part}{one}" for part in ("train", "test") for one in group]
    table = data.examples.assign(group=names, split=np.repeat(["train", "test"], n))
    data = replace(data, examples=table, labels=pd.DataFrame({"f0": np.tile(labels, 2)}))
    return Activations.from_arrays({0: np.tile(X, (2, 1))}, model_name="m"), data


def test_labels_that_go_with_the_length_of_documents_raise_no_more_alarms_than_they_may():
    """Two long documents are positive, and four of 40 short ones; exchanges between both give 0.18."""
    sizes, positive = np.repeat([200, 10], [2, 40]), np.isin(np.arange(42), [0, 1, 10, 20, 30, 40])
    p = [neuron_significance(*documents(sizes, positive, seed), permutations=100)["p"] for seed in range(4)]
    assert 0 < (np.concatenate(p) < 0.05).mean() < 0.08


def test_where_documents_of_a_length_have_one_label_nothing_is_significant():
    found = neuron_significance(*documents(np.repeat([100, 10], [5, 50]), np.arange(55) < 5), permutations=100)
    assert (found[["p", "p_family"]] == 1).all(axis=None)


def test_unequal_groups_give_each_permutation_a_spread_of_its_own():
    """The slow twin where the number of positives changes from one permutation to the next."""
    acts, data = unequal_groups(1, n_features=1, n_groups=15)
    test = (data.examples["split"] == "test").to_numpy()
    y, groups, x = data.labels["f0"].to_numpy()[test], data.examples["group"].to_numpy(str)[test], acts.layer(0)[:]
    strata = size_strata(groups)
    shuffled = [
        permuted_over_groups(y, groups, generator(0, "significance", "f0", i), parts=strata) for i in range(100)
    ]
    assert len({int(one.sum()) for one in shuffled}) > 5
    null = np.array([abs(pearsonr(one, x[test, 0]).statistic) for one in shuffled])
    r = pearsonr(y, x[test, 0]).statistic
    [row] = neuron_significance(acts, data, permutations=100).itertuples()
    assert row.correlation == pytest.approx(r, abs=1e-5)
    assert row.p == row.p_family == pytest.approx((1 + (null >= abs(r) - 1e-6).sum()) / 101, abs=1e-9)


def test_q_is_the_share_of_false_neurons():
    rng = np.random.default_rng(0)
    false = []
    for trial in range(8):
        _acts, data = planted_experiment(n=300, width=10, seed=trial)
        y = data.labels["f0"].to_numpy()
        X = rng.standard_normal((300, 300)).astype(np.float32)
        X[:, :30] += 0.9 * y[:, None]
        found = neuron_significance(
            Activations.from_arrays({0: X}, model_name="m"), data, part="train", permutations=60
        )
        listed = found[found["q"] < 0.2]
        assert len(listed) >= 25
        false.append((listed["index"] >= 30).mean())
    assert 0.05 < np.mean(false) < 0.25


def test_chosen_neurons_are_confirmed_on_examples_that_did_not_choose_them(planted):
    acts, data = planted
    best = single_neurons(acts, data, keep=1)
    found = confirm(acts, data, best, permutations=300)
    keys = ["feature", "neuron"]
    pd.testing.assert_frame_equal(found[keys], best[keys])
    assert (found["p_holm"] >= found["p"]).all()
    assert (found[found["neuron"].str.startswith("L0.")]["p_holm"] < 0.05).all()
    p = found["p"].to_numpy()
    assert found["p_holm"].min() == pytest.approx(min(1.0, p.min() * len(p)))
    noise_acts, noise = planted_experiment(n=400, width=25, n_features=4, shift=0.0, seed=1)
    chance = confirm(noise_acts, noise, single_neurons(noise_acts, noise, keep=1), permutations=300)
    assert (chance["p_holm"] > 0.05).all()


def test_what_cannot_be_asked_is_said(planted):
    with pytest.raises(UnknownNameError, match=r"unknown part 'dev'.*Known: train, validation, test"):
        neuron_significance(*planted, part="dev")
    with pytest.raises(InputError, match="permutations must be at least 20"):
        neuron_significance(*planted, permutations=5)
    best = single_neurons(*planted, keep=1)
    for empty in (best.iloc[:0], pd.DataFrame()):
        with pytest.raises(InputError, match="at least one neuron, got one without rows: choose neurons first"):
            confirm(*planted, empty)
    with pytest.raises(InputError, match="the table lacks 'neuron'"):
        confirm(*planted, best.drop(columns="neuron"))
    with pytest.raises(InputError, match=r"no neuron L0\.N50: layer 0 has neurons 0 to 49"):
        confirm(*planted, best.assign(neuron=["L0.N50", "L0.N0", "L1.N0", "L0.N0"]))


def test_all_rows_have_more_power_than_a_part():
    """A neuron that a fifth of the examples cannot tell from noise."""
    acts, data = planted_experiment(n=400, width=100, informative=1, shift=1.0, seed=3)
    tested = {part: neuron_significance(acts, data, permutations=200, part=part) for part in ("test", "all")}
    planted = data.settings["planted"]["f0"][0]
    p = {part: table.set_index("index").loc[planted, "p_family"] for part, table in tested.items()}
    assert p["all"] < 0.05 < p["test"]
    assert set(tested["all"]["n"]) == {400}
