from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sparseprobe.datasets import TokenizerRecord, load_dataset
from sparseprobe.datasets.collections.plain_text import FEATURES
from sparseprobe.datasets.vocabulary import FRAGMENT, token_texts
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BY_HAND = {
    "contains_digit": {"a1": 1, " 12": 1, "one": 0},
    "all_digits": {"12": 1, " 7": 1, "a1": 0, "1.": 0},
    "contains_capital": {"aB": 1, " É": 1, "ab": 0},
    "leading_capital": {" The": 1, "A": 1, "aB": 0, "\n": 0},
    "all_capitals": {" USA": 1, "Σ": 1, "I": 0, " A": 0, "U2": 0, "The": 0},
    "contains_whitespace": {" the": 1, "\t": 1, "the": 0},
    "leading_space": {" the": 1, "\nthe": 0, "the ": 0},
    "no_leading_space_and_lower": {"ing": 1, " ing": 0, "Ing": 0, "ing.": 0, "é": 1},
    "all_whitespace": {"  ": 1, "\r\n": 1, " a": 0},
    "no_alphanumeric": {"...": 1, " -": 1, "a.": 0, "²": 0, " ": 1},
    "not_ascii": {"é": 1, "€": 1, " the": 0},
}


@pytest.mark.parametrize("name", list(FEATURES))
def test_the_features_mean_what_they_say(name: str) -> None:
    assert {text: int(FEATURES[name][1](text)) for text in BY_HAND[name]} == BY_HAND[name]


def source(n: int = 40) -> list[dict[str, str]]:
    return [
        {
            "text": f"The USA paid {n} + 12 € for it, and  walked\non to Athènes in 19{n}! \U0001f996 " * 4,
            "document": f"d{n}",
        }
        for n in range(10, 10 + n)
    ]


def test_every_label_is_the_property_of_its_token(tokenizer: Tokenizer) -> None:
    data = load_dataset("plain_text", source=source(), tokenizer=tokenizer, min_positives=5)
    texts = token_texts(TokenizerRecord.of(tokenizer))
    seen = 0
    for row in data.examples.itertuples():
        assert row.stop == row.start + 1
        assert row.start >= 10
        text = texts[data.sequences[row.sequence][row.start]]
        for name, value in data.labels.loc[row.Index].items():
            if value == -1:
                continue
            seen += 1
            assert FRAGMENT not in text or name == "not_ascii"
            assert value == FEATURES[name][1](text)
    assert seen > 1000


def test_long_texts_are_cut_into_windows(tokenizer: Tokenizer) -> None:
    text = " ".join(f"word{n}" for n in range(400))
    data = load_dataset(
        "plain_text",
        source=[{"text": text, "document": f"d{n}"} for n in range(4)],
        tokenizer=tokenizer,
        context=32,
        min_positives=5,
        first_position=3,
    )
    assert data.sequences.lengths.max() == 32
    assert data.settings["counts"]["windows"] > 40
    assert data.examples["start"].min() == 3


def test_the_papers_settings(tokenizer: Tokenizer) -> None:
    data = load_dataset("plain_text", source=source(400), tokenizer=tokenizer, preset="paper")
    expected = {"context": 256, "n_examples": 10_000, "positive_share": 0.2, "first_position": 10, "min_positives": 500}
    assert {name: data.settings[name] for name in expected} == expected
    drawn = (data.labels != -1).sum()
    shares = (data.labels == 1).sum() / drawn
    assert (drawn == 10_000).all()
    assert shares.min() >= 0.2 or (shares * drawn).min() >= 500
    assert np.isclose(shares, 0.2).any()


def test_texts_that_are_too_short_are_said(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="all 2 texts end before position 10"):
        load_dataset("plain_text", source=[{"text": "a b"}, {"text": "c"}], tokenizer=tokenizer)


def test_the_shipped_texts_have_all_eleven_features() -> None:
    data = load_dataset("plain_text", tokenizer="demo-4.7m")
    assert set(data.features["name"]) == set(FEATURES), data.settings["dropped_features"]
