"""The dense probe: an L2 logistic regression on all neurons of a layer, what sparse probes are measured against.

Of several C the one of the best validation F1 is taken, the smallest of equals. Cost: a few Newton steps, each n d^2 up
to 1,024 neurons, or some tens of passes over the layer (conjugate gradients) beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe.activations import Activations
from sparseprobe.compiled import clock
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import probe_f1, probe_rows
from sparseprobe.probes.support_probe import SupportProbe
from sparseprobe.progress import SILENT, Progress
from sparseprobe.solvers.logistic import checked_strength, newton
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
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """One probe on all neurons for each feature and layer; columns as in `tables.DENSE`, arguments as those of `sweep`.

    Raises `InputError` for a C that is not finite and above 0, or several C where no validation examples can choose
    among them.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = dense(acts, data, C=[0.1, 1.0])
    >>> bool((table["f1"] > table["control_f1"]).all()), table["k"].tolist()
    (True, [20])
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    return table_of(plan_dense(examples, widths, C=C), acts, examples, widths, progress)


def plan_dense(
    examples: LabelledExamples,  # noqa: ARG001 - the dense probe can be fitted to all examples that can be labelled
    widths: Mapping[int, int],  # noqa: ARG001 - and to layers of any width
    *,
    C: float | Sequence[float] = 1.0,
) -> LayerPlan:
    """The dense probes; raises `InputError` for what cannot be done."""
    strengths = sorted(checked_strength(one) for one in (C if isinstance(C, Iterable) else [C]))
    if not strengths:
        raise InputError(f"C must be a finite number above 0, or a list of such numbers, got {C!r}")

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            started = clock()
            best, strength = _best(layer, feature, strengths, control=False)
            beside, _ = _best(layer, feature, strengths, control=True)
            [row] = probe_rows(layer, feature, [best])
            [control_f1] = probe_f1(layer, feature, [beside], "test", control=True)
            told = {"selection": "all", "C": strength, "control_f1": float(control_f1)}
            yield [row | told | {"seconds": clock() - started}]

    return LayerPlan("dense", DENSE, pieces)


def _best(layer: ProbedLayer, feature: int, strengths: Sequence[float], *, control: bool) -> tuple[SupportProbe, float]:
    problem = layer.problem(feature, control=control)
    data = problem.data()
    start, found = None, []
    for C in strengths:
        start = newton(data, C=C, start=start, tolerance=_TOLERANCE)
        everything = np.arange(problem.width)
        found.append(SupportProbe(everything, start.coef * problem.scale, start.intercept, start.converged))
    if len(found) == 1:
        return found[0], strengths[0]
    validated = probe_f1(layer, feature, found, "validation", control=control)
    if np.isnan(validated).any():
        raise InputError(
            "several C need validation examples to choose among them: give one C, or split with validation examples"
        )
    best = int(np.argmax(validated))
    return found[best], strengths[best]
