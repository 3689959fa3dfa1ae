"""The contract between a run and its experiments.

    Experiment.check(Question)   before anything is extracted: refuses what cannot be done, returns the work
    work(Sources)                once there are activations and the tables that it needs: the parts of its table
    Part.make()                  one part, a table of its own: a layer, or for the ablation a feature

A part depends only on its key, not on when or where it is made, so a stopped run continues where it was, and parts may
be made anywhere. `run_parts` is the one place where they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sparseprobe.activations import Activations
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import ProbedLayer
from sparseprobe.models import LanguageModel
from sparseprobe.tables import Column


@dataclass(frozen=True, eq=False)
class Question:
    """The settings of experiments and what is known before extraction; the same for all experiments of a run."""

    data: ProbingDataset
    widths: Mapping[int, int]
    """The width of each requested layer."""
    site: str
    features: Sequence[str] | None = None
    """None: all."""
    seed: int = 0
    preset: str = "default"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """selection, k, keep, ...; None or absent: the experiment's own default."""
    model: LanguageModel | None = None
    """Only if one of the experiments needs it."""

    @cached_property
    def binary(self) -> LabelledExamples:
        """The examples with the labels of the binary features."""
        return LabelledExamples.of(self.data, self.named("binary"), seed=self.seed, preset=self.preset)

    @cached_property
    def continuous(self) -> LabelledExamples:
        """The examples with the values of the continuous features."""
        return LabelledExamples.of(self.data, self.named("continuous"), kind="continuous", seed=self.seed)

    def named(self, kind: str, *, asking: str = "the run") -> list[str]:
        """The features of a kind among those asked for.

        Raises `UnknownNameError` for a feature that the dataset does not have, `InputError` if none is left, whose
        message begins with `asking`.
        """
        kinds = dict(zip(self.data.features["name"], self.data.features["kind"], strict=True))
        for feature in self.features or ():
            if feature not in kinds:
                raise UnknownNameError("feature", feature, kinds)
        chosen = [name for name in (self.features or kinds) if kinds[name] == kind]
        if not chosen:
            raise InputError(f"{asking} is about {kind} features, and {self.data.name} has none of those asked for")
        return chosen

    def given(self, names: Iterable[str]) -> dict[str, Any]:
        """The settings among `names` that were given."""
        return {name: self.settings[name] for name in names if self.settings.get(name) is not None}


def model_of(question: Question, experiment: str) -> LanguageModel:
    """The model, whose neurons (site mlp) an experiment reads by itself; raises `InputError` without it."""
    if question.model is None:
        raise InputError(f"the experiment {experiment!r} runs the model itself: ask for it in a run")
    if question.site != "mlp":
        raise InputError(
            f"the experiment {experiment!r} is about neurons of the site mlp, and the site asked for is {question.site}"
        )
    return question.model


@dataclass(frozen=True)
class Sources:
    """The inputs of parts."""

    activations: Activations
    layer: Callable[[int, LabelledExamples], ProbedLayer]
    """Reads a layer, or returns the one that was read last, so that experiments share it."""
    tables: Mapping[str, pd.DataFrame]
    """The tables of finished experiments."""
    folder: Path | None = None
    """The folder of the run, where parts may keep what they share; None outside a run."""


@dataclass(frozen=True)
class Part:
    """One part of an experiment's table."""

    table: str
    key: str
    make: Callable[[], pd.DataFrame]
    layer: int | None = None
    """The layer that it reads, so that parts of one layer can be made together; None: all layers, or none."""


Work = Callable[[Sources], Iterable[Part]]


@dataclass(frozen=True)
class Experiment:
    """One experiment: its description, columns, settings and needs, and its check, which returns the work."""

    name: str
    about: str
    columns: tuple[Column, ...]
    takes: tuple[str, ...]
    """The settings that it accepts in addition to features, layers and seed."""
    check: Callable[[Question], Work]
    """Raises `InputError` for what cannot be done, before anything is extracted."""
    kind: str = "binary"
    """The features that it is about: binary or continuous."""
    needs_model: bool = False
    needs_tables: tuple[str, ...] = ()
    """Experiments whose tables it reads."""


def run_parts(parts: Sequence[Part], done: Callable[[Part, pd.DataFrame], None]) -> None:
    """Make parts in this process, one after the other; `done` is called with each as soon as it is made."""
    for part in parts:
        done(part, part.make())
