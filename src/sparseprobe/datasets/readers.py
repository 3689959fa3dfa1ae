"""Read records from files: one dictionary per record, streamed, so that a source need not fit in memory.

    name                     what it holds
    *.jsonl, *.json(.gz|.zst)   one JSON object a line, or one array of them
    *.csv, *.tsv  (.gz|.zst)    a header and rows; every value is a string
    *.conll, *.bio, *.iob ...   a word and its tag on each line: {"text": [words], "tags": [tags]}
    *.txt, other  (.gz|.zst)    one text, whatever its ending: {"text": ...}; or words with their tags, as above
    *.parquet                rows
    a folder of `save_to_disk`    Hugging Face rows, with the names of their labels (see `hugging_face`)
    a folder of folders      a folder per label, a text or source file per record: {"text", "label", "document"};
                             a README or LICENSE beside them is left out
    a folder of files        all of them, in the order of their names

Tables in memory (a DataFrame, a `datasets.Dataset`, or any iterable of dictionaries) are taken as they are; a list of
sources is read as one, in its order, and so is a dictionary of them, whose names become the column `split`. Text is
UTF-8. A line longer than LONGEST_LINE, and a text longer than LONGEST_FILE, is refused before it fills the memory.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from sparseprobe.artefacts import parse_json
from sparseprobe.datasets import hugging_face
from sparseprobe.datasets.separated_values import (
    is_tagged,
    one_row_a_line,
    read_csv,
    read_tagged,
    read_tsv,
    require_names_differ,
)
from sparseprobe.errors import DataError

Record = Mapping[str, Any]
OneSource = str | PathLike[str] | pd.DataFrame
Source = OneSource | Iterable[Record | OneSource] | Mapping[str, OneSource | Iterable[Record]]
Located = Iterator[tuple[str, Record]]

COMPRESSION = {".gz": "gzip", ".zst": "zstd"}
LINES, TAGGED = (".jsonl", ".json"), (".conll", ".bio", ".iob", ".iob2", ".bioes")
NO_TEXT = (".jsonl", ".parquet")
"""Endings of files that hold many records, and are never the text of one."""
ABOUT = ("readme", "license", "licence")
"""How the name of a file about a folder begins."""
LONGEST_LINE = 2**24
"""Characters of a line, at most: several times the longest novel."""
LONGEST_FILE = 2**28
"""Characters of a file that is one text (a whole treebank may be one), or one JSON array."""


def read_records(source: Source, counts: Counter[str] | None = None) -> Located:
    """Stream a source's records, each with the place it stands at (for messages).

    `counts` receives the lines of files that were read, those that are empty or went into a quoted field, and the
    records. Raises DataError: no such file, an empty one, not UTF-8, a broken line (with its number), damaged
    compression.

    >>> list(read_records([{"text": "bonjour", "label": "fr"}]))
    [('record 1', {'text': 'bonjour', 'label': 'fr'})]
    >>> both = {"train": pd.DataFrame({"text": ["un"]}), "test": pd.DataFrame({"text": ["deux"]})}
    >>> [record for _, record in read_records(both)]
    [{'split': 'train', 'text': 'un'}, {'split': 'test', 'text': 'deux'}]
    """
    counts = Counter() if counts is None else counts
    rows = _rows(source, counts)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{_name(source)} is empty: no record in it; give a file with at least one")
    counts["records"] += 1
    yield first
    for located in rows:
        counts["records"] += 1
        yield located


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, pandas' NA and NaT, or a text without a character."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple | set | np.ndarray | Mapping):
        return False
    return value is None or pd.isna(value) is True


def _rows(source: Source, counts: Counter[str]) -> Located:
    if isinstance(source, pd.DataFrame):
        require_names_differ("the given table", list(map(str, source.columns)))
        return ((f"row {number}", cast("Record", row)) for number, row in enumerate(source.to_dict("records")))
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return _read_path(Path(cast("str", source)), counts)
    if isinstance(source, Mapping):
        return _read_splits(source, counts)
    return cast("Located | None", hugging_face.in_memory(source)) or _read_each(source, counts)


def _read_splits(source: Mapping[str, Any], counts: Counter[str]) -> Located:
    for split, one in source.items():
        if isinstance(one, str) and not Path(one).exists():
            raise DataError(
                f"{split!r} of the given dictionary is not a file; give a list of records [{{'text': ...}}], or a "
                "source for each split {'train': ..., 'test': ...}"
            )
        for where, record in _rows(one, counts):
            yield f"{split}, {where}", {"split": split, **record}


def _read_each(source: Iterable[Record | OneSource], counts: Counter[str]) -> Located:
    """The records of a list, and those of each source in it."""
    for number, one in enumerate(source, start=1):
        if isinstance(one, Mapping) and not any(isinstance(value, pd.DataFrame) for value in one.values()):
            yield f"record {number}", one
        elif isinstance(one, str | pd.DataFrame | Mapping) or hasattr(one, "__fspath__") or hasattr(one, "features"):
            rows = _rows(cast("OneSource", one), counts)
            first = next(rows, None)
            if first is None:
                raise DataError(f"{_name(one)} is empty: no record in it; give a file with at least one")
            yield first
            yield from rows
        else:
            raise DataError(f"record {number} is a {type(one).__name__}; give dictionaries, paths or tables")


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else "the given table"


def _read_path(path: Path, counts: Counter[str]) -> Located:
    _require_path(path)
    if path.is_dir():
        yield from _read_folder(path, counts)
        return
    ending = _ending(path)
    if path.suffix == ".parquet":
        yield from hugging_face.read_parquet(path)
    elif ending in LINES:
        with _opened(path) as stream:
            yield from _read_json(path, stream, counts)
    elif ending == ".csv":
        with _opened(path) as stream:
            yield from read_csv(str(path), _lines(path, stream, counts), counts)
    elif ending in TAGGED or (ending != ".conllu" and _holds(path, is_tagged)):
        with _opened(path) as stream:
            yield from read_tagged(str(path), _lines(path, stream, counts))
    elif ending == ".tsv":
        by_line = _holds(path, one_row_a_line)
        with _opened(path) as stream:
            lines = _lines(path, stream, counts)
            yield from read_tsv(str(path), lines) if by_line else read_csv(str(path), lines, counts, "\t")
    else:
        text = _whole_text(path)
        counts["lines"] += text.count("\n") + (not text.endswith("\n"))
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
        raise DataError(f"{str(path)[:40]!r} is not a path; give texts as records: [{{'text': ...}}]") from error
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
        if isinstance(error, DataError):
            raise
        if error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        raise DataError(f"{path} cannot be unpacked ({error}); it is damaged or its ending is wrong") from error


def _lines(path: Path, stream: IO[str], counts: Counter[str]) -> Iterator[str]:
    """The lines of a stream, counted; DataError for one that has no end in sight."""
    while line := stream.readline(LONGEST_LINE + 1):
        counts["lines"] += 1
        counts["lines_empty"] += not line.strip()
        if len(line) > LONGEST_LINE:
            raise DataError(
                f"{path}, line {counts['lines']} has more than {LONGEST_LINE:,} characters; cut it into shorter texts"
            )
        yield line


def _holds(path: Path, says: Callable[[Iterator[str]], bool]) -> bool:
    """The answer of `says` about the lines of a file."""
    with _opened(path) as stream:
        return says(_lines(path, stream, Counter()))


def _whole_text(path: Path) -> str:
    with _opened(path) as stream:
        text = stream.read(LONGEST_FILE + 1)
    if len(text) > LONGEST_FILE:
        raise DataError(f"{path} is a text of more than {LONGEST_FILE:,} characters; cut it into documents")
    return text


def _read_json(path: Path, stream: IO[str], counts: Counter[str]) -> Located:
    for number, line in enumerate(_lines(path, stream, counts), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        if number == 1 + counts["lines_empty"] and line.lstrip().startswith("["):
            yield from _read_array(path, counts)
            return
        try:
            record = parse_json(line)
        except ValueError as error:
            several = (
                "; if the file is one JSON object over several lines, write each record on a line of its own"
                if line.strip() == "{"
                else ""
            )
            raise DataError(f"{where} is not JSON ({_reason(error)}); correct or remove it{several}") from error
        if not isinstance(record, dict):
            raise DataError(f"{where} holds a {type(record).__name__}; each line must be one JSON object {{...}}")
        yield where, record


def _read_array(path: Path, counts: Counter[str]) -> Located:
    """The records of a file that is one JSON array."""
    text = _whole_text(path)
    counts["lines"] += text.count("\n") + (not text.endswith("\n")) - counts["lines"]
    try:
        records = parse_json(text)
    except ValueError as error:
        raise DataError(f"{path} begins as a JSON array, but is not one ({_reason(error)}); correct it") from error
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise DataError(
                f"{path}, record {number} is a {type(record).__name__}; the array must hold objects {{...}}"
            )
        yield f"{path}, record {number}", record


def _reason(error: ValueError) -> str:
    return f"{error.msg} at character {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _read_folder(folder: Path, counts: Counter[str]) -> Located:
    if hugging_face.is_saved(folder):
        yield from hugging_face.read_saved(folder)
        return
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if not entry.is_dir()]
    below = [(label, path) for label in entries if label.is_dir() for path in _files_below(label)]
    if below:
        _require_folder_per_label(folder, files, [path for _, path in below])
        files = []
    for path in files:
        yield from _read_path(path, counts)
    for label, path in below:
        text = _whole_text(path)
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
