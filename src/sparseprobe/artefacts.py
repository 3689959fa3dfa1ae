"""Files that are whole or absent: everything is written under a temporary name and renamed when it is complete."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from sparseprobe.errors import DataError, StorageError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if partial.exists():
            partial.unlink()


def storage_error(path: Path, error: OSError) -> StorageError:
    """The one sentence for a file that could not be written."""
    if error.errno == errno.ENOSPC:
        return StorageError(f"the disk is full: {path} could not be written; free some space and start again")
    return StorageError(
        f"{path} cannot be written ({error.strerror or error}); choose another --out or make its folder writable"
    )


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all."""
    with whole_file(path) as partial:
        table.to_parquet(partial, index=False)


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table.

    Raises:
        DataError: no such file, or not Parquet.
    """
    if not path.is_file():
        raise DataError(f"no table at {path}: give a .parquet file, or run the command that writes it first")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is not Parquet or is damaged: delete it and run the command that writes it") from error


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON record, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON record.

    Raises:
        DataError: the file cannot be read, is not JSON, or is not a record.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not JSON or is damaged: delete it and run the command that writes it") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold a record, not {type(value).__name__}: delete it and run the command again")
    return value


def write_yaml(path: Path, value: dict[str, Any]) -> None:
    """Write a YAML record, whole or not at all, its keys in the order in which they are given."""
    with whole_file(path) as partial:
        partial.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML record.

    Raises:
        DataError: no such file, not YAML, or not a mapping of names to values.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"no file {path}: give a YAML file of settings") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder: give a YAML file of settings, or resume the run that is there") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold settings as `name: value` lines, not {type(value).__name__}")
    return value
