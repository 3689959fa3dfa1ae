"""Planted neurons: union, superposition, single, and neither; the relation to the label says so too."""

import importlib

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sparseprobe.errors import InputError
from sparseprobe.neurons.on_text.label_relation import label_relation
from sparseprobe.neurons.on_text.mean_activation_by_token import read_tokens
from sparseprobe.neurons.on_text.stimuli import _related, stimuli
from sparseprobe.neurons.on_text.union_or_superposition import fires_best, union_test
from sparseprobe.neurons.planted_language import planted_model, planted_text


@pytest.fixture(scope="module")
def data():
    return planted_text(60)


@pytest.fixture(scope="module")
def activations(data):
    return read_tokens(planted_model(), data, [f"L0.N{index}" for index in range(24)])


@pytest.fixture(scope="module")
def examples(data, activations):
    places = data.sequences.offsets[data.examples["sequence"]] + data.examples["start"].to_numpy()
    return activations.matrix[places], (data.examples["split"] == "train").to_numpy()


@pytest.mark.parametrize(
    ("feature", "neurons", "decision"),
    [("h_or_i", [4, 5], "union"), ("g", [2, 3], "superposition"), ("c_or_d", [1, 8], "single")],
)
def test_planted_neurons(data, examples, feature, neurons, decision):
    X, train = examples
    found = union_test(X[:, neurons], data.labels[feature], train)
    assert found.decision == decision
    if decision == "union":
        assert found.mean_overlap == 0
        assert found.precision.tolist() == [1, 1]
        np.testing.assert_allclose(found.recall.sum(), 1)
        assert found.fires_on.tolist() == [0, 1, 0]
    if decision == "superposition":
        assert found.mean_overlap == 1
        assert found.recall.tolist() == [1, 1]
        assert (found.precision < 0.8).all()
        assert found.least_together == 2
        assert found.f1_together == 1


def test_neither_rule_but_a_probe():
    """A weighted sum of many weak neurons: no rule of firing finds it, the probe does."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(4000, 6)) * [1, 2, 3, 1, 2, 3] + 0.0
    y = X @ [1, -1, 0.7, -1, 1, -0.7] > 1
    found = union_test(X, y, np.arange(4000) < 2000)
    assert found.decision == "distributed"
    assert found.f1_probe > found.f1_single + 0.2


def test_no_signal_is_single():
    draw = np.random.default_rng(1)
    found = union_test(draw.normal(size=(2000, 3)), draw.random(2000) < 0.3, np.arange(2000) < 1000)
    assert found.decision == "single"


def test_threshold_equals_brute_force():
    draw = np.random.default_rng(2)
    for _ in range(20):
        x, y = draw.integers(0, 6, 40).astype(float), draw.random(40) < 0.4
        if not 0 < y.sum() < 40:
            continue
        train = np.ones(40, bool)
        sign = 1 if x[y].mean() >= x[~y].mean() else -1
        best = max(f1_score(y, sign * x >= cut) for cut in np.unique(sign * x))
        assert f1_score(y, fires_best(x, y, train)) == pytest.approx(best)


def test_held_out_labels_are_not_seen(data, examples):
    X, train = examples
    y = data.labels["h_or_i"].to_numpy().astype(bool)
    flipped = np.where(train, y, ~y)
    for x in X[:, :6].T:
        assert (fires_best(x, y, train) == fires_best(x, flipped, train)).all()


def test_relation(data, examples):
    X, train = examples
    specific = label_relation(X[:, 4], data.labels["h_or_i"], train)
    assert specific.relation == "more specific"
    assert specific.precision == 1
    assert all("⟦I⟧" in line for line in specific.preview(data).splitlines())
    general = label_relation(X[:, 2], data.labels["g"], train)
    assert general.relation == "more general"
    assert general.recall == 1
    assert all("⟦E⟧" in line for line in general.preview(data, 3).splitlines())
    same = label_relation(X[:, 1], data.labels["c_or_d"], train)
    assert same.relation == "same"
    assert not len(same.rows)
    other = label_relation(np.random.default_rng(0).normal(size=len(X)), data.labels["c_or_d"], train)
    assert other.relation in ("other", "more general")


@pytest.mark.parametrize(
    ("neuron", "drivers", "polysemanticity"),
    [
        ("L0.N0", {"A|B"}, 1),
        ("L0.N1", {"C", "D"}, 2),
        ("L0.N2", {"E", "G"}, 2),
        ("L0.N4", {"H"}, 1),
    ],
)
def test_stimuli(activations, neuron, drivers, polysemanticity):
    found = stimuli(activations, neuron)
    assert set(found.table["text"]) == drivers
    assert found.polysemanticity == polysemanticity
    assert found.explained == 1
    assert found.threshold == pytest.approx(0.5, abs=1e-3)


def test_related_ngrams_are_one_meaning(monkeypatch, activations):
    """ "c", " C" and "D" after one of them: names that differ in case and spaces are the same."""
    texts = [name.lower() if name == "C" else "C" if name == "D" else name for name in "ABCDEFGHIJKLMNOZ"]
    module = importlib.import_module("sparseprobe.neurons.on_text.stimuli")
    monkeypatch.setattr(module, "texts_of", lambda *_: texts)
    assert stimuli(activations, "L0.N1").polysemanticity == 1


def test_chains_of_related_ngrams():
    assert _related([{"a"}, {"b"}, {"a", "b"}, {"c"}]) == [0, 0, 0, 1]


def test_errors(data, activations, examples):
    X, train = examples
    with pytest.raises(InputError, match=r"X has the shape \(1380, 1\).*k >= 2 neurons"):
        union_test(X[:, :1], data.labels["g"], train)
    with pytest.raises(InputError, match="the held-out examples are not of both classes"):
        union_test(X, data.labels["g"], np.ones(len(X), bool))
    with pytest.raises(InputError, match="must both be of both classes"):
        label_relation(X[:, 0], np.zeros(len(X)), train)
    with pytest.raises(InputError, match=r"say which neuron is meant, of L0\.N0"):
        stimuli(activations)
    with pytest.raises(InputError, match=r"L5\.N1 was not read"):
        stimuli(activations, "L5.N1")
    with pytest.raises(InputError, match="least=0"):
        stimuli(activations, "L0.N1", least=0)
