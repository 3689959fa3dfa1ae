from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sparseprobe.datasets import load_dataset
from sparseprobe.datasets.collections.position import FEATURES
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def test_every_label_is_the_position_of_its_token(tokenizer: Tokenizer) -> None:
    source = [{"text": "the school of side effects " * n, "document": f"d{n}"} for n in range(1, 30)]
    data = load_dataset("position", source=source, tokenizer=tokenizer, context=64)
    assert list(data.labels) == list(FEATURES)
    assert set(data.features["kind"]) == {"continuous"}
    length = data.sequences.lengths[data.examples["sequence"]]
    place = data.examples["start"].to_numpy()
    np.testing.assert_array_equal(data.labels["absolute"], place)
    np.testing.assert_allclose(data.labels["normalised"] * 63, place, rtol=1e-5)
    np.testing.assert_allclose(data.labels["relative"] * (length - 1), place, rtol=1e-5)
    np.testing.assert_allclose(2 ** data.labels["log2"] - 1, place, rtol=1e-5, atol=1e-5)
    assert place.min() == 0
    assert data.sequences.lengths.max() == 64
    assert data.n_examples == data.n_tokens


def test_all_forms_are_of_the_same_tokens(tokenizer: Tokenizer) -> None:
    source = [{"text": "the school of side effects " * 9, "document": f"d{n}"} for n in range(20)]
    data = load_dataset("position", source=source, tokenizer=tokenizer, n_examples=300)
    assert 295 <= data.n_examples <= 305
    assert np.isfinite(data.labels.to_numpy()).all()
    for part, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items():
        assert abs((data.examples["split"] == part).mean() - share) < 0.05


def test_a_bos_is_no_example_but_counts_as_a_position(families) -> None:
    data = load_dataset(
        "position", source=[{"text": f"the cat {n}"} for n in range(9)], tokenizer=families["word_piece"]
    )
    assert data.labels["absolute"].min() == 1


def test_a_sequence_of_one_token_has_no_relative_position_and_is_left_out(tokenizer: Tokenizer) -> None:
    texts = ["c" if row % 2 else "the school of side effects" for row in range(40)]
    source = [{"text": text, "document": f"d{row}"} for row, text in enumerate(texts)]
    data = load_dataset("position", source=source, tokenizer=tokenizer, n_examples=50, context=512)
    assert data.sequences.lengths.min() > 1
    assert np.isfinite(data.labels.to_numpy()).all()
    with pytest.raises(DataError, match="all texts are of one token"):
        load_dataset("position", source=[{"text": "c"}], tokenizer=tokenizer)


def test_the_shipped_texts_give_regression_targets() -> None:
    data = load_dataset("position", tokenizer="demo-4.7m")
    assert data.n_examples == pytest.approx(50_000, abs=3)  # each part's share is rounded
    assert data.labels["absolute"].max() > 200
