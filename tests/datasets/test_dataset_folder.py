from __future__ import annotations

import errno
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.errors import InputError, StorageError, TokenizerMismatchError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

TEXTS = [{"text": f"le chat numéro {n}", "label": "fr"} for n in range(6)] + [
    {"text": f"the cat number {n}", "label": "en"} for n in range(6)
]


@pytest.fixture
def data(tokenizer: Tokenizer) -> ProbingDataset:
    return load_dataset("custom", source=TEXTS, tokenizer=tokenizer)


def test_what_is_read_is_what_was_written(data: ProbingDataset, tmp_path: Path) -> None:
    data.save(tmp_path / "d")
    read = ProbingDataset.load(tmp_path / "d")
    assert read.hash() == data.hash()
    for name in ("examples", "labels", "features"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(data, name))
    assert read.sequences.tokens.tolist() == data.sequences.tokens.tolist()
    assert read.tokenizer == data.tokenizer
    assert read.settings == data.settings
    assert read.preview("fr") == data.preview("fr")
    names = {path.name for path in (tmp_path / "d").iterdir()}
    tables = {f"{name}.parquet" for name in ("sequences", "examples", "labels", "features")}
    assert names == tables | {"dataset.json", "tokenizer.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_saving_again_replaces_a_dataset_and_nothing_else(data: ProbingDataset, tmp_path: Path) -> None:
    data.save(tmp_path / "d")
    data.subset(splits=["train"]).save(tmp_path / "d", overwrite=True)
    assert ProbingDataset.load(tmp_path / "d").n_examples < data.n_examples
    (tmp_path / "empty").mkdir()
    data.save(tmp_path / "empty")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("...")
    with pytest.raises(StorageError, match="exists and is not a saved dataset"):
        data.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_a_full_disk_leaves_the_older_dataset_whole(data: ProbingDataset, tmp_path: Path, monkeypatch) -> None:
    data.save(tmp_path / "d", overwrite=True)

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StorageError, match=r"cannot be written to .*: No space left on device"):
        data.subset(splits=["train"]).save(tmp_path / "d", overwrite=True)
    assert ProbingDataset.load(tmp_path / "d").hash() == data.hash()
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_place_that_cannot_be_written_is_said(data: ProbingDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        data.save(tmp_path / "file" / "d")


def test_reading_refuses_what_is_no_dataset_or_was_changed(data: ProbingDataset, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not a saved dataset"):
        ProbingDataset.load(tmp_path)
    data.save(tmp_path / "d", overwrite=True)
    data.labels.assign(fr=1 - data.labels["fr"]).to_parquet(tmp_path / "d" / "labels.parquet", index=False)
    with pytest.raises(StorageError, match="was changed after it was saved"):
        ProbingDataset.load(tmp_path / "d")
    (tmp_path / "d" / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"was changed after it was saved \(labels\.parquet differs\)"):
        ProbingDataset.load(tmp_path / "d")
    record = json.loads((tmp_path / "d" / "dataset.json").read_text(encoding="utf-8"))
    (tmp_path / "d" / "dataset.json").write_text(json.dumps(record | {"format": "other 7"}))
    with pytest.raises(StorageError, match="has the format 'other 7'"):
        ProbingDataset.load(tmp_path / "d")
    for broken in ("[]", "3", "{}", "", "[" * 100_000, json.dumps({"format": record["format"]})):
        (tmp_path / "d" / "dataset.json").write_text(broken)
        with pytest.raises(StorageError, match=r"lacks what it should hold|cannot be read|was changed after"):
            ProbingDataset.load(tmp_path / "d")


def test_a_saved_folder_is_loaded_by_its_path(data: ProbingDataset, tmp_path: Path, families) -> None:
    data.save(tmp_path / "d", overwrite=True)
    assert load_dataset(tmp_path / "d").hash() == data.hash()
    with pytest.raises(TokenizerMismatchError):
        load_dataset(tmp_path / "d", tokenizer=families["unigram"])
    with pytest.raises(InputError, match="is a saved dataset, already built"):
        load_dataset(tmp_path / "d", context=5)
    for ignored in ({"preset": "paper"}, {"seed": 3}, {"bos": "none"}):
        with pytest.raises(InputError, match="is a saved dataset, already built"):
            load_dataset(tmp_path / "d", **ignored)


@pytest.mark.parametrize("name", ["dataset.json", "tokenizer.json", "labels.parquet", "sequences.parquet"])
def test_no_flipped_byte_is_taken_for_data(data: ProbingDataset, name: str, tmp_path: Path) -> None:
    data.save(tmp_path / "d")
    whole = (tmp_path / "d" / name).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        if not whole[place : place + 1].isspace():
            flipped = bytes([whole[place] ^ 1])
            (tmp_path / "d" / name).write_bytes(whole[:place] + flipped + whole[place + 1 :])
            with pytest.raises(StorageError):
                ProbingDataset.load(tmp_path / "d")
    (tmp_path / "d" / name).write_bytes(whole)
    assert ProbingDataset.load(tmp_path / "d").hash() == data.hash()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"aggregate": "max"}},
        {"name": 3},
        {"settings": []},
        {"hash": None},
        {"tokenizer": "words"},
        {"tokenizer": {"special_ids": 4}},
        {"files": []},
    ],
)
def test_a_record_that_says_something_else_is_refused(change: dict[str, object], data, tmp_path: Path) -> None:
    data.save(tmp_path / "d")
    record = json.loads((tmp_path / "d" / "dataset.json").read_text(encoding="utf-8"))
    (tmp_path / "d" / "dataset.json").write_text(json.dumps(record | change), encoding="utf-8")
    with pytest.raises(StorageError, match=r"\(dataset\.json differs\)"):
        ProbingDataset.load(tmp_path / "d")


def test_the_hash_is_of_what_is_put_around_a_text_and_of_the_advice(data: ProbingDataset) -> None:
    around = [{"bos_id": 7}, {"eos_id": 7}, {"special_ids": (7,)}, {"bos": "none"}]
    others = [replace(data, tokenizer=replace(data.tokenizer, **change)) for change in around]
    others.append(replace(data, settings=data.settings | {"aggregate": "max"}))
    assert len({data.hash(), *(other.hash() for other in others)}) == 6
    assert replace(data, settings=data.settings | {"source": "elsewhere"}).hash() == data.hash()
