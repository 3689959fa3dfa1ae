"""Activations on disk: a Zarr v3 group, one array a layer, one chunk a block of rows, and a manifest beside them.

    manifest.json       settings, plan, versions, and how many blocks are done
    layer_3/            (n_examples, width), chunks of (rows_per_block, width), not compressed
    rows/               (n_examples,) int64, the stored row of each example

A block counts once the manifest says so, and the manifest is replaced in one step after all chunks of the block are
written: a reader never sees half a chunk, and a run that was stopped begins again after the last whole block. The
manifest holds no times, so an interrupted run and an undisturbed one end in the same bytes. Every chunk is a file, also
one of zeros, so that a lost file is an error when the store is opened, and made again when its run goes on.
"""

from __future__ import annotations

import errno
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from sparseprobe.activations.chunk_files import damaged_chunks
from sparseprobe.activations.layer_activations import LayerActivations
from sparseprobe.activations.precision import STORED
from sparseprobe.errors import StorageError

MANIFEST = "manifest.json"
FORMAT = "sparseprobe activations 1"
#: What is read of the manifest; the rest is for people.
KEYS = {
    "settings": {"model", "site", "layers", "widths", "aggregate", "dtype", "n_examples"},
    "plan": {"rows_per_block", "batch_tokens"},
}
#: Says in a manifest that zeros are written too. Without it (earlier versions) a missing chunk may be one of zeros.
ZEROS_TOO = "chunks_of_zeros_written"
#: Settings that only say how a thing is called; what it is stands in a fingerprint.
NAMES = ("model", "dataset")


@dataclass(frozen=True)
class ActivationStore:
    """A folder that activations are being written to."""

    folder: Path
    manifest: dict[str, Any]
    """As it was when the run began or went on."""

    @classmethod
    def begin_or_resume(
        cls, folder: str | Path, settings: dict[str, Any], plan: dict[str, int], versions: dict[str, str]
    ) -> ActivationStore:
        """Take a folder for a run with these settings, or go on with the one that it holds.

        A run that goes on keeps the versions and the blocks it began with, in batches no larger than the plan's; where
        no block is done it begins anew. Blocks from the first one on that lacks a file count as not done. Raises
        `StorageError` if the folder cannot be written, holds something else, or a run with other settings.
        """
        path = Path(folder)
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "settings": settings,
            "plan": plan,
            "versions": versions,
            "blocks_done": 0,
            ZEROS_TOO: True,
        }
        with _storing(path):
            if (path / MANIFEST).is_file():
                manifest = _going_on(path, manifest)
            else:
                path.mkdir(parents=True, exist_ok=True)
                _require_empty(path)
            if manifest["blocks_done"] < _n_blocks(manifest):
                _write_manifest(path, manifest)
        return cls(path, manifest)

    @property
    def blocks_done(self) -> int:
        """Blocks that were complete when the run began or went on."""
        return int(self.manifest["blocks_done"])

    def create_arrays(self, rows: NDArray[np.int64]) -> None:
        """Lay out the arrays of a run that has no complete block yet."""
        settings, rows_per_block = self.manifest["settings"], self.manifest["plan"]["rows_per_block"]
        with _storing(self.folder):
            group = zarr.open_group(self.folder, mode="a", zarr_format=3)
            group.create_array("rows", data=rows, overwrite=True, compressors=None, config={"write_empty_chunks": True})
            for layer, width in zip(settings["layers"], settings["widths"], strict=True):
                group.create_array(
                    f"layer_{layer}",
                    shape=(settings["n_examples"], width),
                    chunks=(min(rows_per_block, settings["n_examples"]), width),
                    dtype=STORED[settings["dtype"]],
                    compressors=None,
                    overwrite=True,
                )

    def write_block(self, block: int, rows: slice, values: Mapping[int, NDArray[Any]]) -> None:
        """Write one block of every layer, then say in the manifest that it is there."""
        with _storing(self.folder):
            group = zarr.open_group(self.folder, mode="r+", zarr_format=3)
            for layer, array in values.items():
                _array(group, layer).with_config({"write_empty_chunks": True})[rows] = array
            _write_manifest(self.folder, {**self.manifest, "blocks_done": block + 1})


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """What a folder says of its activations. Raises `StorageError` if it holds none."""
    path = Path(folder) / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StorageError(f"{folder} holds no activations: there is no {MANIFEST} in it") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise StorageError(f"{path} holds no manifest of activations: extract again into a new folder")
    if manifest.get("format") != FORMAT:
        raise StorageError(f"{path} is not of this format: expected {FORMAT!r}, found {manifest.get('format')!r}")
    for part, keys in KEYS.items():
        found = manifest.get(part)
        if not isinstance(found, dict) or not found.keys() >= keys or not isinstance(manifest.get("blocks_done"), int):
            raise StorageError(f"{path} lacks what it should hold: extract again into a new folder")
    return manifest


