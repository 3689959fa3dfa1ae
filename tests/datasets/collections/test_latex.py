from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.collections.latex import LATEX, MIRRORS, label_tokens
from sparseprobe.datasets.latex_marks import MARKS
from sparseprobe.datasets.readers import read_records
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def texts_of(data: ProbingDataset, feature: str, value: int) -> list[str]:
    rows = data.examples[(data.labels[feature] == value).to_numpy()]
    return [data.tokenizer.decode([int(data.sequences[row.sequence][row.start])]) for row in rows.itertuples()]


@pytest.fixture(scope="module")
def data() -> ProbingDataset:
    return load_dataset("latex", tokenizer="demo-4.7m")


def test_the_shipped_texts_have_all_fourteen(data: ProbingDataset) -> None:
    assert data.features["name"].tolist() == list(LATEX.features)
    assert len(LATEX.features) == 14
    assert data.examples["start"].min() >= 5


def test_the_tokens_are_in_the_part_that_is_said(data: ProbingDataset) -> None:
    opening = texts_of(data, "start_of_math", 1)
    assert sum("$" in text for text in opening) > len(opening) / 2
    assert not any("$" in text for text in texts_of(data, "in_math", 1))
    assert not any("frac" in text for text in texts_of(data, "in_fraction", 0))
    assert any("{" in text for text in texts_of(data, "in_fraction", 1))


def test_tokens_across_a_border_are_not_labelled() -> None:
    record = load_tokenizer("demo-4.7m")
    text = r"so $x_{12}$, and $\frac{a}{b}$"
    [encoded] = TextEncoder(record).encode([text])
    labels = label_tokens(text, encoded)
    for mark in ("in_numerator", "in_subscript"):
        column = labels[:, MARKS.index(mark)]
        inside = "".join(text[encoded.starts[row] : encoded.stops[row]] for row in np.flatnonzero(column == 1))
        assert inside.strip() in ({"a"} if mark == "in_numerator" else {"12", ""})
    delimiters = [row for row in range(len(labels)) if "$" in text[encoded.starts[row] : encoded.stops[row]]]
    assert (labels[delimiters][:, MARKS.index("in_math")] == -1).all()
    assert set(labels[delimiters][:, MARKS.index("start_of_math")].tolist()) <= {0, 1}


def test_mirrored_features_take_half_their_negatives_from_the_mirror() -> None:
    """Half of what does not open math closes it, mostly with the same sign."""
    assert all(MIRRORS[mirror] == name for name, mirror in MIRRORS.items())
    data = load_dataset("latex", tokenizer="demo-4.7m", n_examples=200)
    negatives = texts_of(data, "start_of_math", 0)
    assert 0.3 < np.mean(["$" in text for text in negatives]) <= 0.55


def test_texts_that_are_too_short_are_said() -> None:
    with pytest.raises(DataError, match="all 1 texts end before position 5"):
        load_dataset("latex", source=[{"text": "$x$"}], tokenizer="demo-4.7m")


@pytest.mark.shared_data
def test_real_sections_with_the_openings_that_they_lack(shared_data: Path) -> None:
    real = [record for _, record in read_records(shared_data / "latex.jsonl.zst")]
    wanted = [record for record in real if "\\frac" in record["text"] or "\\cite" in record["text"]][:40]
    data = load_dataset("latex", source=[*wanted, "shipped"], tokenizer="demo-4.7m")
    assert data.features["name"].tolist() == list(MARKS)
    shares = (data.labels["in_inline_math"] == 1).sum() / (data.labels["in_inline_math"] != -1).sum()
    assert 0.24 < shares < 0.6
