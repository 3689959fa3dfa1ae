"""Activations on disk: a Zarr v3 group, one array a layer, one chunk a block of rows, and a manifest beside them.

    manifest.json       settings, plan, versions, and how many blocks are done
    layer_3/            (n_examples, width), chunks of (rows_per_block, width), not compressed
    rows/               (n_examples,) int64, the stored row of each example

A block counts once the manifest says so, and the manifest is replaced in one step after all chunks of the block are
written: a reader never sees half a chunk, and a run that was stopped begins again after the last whole block. The
manifest holds no times, so an interrupted run and an undisturbed one end in the same bytes.
"""

from __future__ import annotations

import errno
import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from sparseprobe.activations.layer_activations import LayerActivations
from sparseprobe.activations.precision import STORED
from sparseprobe.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

MANIFEST = "manifest.json"
FORMAT = "sparseprobe activations 1"
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

        A run that goes on keeps the plan and the versions it began with. Raises `StorageError` if the folder cannot be
        written, holds something else, or a run with other settings.
        """
        path = Path(folder)
        if (path / MANIFEST).is_file():
            manifest = read_manifest(path)
            _require_same(path, manifest["settings"], settings)
            with _storing(path):
                for partial in path.rglob("*.partial"):  # what was being written when the run was stopped
                    partial.unlink()
            return cls(path, manifest)
        with _storing(path):
            path.mkdir(parents=True, exist_ok=True)
            if any(entry.name != MANIFEST + ".partial" for entry in path.iterdir()):
                raise StorageError(f"{path} is not empty and holds no activations: give a new folder or an empty one")
            manifest = {
                "format": FORMAT,
                "settings": settings,
                "plan": plan,
                "versions": versions,
                "blocks_done": 0,
            }
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
            group.create_array("rows", data=rows, overwrite=True, compressors=None)
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
                _array(group, layer)[rows] = array
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
    if manifest.get("format") != FORMAT:
        raise StorageError(f"{path} is not of this format: expected {FORMAT!r}, found {manifest.get('format')!r}")
    return manifest


def require_complete(folder: str | Path, manifest: dict[str, Any]) -> None:
    """Raise `StorageError` if the run that wrote the folder was stopped before its end."""
    n_blocks = -(-manifest["settings"]["n_examples"] // manifest["plan"]["rows_per_block"])
    if manifest["blocks_done"] < n_blocks:
        raise StorageError(
            f"{folder} holds {manifest['blocks_done']} of {n_blocks} parts of a run that was stopped: extract with the "
            "same settings and folder to finish it"
        )


def open_layers(folder: str | Path, manifest: dict[str, Any]) -> dict[int, LayerActivations]:
    """The layers of a complete store; only their shapes are read."""
    settings = manifest["settings"]
    try:
        group = zarr.open_group(Path(folder), mode="r", zarr_format=3)
        stored = np.asarray(_array(group, "rows")[:])
        rows = None if np.array_equal(stored, np.arange(len(stored))) else stored
        return {layer: LayerActivations(_array(group, layer), settings["dtype"], rows) for layer in settings["layers"]}
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"the activations in {folder} cannot be read: {error}") from error


def _array(group: zarr.Group, layer: int | str) -> zarr.Array[Any]:
    array = group[layer if isinstance(layer, str) else f"layer_{layer}"]
    if not isinstance(array, zarr.Array):
        raise KeyError(f"layer {layer} is a folder of arrays, not one array")
    return array


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
    partial.replace(folder / MANIFEST)


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
