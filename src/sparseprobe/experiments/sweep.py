"""The sweep over k: for each feature and layer, choose k neurons, fit a probe on them, score it beside its control.

Neurons are chosen, scaled and fitted on training examples; the validation score is there to choose among rows by; all
other scores are on test examples, of groups that were never seen. The control is the whole procedure on labels permuted
over groups. By default the probe on the chosen neurons is an L2 logistic regression (C = 1 on scaled activations);
`preset="paper"` takes the paper's elastic net, C = k / 20, and its single split (section 4).

Linear algebra runs on one thread here: on systems of at most 256 unknowns threads wait for each other longer than they
work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sparseprobe.experiments.layer_task import Examples, LayerTask, checked_ks, chosen_layers
from sparseprobe.experiments.schema import CERTIFICATE, SWEEP, check_table
from sparseprobe.probes.group_bootstrap import RESAMPLES
from sparseprobe.probes.metrics import scores
from sparseprobe.probes.support_probe import SupportProbe, fit_supports
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.registry import selection_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sparseprobe.activations import Activations
    from sparseprobe.datasets.probing_dataset import ProbingDataset
    from sparseprobe.probes.group_bootstrap import GroupBootstrap
    from sparseprobe.selection.contract import Choice, Selection
    from sparseprobe.selection.problem import Problem

PAPER_K = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256)
"""The numbers of neurons of the paper, used up to the width of the layer."""

REPORTED = ("f1", "precision", "recall", "mcc", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss")


def sweep(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = PAPER_K,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """k-sparse probes of every feature on every layer, one row for each k; columns as in `schema.SWEEP`.

    `features` (binary ones) and `layers` are all by default; `bootstrap` is the number of resamples of the intervals.
    Raises `UnknownNameError` for an unknown selection, preset or feature; `InputError` for k above the width, an
    unknown layer, labels of one class, or activations that are not of this dataset.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = sweep(acts, data, k=[1, 2])
    >>> table[["layer", "k"]].values.tolist(), bool((table["f1"] > table["control_f1"]).all())
    ([[0, 1], [0, 2]], True)
    """
    plan = _Plan(selection_named(selection, preset=preset), preset)
    chosen = chosen_layers(acts, data, layers)
    ks = checked_ks(k, {layer: acts.width(layer) for layer in chosen}, PAPER_K)
    examples = Examples.of(data, features, seed=seed, preset=preset)
    resamples = [examples.bootstrap(feature, bootstrap) for feature in range(len(examples.features))]
    rows: list[dict[str, Any]] = []
    total = len(chosen) * len(examples.features)
    with threadpool_limits(limits=1), progress.task("sweep", total=total, unit="probes") as step:
        for layer in chosen:
            task = LayerTask.read(acts, layer, examples)
            for feature in range(len(examples.features)):
                rows += _rows(task, feature, ks[layer], plan, resamples[feature])
                step(1)
    where = {"model": acts.model_name, "collection": data.name, "site": acts.site, "aggregation": acts.aggregate}
    return sweep_table([where | {"selection": plan.method.name, "seed": seed} | row for row in rows])


def sweep_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table of the sweep's schema, with the columns of certificates where rows have them."""
    columns = SWEEP + (CERTIFICATE if any("proven" in row for row in rows) else ())
    table = pd.DataFrame(rows)[[column.name for column in columns]]
    return check_table(table.astype({column.name: column.dtype for column in columns}), columns)


@dataclass(frozen=True)
class _Plan:
    method: Selection
    preset: str

    def probes(self, problem: Problem, ks: list[int]) -> tuple[list[Choice], list[SupportProbe]]:
        """Choose and fit: the part that sees training examples only."""
        choices = self.method.path(problem, ks)
        return choices, fit_supports(problem, choices, preset=self.preset)


def _rows(task: LayerTask, feature: int, ks: list[int], plan: _Plan, resamples: GroupBootstrap) -> list[dict[str, Any]]:
    """The rows of one feature and layer."""
    examples = task.examples
    started = time.perf_counter()
    problem = task.problem(feature, control=False)
    choices, probes = plan.probes(problem, ks)
    _, control_probes = plan.probes(task.problem(feature, control=True), ks)
    shared = (time.perf_counter() - started) / len(ks)
    test, validation = examples.rows(feature, "test"), examples.rows(feature, "validation")
    truth = task.positive(feature, test, control=False)
    shuffled = task.positive(feature, test, control=True)
    rows = []
    for k, probe, control_probe, choice in zip(ks, probes, control_probes, choices, strict=True):
        started = time.perf_counter()
        decision = probe.decision(task.X, test)
        low, high = resamples.intervals(truth, decision)
        row = {
            "feature": examples.features[feature],
            "layer": task.layer,
            "k": k,
            "n_train": len(problem.rows),
            "n_test": len(test),
            "n_positive": int(truth.sum()),
            "support": probe.support.tolist(),
            "coef": probe.coef.tolist(),
            "intercept": probe.intercept,
            "f1_validation": _validation_f1(task, feature, probe, validation),
            **{name: float(value) for name, value in scores(truth, decision, names=REPORTED).items()},
            "f1_low": float(low),
            "f1_high": float(high),
            "control_f1": float(scores(shuffled, control_probe.decision(task.X, test), names=("f1",))["f1"]),
            "converged": probe.converged,
            "seconds": shared + time.perf_counter() - started,
        }
        if choice.certificate is not None:
            row |= vars(choice.certificate)
        rows.append(row)
    return rows


def _validation_f1(task: LayerTask, feature: int, probe: SupportProbe, rows: np.ndarray) -> float:
    """F1 on validation examples; NaN where there are none, or none of a class."""
    truth = task.positive(feature, rows, control=False)
    if truth.all() or not truth.any():
        return np.nan
    return float(scores(truth, probe.decision(task.X, rows), names=("f1",))["f1"])
