"""The dense probe: an L2 logistic regression on all neurons of a layer, what sparse probes are measured against.

Of several C the one of the best validation F1 is taken, the smallest of equals. Cost: a few Newton steps, each n d^2 up
to 1,024 neurons, or some tens of passes over the layer (conjugate gradients) beyond.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.probe_rows import Cell, Walk
from sparseprobe.probes.support_probe import SupportProbe
from sparseprobe.progress import SILENT, Progress
from sparseprobe.solvers.logistic import checked_strength, newton
from sparseprobe.statistics.group_bootstrap import RESAMPLES
from sparseprobe.tables import DENSE

_TOLERANCE = 1e-6  # activations of a whole layer are kept in float32


def dense(
    acts: Activations,
    data: ProbingDataset,
    *,
    C: float | Sequence[float] = 1.0,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """One probe on all neurons for each feature and layer; columns as in `tables.DENSE`, arguments as those of `sweep`.

    Raises `InputError` for a C that is no finite number above 0, or several C where no validation examples can choose
    among them.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = dense(acts, data, C=[0.1, 1.0])
    >>> bool((table["f1"] > table["control_f1"]).all()), table["k"].tolist()
    (True, [20])
    """
    strengths = sorted(checked_strength(one) for one in (C if isinstance(C, Iterable) else [C]))
    if not strengths:
        raise InputError(f"C must be a finite number above 0, or a list of such numbers, got {C!r}")
    walk = Walk.over(acts, data, features=features, layers=layers, seed=seed, bootstrap=bootstrap, preset=preset)
    rows: list[dict[str, Any]] = []
    for cell in walk.cells(progress, "dense"):
        started = time.perf_counter()
        best, strength = _best(cell, strengths, control=False)
        beside, _ = _best(cell, strengths, control=True)
        row = {"selection": "all", "C": strength, **cell.row(best), "control_f1": cell.control_f1(beside)}
        rows.append(row | {"seconds": time.perf_counter() - started})
    return walk.table(rows, DENSE)


def _best(cell: Cell, strengths: Sequence[float], *, control: bool) -> tuple[SupportProbe, float]:
    problem = cell.problem(control=control)
    data = problem.data()
    start, found = None, []
    for C in strengths:
        start = newton(data, C=C, start=start, tolerance=_TOLERANCE)
        everything = np.arange(problem.width)
        found.append(SupportProbe(everything, start.coef * problem.scale, start.intercept, start.converged))
    if len(found) == 1:
        return found[0], strengths[0]
    validated = [cell.validation_f1(probe, control=control) for probe in found]
    if np.isnan(validated).any():
        raise InputError(
            "several C need validation examples to choose among them: give one C, or split with a validation part"
        )
    best = int(np.argmax(validated))
    return found[best], strengths[best]
