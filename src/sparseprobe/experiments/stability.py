"""How often a neuron is chosen when other documents are seen: a neuron that comes and goes is not a finding.

Half of the training groups are drawn again and again, and neurons are chosen on each draw. The frequency of a neuron is
the share of the draws that chose it (Meinshausen and Buehlmann 2010); the stability of a k is the agreement of all
draws, corrected for chance (Nogueira, Sechidis and Brown 2018, equation 4): 1 the same neurons always, 0 as if at
random.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.layer_task import checked_ks
from sparseprobe.experiments.probe_rows import Cell, Walk
from sparseprobe.experiments.sweep import PAPER_K
from sparseprobe.keyed_random import generator
from sparseprobe.neuron import signs_of
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import STABILITY


def selection_stability(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = (1, 2, 4, 8),
    resamples: int = 20,
    share: float = 0.5,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer, k and neuron that was chosen at least once; columns as in `tables.STABILITY`.

    `share` of the training groups is drawn without replacement. Raises `InputError` for fewer than two resamples, a
    share that is not between 0 and 1, or groups so few that a draw has labels of one class.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=400, width=20, informative=1, shift=5.0)
    >>> selection_stability(acts, data, k=[1], resamples=5)[["frequency", "stability"]].values.tolist()
    [[1.0, 1.0]]
    """
    if resamples < 2 or not 0 < share < 1:
        raise InputError(f"stability needs 2 resamples or more and 0 < share < 1, got {resamples} and {share}")
    method = selection_named(selection, preset=preset)
    walk = Walk.over(acts, data, features=features, layers=layers, seed=seed, bootstrap=1, preset=preset)
    ks = checked_ks(k, walk.widths, PAPER_K)
    rows: list[dict[str, Any]] = []
    for cell in walk.cells(progress, "stability"):
        sizes = ks[cell.task.layer]
        signs = signs_of(cell.problem().mean_difference)
        chosen = np.zeros((len(sizes), resamples, cell.problem().width), bool)
        for draw in range(resamples):
            for i, choice in enumerate(choose(method, _part(cell, draw, share), sizes)):
                chosen[i, draw, choice.support] = True
        for size, times in zip(sizes, chosen, strict=True):
            frequency = times.mean(axis=0)
            row = {
                "feature": cell.task.examples.features[cell.feature],
                "layer": cell.task.layer,
                "selection": method.name,
                "k": size,
                "resamples": resamples,
                "stability": agreement(times),
            }
            order = np.argsort(-frequency, kind="stable")[: np.count_nonzero(frequency)]
            rows += [row | {"index": int(j), "sign": signs[int(j)], "frequency": float(frequency[j])} for j in order]
    return walk.table(rows, STABILITY)


def agreement(chosen: NDArray[np.bool_]) -> float:
    """Stability of choices (resamples, d), as above; 1 where everything or nothing is chosen always.

    >>> agreement(np.array([[True, False], [True, False]])), agreement(np.array([[True, False], [False, True]]))
    (1.0, -1.0)
    """
    m, d = chosen.shape
    frequency = chosen.mean(axis=0)
    expected = frequency.sum() / d * (1 - frequency.sum() / d)
    if expected == 0:
        return 1.0
    variance = m / (m - 1) * frequency * (1 - frequency)
    return float(1 - variance.mean() / expected)


def _part(cell: Cell, draw: int, share: float) -> Problem:
    """The problem of the cell on part of its training groups."""
    examples, problem = cell.task.examples, cell.problem()
    name = examples.features[cell.feature]
    rows = examples.rows(cell.feature, "train")
    groups = np.unique(examples.groups[rows])
    order = generator(examples.seed, "stability", name, draw).permutation(len(groups))
    kept = np.isin(examples.groups[rows], groups[order[: max(1, round(share * len(groups)))]])
    labels = examples.labels[rows[kept], cell.feature]
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"a draw of {share:.0%} of the training groups of {name!r} has labels of one class: "
            "raise the share, or leave the feature out"
        )
    return Problem(TrainingLayer(cell.task.X[rows[kept]], labels[:, None]), 0, examples.seed, (*problem.name, draw))
