from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from sparseprobe.activations import Activations
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import CERTIFICATE, PAPER_K, SWEEP, planted_experiment, sweep
from sparseprobe.selection import Certificate, Choice, Problem, registry
from sparseprobe.selection.registry import register_selection


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=500, width=20, informative=2, n_features=2, n_layers=2, per_group=2, shift=5.0)


@pytest.fixture(scope="module")
def table(planted):
    return sweep(*planted, k=[4, 1, 2], seed=3)


def test_one_row_for_each_feature_layer_and_k_with_the_columns_of_the_schema(table):
    assert list(table.columns) == [column.name for column in SWEEP]
    assert {column.name: str(table[column.name].dtype) for column in SWEEP} == {c.name: c.dtype for c in SWEEP}
    rows = table[["layer", "feature", "k"]].itertuples(index=False, name=None)
    assert list(rows) == [(layer, f, k) for layer in (0, 1) for f in ("f0", "f1") for k in (1, 2, 4)]
    assert set(table["model"]) == {"planted"}
    assert set(table["selection"]) == {"adaptive"}
    assert set(table["seed"]) == {3}
    assert (table["support"].map(len) == table["k"]).all()
    assert (table["seconds"] > 0).all()


def test_reported_scores_are_those_of_the_reported_probe_on_test_examples(planted, table):
    acts, data = planted
    for row in table.itertuples():
        y = data.labels[row.feature].to_numpy()
        decision = acts.layer(row.layer)[:][:, row.support].astype(np.float64) @ np.array(row.coef) + row.intercept
        for part, suffix in (("test", ""), ("validation", "_validation")):
            rows = (data.examples["split"] == part).to_numpy()
            assert getattr(row, "f1" + suffix) == pytest.approx(metrics.f1_score(y[rows], decision[rows] > 0))
        rows = (data.examples["split"] == "test").to_numpy()
        assert row.roc_auc == pytest.approx(metrics.roc_auc_score(y[rows], decision[rows]))
        assert row.log_loss == pytest.approx(metrics.log_loss(y[rows], 1 / (1 + np.exp(-decision[rows]))))
        assert (row.n_test, row.n_positive) == (rows.sum(), y[rows].sum())
        assert row.f1_low <= row.f1 <= row.f1_high


def test_planted_neurons_are_found_and_controls_are_not(planted, table):
    _, data = planted
    two = table[(table["k"] == 2) & (table["layer"] == 0)]
    for row in two.itertuples():
        assert row.support == data.settings["planted"][row.feature]
        assert row.f1_low > row.control_f1
        assert row.converged


def test_what_stands_in_validation_and_test_examples_changes_neither_choice_nor_fit(planted, table):
    acts, data = planted
    train = (data.examples["split"] == "train").to_numpy()
    scrambled = {layer: acts.layer(layer)[:].copy() for layer in acts.layers}
    for X in scrambled.values():
        X[~train] = np.random.default_rng(0).permuted(X[~train] * 100, axis=0)
    other = sweep(Activations.from_arrays(scrambled, model_name="planted"), data, k=[4, 1, 2], seed=3)
    assert other["support"].tolist() == table["support"].tolist()
    assert other["coef"].tolist() == table["coef"].tolist()
    assert (other["f1"] != table["f1"]).any()


