"""A mistake is one sentence on standard error and exit code 2, never a traceback, and nothing is lost."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from sparseprobe import artefacts


def expect_sentence(outcome: Any, *parts: str) -> None:
    """One sentence that names these things, and nothing like a traceback."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    for part in ("error: ", *parts):
        assert part in lines[0]


@pytest.fixture
def asked(dataset: Path, model_folder: Path, tmp_path: Path) -> tuple[object, ...]:
    return ("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", "--quiet")


def test_unknown_model(command: Any, dataset: Path, tmp_path: Path) -> None:
    expect_sentence(
        command("run", "--model", "no-such", "--dataset", dataset, "--out", tmp_path / "run"), "no-such", "demo-4.7m"
    )
    assert not (tmp_path / "run").exists()


def test_unknown_dataset(command: Any, model_folder: Path, tmp_path: Path) -> None:
    outcome = command("run", "--model", model_folder, "--dataset", "natural_langage", "--out", tmp_path / "run")
    expect_sentence(outcome, "natural_langage", "did you mean 'natural_language'")


def test_unknown_layer(command: Any, asked: tuple[object, ...]) -> None:
    expect_sentence(command(*asked, "--layers", "7"), "7", "layers 0 to 1")


def test_k_larger_than_the_width(command: Any, asked: tuple[object, ...], tmp_path: Path) -> None:
    expect_sentence(command(*asked, "--k", "1,64"), "64", "width 32")
    assert not (tmp_path / "run").exists()
    assert command(*asked, "--k", "1,2").code == 0  # the folder is not spoiled by the mistake


@pytest.mark.parametrize("k", ["0", "-1", "two", "1.5", ""])
def test_k_that_is_no_number(command: Any, asked: tuple[object, ...], k: str) -> None:
    expect_sentence(command(*asked, "--k", k), "a list of integers of at least 1")


def test_unknown_selection_and_feature(command: Any, asked: tuple[object, ...]) -> None:
    expect_sentence(command(*asked, "--selection", "adaptiv"), "did you mean 'adaptive'")
    expect_sentence(command(*asked, "--features", "fr,dutch"), "dutch", "fr")


def test_a_folder_of_another_run_is_kept(command: Any, asked: tuple[object, ...]) -> None:
    assert command(*asked, "--k", "1").code == 0
    expect_sentence(command(*asked, "--k", "1,2"), "different settings (k)", "resume")


def test_labels_of_one_class(command: Any, model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("text,label\n" + "".join(f"the house {i},en\n" for i in range(9)))
    build = ("datasets", "build", "custom", "--source", path, "--tokenizer", model_folder, "--out", tmp_path / "d")
    expect_sentence(command(*build), "'en'", "two classes")


def test_empty_file(command: Any, model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    build = ("datasets", "build", "custom", "--source", path, "--tokenizer", model_folder, "--out", tmp_path / "d")
    expect_sentence(command(*build), "empty.jsonl")


def test_broken_json_line_has_its_number(command: Any, model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps({"text": "the house", "label": "en"}) + '\n{"text": \n')
    build = ("datasets", "build", "custom", "--source", path, "--tokenizer", model_folder, "--out", tmp_path / "d")
    expect_sentence(command(*build), "broken.jsonl", "2")


def test_wrong_column(command: Any, texts: Path, model_folder: Path, tmp_path: Path) -> None:
    build = ("datasets", "build", "custom", "--source", texts, "--tokenizer", model_folder, "--out", tmp_path / "d")
    expect_sentence(command(*build, "--label-column", "language"), "language", "label")


def test_unknown_setting(command: Any, texts: Path, model_folder: Path, tmp_path: Path) -> None:
    build = ("datasets", "build", "custom", "--source", texts, "--tokenizer", model_folder, "--out", tmp_path / "d")
    expect_sentence(command(*build, "--set", "contxt=3"), "did you mean 'context'")
    expect_sentence(command(*build, "--set", "context"), "name=value")


def test_tokenizer_mismatch(command: Any, texts: Path, model_folder: Path, tmp_path: Path) -> None:
    build = ("datasets", "build", "custom", "--source", texts, "--tokenizer", "demo-4.7m", "--out", tmp_path / "d")
    assert command(*build).code == 0
    expect_sentence(
        command("run", "--model", model_folder, "--dataset", tmp_path / "d", "--out", tmp_path / "run"), "tokenizer"
    )


def test_unwritable_folder(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = ("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "file" / "run", "--k", "1")
    expect_sentence(command(*run, "--quiet"), "cannot be written")


def test_full_disk(command: Any, asked: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(artefacts.pq, "write_table", full)
        expect_sentence(command(*asked, "--k", "1"), "full")
    assert not list((tmp_path / "run").rglob("*.partial"))
    assert command(*asked, "--k", "1").code == 0


def test_a_folder_without_a_run(command: Any, tmp_path: Path) -> None:
    expect_sentence(command("resume", tmp_path), "spec.yaml")


def test_a_spec_with_a_wrong_name(command: Any, tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("model: demo-4.7m\ndataset: natural_language\nlayer: 3\n")
    expect_sentence(command("run", spec, "--out", tmp_path / "run"), "did you mean 'layers'")
    spec.write_text("- model\n")
    expect_sentence(command("run", spec, "--out", tmp_path / "run"), "name: value")


def test_debug_shows_the_traceback(command: Any, tmp_path: Path) -> None:
    outcome = command("resume", tmp_path, "--debug")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
