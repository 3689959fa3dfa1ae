"""The two studies of what neurons read, on the planted language, where the answers are known."""

from __future__ import annotations

import pandas as pd
import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

import sparseprobe as sp
from sparseprobe.neurons.planted_language import planted_model, planted_text
from sparseprobe.reports.findings import Cell
from sparseprobe.studies.compound_words import polysemanticity, separation
from sparseprobe.studies.reading_probes import ends_of_sentences, properties


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Folders of the planted model and of text in its language."""
    place = tmp_path_factory.mktemp("planted")
    data = planted_text(120)
    planted_model().module.save_pretrained(place / "model")
    tokenizer = Tokenizer.from_str(data.tokenizer.definition)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(place / "model")
    data.save(place / "text")
    return {"model": str(place / "model"), "dataset": str(place / "text")}


@pytest.fixture(scope="module")
def compounds(planted, tmp_path_factory):
    return sp.study("compound-words", tmp_path_factory.mktemp("compounds"), **planted)


@pytest.fixture(scope="module")
def readings(planted, tmp_path_factory):
    return sp.study("reading-probes", tmp_path_factory.mktemp("readings"), **planted)


def test_every_number_of_a_sentence_is_a_cell(compounds, readings):
    for done in (compounds, readings):
        assert done.findings
        for sentence in done.findings:
            for part in sentence.parts:
                if isinstance(part, Cell):
                    value = done.tables[part.table].iloc[part.row][part.column]
                    assert float(part.text) == pytest.approx(float(value), abs=6e-4)


def test_the_fewest_neurons_that_separate_are_those_that_were_planted(compounds):
    table = compounds.tables["separation"].set_index("feature")
    assert table["k"].to_dict() == {"b_after_a": 1, "c_or_d": 1, "g": 2, "h_or_i": 2}
    assert table["neurons"].map(list).to_dict() == {
        "b_after_a": ["L0.N0"],
        "c_or_d": ["L0.N1"],
        "g": ["L0.N2", "L0.N3"],
        "h_or_i": ["L0.N4", "L0.N5"],
    }
    by_k = compounds.tables["separation_by_k"]
    assert by_k["separated"].tolist() == [2, 4, 4, 4, 4, 4]
    assert set(by_k["compounds"]) == {4}


def test_separation_is_by_the_layer_that_validation_chooses():
    rows = pd.DataFrame(
        {
            "model": "m",
            "collection": "c",
            "feature": "f",
            "k": [1, 1, 2, 2],
            "layer": [0, 1, 0, 1],
            "neurons": [["L0.N1"], ["L1.N1"], ["L0.N1", "L0.N2"], ["L1.N1", "L1.N2"]],
            "f1": [1.0, 0.9, 0.8, 1.0],
            "f1_low": 0.7,
            "f1_validation": [0.8, 0.9, 0.9, 1.0],
            "n_test": 20,
            "n_positive": 5,
        }
    )
    (row,) = separation(rows).to_dict("records")
    assert (row["k"], row["layer"]) == (2, 1)


def test_polysemanticity_counts_unrelated_drivers(compounds):
    table = compounds.tables["polysemanticity"].set_index("neuron")
    assert table["unrelated"].to_dict() == {"L0.N1": 2, "L0.N3": 2, "L0.N0": 1, "L0.N4": 1}
    silent = polysemanticity(compounds.tables["neurons"], compounds.tables["stimuli"].head(0))
    assert set(silent["unrelated"]) == {0}


def test_bases_are_means_over_features_layers_and_trials(compounds):
    rows = compounds.tables["baselines"]
    (own,) = compounds.tables["bases"].query("arm == 'orthonormal' and k == 2").to_dict("records")
    chosen = rows[(rows["arm"] == "orthonormal") & (rows["k"] == 2)]
    assert own["log_loss"] == pytest.approx(chosen["log_loss"].mean())


def test_what_is_read_is_told(readings):
    growth = readings.tables["growth"].set_index("feature")
    assert growth["decision"].to_dict() == {
        "h_or_i": "union",
        "g": "superposition",
        "b_after_a": "single",
        "c_or_d": "single",
    }
    assert (growth["gain"] == growth["f1"] - growth["f1_k1"]).all()
    assert readings.tables["decisions"].set_index("decision")["features"].to_dict() == {
        "union": 1,
        "superposition": 1,
        "single": 2,
    }
    assert set(readings.tables["tokens"].set_index("neuron").loc["L0.N1", ["text_of_largest_mean"]]) <= {"C", "D"}


def test_figures_that_have_no_rows_are_not_drawn(compounds, readings):
    drawn = {path.stem for path in (compounds.folder / "figures").glob("*.svg")}
    assert drawn == {
        *("compound-parts", "f1-over-k", "ngram-stimuli", "basis-over-k", "bias-by-layer", "median-over-depth"),
    }
    assert {path.stem for path in (readings.folder / "figures").glob("*.svg")} == {"f1-over-k"}


def test_neurons_of_people_and_of_ends_of_sentences_are_found_by_their_features():
    about = {"model": "m", "collection": "c"}
    relation = pd.DataFrame(
        [
            {**about, "feature": "end_of_sentence", "neuron": "L0.N1", "sign": "-"},
            {**about, "feature": "occupation=actor", "neuron": "L0.N2", "sign": "+"},
        ]
    )
    names = ["L0.N1", "L0.N1-", "L0.N2"]
    by_class = pd.DataFrame([{**about, "neuron": name, "feature": f"sport={name}"} for name in names])
    effects = pd.DataFrame([{**about, "neuron": name} for name in names])
    tables = {"relation": relation, "by_class": by_class, "logit_classes": effects}
    assert ends_of_sentences(tables)["neuron"].tolist() == ["L0.N1-"]
    assert properties(tables)["neuron"].tolist() == ["L0.N2"]
