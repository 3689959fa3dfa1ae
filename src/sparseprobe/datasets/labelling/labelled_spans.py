"""Labelled character spans in texts, as token spans in windows of the context.

A text longer than the context is cut into windows, each a sequence. A span is kept if all its tokens lie in one
window; a span whose boundary falls inside a token is dropped, or covered by that token with `partial="cover"`. What
was dropped is counted. With `unit="token"` every token from `first_position` on is an example instead: 1 inside a
span of the label, 0 outside, and not labelled where a dropped span touches it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.alignment import align
from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.labelling.labelled_text import LabelledText
from sparseprobe.datasets.labelling.text_labels import TRUTH, label_columns
from sparseprobe.datasets.labelling.token_text import is_text, token_places
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenising import windows
from sparseprobe.errors import DataError, InputError, UnknownNameError

if TYPE_CHECKING:
    from sparseprobe.datasets.collection import Request
    from sparseprobe.datasets.tokenising import EncodedText

Parse = Callable[[LabelledText, str], list[tuple[int, int, Any]]]


@dataclass(eq=False)
class _Found:
    """What has been collected so far, span by span and window by window."""

    windows: list[NDArray[np.int32]] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    places: list[NDArray[np.int64]] = field(default_factory=list)
    """For the spans of each text: sequence, start, stop, and whether the span is dropped, (4, n_places); a span has a
    place in every window that it reaches."""
    label: list[Any] = field(default_factory=list)
    """The label of each place."""
    counts: dict[str, int] = field(
        default_factory=lambda: {"texts": 0, "spans": 0, "spans_inside_a_token": 0, "spans_cut_by_the_context": 0}
    )


def find_spans(request: Request, column: str, parse: Parse | None = None) -> Candidates:
    """The spans that the records name in `column` as [[start, stop, label], ...] (or dictionaries, or JSON of either).

    `parse` reads another form of them from a record: see `word_tags`. Reads the settings context, unit, partial.
    Raises DataError for a broken span, with its place, and if none is left.
    """
    unit, partial = request.settings["unit"], request.settings["partial"]
    for what, given, known in (("unit", unit, ("span", "token")), ("partial", partial, ("drop", "cover"))):
        if given not in known:
            raise UnknownNameError(what, given, known)
    found = _Found()
    read = parse or parse_spans
    for item, encoded in request.encoded([column]):
        _collect(request, found, item, encoded, read(item, column), cover=partial == "cover")
    places = np.concatenate([np.zeros((4, 0), dtype=np.int64), *found.places], axis=1)
    if places[3].all():
        raise DataError(
            f"no span of the column {column!r} could be aligned: {found.counts}; look at the spans' positions"
        )
    return _as_tokens(request, found, places, column) if unit == "token" else _as_spans(found, places, column)


def parse_spans(item: LabelledText, column: str) -> list[tuple[int, int, Any]]:
    """The spans of one record, counted from the start of its text.

    >>> from sparseprobe.datasets.labelling.labelled_text import LabelledText
    >>> parse_spans(LabelledText("Ann ran", {"spans": '[[0, 3, "PER"]]'}, "d", "line 1"), "spans")
    [(0, 3, 'PER')]
    """
    raw = item.fields[column]
    if isinstance(raw, np.ndarray):
        raw = raw.tolist()
    if raw is None or raw == "" or raw != raw:  # noqa: PLR0124  (NaN)
        return []
    try:
        listed = json.loads(raw) if isinstance(raw, str) else list(raw)
        spans = []
        for entry in listed:
            if isinstance(entry, dict):
                start, stop, label = entry["start"], entry["stop" if "stop" in entry else "end"], entry.get("label", 1)
            else:
                start, stop, label = entry
            spans.append((int(start) - item.skipped, int(stop) - item.skipped, label))
    except (TypeError, ValueError, KeyError) as error:
        shown = str(raw)[:80]
        raise DataError(
            f"{item.where}: the column {column!r} holds {shown!r}; spans are written [[start, stop, label], ...]"
        ) from error
    return spans


def _collect(
    request: Request,
    found: _Found,
    item: LabelledText,
    encoded: EncodedText,
    spans: list[tuple[int, int, Any]],
    *,
    cover: bool,
) -> None:
    """Add a text's windows and spans; a span that is dropped stays in the list, marked, for `unit="token"`."""
    encoder = request.encoder
    room = encoder.room(request.number("context", least=1))
    first_window = len(found.windows)
    fronts = []
    for _, piece in windows(encoded.ids, room, "all"):
        whole, front = encoder.surround(piece)
        fronts.append(front)
        found.windows.append(whole)
        found.documents.append(item.document)
    found.counts["texts"] += 1
    if not spans:
        return
    try:
        characters = np.fromiter(chain.from_iterable(span[:2] for span in spans), dtype=np.int64)
        aligned = align(item.text, encoded, characters)
    except (InputError, OverflowError) as error:
        raise DataError(f"{item.where}: {error}") from error
    has_tokens = aligned.stop > aligned.start
    start, stop = aligned.start[has_tokens], aligned.stop[has_tokens]
    span, window = _windows_reached(start, stop, room)
    cut = np.bincount(span) > 1
    inside = np.zeros(len(start), dtype=bool) if cover else ~aligned.exact[has_tokens]
    found.counts["spans"] += len(spans)
    found.counts["spans_cut_by_the_context"] += int(cut.sum())
    found.counts["spans_inside_a_token"] += int((~has_tokens).sum() + (inside & ~cut).sum())
    begin = window * room
    offset = np.array(fronts, dtype=np.int64)[window] - begin
    first, last = np.maximum(start[span], begin) + offset, np.minimum(stop[span], begin + room) + offset
    found.places.append(np.stack([first_window + window, first, last, (cut | inside)[span]]))
    found.label += [spans[number][2] for number in np.flatnonzero(has_tokens)[span].tolist()]


