from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sparseprobe.datasets import TokenizerRecord, load_dataset
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.datasets.collections.natural_language import LANGUAGES
from sparseprobe.datasets.labelling.label_columns import label_columns
from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer


def texts(n: int = 12, labels: tuple[str, ...] = ("fr", "en", "de")) -> list[dict[str, object]]:
    return [
        {"text": f"{label}{chr(97 + row)} " + f"{label} " * (3 + row), "label": label, "document": f"{label}{row // 2}"}
        for row in range(n)
        for label in labels
    ]


def test_an_example_is_the_text_from_a_position_on(tokenizer: Tokenizer) -> None:
    data = load_dataset("natural_language", source=texts(), tokenizer=tokenizer, from_position=2, context=9)
    assert data.features["name"].tolist() == ["en", "fr", "de"]
    for row in data.examples.itertuples():
        label = str(row.group)[:2]
        ids = data.sequences[row.sequence]
        assert len(ids) <= 9
        assert (row.start, row.stop) == (2, len(ids))
        assert tokenizer.decode(ids.tolist()).startswith(label)
        assert data.labels.loc[row.Index].to_dict() == {name: int(name == label) for name in ("en", "fr", "de")}


def test_the_ids_are_those_of_the_text_with_bos_and_separator(families) -> None:
    rust = families["word_piece"]
    record = TokenizerRecord.of(rust)
    data = load_dataset("natural_language", source=texts(), tokenizer=rust, from_position=0, context=9)
    for row in data.examples.itertuples():
        ids = data.sequences[row.sequence]
        assert (ids[0], ids[-1]) == (record.bos_id, record.eos_id)
        assert (row.start, row.stop) == (1, len(ids) - 1)
        assert len(ids) <= 9


def test_short_and_repeated_texts_are_left_out_and_counted(tokenizer: Tokenizer) -> None:
    source = [*texts(), {"text": "a", "label": "fr"}, {"text": "", "label": "en"}, texts()[0] | {"document": "copy"}]
    data = load_dataset("natural_language", source=source, tokenizer=tokenizer, from_position=3)
    counts = data.settings["counts"]
    left_out = {"texts_too_short": 1, "texts_repeated": 1, "texts_without_a_label": 0, "texts_cut_at_context": 0}
    assert counts == {"records": 39, "texts": 38, "texts_empty": 1} | left_out
    assert data.n_examples == 36


def test_the_papers_preset_starts_at_position_100_and_splits_by_example(tokenizer: Tokenizer) -> None:
    long = [{"text": "the cat " * n, "label": label} for n in range(100, 110) for label in ("fr", "en")]
    long = [record | {"text": str(record["label"]) + str(record["text"])} for record in long]
    data = load_dataset("natural_language", source=long, tokenizer=tokenizer, preset="paper")
    assert set(data.examples["start"]) == {100}
    assert set(data.examples["split"]) == {"train", "test"}
    with pytest.raises(DataError, match="all 36 texts end before position 100"):
        load_dataset("natural_language", source=texts(), tokenizer=tokenizer, preset="paper")


def test_the_licence_header_of_code_is_left_out(tokenizer: Tokenizer) -> None:
    source = [
        {"text": f"/* MIT */x = {n};{label}", "label": label, "body_start": 9}
        for n in range(6)
        for label in ("C", "Go")
    ]
    data = load_dataset("programming_language", source=source, tokenizer=tokenizer)
    assert data.features["name"].tolist() == ["C", "Go"]
    assert not any("MIT" in tokenizer.decode(ids.tolist()) for ids in data.sequences)


def test_label_columns_of_every_sort() -> None:
    columns = ["language", "alive", "party"]
    values = [["fr", None, "de"], [True, "no", ""], [1.0, float("nan"), 2.0]]
    labels, features = label_columns(columns, values, category="c", descriptions={"fr": "French"})
    names = ["language=fr", "language=de", "alive", "party=1", "party=2"]
    assert features["name"].tolist() == names
    assert labels.T.tolist() == [[1, -1, 0], [0, -1, 1], [1, 0, -1], [1, -1, 0], [0, -1, 1]]
    with pytest.raises(DataError, match="holds 300 labels, more than 200"):
        label_columns(["id"], [list(range(300))], category="c", descriptions={})
    with pytest.raises(DataError, match="'id' holds no label; at least two"):
        label_columns(["id"], [[None, ""]], category="c", descriptions={})


@pytest.mark.shared_data
def test_languages_of_real_text(tokenizer: Tokenizer, shared_data: Path) -> None:
    records = [record for _, record in read_records(shared_data / "natural_lang.jsonl.zst")]
    source = [{**record, "text": record["text"][:80]} for record in records]
    data = load_dataset("natural_language", source=source, tokenizer=tokenizer)
    assert data.features["name"].tolist() == list(LANGUAGES)
    positives = (data.labels == 1).sum()
    expected = {
        "es": 3132,
        "en": 3065,
        "fr": 3347,
        "nl": 377,
        "it": 3196,
        "el": 635,
        "de": 3087,
        "pt": 3165,
        "sv": 3193,
    }
    repeated = data.settings["counts"]["texts_repeated"]
    assert 0 <= sum(expected.values()) - positives.sum() == repeated
    shares = {
        (name, part): ((data.labels[name] == 1) & (data.examples["split"] == part)).sum() / positives[name]
        for name in expected
        for part in ("train", "validation", "test")
    }
    for (_, part), share in shares.items():
        assert share == pytest.approx({"train": 0.6, "validation": 0.2, "test": 0.2}[part], abs=0.05)
    assert data.examples.groupby("group")["split"].nunique().max() == 1


@pytest.mark.shared_data
def test_code_of_real_projects(tokenizer: Tokenizer, shared_data: Path) -> None:
    records = [record for _, record in read_records(shared_data / "programming_lang.jsonl.zst")]
    source = [{**record, "text": record["text"][: record["body_start"] + 300]} for record in records]
    data = load_dataset("programming_language", source=source, tokenizer=tokenizer)
    assert len(data.features) == 9
    apache = [ids for ids in data.sequences if "Licensed to the Apache" in tokenizer.decode(ids.tolist())]
    assert len(apache) < 0.02 * len(data.sequences)
    assert np.isin(data.labels.to_numpy(), (0, 1)).all()


@pytest.mark.parametrize("name", ["natural_language", "programming_language", "data_source"])
def test_the_shipped_texts_have_every_feature_of_the_paper(tokenizer: Tokenizer, name: str) -> None:
    data = load_dataset(name, tokenizer=tokenizer)
    assert data.features["name"].tolist() == list(COLLECTIONS[name].features)
    assert data.settings["dropped_features"] == {}
    assert data.settings["counts"]["texts_repeated"] == 0
    for part in ("train", "validation", "test"):
        labels = data.labels[data.examples["split"] == part]
        assert (labels.sum() >= 3).all()


@pytest.mark.shared_data
def test_registers_of_real_text(tokenizer: Tokenizer, shared_data: Path) -> None:
    records = [record for _, record in read_records(shared_data / "registers.jsonl.zst")]
    source = [{**record, "text": record["text"][:80]} for record in records]
    data = load_dataset("data_source", source=source, tokenizer=tokenizer, document_column="text")
    assert len(data.features) >= 6
    assert (data.labels["pubmed_abstract"] == 1).sum() > 1500
