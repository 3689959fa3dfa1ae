"""The sweep over k: for each feature and layer, choose k neurons, fit a probe on them, score it beside its control.

Neurons are chosen, scaled and fitted on training examples; the validation score is there to choose among rows by; all
other scores are on test examples, of groups that were never seen. The control is the whole procedure on labels permuted
over groups. By default the probe on the chosen neurons is an L2 logistic regression (C = 10 on scaled activations);
`preset="paper"` takes the paper's fits (see `support_probe`) and its single split (section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.experiments.layer_task import checked_ks
from sparseprobe.experiments.probe_rows import Plan, Walk, planned_rows
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection
from sparseprobe.selection.registry import selection_named
from sparseprobe.statistics.group_bootstrap import RESAMPLES
from sparseprobe.tables import CERTIFICATE, SWEEP

PAPER_K = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256)
"""The numbers of neurons of the paper, used up to the width of the layer."""


def sweep(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = PAPER_K,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """k-sparse probes of every feature on every layer, one row for each k; columns as in `tables.SWEEP`.

    `features` (binary ones) and `layers` are all by default; `bootstrap` is the number of resamples of the intervals.
    Raises `UnknownNameError` for an unknown selection, preset or feature; `InputError` for k above the width, an
    unknown layer, labels of one class, or activations that are not of this dataset.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = sweep(acts, data, k=[1, 2])
    >>> table[["layer", "k"]].values.tolist(), bool((table["f1"] > table["control_f1"]).all())
    ([[0, 1], [0, 2]], True)
    """
    plan = Plan(selection_named(selection, preset=preset), preset)
    walk = Walk.over(acts, data, features=features, layers=layers, seed=seed, bootstrap=bootstrap, preset=preset)
    ks = checked_ks(k, walk.widths, PAPER_K)
    rows: list[dict[str, Any]] = []
    for cell in walk.cells(progress, "sweep"):
        rows += planned_rows(cell, ks[cell.task.layer], plan)
    return walk.table(rows, SWEEP + (CERTIFICATE if any("proven" in row for row in rows) else ()))