def _windows_reached(
    start: NDArray[np.int64], stop: NDArray[np.int64], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The windows of `room` tokens that each span of tokens reaches, as pairs: number of the span, and window.

    >>> _windows_reached(np.array([1, 3]), np.array([3, 9]), 4)
    (array([0, 1, 1, 1]), array([0, 0, 1, 2]))
    """
    first, last = start // room, (stop - 1) // room
    span = np.repeat(np.arange(len(start)), last - first + 1)
    return span, first[span] + np.arange(len(span)) - np.searchsorted(span, span)


def _as_spans(found: _Found, places: NDArray[np.int64], column: str) -> Candidates:
    kept = places[3] == 0
    values = [label for label, keep in zip(found.label, kept, strict=True) if keep]
    if len({str(value) for value in values}) == 1:
        raise DataError(
            f"all spans of the column {column!r} have the label {values[0]!r}, so there is nothing to tell them from; "
            'use unit="token" to tell their tokens from the other tokens of the text'
        )
    labels, features = label_columns([column], [values], category="span", descriptions={})
    return Candidates(
        sequences=Sequences.of(found.windows),
        documents=found.documents,
        sequence=places[0, kept],
        start=places[1, kept],
        stop=places[2, kept],
        labels=labels,
        features=features,
        counts=found.counts,
        aggregate="mean",
    )


def _as_tokens(request: Request, found: _Found, places: NDArray[np.int64], column: str) -> Candidates:
    sequences = Sequences.of(found.windows)
    names = sorted(name for name in set(map(str, found.label)) if TRUTH.get(name.lower(), 1) == 1)
    labels = np.zeros((len(sequences.tokens), len(names)), dtype=np.int8)
    base = sequences.offsets[places[0]]
    columns = {name: number for number, name in enumerate(names)}
    order = np.argsort(places[3], kind="stable").tolist()  # what is dropped last, so that it has the last word
    starts, stops, values = (base + places[1]).tolist(), (base + places[2]).tolist(), (1 - 2 * places[3]).tolist()
    for row in order:
        number = columns.get(str(found.label[row]))
        if number is not None:
            labels[starts[row] : stops[row], number] = values[row]
    sequence, position = token_places(sequences)
    text = is_text(request, sequences) & (position >= request.number("first_position"))
    feature = [(column if TRUTH.get(name.lower()) == 1 else name, f"the token is in a span {name}") for name in names]
    features = pd.DataFrame(
        [(*row, "token in a span", "binary") for row in feature], columns=["name", "description", "category", "kind"]
    )
    return Candidates(
        sequences=sequences,
        documents=found.documents,
        sequence=sequence[text],
        start=position[text],
        stop=position[text] + 1,
        labels=labels[text],
        features=features,
        counts=found.counts,
        aggregate="none",
    )
