"""What `datasets` writes, against what `datasets` itself says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

datasets = pytest.importorskip("datasets")

ROWS = {
    "text": [["Ann", "ran"], ["Bo", "sat"]] * 9,
    "label": [1, -1] * 9,
    "tags": [[1, 0], [-1, 0]] * 9,
    "score": [0.5, None] * 9,
}
FEATURES = datasets.Features(
    {
        "text": datasets.List(datasets.Value("string")),
        "label": datasets.ClassLabel(names=["bad", "good"]),
        "tags": datasets.List(datasets.ClassLabel(names=["O", "B-PER"])),
        "score": datasets.Value("float64"),
    }
)
NAMED = [
    {"text": ["Ann", "ran"], "label": "good", "tags": ["B-PER", "O"], "score": 0.5},
    {"text": ["Bo", "sat"], "label": None, "tags": [None, "O"], "score": None},
] * 9


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    datasets.disable_progress_bars()


@pytest.fixture(scope="module")
def table() -> object:
    return datasets.Dataset.from_dict(ROWS, features=FEATURES)


def read(source: object) -> list[dict[str, object]]:
    return [dict(record) for _, record in read_records(source)]


def test_class_labels_are_read_as_their_names_wherever_they_are(table, tmp_path: Path) -> None:
    table.save_to_disk(str(tmp_path / "saved"), num_shards=3)
    table.to_parquet(str(tmp_path / "hub.parquet"))
    for source in (table, tmp_path / "saved", tmp_path / "hub.parquet", [table]):
        assert read(source) == NAMED


def test_rows_that_were_chosen_are_the_rows_that_are_read(table, tmp_path: Path) -> None:
    chosen = table.select([3, 0, 5])
    chosen.save_to_disk(str(tmp_path / "chosen"))
    assert read(tmp_path / "chosen") == read(chosen) == [NAMED[3], NAMED[0], NAMED[5]]


def test_the_splits_of_a_dictionary_are_named(table, tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": table.select(range(12)), "test": table.select(range(12, 18))})
    both.save_to_disk(str(tmp_path / "both"))
    named = [{"split": "train" if row < 12 else "test", **record} for row, record in enumerate(NAMED)]
    assert read(both) == read(tmp_path / "both") == named


@pytest.mark.parametrize("content", ["{}", "[]", "3", "{", "[" * 100_000, '{"_data_files": 3}', '{"_data_files": [3]}'])
def test_a_folder_that_is_not_whole_is_said(content: str, tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(DataError, match="is not a complete Hugging Face dataset"):
        list(read_records(tmp_path))
