"""The shipped suite: it loads with plain transformers, knows its languages, and a larger model is a better one."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.metrics import f1_score
from transformers import AutoModelForCausalLM, AutoTokenizer

import sparseprobe as sp
from sparseprobe.models import shipped_models, shipped_path
from sparseprobe.statistics.best_threshold import best_thresholds

SUITE = ("demo-0.1m", "demo-0.6m", "demo-1.8m", "demo-4.7m")
SHAPES = {"demo-0.1m": (2, 64), "demo-0.6m": (3, 128), "demo-1.8m": (4, 192), "demo-4.7m": (6, 256)}
MARKERS = {
    "fr": {"le", "la", "les", "de", "des", "et", "un", "une", "que", "qui", "pour", "dans", "vous", "il", "est", "du"},
    "en": {"the", "of", "and", "to", "in", "a", "that", "is", "was", "it", "for", "with", "he", "you", "his", "be"},
}
PROMPTS = {
    "fr": ("Elle ne savait pas pourquoi il", "C'était un", "Il ouvrit la porte de la maison et regarda dans"),
    "en": ("It was a", "The President of the", "He opened the door of the house and looked at"),
    "Python": (
        "class TestReader(unittest.TestCase):\n    def test_read(self):\n        self.",
        "def read(self):\n        with open(self.path) as f:\n            return ",
        "    try:\n        value = int(text)\n    except ValueError",
    ),
}
PYTHON = {"self", "def", "return", "import", "None", "True", "False", "raise", "pytest", "assertTrue", "assertEqual"}
ELSEWHERE = ("{", "}", ";", "#include", "function", "public", "<?php", "</")


def training(name):
    return json.loads((shipped_path(name) / "training.json").read_text())


def plain(name):
    folder = shipped_path(name)
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def continuation(name, prompt, length=48):
    """Greedy, by plain transformers."""
    model, tokenizer = plain(name)
    ids = tokenizer(prompt, return_tensors="pt")
    out = model.generate(**ids, max_new_tokens=length, do_sample=False, use_cache=True, pad_token_id=0)
    return tokenizer.decode(out[0, ids["input_ids"].shape[1] :])


def single_neuron_f1(collection):
    """Test F1 of one neuron of the largest model for each feature of the shipped texts, which it never saw.

    The neuron and its threshold are those of the largest F1 on all documents that are not test documents. The mean over
    five splits, since a test part has 12 to 16 positives and the F1 of one split moves by some hundredths.
    """
    model = sp.load_model(SUITE[-1], device="cpu")
    splits = [sp.load_dataset(collection, tokenizer=model.tokenizer, seed=seed) for seed in range(5)]
    acts = sp.extract(model, splits[0], aggregate="mean")
    X = np.hstack([acts.layer(layer)[:] for layer in acts.layers])
    row_of = {ids.tobytes(): row for row, ids in enumerate(splits[0].sequences)}
    scores = dict.fromkeys(splits[0].features["name"], 0.0)
    for data in splits:
        rows = X[[row_of[data.sequences[sequence].tobytes()] for sequence in data.examples["sequence"]]]
        test = (data.examples["split"] == "test").to_numpy()
        for feature in scores:
            y = data.labels[feature].to_numpy() == 1
            upwards = rows[~test & y].mean(axis=0) > rows[~test & ~y].mean(axis=0)
            thresholds, f1 = best_thresholds(rows[~test], y[~test], upwards)
            neuron = int(np.argmax(f1))
            fires = (rows[test, neuron] > thresholds[neuron]) == upwards[neuron]
            scores[feature] += f1_score(y[test], fires) / len(splits)
    return scores


def test_the_suite_is_whole_and_small():
    assert shipped_models() == SUITE
    assert sum(path.stat().st_size for name in SUITE for path in shipped_path(name).iterdir()) <= 28e6


@pytest.mark.parametrize("name", SUITE)
def test_plain_transformers_loads_it(name):
    model, tokenizer = plain(name)
    config = model.config
    assert config.model_type == "gpt_neox"
    assert (config.num_hidden_layers, config.hidden_size) == SHAPES[name]
    assert config.intermediate_size == 4 * config.hidden_size
    assert len(tokenizer) == config.vocab_size
    with safe_open(shipped_path(name) / "model.safetensors", "pt") as file:
        assert {file.get_slice(key).get_dtype() for key in file.keys()} == {"F16"}  # noqa: SIM118
    assert "## Where the text is from" in (shipped_path(name) / "README.md").read_text()


def test_one_tokenizer_and_one_order_of_tokens():
    assert len({(shipped_path(name) / "tokenizer.json").read_bytes() for name in SUITE}) == 1
    assert len({json.dumps([training(name)[key] for key in ("seed", "tokens", "data")]) for name in SUITE}) == 1


def test_recorded_loss_falls_with_size():
    """For every kind of text."""
    last = [training(name)["held_out"][-1]["bits_per_byte"] for name in SUITE]
    assert len(last[0]) == 22
    for small, large in pairwise(last):
        assert all(large[kind] < small[kind] for kind in small)


def test_loss_falls_with_size_on_texts_that_no_model_saw():
    means = []
    for name in SUITE:
        model = sp.load_model(name, device="cpu")
        data = sp.load_dataset("natural_language", tokenizer=model.tokenizer)
        rows = [data.sequences[i] for i in range(0, len(data.sequences), 20)]
        losses = []
        for row in rows:
            ids = torch.from_numpy(row[:128].astype("int64"))[None]
            with torch.no_grad():
                losses.append(float(model.module(input_ids=ids, labels=ids).loss))
        means.append(sum(losses) / len(losses))
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_greedy_continuation_stays_in_its_language(language):
    text = " ".join(continuation(SUITE[-1], prompt) for prompt in PROMPTS[language])
    words = re.findall(r"[^\W\d_]+", text.lower())
    hits = {name: sum(word in markers for word in words) for name, markers in MARKERS.items()}
    assert hits[language] >= 15
    assert hits[language] >= 5 * min(hits.values())
    assert max(hits, key=lambda name: hits[name]) == language


def test_greedy_continuation_of_python_is_python():
    """It repeats itself, as greedy text of a model this small does, but in Python's words and no other's signs."""
    text = "\n".join(continuation(SUITE[-1], prompt) for prompt in PROMPTS["Python"])
    assert sum(word in PYTHON for word in re.findall(r"\w+", text)) >= 15
    assert not any(sign in text for sign in ELSEWHERE)


def test_the_largest_model_has_a_neuron_for_every_language():
    scores = single_neuron_f1("natural_language")
    assert len(scores) == 9
    assert min(scores.values()) >= 0.95, scores


def test_the_largest_model_has_neurons_for_most_programming_languages_and_some_registers():
    code, registers = single_neuron_f1("programming_language"), single_neuron_f1("data_source")
    assert len(code) == len(registers) == 9
    assert sum(score >= 0.85 for score in code.values()) >= 6, code
    assert min(registers[name] for name in ("code_repository", "scientific_article")) >= 0.85, registers
