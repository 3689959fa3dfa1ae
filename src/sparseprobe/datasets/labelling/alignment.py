"""Character spans to token spans, by the character offsets that the tokenizer reports.

Both are half-open, and both are taken on whole characters as a reader sees them (extended grapheme clusters, Unicode
Standard Annex 29): "é" is one character whether it is written as one code point or as "e" and an accent, and so is a
Hangul syllable written in Jamo. So a text has the same token spans before and after its characters are composed.

A token stands for its characters without the white space at its ends (" school" stands for "school"; a token of white
space only stands for all of it), and it belongs to a span if the two share a character. A character that no token
stands for, since the tokenizer's normaliser removed or replaced it, counts as white space. So a leading space never
pulls a token in or out, all tokens of a character that is cut into bytes are in together, and

    decoding the tokens of a span gives text that contains the span's text, as the tokenizer normalises it;
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
import regex
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from sparseprobe.datasets.tokenising import EncodedText

SOLID = np.ones(0x110000, dtype=bool)
"""Whether a character is not white space, by its code point (all white space is below U+3001)."""
SOLID[[code for code in range(0x3001) if chr(code).isspace()]] = False
CHARACTER = regex.compile(r"\r|\X")
"""One character as a reader sees it; of a line end, each code point."""
JOINING = regex.compile(r"[^\p{Grapheme_Cluster_Break=Other}\p{Grapheme_Cluster_Break=Control}\r\n]")
"""A code point that can be in one character with those beside it; most texts have none."""


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
    solid, bounds = _solid(text), _character_bounds(text)
    core_start, core_stop = _widened(*_trimmed(encoded.starts, encoded.stops, solid), bounds)
    first, last = _widened(first, last, bounds)
    start = np.searchsorted(np.maximum.accumulate(core_stop), first, side="right")
    stop = np.searchsorted(np.minimum.accumulate(core_start[::-1])[::-1], last, side="left")
    found = stop > start
    start, stop = np.where(found, start, 0), np.where(found, stop, 0)
    exact = found.copy()
    left = core_start[start[found]]
    right = core_stop[stop[found] - 1]
    span_left, span_right = _trimmed(first[found], last[found], solid & _covered(text, core_start, core_stop))
    exact[found] = (left >= first[found]) & (right <= last[found]) & (left <= span_left) & (right >= span_right)
    return TokenSpans(start, stop, exact)


def token_cores(text: str, encoded: EncodedText) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First character of each token and the one after its last, (n_tokens,) each.

    White space at the ends of a token does not count; a part of a character counts as the whole of it.

    >>> from sparseprobe.datasets.tokenising import EncodedText
    >>> token_cores("a  b ", EncodedText(np.arange(2, dtype=np.int32), np.array([0, 1]), np.array([1, 5])))
    (array([0, 3]), array([1, 4]))
    """
    return _widened(*_trimmed(encoded.starts, encoded.stops, _solid(text)), _character_bounds(text))


def _solid(text: str) -> NDArray[np.bool_]:
    """Which code points of the text are not white space, (n_characters,)."""
    return SOLID[np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)]


def _covered(text: str, start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which code points of the text some token stands for, (n_characters,)."""
    begun = np.bincount(start, minlength=len(text) + 1) - np.bincount(stop, minlength=len(text) + 1)
    covered: NDArray[np.bool_] = np.cumsum(begun)[:-1] > 0
    return covered


def _trimmed(
    start: NDArray[np.int64], stop: NDArray[np.int64], solid: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans without what is not solid at their ends; those with nothing solid in them stay as they are."""
    places = np.arange(len(solid) + 1)
    after, before = np.full(len(places), len(solid)), np.zeros(len(places), dtype=np.int64)
    after[:-1][solid] = places[:-1][solid]
    before[1:][solid] = places[1:][solid]
    left = np.minimum.accumulate(after[::-1])[::-1][start]
    right = np.maximum.accumulate(before)[stop]
    blank = left >= right
    return np.where(blank, start, left), np.where(blank, stop, right)


def _character_bounds(text: str) -> NDArray[np.int64] | None:
    """Where characters begin and end, in order; None where every code point is a character."""
    if text.isascii() or JOINING.search(text) is None:
        return None
    return np.array([0, *(character.end() for character in CHARACTER.finditer(text))])


def _widened(
    start: NDArray[np.int64], stop: NDArray[np.int64], bounds: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans with the whole of the characters that they begin and end in; empty ones stay as they are."""
    if bounds is None:
        return start, stop
    some = stop > start
    left = bounds[np.searchsorted(bounds, start, side="right") - 1]
    right = bounds[np.searchsorted(bounds, stop, side="left")]
    return np.where(some, left, start), np.where(some, right, stop)
