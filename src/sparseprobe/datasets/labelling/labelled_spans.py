"""Labelled character spans in texts, as token spans in windows of the context.

A text longer than the context is cut into windows, each a sequence. A span is kept if all its tokens lie in one
window; a span whose boundary falls inside a token is dropped, or covered by that token with `partial="cover"`. What
was dropped is counted, label by label; a label that loses all its spans is an error. With `unit="token"` every token
from `first_position` on is an example instead: 1 inside a span of the label, 0 outside, and not labelled where a
dropped span, or one without a label, touches it. Where no unit is asked for it is "span", or "token" if all spans have
the same label, so that there is no other class.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.artefacts import parse_json
from sparseprobe.datasets.labelling.alignment import align
from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.labelling.label_columns import TRUTH, as_labels, features_table, label_columns
from sparseprobe.datasets.labelling.labelled_text import LabelledText, as_index
from sparseprobe.datasets.labelling.token_text import is_text, token_places
from sparseprobe.datasets.readers import is_missing
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenising import windows
from sparseprobe.errors import DataError, InputError, UnknownNameError

if TYPE_CHECKING:
    from sparseprobe.datasets.collection import Request
    from sparseprobe.datasets.tokenising import EncodedText

REASONS = {
    "spans_inside_a_token": "begin or end inside a token",
    "spans_cut_by_the_context": "are cut by the context",
    "spans_without_a_token": "have no character that the tokenizer keeps",
}
"""Why spans are left out."""
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
    spans: Counter[str] = field(default_factory=Counter)
    """Spans of each label that the records hold."""
    lost: dict[str, Counter[str]] = field(default_factory=dict)
    """Spans of each label that were left out, by the reason, one of REASONS."""

    def counts(self) -> dict[str, int]:
        """Spans of all labels, and how many were left out for each reason."""
        lost = sum(self.lost.values(), Counter[str]())
        return {"spans": self.spans.total(), **{reason: lost[reason] for reason in REASONS}}


def find_spans(request: Request, column: str, parse: Parse | None = None) -> Candidates:
    """The spans that the records name in `column` as [[start, stop, label], ...] (or dictionaries, or JSON of either).

    `parse` reads another form of them from a record: see `word_tags`. Reads the settings context, unit, partial.
    Raises DataError for a broken span, with its place, and if none is left.
    """
    unit, partial = request.settings["unit"], request.settings["partial"]
    for what, given, known in (("unit", unit, (None, "span", "token")), ("partial", partial, ("drop", "cover"))):
        if given not in known:
            raise UnknownNameError(what, given, [str(one) for one in known if one])
    found = _Found()
    read = parse or parse_spans
    for item, encoded in request.encoded([column]):
        _collect(request, found, item, encoded, read(item, column), cover=partial == "cover")
    if not found.spans:
        raise DataError(f"the column {column!r} holds no span with a label; name the column of the labels")
    found.label = as_labels(found.label)
    places = np.concatenate([np.zeros((4, 0), dtype=np.int64), *found.places], axis=1)
    _say_what_was_lost(found, column)
    if unit is None:
        unit = "token" if len(found.spans) == 1 else "span"
    return _as_tokens(request, found, places, column) if unit == "token" else _as_spans(found, places, column)


def _say_what_was_lost(found: _Found, column: str) -> None:
    """Raise DataError for a label of which no span is left; warn where some are left out."""
    advice = 'use partial="cover" for whole tokens, a longer context, or another tokenizer'
    for label, lost in found.lost.items():
        if lost.total() == found.spans[label]:
            raise DataError(
                f"all {lost.total()} spans of the column {column!r} with the label {label!r} would be left out "
                f"({_reasons(lost)}); {advice}, or remove the label"
            )
    every = sum(found.lost.values(), Counter[str]())
    if every:
        labels = ", ".join(f"{lost.total()} of {found.spans[label]} {label}" for label, lost in found.lost.items())
        warnings.warn(
            f"{every.total()} of {found.spans.total()} spans of the column {column!r} are left out "
            f"({_reasons(every)}): {labels}; {advice}",
            stacklevel=3,
        )


def _reasons(lost: Counter[str]) -> str:
    return ", ".join(f"{n} {REASONS[reason]}" for reason, n in lost.items())


def parse_spans(item: LabelledText, column: str) -> list[tuple[int, int, Any]]:
    """The spans of one record, counted from the start of its text.

    >>> from sparseprobe.datasets.labelling.labelled_text import LabelledText
    >>> parse_spans(LabelledText("Ann ran", {"spans": '[[0, 3, "PER"]]'}, "d", "line 1"), "spans")
    [(0, 3, 'PER')]
    """
    raw = item.fields[column]
    if isinstance(raw, np.ndarray):
        raw = raw.tolist()
    if is_missing(raw):
        return []
    try:
        listed = parse_json(raw) if isinstance(raw, str) else list(raw)
        spans = []
        for entry in listed:
            if isinstance(entry, dict):
                start, stop, label = entry["start"], entry["stop" if "stop" in entry else "end"], entry.get("label", 1)
            else:
                start, stop, label = entry
            spans.append((as_index(start) - item.skipped, as_index(stop) - item.skipped, label))
    except (TypeError, ValueError, KeyError, OverflowError) as error:
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
    reason = np.zeros(len(spans), dtype=np.int64)
    reason[~has_tokens] = 3
    reason[has_tokens] = np.where(cut, 2, inside)
    for label, why in zip(as_labels([label for _, _, label in spans]), reason.tolist(), strict=True):
        if label:
            found.spans[label] += 1
            if why:
                found.lost.setdefault(label, Counter())[list(REASONS)[why - 1]] += 1
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
    kept = (places[3] == 0) & np.array([label != "" for label in found.label], dtype=bool)
    values = [label for label, keep in zip(found.label, kept, strict=True) if keep]
    if len(found.spans) == 1:
        raise DataError(
            f"all spans of the column {column!r} have the label {values[0]!r}, so there is no class to compare with; "
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
        counts=found.counts(),
        decided={"unit": "span", "aggregate": "mean", "labels_left_out": found.lost},
    )


def _as_tokens(request: Request, found: _Found, places: NDArray[np.int64], column: str) -> Candidates:
    sequences = Sequences.of(found.windows)
    names = sorted(name for name in found.spans if TRUTH.get(name.lower(), 1) == 1)
    labels = np.zeros((len(sequences.tokens), len(names)), dtype=np.int8)
    base = sequences.offsets[places[0]]
    columns: dict[str, int | slice] = {name: number for number, name in enumerate(names)}
    columns[""] = slice(None)  # what has no label is not known to be outside of any
    unknown = places[3].astype(bool) | np.array([label == "" for label in found.label], dtype=bool)
    order = np.argsort(unknown, kind="stable").tolist()  # what is not known last, so that it has the last word
    starts, stops, values = (base + places[1]).tolist(), (base + places[2]).tolist(), (1 - 2 * unknown).tolist()
    for row in order:
        number = columns.get(found.label[row])
        if number is not None:
            labels[starts[row] : stops[row], number] = values[row]
    sequence, position = token_places(sequences)
    text = is_text(request, sequences) & (position >= request.number("first_position"))
    features = [(column if TRUTH.get(name.lower()) == 1 else name, f"the token is in a span {name}") for name in names]
    return Candidates(
        sequences=sequences,
        documents=found.documents,
        sequence=sequence[text],
        start=position[text],
        stop=position[text] + 1,
        labels=labels[text],
        features=features_table(features, "token in a span"),
        counts=found.counts(),
        decided={"unit": "token", "aggregate": "none", "labels_left_out": found.lost},
    )
