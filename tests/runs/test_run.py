"""A run as a folder: it goes on after any stop, refuses what it cannot do, and says what it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import sparseprobe as sp
from sparseprobe.errors import DataError, InputError, SparseProbeError, StorageError, UnknownNameError
from sparseprobe.runs.run_folder import alone_in

EXPERIMENTS = ["sweep", "neurons", "ablation"]


@pytest.fixture(scope="session")
def settings(dataset: Path, model_folder: Path) -> dict[str, Any]:
    """A small run with an experiment of each kind."""
    chosen = {"k": [1, 2], "keep": 5, "ablated": 1, "experiments": EXPERIMENTS, "device": "cpu"}
    return {"model": str(model_folder), "dataset": str(dataset), **chosen}


@pytest.fixture(scope="session")
def whole(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run, undisturbed; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    sp.run(**settings, out=folder)
    return folder


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def same_tables(one: sp.Run, other: sp.Run) -> None:
    assert list(one.tables) == list(other.tables)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(
            table.drop(columns="seconds", errors="ignore"), other.tables[name].drop(columns="seconds", errors="ignore")
        )


def state(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@dataclass
class Stop:
    """Somebody presses Ctrl-C at a step of a task."""

    label: str
    steps: int
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def task(self, label: str, *, total: float, unit: str, done: float = 0) -> Iterator[Any]:
        def step(amount: float = 1, /) -> None:
            if self.label in label:
                self.seen.append(label)
                if len(self.seen) == self.steps:
                    raise KeyboardInterrupt

        yield step


class TestGoingOn:
    @pytest.mark.parametrize(("label", "steps"), [("activations", 1), ("sweep", 1), ("sweep", 3), ("ablation", 2)])
    def test_after_a_stop_it_gives_the_tables_of_an_undisturbed_run(
        self, settings: dict[str, Any], whole: Path, tmp_path: Path, label: str, steps: int
    ) -> None:
        with pytest.raises(KeyboardInterrupt):
            sp.run(**settings, out=tmp_path / "run", progress=Stop(label, steps))
        stopped = sp.open_run(tmp_path / "run")
        assert set(stopped.tables) < set(EXPERIMENTS)
        same_tables(sp.resume(tmp_path / "run"), sp.open_run(whole))
        assert sorted(path.stem for path in (tmp_path / "run" / "tables").iterdir()) == sorted(EXPERIMENTS)

    def test_a_process_killed_while_its_model_loads_can_be_resumed(
        self, settings: dict[str, Any], whole: Path, tmp_path: Path
    ) -> None:
        spec, out = tmp_path / "asked.yaml", tmp_path / "run"
        spec.write_text(yaml.safe_dump(settings))
        program = "from sparseprobe.cli import main; main()"
        command = [sys.executable, "-c", program, "run", str(spec), "--out", str(out), "--quiet"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None and not (out / "spec.yaml").exists():
                time.sleep(0.02)
            process.kill()
            _, said = process.communicate()
        assert process.returncode == -signal.SIGKILL, said
        assert not (out / "tables").exists()
        same_tables(sp.resume(out), sp.open_run(whole))
        assert not list(out.glob(".*"))

    def test_what_a_process_left_half_written_is_removed(self, settings: dict[str, Any], tmp_path: Path) -> None:
        out = tmp_path / "run"
        (out / ".dataset-x1" / "new").mkdir(parents=True)
        (out / "tables").mkdir()
        for name in (".spec.yaml.12.partial", "tables/.sweep-layer-0.parquet.12.partial"):
            (out / name).write_text("half")
        sp.run(**settings | {"experiments": "neurons"}, out=out)
        assert not list(out.rglob(".*"))

    def test_a_finished_run_is_opened_without_writing_a_byte(self, finished: Path, whole: Path) -> None:
        before = state(finished)
        same_tables(sp.resume(finished), sp.open_run(whole))
        same_tables(sp.open_run(finished), sp.open_run(whole))
        assert state(finished) == before

    def test_a_lost_chunk_of_a_finished_run_is_made_again(self, finished: Path) -> None:
        [chunk, *_] = (path for path in (finished / "activations" / "layer_1" / "c").rglob("*") if path.is_file())
        was = chunk.read_bytes()
        chunk.unlink()
        sp.resume(finished)
        assert chunk.read_bytes() == was


class TestRefusing:
    def test_a_second_process_is_told_who_is_at_work(self, finished: Path, settings: dict[str, Any]) -> None:
        more = settings | {"experiments": [*EXPERIMENTS, "dense"]}
        with (
            alone_in(finished),
            pytest.raises(StorageError, match=rf"another process \({os.getpid()}\) has been working in .*run since 20"),
        ):
            sp.run(**more, out=finished)
        assert sp.run(**more, out=finished).tables["dense"]["k"].tolist() == [32] * 6

    @pytest.mark.parametrize("note", ["no record", '{"process": 1}', None])
    def test_the_note_of_a_process_that_is_gone_counts_for_nothing(
        self, finished: Path, settings: dict[str, Any], note: str | None
    ) -> None:
        with alone_in(finished):
            [path] = finished.glob(".running-*.json")
            here = json.loads(path.read_text())
        gone = json.dumps(here | {"began": here["began"] - 3600})  # a process of this number, but another one
        (finished / ".running-0.json").write_text(note or gone)
        sp.run(**settings | {"experiments": [*EXPERIMENTS, "dense"]}, out=finished)
        assert not list(finished.glob(".*"))

    def test_a_note_from_another_computer_is_left_to_people(self, finished: Path, settings: dict[str, Any]) -> None:
        note = {"process": 7, "began": 1.0, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00"}
        (finished / ".running-0.json").write_text(json.dumps(note))
        with pytest.raises(StorageError, match=r"process 7 on elsewhere has been working .* or remove .*running-0"):
            sp.run(**settings | {"experiments": [*EXPERIMENTS, "dense"]}, out=finished)

    @pytest.mark.parametrize(("setting", "value"), [("seed", 7), ("k", [1])])
    def test_a_spec_that_was_edited_is_refused_and_claims_nothing(
        self, finished: Path, setting: str, value: object
    ) -> None:
        path, record = finished / "spec.yaml", (finished / "provenance.json").read_bytes()
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {setting: value}))
        for act in (sp.resume, sp.open_run):
            with pytest.raises(StorageError, match=rf"spec.yaml was edited after the tables .* with {setting}: "):
                act(finished)
        assert (finished / "provenance.json").read_bytes() == record

    def test_a_spec_edited_while_the_run_was_stopped_is_refused(self, settings: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            sp.run(**settings, out=tmp_path / "run", progress=Stop("sweep", 1))
        path = tmp_path / "run" / "spec.yaml"
        path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
        with pytest.raises(StorageError, match=r"edited after the tables .* with seed: 0: put that back"):
            sp.resume(tmp_path / "run")

    def test_a_changed_byte_of_a_table_is_told_or_changes_nothing(self, finished: Path, whole: Path) -> None:
        path, told = finished / "tables" / "sweep.parquet", 0
        content = path.read_bytes()
        for place in range(7, len(content), len(content) // 12):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            try:
                same_tables(sp.resume(finished), sp.open_run(whole))
            except SparseProbeError as error:
                assert "sweep.parquet" in str(error)  # noqa: PT017
                told += 1
        assert told > 5

    def test_what_cannot_be_done_leaves_what_was_asked_before(self, finished: Path, settings: dict[str, Any]) -> None:
        before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
        with pytest.raises(InputError, match="'regression' is about continuous features"):
            sp.run(**settings | {"experiments": [*EXPERIMENTS, "regression"]}, out=finished)
        assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before

    def test_settings_that_are_none(self, settings: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError, match="unknown setting of a run 'ks'"):
            sp.run(**settings, ks=[1], out=tmp_path / "run")
        with pytest.raises(InputError, match="a run needs out, the folder to write"):
            sp.run(**settings)
        with pytest.raises(InputError, match="a run needs a model and a dataset"):
            sp.run(model="demo-4.7m", out=tmp_path / "run")
        with pytest.raises(DataError, match=r"holds no run \(no spec.yaml\)"):
            sp.open_run(tmp_path)
        assert not (tmp_path / "run").exists()


class TestShowing:
    def test_settings_by_name_are_those_of_a_spec(self, settings: dict[str, Any], whole: Path) -> None:
        same_tables(sp.run(sp.RunSpec(**settings), whole), sp.open_run(whole))
        same_tables(sp.run(sp.RunSpec(**settings | {"device": None}), out=whole, device="cpu"), sp.open_run(whole))

    def test_a_run_opens_its_dataset_and_activations(self, whole: Path) -> None:
        opened = sp.open_run(whole)
        assert opened.activations.n_examples == len(opened.dataset.examples) == 120
        assert opened.sweep["k"].max() == 2
        with pytest.raises(UnknownNameError, match="unknown table of this run 'sweep'"):
            _ = sp.Run(whole, opened.spec, {}).sweep

    def test_it_shows_itself_in_a_notebook_with_names_escaped(self, whole: Path) -> None:
        opened = sp.open_run(whole)
        other = sp.Run(Path("<b>"), opened.spec, opened.tables)
        shown = other._repr_html_()
        assert "&lt;b&gt;" in shown
        assert "<b>," not in shown
        assert all(name in shown for name in EXPERIMENTS)
        assert repr(opened).endswith("sweep (12 rows), neurons (30 rows), ablation (21 rows))")
