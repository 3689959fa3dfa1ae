from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import (
    ARMS,
    BASELINES,
    baselines,
    compare_selections,
    dense,
    planted_experiment,
    pruning,
    selectivity,
    single_neurons,
    sweep,
)
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.tables import DENSE, PRUNING


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=500, width=30, informative=3, n_features=2, n_layers=2, shift=6.0)


@pytest.fixture(scope="module")
def table(planted):
    return baselines(*planted, k=[1, 4], trials=2, features=["f0"], layers=[0], seed=2)


def test_each_arm_has_its_trials(table):
    assert list(table.columns) == [column.name for column in BASELINES]
    counts = table.groupby(["arm", "k"]).size().to_dict()
    assert counts == {
        **{(arm, k): 2 for arm in ARMS[1:4] for k in (1, 4)},
        ("neurons", 1): 1,
        ("neurons", 4): 1,
        ("orthonormal", 1): 16,
        ("orthonormal", 4): 8,
    }
    assert (table["f1_low"] <= table["f1"]).all()
    for _, trials in table[table["arm"] != "neurons"].groupby(["arm", "k"]):
        assert len(set(trials["intercept"])) == len(trials)


def test_the_neurons_are_the_sweep(planted, table):
    swept = sweep(*planted, k=[1, 4], features=["f0"], layers=[0], seed=2)
    real = table[table["arm"] == "neurons"].reset_index(drop=True)
    same = ["feature", "layer", "k", "support", "f1", "f1_low", "f1_validation", "roc_auc"]
    pd.testing.assert_frame_equal(real[same], swept[same])


def test_planted_neurons_beat_every_baseline(table):
    for arm in ARMS[1:]:
        gained = selectivity(table, arm)
        assert gained["k"].tolist() == [1, 4]
        assert (gained["selectivity"] > 0.05).all()
        np.testing.assert_allclose(gained["selectivity"], gained["f1"] - gained[arm])
    noise = table[table["arm"] == "permuted_labels"]
    assert noise["roc_auc"].mean() == pytest.approx(0.5, abs=0.12)


def test_in_a_rotated_basis_all_neurons_together_know_as_much():
    """A turn loses nothing: only sparse probes suffer from it."""
    acts, data = planted_experiment(n=600, width=100, informative=1, shift=3.0)
    found = baselines(acts, data, k=[1, 100], trials=3, arms=["neurons", "gaussian_basis"])
    auc = found.groupby(["k", "arm"])["roc_auc"].mean()
    assert auc[1, "neurons"] - auc[1, "gaussian_basis"] > 0.1
    assert abs(auc[100, "neurons"] - auc[100, "gaussian_basis"]) < 0.08


def test_draws_are_keyed_by_arm_and_trial(planted, table):
    part = baselines(*planted, k=[4], trials=1, arms=["gaussian_basis"], features=["f0"], layers=[0], seed=2)
    full = table[(table["arm"] == "gaussian_basis") & (table["k"] == 4) & (table["trial"] == 0)]
    assert part["f1"].tolist() == full["f1"].tolist()


def test_permuted_labels_are_scored_with_the_class_shares_of_the_real_ones():
    """Positive documents are long. The one neuron of the layer makes the probe of all three experiments the same."""
    acts, data = planted_experiment(n=600, width=1, informative=1)
    group = np.concatenate([np.repeat(np.arange(15), 20), np.repeat(np.arange(15, 75), 5)])
    split = np.where(group % 3 == 0, "test", np.where(group % 3 == 1, "validation", "train"))
    table = data.examples.assign(group=[f"d{one}" for one in group], split=split)
    data = replace(data, examples=table, labels=pd.DataFrame({"f0": (group < 15).astype(np.int8)}))
    y, permuted = data.labels["f0"].to_numpy(), LabelledExamples.of(data).control(0)[:, 0]
    handed_in = replace(data, labels=pd.DataFrame({"f0": permuted}))
    [probe] = sweep(acts, handed_in, k=[1]).itertuples()
    said = acts.layer(0)[:, 0] * probe.coef[0] + probe.intercept > 0

    def expected(part: str) -> float:
        rows = split == part
        shares = [(y[rows] == c).sum() / (permuted[rows] == c).sum() for c in (0, 1)]
        assert abs(shares[1] - 1) > 0.1
        return float(f1_score(permuted[rows], said[rows], sample_weight=np.array(shares)[permuted[rows]]))

    assert sweep(acts, data, k=[1])["control_f1"].tolist() == pytest.approx([expected("test")])
    assert single_neurons(acts, data)["control_f1"].tolist() == pytest.approx([expected("test")])
    [arm] = baselines(acts, data, k=[1], trials=1, arms=["permuted_labels"]).itertuples()
    assert (arm.f1, arm.f1_validation) == pytest.approx((expected("test"), expected("validation")))
    assert arm.n_positive == y[split == "test"].sum()
    assert arm.f1_low <= arm.f1 <= arm.f1_high


def test_what_cannot_be_asked_is_said(planted, table):
    with pytest.raises(UnknownNameError, match=r"unknown arm 'noise'.*Known: neurons, permuted_labels"):
        baselines(*planted, arms=["noise"])
    with pytest.raises(InputError, match="arms names no arm: give some of neurons"):
        baselines(*planted, arms=[])
    with pytest.raises(InputError, match="trials must be at least 1"):
        baselines(*planted, trials=0)
    with pytest.raises(InputError, match="no rows of the arm 'neurons'"):
        selectivity(table[table["arm"] == "orthonormal"])


