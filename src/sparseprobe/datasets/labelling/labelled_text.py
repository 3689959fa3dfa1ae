"""A text with what is known of it: the record that every collection starts from.

The text is the column `text`, else `prompt`, or the column the user names. The document decides the group, and so the
split: no text of one document is ever on both sides. It is the column `document`, else `source`, else `group`, or the
column the user names; a record without any is a document of its own, named by its text, so that the same text is the
same document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparseprobe.datasets.readers import Source, read_records
from sparseprobe.errors import DataError

TEXT_COLUMNS = ("text", "prompt")
DOCUMENT_COLUMNS = ("document", "source", "group")


@dataclass(frozen=True)
class LabelledText:
    """One text, its other fields, and the document it belongs to."""

    text: str
    """The text, as it is."""
    fields: Mapping[str, Any]
    """All columns of its record: the label, spans, whatever the collection reads."""
    document: str
    """Name of the document (the group of all its examples)."""
    where: str
    """Where the record stands, for messages: "texts.jsonl, line 3"."""
    skipped: int = 0
    """Characters of the record that stand before the text (a licence header); spans count from the record's start."""
    words: Sequence[str] | None = None
    """The words that the record's text is made of, where it is given as a list of them."""


@dataclass
class TextReader:
    """Streams a source as LabelledText and keeps a running hash of the texts that were read.

    >>> reader = TextReader([{"text": "bonjour", "label": "fr", "document": "a"}])
    >>> [(item.text, item.document) for item in reader.read(required=["label"])]
    [('bonjour', 'a')]
    >>> reader.count, len(reader.source_hash)
    (1, 64)
    """

    source: Source
    """A path, a DataFrame, or records; see `readers`."""
    text_column: str | None = None
    """Where the text is (a text, or a list of words, which are joined with spaces); None: the first of TEXT_COLUMNS."""
    document_column: str | None = None
    """Where the document's name is; None: the first of DOCUMENT_COLUMNS that a record has."""
    count: int = field(default=0, init=False)
    """Records read so far."""

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    @property
    def source_hash(self) -> str:
        """SHA-256 (hexadecimal) of the texts and document names read so far: the same for a plain and a packed file."""
        return self._digest.hexdigest()

    def read(self, *, required: Sequence[str] = ()) -> Iterator[LabelledText]:
        """Stream the texts; DataError where a column that is needed is missing, or the text is no text."""
        names = (self.document_column,) if self.document_column else DOCUMENT_COLUMNS
        for where, record in read_records(self.source):
            text_column = self.text_column or next((name for name in TEXT_COLUMNS if name in record), TEXT_COLUMNS[0])
            for column in (text_column, *required, *([self.document_column] if self.document_column else [])):
                if column not in record:
                    raise DataError(f"{where} has no column {column!r}; its columns are: {', '.join(map(str, record))}")
            given = record[text_column]
            words = _words(given)
            text = given if words is None else " ".join(words)
            if not isinstance(text, str):
                raise DataError(f"{where}: the column {text_column!r} holds {text!r}, not a text; name the text column")
            skipped = _header_length(record, where)
            text = text[skipped:]
            coded = _coded(text, where)
            document = next((str(record[name]) for name in names if _is_named(record.get(name))), None)
            document = document or f"text {hashlib.sha256(coded).hexdigest()[:12]}"
            self.count += 1
            self._digest.update(b"%b\x1f%b\x1e" % (_coded(document, where), coded))
            yield LabelledText(text, record, document, where, skipped, words)


def _words(given: Any) -> list[str] | None:
    listed = isinstance(given, list | np.ndarray) and all(isinstance(word, str) for word in given)
    return list(given) if listed else None


def _is_named(document: Any) -> bool:
    return document is not None and document == document and str(document).strip() != ""  # noqa: PLR0124  (NaN)


def _coded(text: str, where: str) -> bytes:
    """UTF-8; DataError for half a surrogate pair, as JSON can write it, which no tokenizer takes."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where} holds {text[error.start]!r}, half of a surrogate pair, which is no character; write the whole "
            "character, or remove it"
        ) from error


def _header_length(record: Mapping[str, Any], where: str) -> int:
    """Characters of a leading licence header, where a record says in `body_start` where the text begins."""
    start = record.get("body_start")
    if start is None or start == "":
        return 0
    try:
        return max(0, int(start))
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: body_start is {start!r}; it must be a character index") from error
