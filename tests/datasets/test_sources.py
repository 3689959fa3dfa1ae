"""Whatever holds labelled texts is a dataset; what is there is not overwritten unasked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sparseprobe as sp
from sparseprobe.errors import DatasetWarning, InputError, StorageError

TOKENIZER = "demo-0.1m"
WORDS = {"fr": "le chat est dans le jardin", "en": "the cat is in the garden"}


@pytest.fixture
def records() -> list[dict[str, str]]:
    return [{"body": f"{WORDS[label]} {n}", "tongue": label} for n in range(40) for label in WORDS]


def write(kind: str, folder: Path, records: list[dict[str, str]]) -> Any:
    table, path = pd.DataFrame(records), folder / f"texts.{kind}"
    if kind == "records":
        return records
    if kind == "table":
        return table
    if kind in ("csv", "tsv"):
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in records)
        path.write_bytes(gzip.compress(lines.encode()) if kind.endswith("gz") else lines.encode())
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "jsonl.gz", "parquet", "records", "table"])
def test_every_source_is_a_dataset(kind: str, tmp_path: Path, records: list[dict[str, str]]) -> None:
    source = write(kind, tmp_path, records)
    data = sp.load_dataset(source, tokenizer=TOKENIZER, text_column="body", label_column="tongue")
    assert list(data.labels) == ["en", "fr"]
    assert len(data) == 80


def test_a_folder_per_label_and_a_hugging_face_folder(tmp_path: Path, records: list[dict[str, str]]) -> None:
    for place, row in enumerate(records):
        file = tmp_path / "labels" / row["tongue"] / f"{place}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row["body"])
    assert list(sp.load_dataset(tmp_path / "labels", tokenizer=TOKENIZER).labels) == ["en", "fr"]
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(records).save_to_disk(tmp_path / "hf")
    data = sp.load_dataset(str(tmp_path / "hf"), tokenizer=TOKENIZER, text_column="body", label_column="tongue")
    assert len(data) == 80


def test_what_the_check_finds_is_told(records: list[dict[str, str]]) -> None:
    rare = [*records, {"body": "der Hund ist da", "tongue": "de"}]
    with pytest.warns(DatasetWarning, match="custom"):
        sp.load_dataset(rare, tokenizer=TOKENIZER, text_column="body", label_column="tongue", min_positives=0)


def test_a_saved_dataset_takes_no_settings_and_is_not_overwritten(
    tmp_path: Path, records: list[dict[str, str]]
) -> None:
    data = sp.load_dataset(records, tokenizer=TOKENIZER, text_column="body", label_column="tongue")
    data.save(tmp_path / "d")
    with pytest.raises(InputError, match="already built: omit source"):
        sp.load_dataset(tmp_path / "d", label_column="tongue")
    with pytest.raises(StorageError, match="overwrite"):
        data.save(tmp_path / "d")
    data.save(tmp_path / "d", overwrite=True)


def test_an_example_says_what_it_is(records: list[dict[str, str]]) -> None:
    data = sp.load_dataset(records, tokenizer=TOKENIZER, text_column="body", label_column="tongue", from_position=0)
    example = data[0]
    assert "le chat est dans" in example.text
    assert example.span in example.text
    assert example.labels == {"en": 0, "fr": 1}
    assert data[-1].labels == {"en": 1, "fr": 0}
    assert len(list(data)) == len(data)
    with pytest.raises(IndexError, match="examples 0 to 79"):
        data[80]


def test_values_show_themselves_in_a_notebook(records: list[dict[str, str]]) -> None:
    odd = [row | {"tongue": f"<b>{row['tongue']}\x1b"} for row in records]
    data = sp.load_dataset(odd, tokenizer=TOKENIZER, text_column="body", label_column="tongue")
    model = sp.load_model(TOKENIZER)
    acts = sp.extract(model, data, layers=1)
    for value in (data, model, acts):
        page = value._repr_html_()
        assert page.startswith("<b>")
        assert "\x1b" not in page
    assert "&lt;b&gt;fr␛" in data._repr_html_()
    assert "<b>fr" not in data._repr_html_()
    assert acts[1][:].shape == acts.layer(1)[:].shape


def test_names_stand_for_models_and_datasets(tmp_path: Path, records: list[dict[str, str]]) -> None:
    data = sp.load_dataset(records, tokenizer=TOKENIZER, text_column="body", label_column="tongue")
    data.save(tmp_path / "d")
    acts = sp.extract(TOKENIZER, tmp_path / "d", layers=0)
    assert acts.aggregate == data.settings["aggregate"] == "mean"
    assert (acts[0][:] == sp.extract(sp.load_model(TOKENIZER), data, layers=0, aggregate="mean")[0][:]).all()
    assert set(sp.sweep(acts, data, k=2, features="fr")["feature"]) == {"fr"}
    assert set(sp.single_neurons(acts, data, features="fr", keep=1)["feature"]) == {"fr"}
    effect = sp.ablate(TOKENIZER, tmp_path / "d", (0, 3), features="fr", controls=0)
    assert effect["neurons"].iloc[0] == ["L0.N3"]
    assert str(sp.describe_neuron(TOKENIZER, tmp_path / "d", "L0.N3", ablation=False).neuron) == "L0.N3"