class TestDense:
    def test_it_is_a_sweep_over_all_neurons(self, planted):
        acts, data = planted
        found = dense(acts, data, C=10.0, seed=1)
        assert list(found.columns) == [column.name for column in DENSE]
        all_of_them = sweep(acts, data, k=[60], seed=1)
        for name in ("f1", "f1_validation", "roc_auc", "f1_low"):
            np.testing.assert_allclose(found[name], all_of_them[name], atol=0.02)
        assert found["converged"].all()
        assert (found["k"] == 60).all()

    def test_of_several_strengths_validation_chooses(self, planted):
        acts, data = planted
        strengths = [1e-3, 0.1, 10.0]
        best = dense(acts, data, C=strengths, layers=[1])
        alone = {C: dense(acts, data, C=C, layers=[1]) for C in strengths}
        for i in range(2):
            validated = [alone[C]["f1_validation"].iloc[i] for C in strengths]
            assert best["C"].iloc[i] == strengths[int(np.argmax(validated))]
            assert best["f1_validation"].iloc[i] == pytest.approx(max(validated), abs=0.02)
        with pytest.raises(InputError, match="several C need validation examples"):
            dense(acts, data, C=strengths, preset="paper")
        for C in (0, -1.0, np.nan, np.inf, [1.0, 0.0], []):
            with pytest.raises(InputError, match="C must be a finite number above 0"):
                dense(acts, data, C=C)
        assert dense(acts, data, C=np.int64(1), layers=[1])["C"].tolist() == [1.0, 1.0]

    def test_a_layer_too_wide_to_factor_is_fitted_all_the_same(self):
        acts, data = planted_experiment(n=300, width=1100, informative=20, shift=12.0)
        found = dense(acts, data)
        train = (data.examples["split"] == "train").to_numpy()
        X, y = acts.layer(0)[:].astype(np.float64), data.labels["f0"].to_numpy()
        scaled = X / (10 * X[train].std(axis=0))
        theirs = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-8, max_iter=1000).fit(
            scaled[train], y[train]
        )
        test = (data.examples["split"] == "test").to_numpy()
        assert found["converged"].all()
        assert found["f1"].iloc[0] == pytest.approx(f1_score(y[test], theirs.predict(scaled[test])), abs=0.02)
        np.testing.assert_allclose(
            found["roc_auc"], roc_auc_score(y[test], theirs.decision_function(scaled[test])), atol=0.003
        )


def test_labels_without_information_give_chance_everywhere():
    acts, data = planted_experiment(n=900, width=20, informative=1, n_features=6, shift=0.0, seed=11)
    tables = [
        dense(acts, data),
        pruning(acts, data, k=2, steps=2, selection="adaptive"),
        baselines(acts, data, k=[4], trials=1),
        compare_selections(acts, data, selections=["adaptive", "mutual_information", "svm"], k=[4]),
    ]
    for table in tables:
        assert table["balanced_accuracy"].mean() == pytest.approx(0.5, abs=0.04)
        share = table["n_positive"] / table["n_test"]
        assert (table["f1_low"] <= 2 * share / (1 + share)).all()  # what always saying yes reaches


class TestPruning:
    def test_neurons_leave_one_by_one_and_scores_fall(self, planted):
        acts, data = planted
        found = pruning(acts, data, k=3, steps=5, candidates=20, layers=[0])
        assert list(found.columns) == [column.name for column in PRUNING]
        for feature, rows in found.groupby("feature"):
            gone: set[str] = set()
            for row in rows.itertuples():
                assert not gone & set(row.neurons)
                gone.add(row.removed)
            assert len(gone) == 5
            assert {f"L0.N{index}" for index in data.settings["planted"][feature]} <= gone
            assert rows["f1"].iloc[0] - rows["f1"].iloc[-1] > 0.3

    def test_what_cannot_be_asked_is_said(self, planted):
        for settings in ({"k": 9, "candidates": 8}, {"steps": 0}, {"k": 50, "steps": 20, "candidates": 60}):
            with pytest.raises(InputError, match="pruning needs 1 <= k <= candidates"):
                pruning(*planted, **settings)

    def test_several_k_go_the_same_way_down(self, planted):
        settings = {"steps": 3, "candidates": 20, "layers": [0], "features": ["f0"], "selection": "mean_difference"}
        both = pruning(*planted, k=[3, 1], **settings)
        assert both[["step", "k"]].to_numpy().tolist() == [[step, k] for step in range(3) for k in (1, 3)]
        alone = pruning(*planted, k=3, **settings)
        same = ["support", "removed", "f1", "control_f1"]
        pd.testing.assert_frame_equal(both[both["k"] == 3][same].reset_index(drop=True), alone[same])

    def test_the_papers_preset_refits_a_plain_regression(self, planted):
        """Not the elastic net of C = k / 20, which leaves most of five neurons at 0."""
        found = pruning(*planted, k=2, steps=1, candidates=20, layers=[0], preset="paper")
        assert all(np.count_nonzero(coef) == 2 for coef in found["coef"])
        assert (found["f1"] > found["control_f1"]).all()
