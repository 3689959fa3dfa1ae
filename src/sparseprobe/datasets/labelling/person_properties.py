"""The properties of people as features: each class of a property against its others.

A record has a column for each property that was asked for; or it concerns one property only, which its column
`feature` names, and `label` is the class. In the second form a property need not have been asked for: it has a feature
for each class that is found or, if its classes are truth values, one feature by its own name. A class is known if it
is the only one (a politician who was an actor has no class).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe.datasets.labelling.label_columns import TRUTH, features_table
from sparseprobe.datasets.readers import is_missing
from sparseprobe.errors import InputError

PROPERTY, CLASS = "feature", "label"
"""Columns of a record about one property."""


def classes_of(value: Any) -> list[str]:
    """The classes that a value names, each once: a text, several with ; or | between, or a list of either.

    >>> classes_of("actor;singer"), classes_of(["actor", None, "actor"]), classes_of(True), classes_of(float("nan"))
    (['actor', 'singer'], ['actor'], ['true'], [])
    """
    if isinstance(value, list | tuple | np.ndarray):
        return list(dict.fromkeys(name for one in value for name in classes_of(one)))
    if is_missing(value):
        return []
    parts = (part.strip() for part in re.split(r"[;|]", str(value)) if part.strip())
    return list(dict.fromkeys(part.lower() if part.lower() in ("true", "false") else part for part in parts))


def one_class(value: Any) -> str | None:
    """The class of a property, or None where it is not known or there are several.

    >>> one_class("actor"), one_class("actor;singer"), one_class(None)
    ('actor', None, None)
    """
    found = classes_of(value)
    return found[0] if len(found) == 1 else None


@dataclass(eq=False)
class PersonProperties:
    """The classes that are asked for, and those that records name; `features` and `labels` when all are read.

    >>> properties = PersonProperties({"sport": ("baseball", "basketball")})
    >>> rows = [{"sport": "baseball"}, {"feature": "is_actor", "label": 1}, {"feature": "is_actor", "label": 0}]
    >>> found = [properties.classes(row) for row in rows]
    >>> properties.features()["name"].tolist()
    ['sport=baseball', 'sport=basketball', 'is_actor']
    >>> properties.labels(found)
    [{0: 1, 1: 0}, {2: 1}, {2: 0}]
    """

    wanted: Mapping[str, Sequence[str]]
    """Each property that was asked for, with its classes."""
    _columns: dict[tuple[str, str], int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.wanted, Mapping) or any(isinstance(one, str) for one in self.wanted.values()):
            raise InputError(
                f"properties is {self.wanted!r}; give the classes of each property, as {{occupation: [actor, singer]}}"
            )
        for name, values in self.wanted.items():
            for value in values:
                self._columns[name, str(value)] = len(self._columns)

    def classes(self, record: Mapping[str, Any]) -> tuple[int, ...]:
        """The number of the class of each property that a record has."""
        if PROPERTY in record and CLASS in record:
            name, found = str(record[PROPERTY]), one_class(record[CLASS])
            if found is not None and name not in self.wanted:
                self._columns.setdefault((name, found), len(self._columns))
            pairs = [(name, found)]
        else:
            pairs = [(name, one_class(record.get(name))) for name in self.wanted]
        return tuple(self._columns[name, found] for name, found in pairs if found and (name, found) in self._columns)

    def named(self, classes: Iterable[int]) -> tuple[str, ...]:
        """The properties that some classes belong to."""
        pairs = list(self._columns)
        return tuple(pairs[number][0] for number in classes)

    def features(self) -> pd.DataFrame:
        """A row for each feature: name, description, category, kind."""
        found = self._as_features()
        features = []
        for name, value in found:
            words = name.replace("_", " ")
            described = (name, f"of the person {words} is true")
            features.append(described if value is None else (f"{name}={value}", f"{words} of the person is {value}"))
        return features_table(features, [name for name, _ in found])

    def labels(self, examples: Iterable[Iterable[int]]) -> list[Mapping[int, int]]:
        """For the classes of each example: column of a feature to its label, 1 for the class, 0 for its others."""
        features = self._as_features()
        of_class = [
            {
                column: TRUTH[found.lower()] if value is None else int(value == found)
                for column, (name, value) in enumerate(features)
                if name == property_name
            }
            for property_name, found in self._columns
        ]
        return [
            {column: label for number in classes for column, label in of_class[number].items()} for classes in examples
        ]

    def _as_features(self) -> list[tuple[str, str | None]]:
        """Property and class of each feature; no class where truth values make one feature of a property."""
        found: dict[str, list[str]] = {}
        for name, value in self._columns:
            found.setdefault(name, []).append(value)
        features: list[tuple[str, str | None]] = []
        for name, values in found.items():
            truth = name not in self.wanted and {value.lower() for value in values} <= TRUTH.keys()
            features += [(name, None)] if truth else [(name, value) for value in values]
        return features
