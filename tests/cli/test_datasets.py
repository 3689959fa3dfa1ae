"""Datasets from the shell: several sources, what ships, and what is wrong with a file of texts in one sentence."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

import sparseprobe as sp

if TYPE_CHECKING:
    from pathlib import Path


def test_the_list_says_what_ships_with_size_and_origin(command: Any) -> None:
    rows = {row["name"]: row for row in json.loads(command("datasets", "list", "--json").out)}
    assert rows["latex"]["bytes"] > 10_000
    assert rows["latex"]["origin"] == "written for sparseprobe (MIT)"
    assert rows["custom"]["bytes"] is None
    assert rows["custom"]["origin"] is None
    shown = command("datasets", "list").out
    assert "origin" in shown
    assert "written for sparseprobe (MIT)" in shown


def test_several_sources_make_one_dataset(command: Any, texts: Path, model_folder: Path, tmp_path: Path) -> None:
    build = ("datasets", "build", "natural_language", "--tokenizer", model_folder, "--out", tmp_path / "data")
    assert command(*build, "--source", texts, "--source", "shipped").code == 0
    data = sp.load_dataset(tmp_path / "data")
    assert data.settings["source"] == [str(texts), "shipped"]
    assert data.examples["group"].isin([f"d{number}" for number in range(120)]).sum() == 120
    assert data.n_examples > 240


def rows(records: list[dict[str, str]], header: tuple[str, str] = ("text", "label")) -> list[tuple[str, str]]:
    return [header, *((record["text"], record["label"]) for record in records)]


@pytest.fixture
def probe(command: Any, model_folder: Path, tmp_path: Path) -> Any:
    """Writes a CSV file of some rows (or bytes), and runs all stages on it."""

    def run(content: list[tuple[str, str]] | bytes, *options: str) -> Any:
        path = tmp_path / "texts.csv"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            with path.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows(content)
        asked = ("run", "--model", model_folder, "--dataset", path, "--out", tmp_path / "run", "--k", "1")
        return command(*asked, *options, "--json")

    return run


def test_a_csv_goes_to_the_best_neurons_in_one_command(probe: Any, records: list[dict[str, str]]) -> None:
    best = json.loads(
        probe(rows(records, ("body", "language")), "--text-column", "body", "--label-column", "language").out
    )
    assert [row["feature"] for row in best] == ["de", "en", "fr"]
    assert all(row["neuron"].startswith("L") for row in best)


def test_a_text_without_a_label_is_left_out_and_counted(
    probe: Any, command: Any, records: list[dict[str, str]], tmp_path: Path
) -> None:
    assert probe(rows([records[0] | {"label": ""}, *records[1:]])).code == 0
    data = sp.load_dataset(tmp_path / "run" / "dataset")
    assert data.n_examples == len(records) - 1
    assert "1 texts have no label" in command("datasets", "check", tmp_path / "run" / "dataset").out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "texts.csv is empty"),
        (b"text,label\n", "texts.csv is empty"),
        (b"words,label\na,b\n", "line 2 has no column 'text'; its columns are: words, label"),
        (b"text,language\na,b\n", "line 2 has no column 'label'; its columns are: text, language"),
        (b"text,label\n" + b"the house,en\n" * 9, "holds only the label 'en'; at least two classes"),
        (b"text,label\n" + b"the house,\n" * 9, "holds no label; at least two classes"),
        (b"text,label\nthe house,en\nthe garden\n", "line 3 has 1 fields, the header has 2"),
        ("text,label\nl'été,fr\n".encode("latin-1"), "texts.csv is not UTF-8 text"),
        (b'text,label\n"the house,en\n', "is not CSV"),
    ],
)
def test_what_is_wrong_with_a_csv_is_one_sentence(probe: Any, content: bytes, message: str) -> None:
    outcome = probe(content)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_file_that_is_not_there(command: Any, model_folder: Path, tmp_path: Path) -> None:
    outcome = command("run", "--model", model_folder, "--dataset", "no/such.csv", "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "there is no file or folder no/such.csv" in outcome.err
