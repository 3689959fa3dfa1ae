"""Character spans to token spans, by the character offsets that the tokenizer reports.

Both are half-open. A token stands for its characters without the white space at its ends (" school" stands for
"school"; a token of white space only stands for all of it), and it belongs to a span if the two share a character. So
a leading space never pulls a token in or out, all tokens of a character that is cut into bytes are in together, and

    decoding the tokens of a span gives text that contains the span's text;
    it holds nothing else but white space at its ends, exactly if the span is `exact`.

A span is not exact if a boundary of it falls inside a token ("walk" in a token "walked"): whoever labels decides
whether to drop it (the default of the collections, counted in the settings) or to cover it. A span of which no
character has a token (normalised away, past a truncation) gets the empty span [0, 0). Cost: linear in characters and
tokens of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from sparseprobe.datasets.tokenising import EncodedText

SOLID = np.ones(0x110000, dtype=bool)
"""Whether a character is no white space, by its code point (all white space is below U+3001)."""
SOLID[[code for code in range(0x3001) if chr(code).isspace()]] = False


@dataclass(frozen=True, eq=False)
class TokenSpans:
    """Token spans, row by row for the character spans given."""

    start: NDArray[np.int64]
    """First token, shape (n_spans,)."""
    stop: NDArray[np.int64]
    """Token after the last, shape (n_spans,); equal to start where no token belongs to the span."""
    exact: NDArray[np.bool_]
    """Whether the tokens touch nothing outside the span but white space, and cover all of it, shape (n_spans,)."""


def align(text: str, encoded: EncodedText, spans: ArrayLike) -> TokenSpans:
    """Find the tokens of character spans, shape (n_spans, 2), half-open.

    Raises InputError for a span that is not inside the text, or empty.

    >>> from sparseprobe.datasets.tokenising import EncodedText
    >>> tokens = EncodedText(np.arange(3, dtype=np.int32), np.array([0, 4, 11]), np.array([4, 11, 12]))
    >>> found = align("high school.", tokens, [[5, 11], [0, 11], [5, 8]])
    >>> found.start, found.stop, found.exact
    (array([1, 0, 1]), array([2, 2, 2]), array([ True,  True, False]))
    """
    wanted = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    first, last = wanted[:, 0], wanted[:, 1]
    outside = (first < 0) | (last <= first) | (last > len(text))
    if outside.any():
        row = int(np.argmax(outside))
        raise InputError(
            f"the span [{first[row]}, {last[row]}) is empty or outside its text of {len(text)} characters; "
            "a span is [start, stop) in characters"
        )
    after, before = _solid_neighbours(text)
    core_start, core_stop = _trimmed(encoded.starts, encoded.stops, after, before)
    start = np.searchsorted(np.maximum.accumulate(core_stop), first, side="right")
    stop = np.searchsorted(np.minimum.accumulate(core_start[::-1])[::-1], last, side="left")
    found = stop > start
    start, stop = np.where(found, start, 0), np.where(found, stop, 0)
    exact = found.copy()
    left = core_start[start[found]]
    right = core_stop[stop[found] - 1]
    span_left, span_right = _trimmed(first[found], last[found], after, before)
    exact[found] = (left >= first[found]) & (right <= last[found]) & (left <= span_left) & (right >= span_right)
    return TokenSpans(start, stop, exact)


def _solid_neighbours(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each place in the text: the next character that is not white space, and the end of the last one before it."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    places = np.arange(len(codes) + 1)
    solid = SOLID[codes]
    after, before = np.full(len(places), len(codes)), np.zeros(len(places), dtype=np.int64)
    after[:-1][solid] = places[:-1][solid]
    before[1:][solid] = places[1:][solid]
    return np.minimum.accumulate(after[::-1])[::-1], np.maximum.accumulate(before)


def _trimmed(
    start: NDArray[np.int64], stop: NDArray[np.int64], after: NDArray[np.int64], before: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans without the white space at their ends; those of white space only stay as they are."""
    left, right = after[start], before[stop]
    blank = left >= right
    return np.where(blank, start, left), np.where(blank, stop, right)


def token_cores(text: str, encoded: EncodedText) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First character of each token and the one after its last, without white space at its ends; each (n_tokens,).

    >>> from sparseprobe.datasets.tokenising import EncodedText
    >>> token_cores("a  b ", EncodedText(np.arange(2, dtype=np.int32), np.array([0, 1]), np.array([1, 5])))
    (array([0, 3]), array([1, 4]))
    """
    after, before = _solid_neighbours(text)
    return _trimmed(encoded.starts, encoded.stops, after, before)
