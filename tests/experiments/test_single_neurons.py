from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from sparseprobe.activations import Activations
from sparseprobe.errors import InputError
from sparseprobe.experiments import NEURONS, best_neurons, planted_experiment, single_neurons, sweep
from sparseprobe.experiments.labelled_examples import LabelledExamples


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=500, width=20, informative=1, n_features=2, n_layers=2, shift=3.0)


@pytest.fixture(scope="module")
def table(planted):
    return single_neurons(*planted, keep=None)


def test_columns_are_those_of_the_schema(table):
    assert {name: str(table[name].dtype) for name in table.columns} == {c.name: c.dtype for c in NEURONS}
    assert list(table.columns) == [column.name for column in NEURONS]
    assert len(table) == 2 * 2 * 40
    assert set(table["k"]) == {1}


def test_each_row_is_scikit_learns_probe_on_that_neuron(planted, table):
    acts, data = planted
    split = data.examples["split"].to_numpy()
    train, test = split == "train", split == "test"
    for row in table.iloc[::13].itertuples():
        x = acts.layer(row.layer)[:][:, [row.index]].astype(np.float64)
        y = data.labels[row.feature].to_numpy()
        scale = 1 / (10 * x[train].std())
        theirs = LogisticRegression(C=10.0, class_weight="balanced", solver="newton-cholesky", tol=1e-10)
        theirs.fit(x[train] * scale, y[train])
        assert row.coef == pytest.approx(theirs.coef_[0, 0] * scale, rel=1e-3, abs=1e-6)
        assert row.f1 == pytest.approx(f1_score(y[test], theirs.predict(x[test] * scale)))
        assert row.f1_validation == pytest.approx(
            f1_score(y[split == "validation"], theirs.predict(x[split == "validation"] * scale))
        )
        chosen = split != "test"
        assert row.f1_choosing == pytest.approx(f1_score(y[chosen], theirs.predict(x[chosen] * scale)))
        assert row.log_loss_choosing == pytest.approx(
            log_loss(
                y[chosen],
                theirs.predict_proba(x[chosen] * scale),
                sample_weight=compute_sample_weight("balanced", y[chosen]),
            ),
            rel=1e-3,
        )
        difference = x[train][y[train] == 1].mean() - x[train][y[train] == 0].mean()
        assert row.mean_difference == pytest.approx(difference, abs=1e-5)
        beyond = x[:, 0] > row.threshold if row.coef > 0 else x[:, 0] < row.threshold
        assert row.best_threshold_f1 == pytest.approx(f1_score(y[test], beyond[test]))


def test_the_planted_neuron_comes_first_and_rows_rise_by_log_loss(planted, table):
    _, data = planted
    for (feature, layer), rows in table.groupby(["feature", "layer"]):
        assert (np.diff(rows["log_loss_choosing"]) >= 0).all()
        assert (rows["n_positive_groups"] == rows["n_positive"]).all()  # each example is a group
        if layer == 0:
            assert rows["index"].iloc[0] == data.settings["planted"][feature][0]
            assert rows["f1_low"].iloc[0] > rows["control_f1"].iloc[0]
        assert (rows["control_f1"] == rows["control_f1"].iloc[0]).all()


def test_keep_takes_the_first_rows(planted, table):
    same = [column.name for column in NEURONS if column.name != "seconds"]
    few = single_neurons(*planted, keep=3)
    expected = table.groupby(["layer", "feature"], sort=False).head(3).reset_index(drop=True)
    pd.testing.assert_frame_equal(few[same], expected[same])


def test_the_control_is_the_same_search_on_permuted_labels(planted):
    """Handing the permuted labels in as real ones: the best neuron by log loss has that test F1."""
    acts, data = planted
    found = single_neurons(acts, data, keep=1, features=["f0"], layers=[0], seed=4)
    shuffled = LabelledExamples.of(data, ["f0"], seed=4).control(0)[:, 0]
    permuted = dataclasses.replace(data, labels=data.labels.assign(f0=shuffled))
    best = single_neurons(acts, permuted, keep=1, features=["f0"], layers=[0], seed=4)
    assert found["control_f1"].iloc[0] == best["f1"].iloc[0]
    for part in ("train", "validation", "test"):
        rows = (data.examples["split"] == part).to_numpy()
        assert shuffled[rows].sum() == data.labels["f0"][rows].sum()


