"""A label per text: the shape that natural language, programming language, data source and custom labels share.

An example is a sequence from a position on: the first `context` tokens of each text make the sequence, and its span
is [from_position, length), so that a mean over the span leaves out the first tokens, of which position 0 is an
attention sink in most models; a text that says the same with the same label as an earlier one is left out. With
`random_tokens` the examples are so many tokens of that span, drawn at random, each by itself. A label of many classes
becomes one feature a class, that class against the rest. Source: arXiv 2305.01610, section on feature datasets (mean
over tokens from a position on, a sequence each; or a few random tokens from there).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.errors import DataError, InputError
from sparseprobe.keyed_random import generator

if TYPE_CHECKING:
    from sparseprobe.datasets.collection import Request

MAX_CLASSES = 200
"""More values than this in a label column look like a wrong column."""
TRUTH: Mapping[str, int] = {"1": 1, "0": 0, "true": 1, "false": 0, "yes": 1, "no": 0}


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
    stops, short, repeated = [], 0, 0
    seen: set[bytes] = set()
    for item, ids in request.encoded_ids(columns):
        whole, _ = encoder.surround(ids[:room])
        stop = len(whole) - behind
        if first >= stop:
            short += 1
            continue
        given = [item.fields[column] for column in columns]
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
    if not kept:
        raise DataError(f"all {short} texts end before position {first}, where examples start; lower from_position")
    sequence, starts = np.arange(len(kept)), np.full(len(kept), first)
    if request.settings["random_tokens"] is not None:
        sequence, starts = _random_tokens(request, kept, first, stops)
    labels: NDArray[Any]
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
            "texts": request.reader.count,
            "texts_too_short": short,
            "texts_repeated": repeated,
            "texts_without_a_label": int((np.isnan(labels) if continuous else labels == -1).all(axis=1).sum()),
            "texts_cut_at_context": sum(len(whole) == context for whole in kept),
        },
        aggregate=None if request.settings["random_tokens"] is None else "none",
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


def target_columns(
    columns: Sequence[str], values: Sequence[Sequence[Any]], *, category: str
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Numbers (n, n_columns), NaN where there is none, and the features table; DataError for what is no number.

    >>> target_columns(["score"], [["0.5", 2, None]], category="custom")[0].tolist()
    [[0.5], [2.0], [nan]]
    """
    labels = np.empty((len(values[0]), len(columns)), dtype=np.float32)
    for place, (column, raw) in enumerate(zip(columns, values, strict=True)):
        try:
            labels[:, place] = [np.nan if value is None or value == "" else float(value) for value in raw]
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"the column {column!r} holds a target that is no number ({error})") from error
        if not np.isfinite(labels[:, place]).any():
            raise DataError(f"the column {column!r} holds no finite number; name the column of the target")
    rows = [(column, f"the number in {column}", category, "continuous") for column in columns]
    return labels, pd.DataFrame(rows, columns=["name", "description", "category", "kind"])


def label_columns(
    columns: Sequence[str], values: Sequence[Sequence[Any]], *, category: str, descriptions: Mapping[str, str]
) -> tuple[NDArray[np.int8], pd.DataFrame]:
    """Labels (n, n_features) in {1, 0, -1} and the features table, from one list of n values for each column.

    A column of truth values is one feature with the column's name; any other is a feature a value, against the rest.
    A missing value labels nothing.

    >>> labels, features = label_columns(["label"], [["fr", "de", None]], category="language", descriptions={})
    >>> features["name"].tolist(), labels.tolist()
    (['de', 'fr'], [[0, 1], [1, 0], [-1, -1]])
    """
    tables, rows = [], []
    place = {value: number for number, value in enumerate(descriptions)}
    for column, raw in zip(columns, values, strict=True):
        codes, values_seen = pd.factorize(np.array([_as_text(value) for value in raw], dtype=object))
        number = {str(value): code for code, value in enumerate(values_seen)}
        known = codes != number.get("", -1)
        found = sorted(number.keys() - {""}, key=lambda value: (place.get(value, len(place)), value))
        if len(found) < 2:
            held = f"only the label {found[0]!r}" if found else "no label"
            raise DataError(f"the column {column!r} holds {held}; at least two classes are needed")
        if all(value.lower() in TRUTH for value in found):
            truth = np.array([TRUTH.get(str(value).lower(), -1) for value in values_seen], dtype=np.int8)
            tables.append(truth[codes][:, None])
            rows.append((column, descriptions.get(column, f"{column} is true"), category, "binary"))
            continue
        if len(found) > MAX_CLASSES:
            raise DataError(
                f"the column {column!r} holds {len(found)} labels, more than {MAX_CLASSES}; name a column of classes"
            )
        for value in found:
            tables.append(np.where(known, codes == number[value], -1).astype(np.int8)[:, None])
            name = value if len(columns) == 1 else f"{column}={value}"
            rows.append((name, descriptions.get(value, f"{column} is {value}"), category, "binary"))
    features = pd.DataFrame(rows, columns=["name", "description", "category", "kind"])
    return np.concatenate(tables, axis=1), features


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:  # noqa: PLR0124  (NaN, of whatever type)
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