def test_the_same_question_has_the_same_answer_whatever_else_is_asked(planted, table):
    same = [column.name for column in SWEEP if column.name != "seconds"]
    again = sweep(*planted, k=[1, 2, 4], seed=3)
    pd.testing.assert_frame_equal(again[same], table[same])
    part = sweep(*planted, k=[2], seed=3, features=["f1"], layers=1)
    expected = table[(table["k"] == 2) & (table["feature"] == "f1") & (table["layer"] == 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part[same], expected[same], rtol=1e-4)


@pytest.mark.parametrize("selection", ["adaptive", "mean_difference", "l1", "random"])
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_labels_without_information_give_chance(selection, preset):
    acts, data = planted_experiment(n=900, width=40, informative=2, n_features=6, shift=0.0, seed=11)
    found = sweep(acts, data, selection=selection, preset=preset, k=[1, 4, 16], features=None)
    chance = found["n_positive"] / found["n_test"]
    inside = (found["roc_auc"] - 0.5).abs() < 4 * np.sqrt(1 / (12 * found["n_positive"]))
    assert inside.all()
    assert found["balanced_accuracy"].mean() == pytest.approx(0.5, abs=0.03)
    assert (found["f1_low"] <= 2 * chance / (1 + chance)).all()  # what always saying yes reaches
    assert (found["f1"] - found["control_f1"]).mean() == pytest.approx(0, abs=0.05)


def test_the_papers_preset_has_a_single_split_and_its_elastic_net(planted):
    paper = sweep(*planted, k=[2, 4], preset="paper")
    assert paper["f1_validation"].isna().all()
    default = sweep(*planted, k=[2, 4])
    assert (paper["n_train"] > default["n_train"]).all()
    assert (paper["n_test"] == default["n_test"]).all()
    assert paper["converged"].all()


def test_rows_without_a_label_take_no_part(planted):
    acts, data = planted
    labels = data.labels.copy()
    hidden = np.random.default_rng(0).random(len(labels)) < 0.4
    labels.loc[hidden, "f0"] = -1
    part = dataclasses.replace(data, labels=labels)
    found = sweep(acts, part, k=[2], features=["f0"], layers=[0])
    alone = data.subset(examples=~hidden)
    kept = Activations.from_arrays({0: acts.layer(0)[:][~hidden]}, model_name="planted")
    expected = sweep(kept, alone, k=[2], features=["f0"])
    same = ["n_train", "n_test", "n_positive", "support", "f1", "f1_low", "control_f1"]
    pd.testing.assert_frame_equal(found[same], expected[same])


def test_the_papers_list_is_cut_at_the_width_and_any_other_is_not(planted):
    found = sweep(*planted, layers=[0], features=["f0"])
    assert found["k"].tolist() == [k for k in PAPER_K if k <= 40]
    with pytest.raises(InputError, match="k = 64 is larger than the width 40 of layer 0: ask for at most 40"):
        sweep(*planted, k=[1, 64])


def test_exact_selections_add_their_certificates(planted, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Oracle:
        name: str = "oracle"

        def path(self, problem: Problem, ks):
            certificate = Certificate(objective=2.0, bound=1.5, gap=0.25, proven=False, nodes=7)
            return [Choice(np.arange(k), certificate=certificate) for k in ks]

    monkeypatch.setattr(registry, "_SELECTIONS", dict(registry._SELECTIONS))
    register_selection(Oracle())
    found = sweep(*planted, selection="oracle", k=[1, 3], layers=[0])
    assert list(found.columns) == [column.name for column in (*SWEEP, *CERTIFICATE)]
    assert found["gap"].tolist() == [0.25] * 4
    assert found["nodes"].tolist() == [7] * 4


def test_a_dataset_without_validation_has_no_validation_score(planted):
    acts, data = planted
    kept = (data.examples["split"] != "validation").to_numpy()
    arrays = {layer: acts.layer(layer)[:][kept] for layer in acts.layers}
    found = sweep(Activations.from_arrays(arrays, model_name="m"), data.subset(splits=["train", "test"]), k=[1])
    assert found["f1_validation"].isna().all()


def test_in_a_split_by_example_the_control_is_read_by_recognising_documents():
    """Labels are those of documents, and so is every neuron, but neither knows of the other."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(16), 25)
    X = rng.standard_normal((16, 30))[group] + 0.1 * rng.standard_normal((400, 30))
    _, data = planted_experiment(n=400, width=1, informative=1)
    table = data.examples.assign(
        group=[f"d{one}" for one in group], split=np.where(rng.random(400) < 0.7, "train", "test")
    )
    labels = pd.DataFrame({"f0": (group % 2).astype(np.int8)})
    data = dataclasses.replace(data, examples=table, labels=labels, settings={"split_by": "example"})
    [row] = sweep(Activations.from_arrays({0: X}, model_name="m"), data, k=[30]).itertuples()
    assert row.f1 > 0.95
    assert row.control_f1 > 0.95


def test_a_layer_named_twice_is_one(planted):
    assert sweep(*planted, layers=[1, 1], k=[1])["layer"].tolist() == [1, 1]  # of two features


def test_what_cannot_be_asked_is_said(planted):
    acts, data = planted
    one_class = data.labels.assign(f1=np.int8(0))
    test_only = data.labels.assign(f0=np.where(data.examples["split"] == "train", 1, data.labels["f0"]).astype(np.int8))
    cases = [
        ({"features": ["f9"]}, data, UnknownNameError, "unknown feature 'f9'.*Known: f0, f1"),
        ({"features": "f9"}, data, UnknownNameError, "unknown feature 'f9'.*Known: f0, f1"),
        ({"layers": [7]}, data, InputError, "no layer 7 among the activations: they have 0, 1"),
        ({"layers": []}, data, InputError, r"layers=\[\] names no layer: the activations have 0, 1"),
        ({"layers": 7}, data, InputError, "no layer 7 among the activations: they have 0, 1"),
        ({"selection": "best"}, data, UnknownNameError, "unknown selection 'best'"),
        ({"preset": "fast"}, data, UnknownNameError, "unknown preset 'fast'.*Known: default, paper"),
        ({"k": [0]}, data, InputError, r"k must be positive integers such as \[1, 2, 4, 8\], got \[0\]"),
        ({"k": []}, data, InputError, "k must be positive integers"),
        ({"k": [1.5]}, data, InputError, "k must be positive integers"),
        ({}, dataclasses.replace(data, labels=one_class), InputError, "'f1' needs labels 0 and 1 among its train"),
        ({}, dataclasses.replace(data, labels=test_only), InputError, "'f0' .* train examples, and there are only 1"),
        ({}, data.subset(splits=["train"]), InputError, "500 rows of activations for"),
    ]
    for arguments, dataset, error, message in cases:
        with pytest.raises(error, match=message):
            sweep(acts, dataset, **arguments)


def test_activations_that_overflowed_are_refused(planted):
    acts, data = planted
    X = acts.layer(0)[:].copy()
    X[3, 4] = np.inf
    with pytest.raises(InputError, match="layer 0 holds values that are not finite"):
        sweep(Activations.from_arrays({0: X}, model_name="m"), data, k=[1])


def test_progress_counts_every_probe(planted):
    seen = []

    class Counting:
        def task(self, label, *, total, unit, done=0):
            seen.append((label, total))
            return nullcontext(lambda amount=1: seen.append(amount))

    sweep(*planted, k=[1], progress=Counting())
    assert seen == [("sweep", 4), 1, 1, 1, 1]
