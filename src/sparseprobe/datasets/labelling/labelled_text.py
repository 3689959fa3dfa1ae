"""A text with what is known of it: the record that every collection starts from.

The text is the column `text`, else `prompt`, or the column the user names. The document decides the group, and so the
split: no text of one document is ever on both sides. It is the column `document`, else `source`, else `group`, or the
column the user names; a record without any is a document of its own, named by its text, so that the same text is the
same document. An empty text is left out and counted.

Where the source's own split is kept, each text also has a part, and a document that stands in two parts is two
documents, which is counted.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparseprobe.datasets.readers import Source, is_missing, read_records
from sparseprobe.errors import DataError

TEXT_COLUMNS = ("text", "prompt")
DOCUMENT_COLUMNS = ("document", "source", "group")
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What sources call the parts of a split."""
SAID = {
    "texts_of_other_splits": "left out because they are in no train, validation or test part",
    "texts_of_documents_in_several_splits": "of documents that other parts of the split have too",
}
"""What of a split is worth a warning."""
LONGEST_TEXT = 2**23
"""Characters of a text that is tokenised in one piece, at most; a long novel has 3 million."""


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
    >>> dict(reader.counts), len(reader.source_hash)
    ({'records': 1, 'texts': 1}, 64)
    """

    source: Source
    """A path, a DataFrame, or records; see `readers`."""
    text_column: str | None = None
    """Where the text is (a text, or a list of words, which are joined with spaces); None: the first of TEXT_COLUMNS."""
    document_column: str | None = None
    """Where the document's name is; None: the first of DOCUMENT_COLUMNS that a record has."""
    split_column: str | None = None
    """Where the part of the split is, if the source's own is kept."""
    lay_out: Callable[[Any, str], str] | None = None
    """Makes a text of what the text column holds and its place, where that is a conversation."""
    counts: Counter[str] = field(default_factory=Counter, init=False)
    """Lines, records and texts read so far, and what was left out."""
    part_of: dict[str, str] = field(default_factory=dict, init=False)
    """The part of each document, where the source's own split is kept."""

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    @property
    def count(self) -> int:
        """Texts read so far."""
        return self.counts["texts"]

    @property
    def source_hash(self) -> str:
        """SHA-256 (hexadecimal) of the texts and document names read so far: the same for a plain and a packed file."""
        return self._digest.hexdigest()

    def read(self, *, required: Sequence[str] = ()) -> Iterator[LabelledText]:
        """Stream the texts; DataError where a column that is needed is missing, or a text is not a string."""
        names = (self.document_column,) if self.document_column else DOCUMENT_COLUMNS
        asked = [column for column in (self.document_column, self.split_column) if column]
        for where, record in read_records(self.source, self.counts):
            text_column = self.text_column or next((name for name in TEXT_COLUMNS if name in record), TEXT_COLUMNS[0])
            for column in (text_column, *required, *asked):
                if column not in record:
                    raise DataError(f"{where} has no column {column!r}; its columns are: {', '.join(map(str, record))}")
            given = record[text_column] if self.lay_out is None else self.lay_out(record[text_column], where)
            words = _words(given)
            text = given if words is None else " ".join(words)
            if text is None or (not isinstance(text, str) and is_missing(text)):
                text = ""
            if not isinstance(text, str):
                raise DataError(f"{where}: the column {text_column!r} holds {text!r}, not a text; name the text column")
            skipped = _header_length(record, where)
            text = text[skipped:]
            coded = _coded(text, where)
            if not text.strip():
                self.counts["texts_empty"] += 1
                continue
            document = next((str(record[name]) for name in names if not is_missing(record.get(name))), None)
            document = document or f"text {hashlib.sha256(coded).hexdigest()[:12]}"
            if self.split_column:
                document = self._in_part(document, record[self.split_column])
            if not document:
                continue
            self.counts["texts"] += 1
            self._digest.update(b"%b\x1f%b\x1e" % (_coded(document, where), coded))
            yield LabelledText(text, record, document, where, skipped, words)
        if not self.counts["texts"]:
            raise DataError(f"all {self.counts['records']} texts are empty or belong to no known split")
        for name, what in SAID.items():
            if n := self.counts[name]:
                warnings.warn(f"{n} texts are {what}", stacklevel=2)

    def _in_part(self, document: str, given: Any) -> str:
        """The document, under another name in its second part; empty if the part is none of a split."""
        part = SPLIT_NAMES.get(str(given).strip().lower())
        if part is None:
            self.counts["texts_of_other_splits"] += 1
            return ""
        if self.part_of.setdefault(document, part) != part:
            self.counts["texts_of_documents_in_several_splits"] += 1
            document = f"{document} ({part})"
            self.part_of[document] = part
        return document


def as_index(value: Any) -> int:
    """A character index as a file may hold it; ValueError for anything else, such as 1.5 or infinity.

    >>> as_index("3"), as_index(4.0)
    (3, 4)
    """
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is not an integer")
    try:
        return int(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _words(given: Any) -> list[str] | None:
    listed = isinstance(given, list | tuple | np.ndarray) and all(isinstance(word, str) for word in given)
    return list(given) if listed else None


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
    if is_missing(start):
        return 0
    try:
        return max(0, as_index(start))
    except ValueError as error:
        raise DataError(f"{where}: body_start is {start!r}; it must be a character index") from error
