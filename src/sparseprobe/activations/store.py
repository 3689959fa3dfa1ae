"""Activations on disk: a Zarr v3 group with one array per layer and one chunk per block of rows, and a manifest.

    manifest.json       settings, plan, versions, number of blocks done, a checksum of every file, its own hash
    layer_3/            (n_examples, width), chunks of (rows_per_block, width), each with a CRC-32C, not compressed
    rows/               (n_examples,) int64, the stored row of each example

A block counts once the manifest says so, and the manifest is replaced in one step after all chunks of the block are
written: a reader never sees half a chunk, and a run that was stopped begins again after the last whole block. The
manifest holds no times, so an interrupted run and an undisturbed one end in the same bytes.

Changed data is never read silently. Opening compares every file with the manifest: the descriptions of the arrays as a
whole, a chunk by the CRC-32C at its end, so that missing, shortened, swapped and rewritten files are detected at the
cost of four bytes per chunk. Reading a chunk compares its content with that CRC-32C (Zarr's codec `crc32c`). Zarr
itself would read a missing chunk as zeros, so every chunk is written, also one of zeros.
"""

from __future__ import annotations

import errno
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from sparseprobe.activations.layer_activations import LayerActivations
from sparseprobe.activations.precision import STORED
from sparseprobe.errors import StorageError

MANIFEST = "manifest.json"
FORMAT = "sparseprobe activations 2"
#: Settings that only say how a thing is called; what it is stands in a fingerprint.
NAMES = ("model", "dataset")


@dataclass(frozen=True)
class ActivationStore:
    """A folder that activations are being written to."""

    folder: Path
    manifest: dict[str, Any]
    """As it was when the run began or went on, with the checksums of the files that were written since."""

    @classmethod
    def begin_or_resume(
        cls, folder: str | Path, settings: dict[str, Any], plan: dict[str, int], versions: dict[str, str]
    ) -> ActivationStore:
        """Take a folder for a run with these settings, or go on with the one that it holds.

        A run that goes on keeps the versions and the blocks it began with, in batches no larger than the plan's; where
        no block is done it begins anew. Blocks from the first one on that has a lost or changed file count as not done.
        Raises `StorageError` if the folder cannot be written, holds something else, or a run with different settings.
        """
        path = Path(folder)
        manifest: dict[str, Any] = {"format": FORMAT, "settings": settings, "plan": plan, "versions": versions}
        manifest |= {"blocks_done": 0, "checksums": {}}
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
            whole: dict[str, Any] = {
                "compressors": [Crc32cCodec()],
                "overwrite": True,
                "config": {"write_empty_chunks": True},
            }
            group.create_array("rows", data=rows, chunks=rows.shape, **whole)
            for layer, width in zip(settings["layers"], settings["widths"], strict=True):
                group.create_array(
                    f"layer_{layer}",
                    shape=(settings["n_examples"], width),
                    chunks=(min(rows_per_block, settings["n_examples"]), width),
                    dtype=STORED[settings["dtype"]],
                    **whole,
                )
            self._add_checksums("zarr.json", "rows/zarr.json", "rows/c/0")
            self._add_checksums(*(f"layer_{layer}/zarr.json" for layer in settings["layers"]))

    def write_block(self, block: int, rows: slice, values: Mapping[int, NDArray[Any]]) -> None:
        """Write one block of every layer, then say in the manifest that it is there."""
        with _storing(self.folder):
            group = zarr.open_group(self.folder, mode="r+", zarr_format=3)
            for layer, array in values.items():
                _array(group, f"layer_{layer}").with_config({"write_empty_chunks": True})[rows] = array
            self._add_checksums(*(f"layer_{layer}/c/{block}/0" for layer in values))
            _write_manifest(self.folder, {**self.manifest, "blocks_done": block + 1})

    def _add_checksums(self, *names: str) -> None:
        self.manifest["checksums"] |= {name: _checksum(self.folder / name) for name in names}


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """What a folder says of its activations. Raises `StorageError` if it holds none, or says what was not written."""
    path = Path(folder) / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StorageError(f"{folder} holds no activations: there is no {MANIFEST} in it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"{path} cannot be read ({error}): extract again into a new folder") from error
    if not isinstance(manifest, dict):
        raise StorageError(f"{path} is not a manifest of activations: extract again into a new folder")
    if manifest.get("format") != FORMAT:
        raise StorageError(
            f"{path} has the format {manifest.get('format')!r}, this version reads {FORMAT!r}: extract again "
            "into a new folder"
        )
    if manifest.pop("hash", None) != _hash(manifest):
        raise StorageError(f"{path} was changed after it was written: extract again into a new folder")
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
    """The layers of a complete store, of which little is read: see the module.

    Raises `StorageError` for a file that is missing or was changed.
    """
    settings = manifest["settings"]
    for path in _damaged(Path(folder), manifest):
        fault = "was changed after it was written" if path.exists() else "is missing"
        raise StorageError(
            f"{path} {fault}, so the activations in {folder} are not whole: extract with the same settings and "
            "folder to make what is lost again, or into a new folder"
        )
    try:
        group = zarr.open_group(Path(folder), mode="r", zarr_format=3)
        stored = LayerActivations(_array(group, "rows"), "float32").read(slice(None))
        rows = None if np.array_equal(stored, np.arange(len(stored))) else stored
        return {
            layer: LayerActivations(_array(group, f"layer_{layer}"), settings["dtype"], rows)
            for layer in settings["layers"]
        }
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
    return {**found, "plan": {**found["plan"], "batch_tokens": batch_tokens}, "blocks_done": done}


def _n_blocks(manifest: dict[str, Any]) -> int:
    return -(-int(manifest["settings"]["n_examples"]) // int(manifest["plan"]["rows_per_block"]))


def _whole_blocks(folder: Path, manifest: dict[str, Any]) -> int:
    """Blocks done before the first one that has a damaged file; none if a description or the order of rows has."""
    done = int(manifest["blocks_done"])
    for path in _damaged(folder, manifest):
        array, *chunk = path.relative_to(folder).parts
        done = min(done, int(chunk[1]) if array != "rows" and len(chunk) > 1 else 0)
    return done


def _damaged(folder: Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """Files that are missing or differ from what the manifest records."""
    for name, checksum in manifest["checksums"].items():
        path = folder / name
        if not path.is_file() or _checksum(path) != checksum:
            yield path


def _checksum(path: Path) -> str:
    """Of a chunk the CRC-32C that it ends with, of the description of an array a CRC-32."""
    if path.name == "zarr.json":
        return f"{zlib.crc32(path.read_bytes()):08x}"
    with path.open("rb") as chunk:
        chunk.seek(max(0, path.stat().st_size - 4))
        return chunk.read().hex()


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(f"{name} is a folder of arrays, not one array")
    return array


def _hash(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    partial = folder / (MANIFEST + ".partial")
    signed = {**manifest, "hash": _hash(manifest)}
    partial.write_text(json.dumps(signed, indent=1, sort_keys=True) + "\n", "utf-8")
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
