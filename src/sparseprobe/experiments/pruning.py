"""Iterative pruning: take away the best neuron and probe again, to tell superposition from redundancy.

At each step the remaining neurons are filtered by their F statistic, k of them are chosen and probed, and the best
single one is removed. Where the feature is spread over many neurons (redundancy), scores fall slowly; where a few carry
it, they fall at once (paper, section 5: optimal sparse probing, k = 5, ten steps).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparseprobe.errors import InputError
from sparseprobe.experiments.probe_rows import Cell, Plan, Walk, planned_rows
from sparseprobe.experiments.schema import PRUNING
from sparseprobe.probes.group_bootstrap import RESAMPLES
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import choose
from sparseprobe.selection.f_statistic import FStatistic
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.registry import selection_named

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from sparseprobe.activations import Activations
    from sparseprobe.datasets.probing_dataset import ProbingDataset
    from sparseprobe.selection.contract import Selection


def pruning(
    acts: Activations,
    data: ProbingDataset,
    *,
    k: int = 5,
    steps: int = 10,
    candidates: int = 50,
    selection: str | Selection = "optimal",
    control: bool = True,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer and step; columns as in `schema.PRUNING`, other arguments as those of `sweep`.

    Raises `InputError` where k is above the candidates, or the steps leave fewer than k neurons.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = pruning(acts, data, k=2, steps=3, selection="adaptive")
    >>> table["removed"].nunique(), bool(table["f1"].iloc[0] > table["f1"].iloc[-1])
    (3, True)
    """
    walk = Walk.over(acts, data, features=features, layers=layers, seed=seed, bootstrap=bootstrap, preset=preset)
    narrowest = min(walk.widths.values())
    if not 1 <= k <= candidates or steps < 1 or narrowest - (steps - 1) < k:
        raise InputError(
            f"pruning needs 1 <= k <= candidates and k neurons left after {steps - 1} removals of {narrowest}, "
            f"got k = {k}, candidates = {candidates}, steps = {steps}"
        )
    among = Prefiltered(selection_named(selection, preset=preset), candidates, FStatistic())
    rows: list[dict[str, Any]] = []
    for cell in walk.cells(progress, "pruning"):
        removed: list[int] = []
        for step in range(steps):
            method = replace(among, without=frozenset(removed))
            [row] = planned_rows(cell, [k], Plan(method, preset), control=control)
            removed.append(_best_single(cell, method))
            rows.append(row | {"step": step, "removed": removed[-1]})
    return walk.table(rows, PRUNING)


def _best_single(cell: Cell, method: Prefiltered) -> int:
    return int(choose(method, cell.problem(), [1])[0].support[0])
