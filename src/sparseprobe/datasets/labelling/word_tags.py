"""A tag for each word of a text, as labelled character spans.

The words are those of the record's list, or what white space separates in its text. BIO tags ("B-PER I-PER O": the
beginning of a span of PER, inside it, outside of all), also with a sign for its end (BIOES, BILOU), become a span for
each entity; any other tags, as parts of speech, become a span for each word. The tags are a list, or a text with white
space between them. An empty word of a list is left out with its tag.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from sparseprobe.artefacts import parse_json
from sparseprobe.datasets.readers import is_missing
from sparseprobe.datasets.separated_values import TAG
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.labelled_text import LabelledText

BEGINS, ENDS = "BSU", "ESLU"


def parse_tags(item: LabelledText, column: str) -> list[tuple[int, int, Any]]:
    """The spans of one record; DataError where words and tags differ in number.

    >>> from sparseprobe.datasets.labelling.labelled_text import LabelledText
    >>> parse_tags(LabelledText("Ann Lee ran", {"tags": "B-PER I-PER O"}, "d", "line 1"), "tags")
    [(0, 7, 'PER')]
    >>> parse_tags(LabelledText("Ann Lee Bo", {"tags": "B-PER E-PER S-PER"}, "d", "line 1"), "tags")
    [(0, 7, 'PER'), (8, 10, 'PER')]
    >>> parse_tags(LabelledText("Ann ran", {"tags": ["NOUN", "VERB"]}, "d", "line 1"), "tags")
    [(0, 3, 'NOUN'), (4, 7, 'VERB')]
    """
    if is_missing(item.fields[column]):
        return []
    tags, words = _listed(item, column), _word_spans(item)
    if len(tags) != len(words):
        raise DataError(
            f"{item.where}: the column {column!r} has {len(tags)} tags for {len(words)} words; give each word a tag"
        )
    tagged: list[tuple[int, int, Any]] = [
        (start, stop, tag) for (start, stop), tag in zip(words, tags, strict=True) if start < stop
    ]
    if not all(tag is None or TAG.fullmatch(tag) for _, _, tag in tagged):
        return tagged
    spans: list[tuple[int, int, Any]] = []
    open_kind = None
    for start, stop, tag in tagged:
        if tag is None:
            spans.append((start, stop, None))
        kind = None if tag in (None, "O") else tag[2:]
        if kind is not None and tag[0] not in BEGINS and kind == open_kind:
            spans[-1] = (spans[-1][0], stop, kind)
        elif kind is not None:
            spans.append((start, stop, kind))
        open_kind = None if kind is None or tag[0] in ENDS else kind
    return spans


def _word_spans(item: LabelledText) -> list[tuple[int, int]]:
    """The characters of each word: those of the record's list, which single spaces join, or what has no white space."""
    if item.words is None:
        return [match.span() for match in re.finditer(r"\S+", item.text)]
    spans, start = [], -item.skipped
    for word in item.words:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    return spans


def _listed(item: LabelledText, column: str) -> list[str | None]:
    given = item.fields[column]
    if isinstance(given, str) and given.lstrip().startswith("["):
        try:
            given = parse_json(given)
        except ValueError:
            given = given.split()
    elif isinstance(given, str):
        given = given.split()
    if not isinstance(given, list | tuple | np.ndarray):
        raise DataError(f"{item.where}: the column {column!r} holds {given!r}; tags are a list, one for each word")
    return [None if is_missing(tag) else str(tag).strip() for tag in given]
