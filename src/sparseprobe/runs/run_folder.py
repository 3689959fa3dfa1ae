"""The folder of a run: which process works in it, its settings, and whether it is finished.

A process that works in the folder keeps a note there (`.running-*.json`) meanwhile. The note of a process that no
longer exists is ignored and removed, so a killed run can be resumed. If two processes start at the same moment, both
may stop, but never do both continue.
"""

from __future__ import annotations

import json
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from sparseprobe import provenance
from sparseprobe.activations import Activations
from sparseprobe.artefacts import read_json, write_json, write_yaml
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import DataError, SparseProbeError, StorageError
from sparseprobe.runs.spec import RunSpec

SPEC, RECORD, DATASET, ACTIVATIONS = "spec.yaml", "provenance.json", "dataset", "activations"
_MAY_CHANGE = ("experiments", "device", "memory")
"""Settings that do not affect results: experiments may be added, and the run may continue on another machine."""
_CLOCK = 5.0  # seconds by which the start of a process may seem to move when the clock is set


def table_path(folder: Path, name: str) -> Path:
    """Where the table of an experiment is."""
    return folder / "tables" / f"{name}.parquet"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in a folder that no other process works in, and remove what a process that was killed left half-written.

    The folder is created if necessary, and removed again if it is empty at the end.

    Raises:
        StorageError: another process works in the folder, or it cannot be written.
    """
    note = folder / f".running-{uuid.uuid4().hex}.json"
    process = psutil.Process()
    about = {"process": process.pid, "began": process.create_time(), "host": platform.node(), "since": provenance.now()}
    write_json(note, about)
    try:
        for other in folder.glob(".running-*.json"):
            if other != note:
                _require_gone(folder, other)
        for left in (*folder.glob(f".{DATASET}-*"), *folder.glob(".[!.]*.partial"), *folder.glob("tables/.*.partial")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield
    finally:
        note.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def _require_gone(folder: Path, note: Path) -> None:
    """Remove the note of a process that no longer exists; raises `StorageError` if it does exist."""
    try:
        about = json.loads(note.read_text("utf-8"))
        number, began, host, since = (about[name] for name in ("process", "began", "host", "since"))
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError):
        note.unlink(missing_ok=True)
        return
    if host != platform.node():
        raise StorageError(
            f"process {number} on {host} has been working in {folder} since {since}: wait until it ends, "
            f"or remove {note} if it was killed"
        )
    try:
        there = abs(psutil.Process(int(number)).create_time() - float(began)) < _CLOCK
    except (psutil.Error, ValueError):
        there = False
    if there:
        raise StorageError(
            f"another process ({number}) has been working in {folder} since {since}: wait until it ends, "
            "or choose another --out"
        )
    note.unlink(missing_ok=True)


@contextmanager
def asked(folder: Path, spec: RunSpec) -> Iterator[None]:
    """Write the settings first; if it turns out that they cannot be used, restore the previous ones."""
    path = folder / SPEC
    before = path.read_bytes() if path.exists() else None
    write_yaml(path, asdict(spec))
    try:
        yield
    except SparseProbeError:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        raise


def spec_of(folder: Path) -> RunSpec:
    """The settings of the run in a folder; raises `DataError` if it holds none."""
    path = folder / SPEC
    if not path.is_file():
        raise DataError(f"{folder} holds no run (no {SPEC}): give the folder that `sparseprobe run --out` wrote")
    return RunSpec.from_yaml(path)


def refuse_other_settings(folder: Path, spec: RunSpec) -> None:
    """Check that the folder is new, or belongs to a run with the same settings, except those that may change.

    Raises `StorageError` if not, and if its `spec.yaml` was edited after its first tables were made.
    """
    path = folder / SPEC
    if not path.exists():
        return
    changed = _changed(asdict(RunSpec.from_yaml(path)), spec)
    if changed:
        raise StorageError(
            f"{folder} holds a run with different settings ({', '.join(changed)}): choose another --out, "
            f"or `sparseprobe resume {folder}` to finish the run that is there"
        )
    record = _record(folder)
    edited = _changed(record.get("spec", {}), spec)
    if edited:
        was = ", ".join(f"{name}: {record['spec'][name]}" for name in edited)
        raise StorageError(
            f"{path} was edited after the tables in {folder} were begun with {was}: put that back, or take the edited "
            "file to a new folder with `sparseprobe run SPEC.yaml --out FOLDER`"
        )


def is_finished(folder: Path, spec: RunSpec) -> bool:
    """Whether every requested table exists already, so that nothing needs to be written.

    Raises `StorageError` if the dataset was changed.
    """
    record = _record(folder)
    names = record.get("experiments") or []
    same = record.get("finished") and (record["spec"] | _free(spec)) == asdict(spec)
    same = same and record["spec"]["experiments"] == spec.experiments
    if not same or not all(table_path(folder, name).is_file() for name in names):
        return False
    ProbingDataset.load(folder / DATASET)
    try:
        Activations.open(folder / ACTIVATIONS)
    except StorageError:
        return False  # what is lost can be extracted again
    return True


def begin_record(folder: Path, spec: RunSpec, experiments: list[str]) -> None:
    """Record the settings with which the tables are made."""
    record = _record(folder)
    if record.get("spec") == asdict(spec) and record.get("experiments") == experiments:
        return
    begun = {"started": record.get("started", provenance.now()), "finished": None}
    write_json(folder / RECORD, begun | {"spec": asdict(spec), "experiments": experiments})


def finish_record(folder: Path, data: ProbingDataset, activations: Activations) -> None:
    """Complete the record of a run, once."""
    record = _record(folder)
    if record["finished"]:
        return
    counts = {str(name): int(count) for name, count in data.examples["split"].value_counts().items()}
    about: dict[str, Any] = {
        **provenance.environment(),
        "finished": provenance.now(),
        "dataset": {"name": data.name, "hash": data.hash(), "examples": counts, "settings": data.settings},
        "activations": dict(activations.manifest),
    }
    write_json(folder / RECORD, record | about)


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    return read_json(path) if path.exists() else {}


def _free(spec: RunSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in _MAY_CHANGE}


def _changed(before: dict[str, Any], spec: RunSpec) -> list[str]:
    """Settings that differ from the recorded ones, except those that may change."""
    settings = {name: value for name, value in asdict(spec).items() if name not in _MAY_CHANGE}
    return [name for name, value in settings.items() if name in before and before[name] != value]
