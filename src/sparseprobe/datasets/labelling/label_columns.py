"""Columns of labels, as people store them, to features.

    a column of                                   becomes
    0/1, true/false, yes/no (1.0 and 0.0 too)     one feature, by the column's name
    any other values                              one feature per value, that value against the rest
    lists of values (or JSON of them)             one feature per value: 1 in the lists that contain it, 0 in the others
    numbers, as a target                          one continuous feature

Nothing (None, NaN, pandas' NA, an empty text) labels nothing; nor does -1 in a column of 0/1, as everywhere here. A
number in a text is the number ("1.0", as a table with gaps is written to CSV, is 1), and beside numbers or truth
values so are the words for nothing (nan, NA, null, none).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.artefacts import parse_json
from sparseprobe.datasets.readers import is_missing
from sparseprobe.errors import DataError

MAX_CLASSES = 200
"""More values than this in a label column look like a wrong column."""
TRUTH: Mapping[str, int] = {"1": 1, "0": 0, "true": 1, "false": 0, "yes": 1, "no": 0}
NOTHING = {"nan", "na", "n/a", "<na>", "null", "none"}
INTEGER = re.compile(r"[+-]?\d+(?:\.0*)?", re.ASCII)
FEATURE_COLUMNS = ("name", "description", "category", "kind")


def features_table(
    features: Sequence[tuple[str, str]], category: str | Sequence[str], *, kind: str = "binary"
) -> pd.DataFrame:
    """The features of a dataset from names and descriptions; `category`: of all, or one for each.

    >>> features_table([("fr", "the text is French")], "language").iloc[0].tolist()
    ['fr', 'the text is French', 'language', 'binary']
    """
    categories = [category] * len(features) if isinstance(category, str) else category
    rows = [(*feature, of, kind) for feature, of in zip(features, categories, strict=True)]
    return pd.DataFrame(rows, columns=list(FEATURE_COLUMNS))


def target_columns(
    columns: Sequence[str], values: Sequence[Sequence[Any]], *, category: str
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Numbers (n, n_columns), NaN for none, and the features table; DataError for anything that is not a number.

    >>> target_columns(["score"], [["0.5", 2, None]], category="custom")[0].tolist()
    [[0.5], [2.0], [nan]]
    """
    labels = np.empty((len(values[0]), len(columns)), dtype=np.float32)
    for place, (column, raw) in enumerate(zip(columns, values, strict=True)):
        try:
            labels[:, place] = [np.nan if is_missing(value) else float(value) for value in raw]
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"the column {column!r} holds a target that is not a number ({error})") from error
        if not np.isfinite(labels[:, place]).any():
            raise DataError(f"the column {column!r} holds no finite number; name the column of the target")
    return labels, features_table([(name, f"the number in {name}") for name in columns], category, kind="continuous")


def label_columns(
    columns: Sequence[str], values: Sequence[Sequence[Any]], *, category: str, descriptions: Mapping[str, str]
) -> tuple[NDArray[np.int8], pd.DataFrame]:
    """Labels (n, n_features) in {1, 0, -1} and the features table, from one list of n values for each column.

    >>> labels, features = label_columns(["label"], [["fr", "de", None]], category="language", descriptions={})
    >>> features["name"].tolist(), labels.tolist()
    (['de', 'fr'], [[0, 1], [1, 0], [-1, -1]])
    >>> label_columns(["label"], [[["a", "b"], [], None]], category="custom", descriptions={})[0].tolist()
    [[1, 1], [0, 0], [-1, -1]]
    """
    tables, rows = [], []
    for column, raw in zip(columns, values, strict=True):
        listed = _as_lists(column, raw)
        table, found = _of_lists(column, listed) if listed else _of_values(column, as_labels(raw))
        tables.append(table)
        if found is None:
            rows.append((column, descriptions.get(column, f"{column} is true")))
            continue
        place = {value: number for number, value in enumerate(descriptions)}
        order = sorted(range(len(found)), key=lambda at: (place.get(found[at], len(place)), found[at]))
        tables[-1] = table[:, order]
        for value in (found[at] for at in order):
            name = value if len(columns) == 1 else f"{column}={value}"
            about = f"{value} is among {column}" if listed else f"{column} is {value}"
            rows.append((name, descriptions.get(value, about)))
    return np.concatenate(tables, axis=1), features_table(rows, category)


