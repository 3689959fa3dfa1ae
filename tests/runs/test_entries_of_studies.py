"""What the entries for the case studies say of the planted language, where every neuron is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sparseprobe as sp
from sparseprobe.errors import InputError
from sparseprobe.neuron import Neuron
from sparseprobe.neurons import logit_effect, read_tokens, weight_statistics
from sparseprobe.neurons.on_text.compound_contexts import CONTEXTS, compound_contexts
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text
from sparseprobe.reports.figures import draw, on_text
from sparseprobe.runs.catalogue import EXPERIMENTS, checked_work, sources_of
from sparseprobe.runs.experiment import Question
from sparseprobe.runs.on_text import driving_ngrams

NEW = ("compound_parts", "stimuli", "by_token", "by_class", "weights", "logit_classes", "union", "relation")


def question(data, model, **settings):
    return Question(data, {0: 24}, "mlp", settings={"k": [1, 2, 4], **settings}, model=model)


@pytest.fixture(scope="module")
def planted():
    return planted_model(), planted_text(120)


@pytest.fixture(scope="module")
def tables(planted):
    model, data = planted
    acts = sp.extract(model, data)
    found = {}
    work = checked_work(["sweep", "neurons", *NEW], question(data, model))
    for name, do in work.items():
        parts = [part.make() for part in do(sources_of(acts, found))]
        found[name] = pd.concat(parts, ignore_index=True)
    return found


@pytest.mark.parametrize("name", NEW)
def test_an_entry_has_the_columns_that_it_says(tables, name):
    assert list(tables[name].columns) == [column.name for column in EXPERIMENTS[name].columns]
    assert len(tables[name])


def test_contexts_are_those_of_the_letters(planted):
    data = planted[1]
    found = compound_contexts(data, "b_after_a")
    sequences = [data.sequences[row] for row in range(len(data.sequences))]
    words = [[LETTERS[token] for token in ids] for ids in sequences]
    pairs = [(("", *text[:-1])[place], letter) for text in words for place, letter in enumerate(text)]
    labelled = [place > 0 for text in words for place in range(len(text))]
    expected = {
        "compound": [pair == ("A", "B") for pair in pairs],
        "first word alone": [first == "A" and second != "B" for first, second in pairs],
        "second word alone": [
            first != "A" and second == "B" and known for (first, second), known in zip(pairs, labelled, strict=True)
        ],
        "other": [first != "A" and second != "B" for first, second in pairs],
    }
    assert {name: places.tolist() for name, places in found.items()} == expected
    assert on_text.CONTEXTS == CONTEXTS == tuple(expected)


def test_parts_of_a_compound_are_quantiles_of_what_the_model_computes(planted, tables):
    model, data = planted
    table = tables["compound_parts"]
    test = data.subset(splits=["test"])
    places = compound_contexts(test, "b_after_a")
    rows = table[table["compound"] == "b_after_a"]
    (sweep,) = tables["sweep"].query("feature == 'b_after_a' and k == 2").to_dict("records")
    assert set(rows["neuron"]) == {*sweep["neurons"], "sum"}
    values = read_tokens(model, test, sweep["neurons"]).matrix.astype(float)
    signed = values @ np.array([{"+": 1, "-": -1}[sign] for sign in sweep["sign"]])
    shown = {**dict(zip(sweep["neurons"], values.T, strict=True)), "sum": signed}
    for row in rows.to_dict("records"):
        here = shown[row["neuron"]][places[row["context"]]]
        assert row["count"] == len(here)
        assert [row["q05"], row["q50"], row["q95"]] == pytest.approx(np.percentile(here, [5, 50, 95]).tolist())
        assert row["mean"] == pytest.approx(here.mean())
    medians = rows[rows["neuron"] == "L0.N0"].set_index("context")["q50"]
    assert medians["compound"] > 0.9
    assert medians.drop("compound").tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert draw("compound_parts", table).axes


def test_the_best_neurons_are_driven_by_their_letters(tables):
    drivers = tables["stimuli"].groupby("neuron")["text"].agg(set)
    assert drivers["L0.N0"] == {"A|B"}
    assert drivers["L0.N1"] == {"C", "D"}
    tokens = tables["by_token"].query("neuron == 'L0.N1'").sort_values("mean", ascending=False)
    assert set(tokens["text"][:2]) == {"C", "D"}
    assert tokens["mean"].iloc[0] == pytest.approx(1, abs=1e-3)
    assert tokens["mean"].iloc[2] == pytest.approx(0, abs=1e-3)


def test_classes_have_the_quantiles_of_their_tokens(planted, tables):
    model, data = planted
    test = data.subset(splits=["test"])
    values = read_tokens(model, test, "L0.N1").matrix[:, 0]
    letters = np.isin(test.sequences.tokens, [LETTERS.index("C"), LETTERS.index("D")])
    letters[test.sequences.offsets[:-1]] = False
    (row,) = tables["by_class"].query("neuron == 'L0.N1' and feature == 'c_or_d' and label == 1").to_dict("records")
    assert row["count"] == letters.sum()
    expected = np.quantile(values[letters].astype(float), [0.05, 0.25, 0.5, 0.75, 0.95])
    assert [row[name] for name in ("q05", "q25", "q50", "q75", "q95")] == pytest.approx(expected.tolist())
    assert draw("property_boxes", tables["by_class"]).axes


def test_effects_by_class_are_shares_of_the_vocabulary(planted, tables):
    table = tables["logit_classes"]
    assert set(table["token_class"]) == {"capitalised"}  # as all letters are
    bins = table[table["neuron"] == "L0.N0"]
    effect = logit_effect(planted[0], "L0.N0")[0]
    assert bins["share"].sum() == pytest.approx(1)
    assert bins["mean"].iloc[0] == pytest.approx(effect.mean())
    top = bins.iloc[-1]
    assert top["high"] == pytest.approx(effect[LETTERS.index("Z")])
    assert top["share"] == pytest.approx(1 / 16)
    assert draw("logits_by_token_class", table).axes


def test_weights_are_those_of_every_neuron(planted, tables):
    pd.testing.assert_frame_equal(tables["weights"], weight_statistics(planted[0]))


def test_several_neurons_are_told_apart_by_what_they_read(tables):
    decisions = tables["union"].set_index("feature")["decision"]
    assert decisions["h_or_i"] == "union"
    assert decisions["g"] == "superposition"
    assert decisions["c_or_d"] == "single"
    relations = tables["relation"].set_index("feature")
    assert relations.loc["c_or_d", "relation"] == "same"
    assert relations.loc["h_or_i", "relation"] == "more specific"
    assert relations.loc["h_or_i", "n_examples"] > 0
    assert "⟦" in relations.loc["h_or_i", "examples"][0]
    assert relations.loc["g", "relation"] == "more general"


@pytest.mark.parametrize("name", [one for one in NEW if EXPERIMENTS[one].needs_model])
def test_what_needs_the_model_says_so_first(planted, name):
    model, data = planted
    wanted = ["sweep", "neurons", name]
    with pytest.raises(InputError, match="runs the model itself"):
        checked_work(wanted, question(data, None))
    with pytest.raises(InputError, match="the site asked for is residual"):
        checked_work(wanted, Question(data, {0: 56}, "residual", model=model))


def test_the_union_test_needs_several_neurons(planted):
    with pytest.raises(InputError, match="add a k from 2 to 8"):
        checked_work(["sweep", "union"], question(planted[1], None, k=[1, 16]))


def test_a_neuron_that_goes_farther_down_is_driven_on_that_side():
    data = planted_text(60)
    letters = np.where(data.sequences.tokens == LETTERS.index("C"), -2, 0) + (
        data.sequences.tokens == LETTERS.index("E")
    )
    values = np.stack([letters, -letters], axis=1).astype(np.float32)
    read = TokenActivations((Neuron(0, 1), Neuron(0, 2)), data, values)
    table = driving_ngrams(read)
    assert table[["neuron", "text"]].to_numpy().tolist() == [["L0.N1-", "C"], ["L0.N2", "C"]]


def test_words_of_several_tokens_are_told_apart_as_words():
    data = sp.load_dataset("compound_words", tokenizer="demo-0.1m", compounds=["social security"])
    found = compound_contexts(data, "social security")
    labels = data.labels["social security"]
    assert found["compound"].sum() == (labels == 1).sum() > 0
    assert found["first word alone"].sum() > 0
    assert found["first word alone"].sum() + found["second word alone"].sum() == (labels == 0).sum()
