"""The values to which an intervention sets a neuron.

    0.0, any number        that activation everywhere (the paper sets neurons to 0, case study 2)
    "mean"                 its mean over a reference text
    "mean(fr=0)"           its mean over the reference text that carries label 0 of the feature fr
    "resampled"            at each token its activation at a random token of the reference text
    "x0.5"                 half of what it is

Each of them is  a -> factor * a + shift  (module `edits`); only the resampled shift differs from token to token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from sparseprobe.errors import InputError


@dataclass(frozen=True)
class Fixed:
    """The same activation everywhere."""

    value: float = 0.0

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True)
class Mean:
    """The mean over the reference text."""

    def __str__(self) -> str:
        return "mean"


@dataclass(frozen=True)
class ClassMean:
    """The mean over the part of the reference text that has a label of a feature."""

    feature: str
    label: int = 0

    def __str__(self) -> str:
        return f"mean({self.feature}={self.label})"


@dataclass(frozen=True)
class Resampled:
    """The activation at another, random token of the reference text."""

    def __str__(self) -> str:
        return "resampled"


@dataclass(frozen=True)
class Scaled:
    """The activation times a factor."""

    factor: float

    def __str__(self) -> str:
        return f"x{self.factor:g}"


Value = Fixed | Mean | ClassMean | Resampled | Scaled

_CLASS_MEAN = re.compile(r"mean\((.+)=([01])\)")


def parse_value(value: str | float | Value) -> Value:
    """The intervention that a number or a word stands for; see the module. Raises `InputError` for others.

    >>> parse_value(0.0), parse_value("mean(fr=0)"), parse_value("x2")
    (Fixed(value=0.0), ClassMean(feature='fr', label=0), Scaled(factor=2.0))
    """
    if isinstance(value, Value):
        return value
    if not isinstance(value, str):
        return Fixed(_finite(value))
    word = value.strip()
    words: dict[str, Value] = {"zero": Fixed(), "mean": Mean(), "resampled": Resampled()}
    if word in words:
        return words[word]
    if match := _CLASS_MEAN.fullmatch(word):
        return ClassMean(match[1], int(match[2]))
    return Scaled(_finite(word[1:])) if word.startswith("x") else Fixed(_finite(word))


def _finite(value: str | float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(
            f"value={value!r} is not an intervention: give a number, 'mean', 'mean(FEATURE=0)', 'resampled', or 'x0.5' "
            "for half of its value"
        )
    return number
