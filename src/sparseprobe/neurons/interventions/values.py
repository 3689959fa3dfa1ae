"""What an intervention sets a neuron to.

    0.0, any number        that activation everywhere (the paper sets neurons to 0, case study 2)
    "mean"                 its mean over a reference text
    "mean(fr=0)"           its mean over the reference text that carries label 0 of the feature fr
    "resampled"            at each token its activation at a random token of the reference text
    "x0.5"                 half of what it is

Several neurons of a set are resampled from the same token, so what they do together stays. All but the last but one are
a number; all of them are  a -> factor * a + shift.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator
from sparseprobe.models import Batch
from sparseprobe.neurons.interventions.suffix_pass import Edit
from sparseprobe.neurons.neuron_sets import NeuronSet

if TYPE_CHECKING:
    from sparseprobe.neurons.interventions.reference import Reference


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


def edits(
    chosen: NeuronSet,
    value: Value,
    reference: Reference | None,
    draws: NDArray[np.int64] | None = None,
) -> Iterator[Edit]:
    """One edit for each layer of a set; `draws` (n_sequences, width) names tokens of the reference to resample."""
    for layer in sorted({neuron.layer for neuron in chosen}):
        index = np.array([neuron.index for neuron in chosen if neuron.layer == layer])
        factor, shift = 0.0, np.zeros(len(index))
        if isinstance(value, Fixed):
            shift = np.full(len(index), value.value)
        elif isinstance(value, Scaled):
            factor = value.factor
        elif reference is not None and isinstance(value, Resampled) and draws is not None:
            shift = reference.pool[layer][draws[..., None], index]
        elif reference is not None:
            means = reference.class_mean if isinstance(value, ClassMean) else reference.mean
            shift = means[layer][index]
        yield Edit(layer, torch.from_numpy(index), factor, torch.from_numpy(np.asarray(shift)))


def resampling_draws(
    value: Value, rows: NDArray[np.int64], batch: Batch, n_pool: int, seed: int
) -> NDArray[np.int64] | None:
    """Which reference token each token of a batch is given, (n_sequences, width), keyed by sequence and position."""
    if not isinstance(value, Resampled):
        return None
    width = batch.tokens.shape[1]
    return np.stack([generator(seed, "resampled", int(row)).integers(n_pool, size=width) for row in rows])


def _finite(value: str | float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(
            f"value={value!r} is no intervention: give a number, 'mean', 'mean(FEATURE=0)', 'resampled', or 'x0.5' for "
            "half of what it is"
        )
    return number
