"""Rows of CSV and TSV files, and sentences of files with a word and its tag on each line.

CSV is read by RFC 4180: a field in quotation marks may hold commas and line ends. In TSV a quotation mark is most often
a part of the text, as at the beginning of a sentence. So where every line has as many tabs as the header, each line is
a row, and only a field that is quoted by the rules of CSV as a whole loses its quotation marks; else those rules are
taken for the whole file. Lines that went into a quoted field are counted.

A file of CoNLL's kind has a word on each line, then white space and its tag (and other columns between them), and an
empty line after each sentence; a line -DOCSTART- begins a document (where there is one only, sentences are documents).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sparseprobe.errors import DataError

QUOTED = re.compile(r'"(?:[^"]|"")*"')
TAG = re.compile(r"O|[BIESLU]-\S+")
"""A tag of BIO, BIOES or BILOU."""
NEW_DOCUMENT = "-DOCSTART-"
LOOKED_AT = 1000
"""Lines that are inspected to recognise a file with a word on each line."""


def read_csv(name: str, lines: Iterator[str], counts: Counter[str], delimiter: str = ",") -> Iterator[tuple[str, Any]]:
    """The rows of a CSV file as records of its header; raises DataError where one is broken."""
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is None:
            return
        require_names_differ(name, header)
        before = rows.line_num
        for row in rows:
            counts["lines_within_quotes"] += rows.line_num - before - 1
            before = rows.line_num
            if row:
                yield f"{name}, line {rows.line_num}", _record(name, header, row, rows.line_num)
    except csv.Error as error:
        raise DataError(f"{name}, line {rows.line_num} is not CSV ({error}); correct or remove it") from error


def one_row_a_line(lines: Iterator[str]) -> bool:
    r"""Whether every line of a TSV file has as many tabs as the first, which has one at least.

    >>> one_row_a_line(iter(["text\tlabel\n", '"I saw,\tq\n', 'a cat."\tn\n']))
    True
    >>> one_row_a_line(iter(["text\tlabel\n", '"I saw\n', 'a cat."\tn\n']))
    False
    """
    tabs = {line.count("\t") for line in lines if line.strip("\r\n")}
    return len(tabs) == 1 and 0 not in tabs


def read_tsv(name: str, lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The rows of a TSV file in which each line is one."""
    header: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip("\r\n"):
            continue
        row = [_unquoted(field) for field in line.rstrip("\r\n").split("\t")]
        if header:
            yield f"{name}, line {number}", _record(name, header, row, number)
        else:
            require_names_differ(name, row)
            header = row


def require_names_differ(where: str, columns: list[str]) -> None:
    """Raise DataError where two columns have one name."""
    twice = sorted(column for column, times in Counter(columns).items() if times > 1)
    if twice:
        raise DataError(f"{where} has several columns named {twice[0]!r}; rename all but one")


def _record(name: str, header: list[str], row: list[str], number: int) -> dict[str, str]:
    if len(row) != len(header):
        raise DataError(
            f"{name}, line {number} has {len(row)} fields, the header has {len(header)}; quote fields with commas"
        )
    return dict(zip(header, row, strict=True))


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if QUOTED.fullmatch(field) else field


def is_tagged(lines: Iterator[str]) -> bool:
    r"""Whether a file has a word and its tag (B-PER, I-PER, O ...) on each line: by its first lines.

    >>> is_tagged(iter(["Ann\tB-PER\n", "ran\tO\n", "\n"])), is_tagged(iter(["Ann ran to O\n", "and back\n"]))
    (True, False)
    """
    rows = [line.split("\t") for _, line in zip(range(LOOKED_AT), lines, strict=False) if _is_word(line)]
    return bool(rows) and all(len(row) > 1 and TAG.fullmatch(row[-1].strip()) for row in rows)


def read_tagged(name: str, lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    r"""The sentences of such a file: the words as `text`, the last column as `tags`, and the document if it says so.

    >>> list(read_tagged("a.conll", iter(["Ann\tNNP\tB-PER\n", "ran\tVBD\tO\n", "\n"])))
    [('a.conll, line 1', {'text': ['Ann', 'ran'], 'tags': ['B-PER', 'O'], 'column_2': ['NNP', 'VBD']})]
    """
    rows: list[list[str]] = []
    documents, begins = 0, 1
    every = [*lines, "\n"]
    several = sum(line.startswith(NEW_DOCUMENT) for line in every) > 1
    for number, line in enumerate(every, start=1):
        if line.startswith(NEW_DOCUMENT):
            documents += 1
        elif _is_word(line):
            row = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
            if rows and len(row) != len(rows[0]):
                raise DataError(f"{name}, line {number} has {len(row)} columns, the line before {len(rows[0])}")
            if len(row) < 2:
                raise DataError(f"{name}, line {number} has no tag; write a word, a tab and its tag on each line")
            begins = begins if rows else number
            rows.append([cell.strip() for cell in row])
        elif not line.strip() and rows:
            words, *others, tags = map(list, zip(*rows, strict=True))
            record: dict[str, Any] = {"text": words, "tags": tags}
            record |= {f"column_{place}": column for place, column in enumerate(others, start=2)}
            yield f"{name}, line {begins}", record | ({"document": f"{name} {documents}"} if several else {})
            rows = []


def _is_word(line: str) -> bool:
    """Whether a line says something of a word, and is neither empty, nor a comment, nor the start of a document."""
    comment = line.startswith("#") and "\t" not in line
    return bool(line.strip()) and not comment and not line.startswith(NEW_DOCUMENT)
