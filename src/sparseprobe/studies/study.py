"""A study: a plan of runs, the tables that are made of theirs, figures of these tables, and sentences about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparseprobe.reports.findings import Sentence

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class StudyFigure:
    """One figure of a study, drawn from its tables alone."""

    name: str
    """Of its files, `figures/NAME.svg` and `.png`."""
    kind: str
    """Of `sparseprobe.reports.figures.FIGURES`."""
    caption: str
    """What it shows and how it is read, in a sentence or two."""
    table: str | Callable[[Tables], pd.DataFrame]
    """The table's name, or a function from all tables to the one that is drawn."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the figure beside its table."""
    by: tuple[str, ...] = ()
    """Columns such as model or collection: one figure for each of their values."""


def _nothing(_: Tables) -> Tables:
    return {}


def _silence(_: Tables) -> Iterable[Sentence]:
    return ()


@dataclass(frozen=True)
class Study:
    """One study: a run for each pair of model and dataset, and what is made of their tables together."""

    name: str
    about: str
    """One sentence: the question that it answers."""
    models: tuple[str, ...]
    """Where none is named."""
    datasets: tuple[str, ...]
    """Collections, where none is named."""
    experiments: tuple[str, ...]
    """Of `sparseprobe.runs.catalogue`; the tables of all runs together have their names."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of every run that are not the defaults, such as k."""
    derive: Callable[[Tables], Tables] = _nothing
    """From the joined tables to more tables, by name."""
    figures: tuple[StudyFigure, ...] = ()
    findings: Callable[[Tables], Iterable[Sentence]] = _silence
    """Sentences whose every number is a cell of a table, the most important first."""
