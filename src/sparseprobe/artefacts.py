"""Read and write files, each complete or absent: it is written under a temporary name and renamed at the end."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sparseprobe.errors import DataError, StorageError

CONTENT_HASH = "sparseprobe_content_hash"
"""The key in a table's metadata under which the hash of its content is stored."""
MOST_BRACKETS = 1000
"""Settings are lists of names and numbers: a file with more brackets is something else."""


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
    """The error for a file that could not be written."""
    if error.errno == errno.ENOSPC:
        return StorageError(f"the disk is full: {path} could not be written; free some space and start again")
    return StorageError(
        f"{path} cannot be written ({error.strerror or error}); choose another --out or make its folder writable"
    )


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet with checksums of its pages and of its content, whole or not at all."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    content = content.replace_schema_metadata({**content.schema.metadata, CONTENT_HASH: _content_hash(content)})
    with whole_file(path) as partial:
        pq.write_table(content, partial, write_page_checksum=True)


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table; if it carries a hash of its content, the hash is checked.

    Raises:
        DataError: no such file, not Parquet, or changed since it was written.
    """
    if not path.is_file():
        raise DataError(f"no table at {path}: give a .parquet file, or run the command that writes it first")
    try:
        content = pq.ParquetFile(path, page_checksum_verification=True).read()
        said = (content.schema.metadata or {}).get(CONTENT_HASH.encode())
        whole = said is None or said.decode() == _content_hash(content)
        table: pd.DataFrame = content.to_pandas()
    except Exception as error:  # a reader of a damaged file may raise almost anything
        raise DataError(f"{path} is not Parquet or is damaged: delete it and run the command that writes it") from error
    if not whole:
        raise DataError(f"{path} was changed after it was written: delete it and run the command that writes it")
    return table


def _content_hash(table: pa.Table) -> str:
    """SHA-256 of the names, the types for pandas and the values of a table, the same whatever version reads it."""
    content = hashlib.sha256(json.dumps(table.column_names).encode())
    content.update((table.schema.metadata or {}).get(b"pandas", b""))
    for column in table.columns:
        if pa.types.is_primitive(column.type) and not column.null_count:
            values = column.to_numpy()
            content.update(values.dtype.str.encode() + values.tobytes())
        else:
            content.update(json.dumps(column.to_pylist(), default=str).encode())
    return content.hexdigest()


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises `ValueError` if it is not JSON or is nested too deeply.

    >>> parse_json('{"k": [1, 2]}')
    {'k': [1, 2]}
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists and records are nested too deeply") from None


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
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not JSON or is damaged: delete it and run the command that writes it") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold a record, not {type(value).__name__}: delete it and run the command again")
    return value


class _WithoutAliases(yaml.SafeDumper):
    """Writes a value that occurs twice in full each time, so that our files need no aliases."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def write_yaml(path: Path, value: dict[str, Any]) -> None:
    """Write a YAML record, whole or not at all, its keys in the order in which they are given."""
    with whole_file(path) as partial:
        text = yaml.dump(value, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True)
        partial.write_text(text, encoding="utf-8")


def parse_yaml(text: str, where: str) -> Any:
    """The value of a YAML text; raises `DataError`, naming `where`, if it is not YAML or cannot be a file of settings.

    >>> parse_yaml("k: [1, 2]", "a setting")
    {'k': [1, 2]}
    """
    if text.count("[") + text.count("{") > MOST_BRACKETS:  # the parser needs the square of their number
        raise DataError(f"{where} is not a file of settings: it has more than {MOST_BRACKETS} brackets")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):  # a few of them can stand for billions
            raise DataError(f"{where} has an alias (*name), which settings do not take: write the value itself")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where} is not YAML: {' '.join(str(error).split())}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML record.

    Raises:
        DataError: no such file, not YAML, or not a mapping of names to values.
    """
    try:
        value = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise DataError(f"no file {path}: give a YAML file of settings") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder: give a YAML file of settings, or resume the run that is there") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not YAML: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold settings as `name: value` lines, not {type(value).__name__}")
    return value