def as_labels(values: Sequence[Any]) -> list[str]:
    """Values of a column as names of classes; an empty text where there is none.

    >>> as_labels([1, 0.0, "1.0", None, True, "nan"]), as_labels(["1.5", " a ", None, "nan"])
    (['1', '0', '1', '', 'True', ''], ['1.5', 'a', '', 'nan'])
    """
    texts = ["" if is_missing(value) else str(value).strip() for value in values]
    seen = set(texts) - {""}
    some = {text for text in seen if text.lower() not in NOTHING}
    if some and all(INTEGER.fullmatch(text) or text.lower() in TRUTH for text in some):
        seen -= (blank := seen - some)
        written = {text: text.partition(".")[0].removeprefix("+") for text in seen} | dict.fromkeys(blank, "")
        texts = [written.get(text, "") for text in texts]
    return texts


def classes_in(values: Sequence[Any]) -> set[str]:
    """The classes that values name, alone or in lists."""
    lists = ([value] if (found := _as_list(value)) is None else found for value in values)
    return set(as_labels(list(chain.from_iterable(lists)))) - {""}


def _of_values(column: str, labels: Sequence[str]) -> tuple[NDArray[np.int8], list[str] | None]:
    """The table of a column with one value each, and its classes (None: it is one feature of truth values)."""
    codes, seen = pd.factorize(np.array(labels, dtype=object))
    found = [str(value) for value in seen]
    classes = _checked(column, [value for value in found if value])
    truths = [value for value in classes if value != "-1"]
    if {TRUTH.get(value.lower()) for value in truths} == {0, 1}:
        classes = truths
    if len(classes) < 2:
        held = f"only the label {classes[0]!r}" if classes else "no label"
        raise DataError(f"the column {column!r} holds {held}; at least two classes are needed")
    if all(value.lower() in TRUTH for value in classes):
        truth = np.array([TRUTH.get(value.lower(), -1) for value in found], dtype=np.int8)
        return truth[codes][:, None], None
    known = codes != (found.index("") if "" in found else -1)
    number = {value: code for code, value in enumerate(found)}
    table = [np.where(known, codes == number[value], -1).astype(np.int8) for value in classes]
    return np.column_stack(table), classes


def _of_lists(column: str, lists: Sequence[list[Any] | None]) -> tuple[NDArray[np.int8], list[str]]:
    """The table of a column of lists, and the classes that they name."""
    flat = iter(as_labels(list(chain.from_iterable(values or [] for values in lists))))
    labels = [None if values is None else [next(flat) for _ in values] for values in lists]
    classes = _checked(column, sorted({value for values in labels for value in values or [] if value}))
    if not classes:
        raise DataError(f"the column {column!r} holds lists without a label; name the column of the labels")
    number = {value: place for place, value in enumerate(classes)}
    table = np.zeros((len(lists), len(classes)), dtype=np.int8)
    for row, values in enumerate(labels):
        named = [value for value in values or [] if value]
        if len(set(named)) < len(named):
            raise DataError(
                f"the column {column!r} holds the list {values[:8]!r}, which names a label twice; give the names of "  # type: ignore[index]
                "the labels that a text has, or a column of 0/1 for each label"
            )
        table[row, [number[value] for value in named]] = 1
        if values is None:
            table[row] = -1
    return table, classes


def _as_lists(column: str, values: Sequence[Any]) -> list[list[Any] | None] | None:
    """A column whose values are lists, also as JSON, or None for any other column; None in it where nothing is."""
    given = [None if is_missing(value) else _as_list(value) for value in values]
    known = [value for value, raw in zip(given, values, strict=True) if not is_missing(raw)]
    if not any(value is not None for value in known):
        return None
    if any(value is None for value in known):
        raise DataError(f"the column {column!r} holds lists of labels beside single ones; write each as a list")
    return given


def _as_list(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError:
            return None
    return list(value) if isinstance(value, list | tuple | set | frozenset | np.ndarray) else None


def _checked(column: str, classes: list[str]) -> list[str]:
    """The classes of a column; DataError for too many, and for anything that is not text."""
    if len(classes) > MAX_CLASSES:
        raise DataError(
            f"the column {column!r} holds {len(classes)} labels, more than {MAX_CLASSES}; name a column of classes"
        )
    for value in classes:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the column {column!r} holds the label {value!r}, with half of a surrogate pair, which is no "
                "character; write the whole character, or remove it"
            ) from error
    return classes
