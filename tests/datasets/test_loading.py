from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sparseprobe.datasets import list_collections, load_dataset
from sparseprobe.datasets.collection import COMMON
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.errors import DataError, InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

TEXTS = [{"text": f"le chat numéro {n}", "label": "fr", "document": f"f{n}"} for n in range(6)] + [
    {"text": f"the cat number {n}", "label": "en", "document": f"e{n}"} for n in range(6)
]


def test_what_was_decided_is_recorded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, TEXTS)), encoding="utf-8")
    data = load_dataset("natural_language", source=tmp_path / "a.jsonl", tokenizer=tokenizer, seed=3, context=64)
    expected = {
        "collection": "natural_language",
        "preset": "default",
        "context": 64,
        "from_position": 1,
        "split_by": "group",
        "seed": 3,
        "bos": "tokenizer",
        "aggregate": "mean",
        "source": str(tmp_path / "a.jsonl"),
    }
    assert {name: data.settings[name] for name in expected} == expected
    assert len(data.settings["source_hash"]) == 64
    json.dumps(data.settings)
    same = load_dataset("natural_language", source=TEXTS, tokenizer=tokenizer, seed=3, context=64)
    assert same.settings["source_hash"] == data.settings["source_hash"]
    assert same.hash() == data.hash()
    assert load_dataset("natural_language", source=TEXTS, tokenizer=tokenizer, seed=4).hash() != data.hash()


def test_shipped_texts_stand_beside_others(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, TEXTS)), encoding="utf-8")
    shipped = load_dataset("natural_language", tokenizer=tokenizer)
    named = load_dataset("natural_language", source="shipped", tokenizer=tokenizer)
    both = load_dataset("natural_language", source=[path, "shipped"], tokenizer=tokenizer)
    assert named.hash() == shipped.hash()
    assert both.n_examples == shipped.n_examples + len(TEXTS)
    assert both.settings["source"] == [str(path), "shipped"]
    positive = both.examples["group"][both.labels["fr"] == 1]
    assert {f"f{number}" for number in range(6)} < set(positive)


@pytest.mark.parametrize(
    ("name", "arguments", "error", "message"),
    [
        ("natural_languages", {}, UnknownNameError, "did you mean 'natural_language'"),
        ("custom", {"preset": "papers"}, UnknownNameError, "unknown preset 'papers'"),
        ("custom", {"contexts": 3}, UnknownNameError, "unknown setting of custom 'contexts': did you mean 'context'"),
        ("custom", {"context": 2.5}, InputError, "context is 2.5; it must be an integer, at least 1"),
        ("custom", {"context": 0}, InputError, "context is 0"),
        ("custom", {"from_position": -1}, InputError, "from_position is -1"),
        ("custom", {"tokenizer": None}, InputError, "building custom needs a tokenizer"),
        ("custom", {"source": None}, InputError, "no texts are shipped for custom; give a source"),
        ("custom", {"label_column": "language"}, DataError, "has no column 'language'; its columns are: text, label"),
        ("custom", {"text_column": "body"}, DataError, "has no column 'body'"),
        ("custom", {"source": TEXTS[:6]}, DataError, "holds only the label 'fr'"),
        ("custom", {"source": TEXTS[4:]}, DataError, "has .* in only 2 documents"),
        ("custom", {"from_position": 500}, DataError, "all 12 texts end before position 500"),
        ("custom", {"bos": "add"}, InputError, "no BOS token"),
    ],
)
def test_what_cannot_be_built_is_said(tokenizer: Tokenizer, name: str, arguments, error, message: str) -> None:
    with pytest.raises(error, match=message):
        load_dataset(name, **({"source": TEXTS, "tokenizer": tokenizer} | arguments))


def test_the_list_has_a_row_a_collection() -> None:
    rows = {row["name"]: row for row in list_collections()}
    assert set(rows) == set(COLLECTIONS)
    assert len(rows["plain_text"]["features"]) == 11
    assert rows["natural_language"]["aggregate"] == "mean"
    assert rows["plain_text"]["aggregate"] == "none"
    assert rows["custom"]["shipped_texts"] is False


def test_the_presets_of_a_collection_name_the_same_settings() -> None:
    for collection in COLLECTIONS.values():
        names = [set(COMMON) | set(preset) for preset in collection.presets.values()]
        assert all(found == names[0] for found in names)
        assert set(collection.presets) == {"default", "paper"}


def test_the_ten_collections_of_the_paper_have_their_features() -> None:
    sizes = {name: len(collection.features) for name, collection in COLLECTIONS.items()}
    assert sizes == {
        "natural_language": 9,
        "programming_language": 9,
        "data_source": 9,
        "plain_text": 11,
        "affixes": 60,
        "compound_words": 21,
        "treebank": 67,
        "latex": 14,
        "people": 17,
        "counterfact": 1,
        "position": 4,
        "custom": 0,
    }
    assert all(collection.has_shipped_texts() for name, collection in COLLECTIONS.items() if name != "custom")
