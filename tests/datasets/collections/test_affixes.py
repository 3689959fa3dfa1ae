from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sparseprobe.datasets import load_dataset
from sparseprobe.datasets.collections.affixes import FEATURES, PREFIXES, SUFFIXES
from sparseprobe.datasets.vocabulary import FRAGMENT, token_texts

if TYPE_CHECKING:
    from sparseprobe.datasets import ProbingDataset

BY_HAND = {
    "un-": {" undo": 1, " Under": 1, "undo": None, " un": 0, " una": 0, " un-do": 0, " sun": 0},
    "re-": {" return": 1, " red": 0, " repay": 1, "repay": None, "pay": 0},
    "-ing": {" walking": 1, "walking": 1, " king": 0, " ring": 0, "ing": 0, " WALKING": 1, "walking,": 0},
    "-ness": {" kindness": 1, " ness": 0, " kindnesses": 0},
    "-ly": {" badly": 1, " fly": 0},
}


def test_sixty_affixes_that_mean_what_they_say() -> None:
    assert (len(PREFIXES), len(SUFFIXES), len(set(FEATURES))) == (30, 30, 60)
    for name, examples in BY_HAND.items():
        assert {text: FEATURES[name][1](text) for text in examples} == examples
    assert FEATURES["-ing"][1](FRAGMENT + "ing") is None


@pytest.fixture(scope="module")
def data() -> ProbingDataset:
    return load_dataset("affixes", tokenizer="demo-4.7m", min_positives=30)


def test_every_label_of_the_shipped_texts_is_that_of_its_token(data: ProbingDataset) -> None:
    texts = token_texts(data.tokenizer)
    tokens = data.sequences.tokens[data.sequences.offsets[data.examples["sequence"]] + data.examples["start"]]
    words = [texts[token] for token in tokens]
    for name in ("re-", "-ing"):
        values = data.labels[name].to_numpy()
        assert all(FEATURES[name][1](word) == value for word, value in zip(words, values, strict=True) if value != -1)
    assert data.examples["start"].min() >= 10


def test_affixes_can_be_probed_on_the_shipped_texts(data: ProbingDataset) -> None:
    assert len(data.features) >= 20  # a vocabulary of 4,096 cuts most long words
    assert set(data.features["category"]) == {"prefix", "suffix"}
    assert set(data.features["name"]) | set(data.settings["dropped_features"]) == set(FEATURES)
    drawn = (data.labels != -1).sum()
    share = (data.labels == 1).sum() / drawn
    assert (drawn <= 10_000).all()
    assert (share <= 0.21).all()
