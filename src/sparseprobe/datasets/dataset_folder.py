"""A dataset on disk: a folder that describes itself.

    dataset.json        format, name, hash, tokenizer record, settings, counts, the hash of each file and of this record
    sequences.parquet   one row per sequence: its token ids
    examples.parquet    sequence, start, stop, group, split
    labels.parquet      one column per feature
    features.parquet    name, description, category, kind
    tokenizer.json      the tokenizer, so that the dataset can show its text without the model

It is written under a temporary name beside its place and then renamed, so a reader never sees half a dataset. The
hash of every file, of the record and of the dataset is checked when it is read, so that changed files are refused. No
pickle.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sparseprobe.artefacts import parse_json
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenizer_record import TokenizerRecord
from sparseprobe.errors import StorageError

if TYPE_CHECKING:
    import os

    from sparseprobe.datasets.probing_dataset import ProbingDataset

FORMAT = "sparseprobe dataset 2"
TABLES = ("examples", "labels", "features")
RECORD = "dataset.json"
FILES = (*(f"{name}.parquet" for name in ("sequences", *TABLES)), "tokenizer.json")


def require_free(folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check that a dataset may be written to `folder`: it is absent or empty, or a dataset that is to be overwritten.

    Raises `StorageError`.
    """
    target = Path(folder)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not is_dataset(target):
        raise StorageError(f"{target} exists and is not a saved dataset; choose another folder")
    if not overwrite:
        raise StorageError(f"{target} holds a saved dataset: choose another folder, or overwrite it (--overwrite)")


def save(dataset: ProbingDataset, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a dataset to `folder`, with `overwrite` in place of an older dataset there; raises StorageError."""
    target = Path(folder)
    require_free(target, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
            fresh = Path(temporary, "new")
            fresh.mkdir()
            _write(dataset, fresh)
            if target.exists():
                target.rename(Path(temporary, "old"))
            fresh.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"the dataset cannot be written to {target}: {reason}; check space and permission"
        ) from error


def load(folder: str | os.PathLike[str]) -> ProbingDataset:
    """Read a saved dataset; raises StorageError if the folder is not one, or was changed after it was saved."""
    from sparseprobe.datasets.probing_dataset import ProbingDataset  # noqa: PLC0415  (it imports this module)

    source = Path(folder)
    if not is_dataset(source):
        raise StorageError(f"{source} is not a saved dataset (it has no dataset.json); build one with `datasets build`")
    try:
        record = _record(source)
        tables = {name: pd.read_parquet(source / f"{name}.parquet") for name in TABLES}
        column = pq.read_table(source / "sequences.parquet").column("tokens").combine_chunks()
        lists = column if isinstance(column, pa.LargeListArray) else column.chunk(0)
        dataset = ProbingDataset(
            name=record["name"],
            sequences=Sequences(lists.flatten().to_numpy(), lists.offsets.to_numpy()),
            tokenizer=TokenizerRecord(
                **record["tokenizer"] | {"special_ids": tuple(record["tokenizer"]["special_ids"])},
                definition=(source / "tokenizer.json").read_text(encoding="utf-8"),
            ),
            settings=record["settings"],
            **tables,
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"the dataset {source} cannot be read: {error}; build it again") from error
    if dataset.hash() != record["hash"]:
        raise StorageError(f"the dataset {source} was changed after it was saved (its hash differs); build it again")
    return dataset


def _record(folder: Path) -> dict[str, Any]:
    """The content of dataset.json, after checking that it and the other files are unchanged."""
    record = parse_json((folder / RECORD).read_text(encoding="utf-8"))
    if not isinstance(record, dict) or "format" not in record:
        raise StorageError(f"{folder} has a {RECORD} that lacks what it should hold; build the dataset again")
    if record["format"] != FORMAT:
        raise StorageError(
            f"{folder} has the format {record['format']!r}, this version reads {FORMAT!r}; build it again"
        )
    changed = RECORD if record.get("record_hash") != _record_hash(record) else None
    for name in FILES if changed is None else ():
        if record["files"].get(name) != _file_hash(folder / name):
            changed = name
    if changed is not None:
        raise StorageError(f"the dataset {folder} was changed after it was saved ({changed} differs); build it again")
    return record


def _record_hash(record: dict[str, Any]) -> str:
    rest = {name: value for name, value in record.items() if name != "record_hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_dataset(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a saved dataset."""
    return Path(folder, RECORD).is_file()


def _write(dataset: ProbingDataset, folder: Path) -> None:
    tokens = pa.LargeListArray.from_arrays(
        pa.array(dataset.sequences.offsets, pa.int64()), pa.array(dataset.sequences.tokens, pa.int32())
    )
    pq.write_table(pa.table({"tokens": tokens}), folder / "sequences.parquet", compression="zstd")
    for name in TABLES:
        table: pd.DataFrame = getattr(dataset, name)
        table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    tokenizer = asdict(dataset.tokenizer)
    Path(folder, "tokenizer.json").write_text(tokenizer.pop("definition"), encoding="utf-8")
    tokenizer.pop("chat")
    record = {
        "format": FORMAT,
        "name": dataset.name,
        "hash": dataset.hash(),
        "n_sequences": len(dataset.sequences),
        "n_tokens": dataset.n_tokens,
        "n_examples": dataset.n_examples,
        "n_features": len(dataset.features),
        "tokenizer": tokenizer,
        "settings": dataset.settings,
        "files": {name: _file_hash(folder / name) for name in FILES},
    }
    record = json.loads(json.dumps(record, default=_plain))  # as it is when it is read
    text = json.dumps(record | {"record_hash": _record_hash(record)}, indent=2, ensure_ascii=False)
    Path(folder, RECORD).write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"settings hold a {type(value).__name__}, which JSON cannot write")
