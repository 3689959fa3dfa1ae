"""A label per text: the shape that natural language, programming language, data source and custom labels share.

An example is a sequence from a position on: the first `context` tokens of each text make the sequence, and its span
is [from_position, length), so that a mean over the span leaves out the first tokens, of which position 0 is an
attention sink in most models; a text that says the same with the same label as an earlier one is left out. With
`random_tokens` the examples are this many single tokens of that span, drawn at random. A label of many classes
becomes one feature per class, that class against the rest. Source: arXiv 2305.01610, section on feature datasets (mean
over tokens from a position on, a sequence each; or a few random tokens from there).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.labelling.label_columns import classes_in, label_columns, target_columns
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.errors import DataError, InputError
from sparseprobe.keyed_random import generator

if TYPE_CHECKING:
    from sparseprobe.datasets.collection import Request


def label_finder(category: str, descriptions: Mapping[str, str]) -> Callable[[Request], Candidates]:
    """Finds the texts of a collection whose label is in one column (the setting label_column)."""

    def find(request: Request) -> Candidates:
        columns = named_columns(request, "label_column")
        return find_labelled_texts(request, columns=columns, category=category, descriptions=descriptions)

    return find


def named_columns(request: Request, setting: str) -> list[str]:
    """The columns that a setting names, one or several; InputError if it names none."""
    given = request.settings[setting]
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(name, str) for name in listed):
        raise InputError(f"{setting} is {given!r}; give the name of a column, or a list of names")
    return list(listed)


def find_labelled_texts(
    request: Request,
    *,
    columns: Sequence[str],
    category: str,
    descriptions: Mapping[str, str] | None = None,
    continuous: bool = False,
) -> Candidates:
    """One example a text; the features are the values of the label `columns` (or a column itself, if it is 0/1).

    With `continuous` each column is one feature with a number for each text.

    Reads the settings context, from_position and random_tokens. Features in the order of `descriptions`, then by name.
    Raises DataError for a missing column, for labels of one class or too many, and if every text is too short.
    """
    context, first = request.number("context", least=1), request.number("from_position")
    encoder, room = request.encoder, request.encoder.room(context)
    first, behind = max(first, int(encoder.record.bos_id is not None)), int(encoder.record.eos_id is not None)
    kept: list[NDArray[np.int32]] = []
    documents: list[str] = []
    values: list[list[Any]] = [[] for _ in columns]
    too_short: list[list[Any]] = [[] for _ in columns]
    stops, repeated = [], 0
    seen: set[bytes] = set()
    for item, ids in request.encoded_ids(columns):
        whole, _ = encoder.surround(ids[:room])
        stop = len(whole) - behind
        given = [item.fields[column] for column in columns]
        if first >= stop:
            for value, found in zip(given, too_short, strict=True):
                found.append(value)
            continue
        key = sha256(whole.tobytes() + repr(given).encode()).digest()
        if key in seen:
            repeated += 1
            continue
        seen.add(key)
        kept.append(whole)
        documents.append(item.document)
        stops.append(stop)
        for value, found in zip(given, values, strict=True):
            found.append(value)
    short = len(too_short[0])
    if not kept:
        raise DataError(f"all {short} texts end before position {first}, where examples start; lower from_position")
    sequence, starts = np.arange(len(kept)), np.full(len(kept), first)
    if request.settings["random_tokens"] is not None:
        sequence, starts = _random_tokens(request, kept, first, stops)
    labels: NDArray[Any]
    for column, left, lost in zip(columns, values, too_short, strict=True):
        if not continuous and (gone := classes_in(lost) - classes_in(left)):
            raise DataError(
                f"all texts with the label {min(gone)!r} in the column {column!r} end before position {first}, where "
                "examples start; lower from_position, or remove them"
            )
    if continuous:
        labels, features = target_columns(columns, values, category=category)
    else:
        labels, features = label_columns(columns, values, category=category, descriptions=descriptions or {})
    return Candidates(
        sequences=Sequences.of(kept),
        documents=documents,
        sequence=sequence,
        start=starts,
        stop=np.array(stops) if request.settings["random_tokens"] is None else starts + 1,
        labels=labels[sequence],
        features=features,
        counts={
            "texts_too_short": short,
            "texts_repeated": repeated,
            "texts_without_a_label": int((np.isnan(labels) if continuous else labels == -1).all(axis=1).sum()),
            "texts_cut_at_context": sum(len(whole) == context for whole in kept),
        },
        decided={} if request.settings["random_tokens"] is None else {"aggregate": "none"},
    )


def _random_tokens(
    request: Request, sequences: Sequence[NDArray[np.int32]], first: int, stops: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sequence and the position of up to `random_tokens` different tokens of each sequence, in [first, stop)."""
    most = request.number("random_tokens", least=1)

    def drawn(ids: NDArray[np.int32], stop: int) -> NDArray[np.int64]:
        rng = generator(request.seed, "random tokens", sha256(ids.tobytes()).hexdigest())
        return np.sort(first + rng.permutation(stop - first)[:most])

    places = list(map(drawn, sequences, stops))
    return np.repeat(np.arange(len(places)), [len(found) for found in places]), np.concatenate(places)