def require_complete(folder: str | Path, manifest: dict[str, Any]) -> None:
    """Raise `StorageError` if the run that wrote the folder was stopped before its end."""
    n_blocks = _n_blocks(manifest)
    if manifest["blocks_done"] < n_blocks:
        raise StorageError(
            f"{folder} holds {manifest['blocks_done']} of {n_blocks} parts of a run that was stopped: extract with the "
            "same settings and folder to finish it"
        )


def open_layers(folder: str | Path, manifest: dict[str, Any]) -> dict[int, LayerActivations]:
    """The layers of a complete store; only their shapes are read, and whether every file is there.

    Raises `StorageError` for a file that is missing or of another size. Of a store that an earlier version wrote, a
    missing file may be a chunk of zeros: then it warns.
    """
    settings = manifest["settings"]
    try:
        group = zarr.open_group(Path(folder), mode="r", zarr_format=3)
        for name in _array_names(settings):
            _require_chunks(Path(folder), _array(group, name), zeros_too=bool(manifest.get(ZEROS_TOO)))
        stored = np.asarray(_array(group, "rows")[:])
        rows = None if np.array_equal(stored, np.arange(len(stored))) else stored
        return {layer: LayerActivations(_array(group, layer), settings["dtype"], rows) for layer in settings["layers"]}
    except StorageError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"the activations in {folder} cannot be read: {error}") from error


def _going_on(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The manifest to go on with: the one found, in batches no larger than asked for; with no block done, `asked`."""
    found = read_manifest(folder)
    _require_same(folder, found["settings"], asked["settings"])
    for partial in folder.rglob("*.partial"):  # what was being written when the run was stopped
        partial.unlink()
    done = _whole_blocks(folder, found)
    if not done:
        return asked
    batch_tokens = min(found["plan"]["batch_tokens"], asked["plan"]["batch_tokens"])
    return {**found, "plan": {**found["plan"], "batch_tokens": batch_tokens}, ZEROS_TOO: True, "blocks_done": done}


def _n_blocks(manifest: dict[str, Any]) -> int:
    return -(-int(manifest["settings"]["n_examples"]) // int(manifest["plan"]["rows_per_block"]))


def _whole_blocks(folder: Path, manifest: dict[str, Any]) -> int:
    """Blocks done before the first one that lacks a file; none if the order of the rows is lost."""
    done = int(manifest["blocks_done"])
    if not done:
        return 0
    try:
        group = zarr.open_group(folder, mode="r", zarr_format=3)
        if any(damaged_chunks(folder, _array(group, "rows"))):
            return 0
        for layer in manifest["settings"]["layers"]:
            done = min(done, next((block for block, _ in damaged_chunks(folder, _array(group, layer))), done))
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"the activations in {folder} cannot be read: {error}; give a new folder") from error
    return done


def _require_chunks(folder: Path, array: zarr.Array[Any], *, zeros_too: bool) -> None:
    damaged = [path for _, path in damaged_chunks(folder, array)]
    for path in damaged:
        if zeros_too or path.exists():
            fault = "does not have its full size" if path.exists() else "is missing"
            raise StorageError(
                f"{path} {fault}, so the activations in {folder} are not whole: extract with the same settings and "
                "folder to make what is lost again, or into a new folder"
            )
    if damaged:
        warnings.warn(
            f"{damaged[0]} is missing and is read as zeros: an earlier version left zeros out, but it may also be "
            "lost; extract with the same settings and folder to be sure",
            stacklevel=4,
        )


def _array_names(settings: dict[str, Any]) -> list[str]:
    return ["rows", *(f"layer_{layer}" for layer in settings["layers"])]


def _array(group: zarr.Group, layer: int | str) -> zarr.Array[Any]:
    array = group[layer if isinstance(layer, str) else f"layer_{layer}"]
    if not isinstance(array, zarr.Array):
        raise KeyError(f"layer {layer} is a folder of arrays, not one array")
    return array


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
    partial.replace(folder / MANIFEST)


def _require_empty(folder: Path) -> None:
    if any(entry.name != MANIFEST + ".partial" for entry in folder.iterdir()):
        raise StorageError(f"{folder} is not empty and holds no activations: give a new folder or an empty one")


def _require_same(folder: Path, found: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [
        name
        for name in asked
        if name not in NAMES and found.get(name) != json.loads(json.dumps(asked[name]))  # as they are after reading
    ]
    if differing:
        name = differing[0]
        raise StorageError(
            f"{folder} holds activations with {name}={found.get(name)!r}, asked for is {asked[name]!r}: give "
            "another folder"
        )


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """Turn what the system says about writing into one sentence."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageError(
                f"the disk of {folder} is full: make room and run it again, what is complete is kept"
            ) from error
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}") from error