def test_labels_without_information_give_chance():
    """The best of 240 neurons looks good where it was chosen, and like a coin on test."""
    acts, data = planted_experiment(n=900, width=40, informative=1, n_features=6, shift=0.0, seed=11)
    found = single_neurons(acts, data, keep=1)
    assert (found["f1_choosing"] - found["f1"]).mean() > 0.03
    assert found["balanced_accuracy"].mean() == pytest.approx(0.5, abs=0.04)
    assert ((found["roc_auc"] - 0.5).abs() < 4 * np.sqrt(1 / (12 * found["n_positive"]))).all()
    chance = found["n_positive"] / found["n_test"]
    assert (found["f1_low"] <= 2 * chance / (1 + chance)).all()
    assert (found["f1"] - found["control_f1"]).mean() == pytest.approx(0, abs=0.08)


def test_the_papers_single_split_ranks_on_training_examples(planted):
    found = single_neurons(*planted, preset="paper", keep=5)
    assert found[["f1_validation", "f1_choosing", "log_loss_choosing"]].isna().all(axis=None)
    _, data = planted
    first = found[found["layer"] == 0].groupby("feature")["index"].first()
    assert first.to_dict() == {name: rows[0] for name, rows in data.settings["planted"].items()}


def test_constant_neurons_do_no_harm(planted):
    acts, data = planted
    X = np.column_stack([np.zeros(500), np.full(500, 7.0), acts.layer(0)[:][:, :3]])
    found = single_neurons(Activations.from_arrays({0: X}, model_name="m"), data, keep=None)
    assert found["converged"].all()
    assert np.isfinite(found.drop(columns="seconds").select_dtypes("number")).all().all()


def test_the_choice_finds_a_planted_neuron_that_validation_alone_misses():
    """Ten draws of a weak neuron among 300, in documents of four: evidence of both splits against that of one."""
    hits = {"log_loss_choosing": 0, "f1_validation": 0}
    for seed in range(10):
        acts, data = planted_experiment(n=500, width=300, informative=1, per_group=4, shift=1.3, seed=seed)
        table = single_neurons(acts, data, keep=None)
        planted = data.settings["planted"]["f0"]
        for score in hits:
            hits[score] += best_neurons(table, choose_by=score)["index"].tolist() == planted
    assert hits["log_loss_choosing"] >= 8
    assert hits["f1_validation"] <= hits["log_loss_choosing"] - 2


def test_keep_must_be_a_count(planted):
    with pytest.raises(InputError, match="keep must be at least 1, or None for all neurons, got 0"):
        single_neurons(*planted, keep=0)


def test_best_neurons_choose_by_log_loss_and_report_test(planted, table):
    swept = sweep(*planted, k=[1, 4])
    summary = best_neurons(table, swept, ks=(1, 4))
    assert summary["feature"].tolist() == ["f0", "f1"]
    for row in summary.itertuples():
        rows = table[table["feature"] == row.feature]
        best = rows.loc[rows["log_loss_choosing"].idxmin()]
        assert row.ties == (rows["f1_choosing"] == rows["f1_choosing"].max()).sum()
        assert (row.neuron, row.f1) == (f"L{best['layer']}.N{best['index']}", best["f1"])
    four = swept[(swept["feature"] == "f0") & (swept["k"] == 4)]
    assert summary["f1_k4"].iloc[0] == four.loc[four["f1_validation"].idxmax(), "f1"]


def test_equal_neurons_are_told_apart_by_how_far_they_part_the_classes(planted, table):
    equal = table[table["feature"] == "f0"].assign(log_loss_choosing=0.1)
    [chosen] = best_neurons(equal.iloc[::-1])["neuron"]
    layer, neuron = equal.loc[(equal["coef"] * equal["mean_difference"]).idxmax(), ["layer", "index"]]
    assert chosen == f"L{layer}.N{neuron}"
    assert neuron in planted[1].settings["planted"]["f0"]


def test_a_summary_without_validation_must_be_asked_for(planted):
    paper = single_neurons(*planted, preset="paper", keep=5)
    with pytest.raises(InputError, match="has no values of 'log_loss_choosing' to choose by"):
        best_neurons(paper)
    assert best_neurons(paper, choose_by="f1")["f1"].iloc[0] == paper[paper["feature"] == "f0"]["f1"].max()
