"""Every collection from real texts, beside which the shipped ones stand where the real ones lack a feature."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from sparseprobe.datasets import load_dataset
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.datasets.readers import read_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sparseprobe.datasets import ProbingDataset

pytestmark = pytest.mark.shared_data

SOURCES: dict[str, dict[str, Any]] = {
    "natural_language": {"file": "natural_lang.jsonl.zst", "step": 20, "characters": 200},
    "programming_language": {"file": "programming_lang.jsonl.zst", "step": 20, "characters": 300},
    "data_source": {"file": "registers.jsonl.zst", "step": 20, "characters": 200, "document_column": "text"},
    "plain_text": {"file": "english_prose.jsonl.zst", "step": 20},
    "compound_words": {"file": "compound_words.jsonl.zst", "step": 8, "document_column": "prompt"},
    "latex": {"file": "latex.jsonl.zst", "step": 50, "characters": 1500, "shipped": True},
    "treebank": {"file": "ewt/en_ewt-ud-dev.conllu.zst", "n_examples": 2000},
    "people": {"file": "people.jsonl.zst", "step": 5},
}
COUNTS = {
    "natural_language": 9,
    "programming_language": 9,
    "data_source": 12,
    "plain_text": 11,
    "compound_words": 21,
    "latex": 14,
    "treebank": 67,
    "people": 18,
}


def some(path: Path, step: int, characters: int | None) -> Iterator[dict[str, Any]]:
    """Every `step`-th record, cut to its first characters."""
    for _, record in islice(read_records(path), 0, None, step):
        short = {"text": record["text"][record.get("body_start", 0) :][:characters]} if characters else {}
        yield {name: value for name, value in record.items() if name != "body_start"} | short


@pytest.fixture(scope="module")
def built(shared_data: Path) -> dict[str, ProbingDataset]:
    """The collections, each built when it is asked for first."""

    class Built(dict[str, Any]):
        def __missing__(self, name: str) -> ProbingDataset:
            settings = dict(SOURCES[name])
            file, step, characters = (settings.pop(key, None) for key in ("file", "step", "characters"))
            source: list[Any] = (
                [shared_data / file] if step is None else list(some(shared_data / file, step, characters))
            )
            if settings.pop("shipped", False):
                source.append("shipped")
            self[name] = load_dataset(name, source=source, tokenizer="demo-4.7m", **settings)
            return self[name]

    return Built()


@pytest.mark.parametrize("name", COUNTS)
def test_the_features_of_a_collection_from_real_texts(built: dict[str, ProbingDataset], name: str) -> None:
    data = built[name]
    assert len(data.features) == COUNTS[name]
    assert (data.features["kind"] == "binary").all()
    assert ((data.labels == 1).any() & (data.labels == 0).any()).all()
    if name not in ("data_source", "people"):
        assert data.features["name"].tolist() == list(COLLECTIONS[name].features)


def test_there_are_150_features_at_least(built: dict[str, ProbingDataset]) -> None:
    assert sum(len(built[name].features) for name in COUNTS) == sum(COUNTS.values()) >= 150


def test_treebank_counts_are_those_of_the_file(built: dict[str, ProbingDataset], shared_data: Path) -> None:
    """Words by part of speech and by relation, counted in the lines of the file."""
    [(_, record)] = read_records(shared_data / SOURCES["treebank"]["file"])
    rows = [line.split("\t") for line in record["text"].splitlines() if line[:1].isdigit()]
    words = [row for row in rows if row[0].isdigit()]
    counts = built["treebank"].settings["counts"]
    for prefix, values in (("upos", [row[3] for row in words]), ("relation", [row[7].split(":")[0] for row in words])):
        expected = {f"{prefix} {value}": values.count(value) for value in set(values)}
        assert {key: n for key, n in counts.items() if key.startswith(f"{prefix} ")} == expected
