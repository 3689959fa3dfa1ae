"""Read records from files: one dictionary a record, streamed, so a source never has to fit in memory.

    name                     what it holds
    *.jsonl, *.json(.gz|.zst)   one JSON object a line
    *.csv, *.tsv  (.gz|.zst)    a header and rows; every value is a string
    *.txt, other  (.gz|.zst)    one text, whatever its ending: {"text": ...}
    *.parquet                rows
    a folder of `Dataset.save_to_disk`    Hugging Face rows (extra `hf-datasets`)
    a folder of folders      a folder per label, a text or source file per record: {"text", "label", "document"};
                             a README or LICENSE beside them is left out
    a folder of files        all of them, in the order of their names

Tables in memory (a DataFrame, or any iterable of dictionaries) are taken as they are; a list of sources is read as
one, in its order. Text is UTF-8.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sparseprobe.errors import DataError, InputError

Record = Mapping[str, Any]
OneSource = str | PathLike[str] | pd.DataFrame
Source = OneSource | Iterable[Record | OneSource]

PARQUET_ROWS = 4096
COMPRESSION = {".gz": "gzip", ".zst": "zstd"}
LINES, TABLES = (".jsonl", ".json"), (".csv", ".tsv")
NO_TEXT = (".jsonl", ".parquet")
"""Endings of files that hold many records, and are never the text of one."""
ABOUT = ("readme", "license", "licence")
"""How the name of a file about a folder begins."""


def read_records(source: Source) -> Iterator[tuple[str, Record]]:
    """Stream a source's records, each with the place it stands at (for messages).

    Raises DataError: no such file, an empty one, not UTF-8, a broken line (with its number), damaged compression.

    >>> list(read_records([{"text": "bonjour", "label": "fr"}]))
    [('record 1', {'text': 'bonjour', 'label': 'fr'})]
    >>> both = [pd.DataFrame({"text": ["un"]}), pd.DataFrame({"text": ["deux"]})]
    >>> [record["text"] for _, record in read_records(both)]
    ['un', 'deux']
    """
    rows: Iterator[tuple[str, Record]]
    if isinstance(source, pd.DataFrame):
        _see_names_differ("the given table", list(map(str, source.columns)))
        records = source.to_dict("records")
        rows = ((f"row {number}", cast("Record", record)) for number, record in enumerate(records))
    elif isinstance(source, str) or hasattr(source, "__fspath__"):
        rows = _read_path(Path(cast("str", source)))
    else:
        rows = _read_each(source)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{_name(source)} is empty: no record in it; give a file with at least one")
    yield first
    yield from rows


def _read_each(source: Iterable[Record | OneSource]) -> Iterator[tuple[str, Record]]:
    """The records of a list, and those of each source in it."""
    for number, one in enumerate(source, start=1):
        if isinstance(one, Mapping):
            yield f"record {number}", one
        elif isinstance(one, str | pd.DataFrame) or hasattr(one, "__fspath__"):
            yield from read_records(one)
        else:
            raise DataError(f"record {number} is a {type(one).__name__}; give dictionaries, paths or tables")


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "the given table"


def _read_path(path: Path) -> Iterator[tuple[str, Record]]:
    _require_path(path)
    if path.is_dir():
        yield from _read_folder(path)
        return
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
        return
    ending = _ending(path)
    with _opened(path) as stream:
        if ending in LINES:
            yield from _read_lines(path, stream)
        elif ending in TABLES:
            yield from _read_table(path, stream, "\t" if ending == ".tsv" else ",")
        else:
            text = stream.read()
            if text.strip():
                yield str(path), {"text": text, "document": path.name}


def _require_path(path: Path) -> None:
    """Raise DataError unless there is a file or folder; what cannot be a path is likely a text given in its place."""
    try:
        path.stat()
        found = path.is_file() or path.is_dir()
    except (FileNotFoundError, NotADirectoryError):
        found = False
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:40]!r} is no path; give texts as records: [{{'text': ...}}]") from error
    if not found:
        raise DataError(f"there is no file or folder {path}; check the path")


def _ending(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix in COMPRESSION else path
    return plain.suffix.lower()


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """A text stream over a plain, gzip or zstandard file, with what can go wrong in it said in one sentence."""
    try:
        with path.open("rb") as raw:
            binary: Any = raw
            if path.suffix in COMPRESSION:
                binary = pa.CompressedInputStream(raw, COMPRESSION[path.suffix])
            yield io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}); convert it, for example with iconv") from error
    except OSError as error:
        if error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        raise DataError(f"{path} cannot be unpacked ({error}); it is damaged or its ending is wrong") from error


def _read_lines(path: Path, stream: IO[str]) -> Iterator[tuple[str, Record]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{where} is not JSON ({error.msg} at character {error.colno}); mend or remove it"
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"{where} holds a {type(record).__name__}; each line must be one JSON object {{...}}")
        yield where, record


def _read_table(path: Path, stream: IO[str], delimiter: str) -> Iterator[tuple[str, Record]]:
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is None:
            return
        _see_names_differ(str(path), header)
        for row in rows:
            if not row:
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(header):
                raise DataError(
                    f"{where} has {len(row)} fields, the header has {len(header)}; quote fields with commas"
                )
            yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num} is not CSV ({error}); mend or remove it") from error


def _see_names_differ(where: str, columns: list[str]) -> None:
    twice = sorted(name for name, times in Counter(columns).items() if times > 1)
    if twice:
        raise DataError(f"{where} has several columns named {twice[0]!r}; rename all but one")


def _read_parquet(path: Path) -> Iterator[tuple[str, Record]]:
    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=PARQUET_ROWS):
            for record in batch.to_pylist():
                yield f"{path}, row {number}", record
                number += 1
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file ({error}); check the path") from error


def _read_folder(folder: Path) -> Iterator[tuple[str, Record]]:
    if any((folder / name).is_file() for name in ("dataset_info.json", "dataset_dict.json")):
        yield from _read_hugging_face(folder)
        return
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if not entry.is_dir()]
    below = [(label, path) for label in entries if label.is_dir() for path in _files_below(label)]
    if below:
        _require_folder_per_label(folder, files, [path for _, path in below])
        files = []
    for path in files:
        yield from _read_path(path)
    for label, path in below:
        with _opened(path) as stream:
            text = stream.read()
        yield str(path), {"text": text, "label": label.name, "document": path.relative_to(folder).as_posix()}


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _require_folder_per_label(folder: Path, beside: list[Path], below: list[Path]) -> None:
    """Raise DataError for files beside the folders of the labels, and for files below them that are not one text."""
    for path in beside:
        if not path.name.lower().startswith(ABOUT):
            raise DataError(
                f"{folder} holds both folders and files, as {path.name}; give one or the other as the source"
            )
    for path in below:
        if _ending(path) in NO_TEXT:
            raise DataError(f"{path} is not one text, as files in a folder per label are; give it as the source itself")


def _read_hugging_face(folder: Path) -> Iterator[tuple[str, Record]]:
    try:
        from datasets import DatasetDict, load_from_disk  # noqa: PLC0415  (an optional extra)
    except ImportError as error:
        raise InputError(
            f"{folder} is a Hugging Face dataset; reading it needs the extra: pip install 'sparseprobe[hf-datasets]'"
        ) from error
    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{folder} is not a complete Hugging Face dataset ({error}); save it again") from error
    parts = loaded.values() if isinstance(loaded, DatasetDict) else [loaded]
    number = 0
    for part in parts:
        for record in part:
            yield f"{folder}, row {number}", record
            number += 1
