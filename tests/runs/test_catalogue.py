"""Every entry of the catalogue keeps the one contract of experiments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sparseprobe import choices
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import planted_experiment
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.runs.catalogue import EXPERIMENTS, checked_work, do_experiment, sources_of
from sparseprobe.runs.experiment import Question


@pytest.fixture(scope="module")
def planted():
    acts, data = planted_experiment(n=200, width=60, informative=2, n_layers=2, shift=6.0)
    values = data.labels.assign(value=acts.layer(0)[:][:, 4] + np.arange(200) / 100)
    features = pd.concat([data.features, data.features.assign(name="value", kind="continuous")], ignore_index=True)
    return acts, replace(data, labels=values, features=features)


PROBING = [
    name
    for name, experiment in EXPERIMENTS.items()
    if not (experiment.needs_model or experiment.needs_tables) and name != "planted"  # which is about no feature
]


@pytest.mark.parametrize("name", PROBING)
def test_an_entry_has_the_columns_that_it_says_and_the_features_that_it_is_about(planted, name):
    settings = {"k": [1, 2]} if "k" in EXPERIMENTS[name].takes else {}
    if "selection" in EXPERIMENTS[name].takes and EXPERIMENTS[name].kind == "binary":
        settings["selection"] = "mean_difference"
    table = do_experiment(name, *planted, **settings)
    assert list(table.columns) == [column.name for column in EXPERIMENTS[name].columns]
    assert set(table["feature"]) == {"f0" if EXPERIMENTS[name].kind == "binary" else "value"}
    assert set(table["layer"]) == {0, 1}


def test_parts_of_a_layer_share_it(planted):
    acts, data = planted
    examples = LabelledExamples.of(data)
    sources = sources_of(acts, {})
    first = sources.layer(0, examples)
    assert sources.layer(0, examples) is first
    assert sources.layer(1, examples) is not first


def test_parts_can_be_made_in_any_order(planted):
    acts, data = planted
    question = Question(data, {layer: acts.width(layer) for layer in acts.layers}, acts.site, ["f0"])
    parts = list(checked_work(["neurons"], question)["neurons"](sources_of(acts, {})))
    backwards = {part.key: part.make() for part in reversed(parts)}
    assert list(backwards) == ["layer-1", "layer-0"]
    again = pd.concat([backwards[part.key] for part in parts], ignore_index=True).drop(columns="seconds")
    pd.testing.assert_frame_equal(again, do_experiment("neurons", acts, data).drop(columns="seconds"))


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("ablation", {}, "the experiment 'ablation' needs more than activations"),
        ("neurons", {"k": [1]}, "the experiment 'neurons' does not accept k: omit it"),
        ("significance", {"preset": "paper"}, "the experiment 'significance' does not accept preset: omit it"),
        ("sweep", {"k": [61]}, "k = 61 is larger than the width 60"),
        ("sweep", {"features": ["value"]}, "the experiment 'sweep' is about binary features"),
        ("regression", {"features": ["f0"]}, "the experiment 'regression' is about continuous features"),
    ],
)
def test_what_cannot_be_done_is_said(planted, name, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        do_experiment(name, *planted, **settings)


def test_unknown_names_are_answered_with_the_known_ones(planted):
    with pytest.raises(UnknownNameError, match="did you mean 'dense'"):
        do_experiment("dens", *planted)
    with pytest.raises(UnknownNameError, match="unknown feature 'f7'"):
        do_experiment("dense", *planted, features=["f7"])
    with pytest.raises(UnknownNameError, match="matching_pursuit, correlation"):
        do_experiment("regression", *planted, selection="adaptive")


def test_the_names_that_the_command_line_knows_are_the_entries():
    assert tuple(EXPERIMENTS) == choices.EXPERIMENTS
