"""From a probe to a row of a table: its scores on test, its interval, its validation score; and the walk over all
cells.

A cell is one feature on one layer. What the experiments differ in is which probes they fit in a cell; how a probe is
scored is the same for all of them, and here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.experiments.layer_task import Examples, LayerTask, chosen_layers
from sparseprobe.probes.support_probe import SupportProbe, fit_supports
from sparseprobe.progress import Progress
from sparseprobe.selection.contract import Choice, Selection, choose
from sparseprobe.selection.problem import Problem
from sparseprobe.statistics.group_bootstrap import GroupBootstrap
from sparseprobe.statistics.metrics import scores
from sparseprobe.tables import Column, check_table, name_neurons

REPORTED = ("f1", "precision", "recall", "mcc", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss")


@dataclass(frozen=True, eq=False)
class Cell:
    """One feature on one layer."""

    task: LayerTask
    feature: int
    bootstrap: GroupBootstrap
    """Resamples of the feature's test groups."""

    def problem(self, *, control: bool = False) -> Problem:
        """What a selection is given; with `control` the permuted labels."""
        return self.task.problem(self.feature, control=control)

    def truth(self, part: str, *, control: bool = False) -> np.ndarray:
        """(n,) labels of the labelled examples of a part."""
        rows = self.task.examples.rows(self.feature, part)
        return self.task.positive(self.feature, rows, control=control)

    def decision(self, probe: SupportProbe, part: str) -> np.ndarray:
        """(n,) scores of the labelled examples of a part."""
        return probe.decision(self.task.X, self.task.examples.rows(self.feature, part))

    def weights(self, part: str, *, control: bool = False) -> np.ndarray | None:
        """(n,) what the labelled examples of a part weigh in scores: permuted labels are given the class shares of the
        real ones; None where all weigh the same.
        """
        rows = self.task.examples.rows(self.feature, part)
        return self.task.score_weights(self.feature, rows, control=control)

    def row(self, probe: SupportProbe) -> dict[str, Any]:
        """What a table says of a probe, but for its control, where it stands and how long it took."""
        truth, decision, weights = self.truth("test"), self.decision(probe, "test"), self.weights("test")
        low, high = self.bootstrap.intervals(truth, decision, weights=weights)
        found = scores(truth, decision, weights=weights, names=REPORTED)
        return {
            "feature": self.task.examples.features[self.feature],
            "layer": self.task.layer,
            "k": len(probe.support),
            "n_train": len(self.task.examples.rows(self.feature, "train")),
            "n_test": len(truth),
            "n_positive": round(float(truth.sum() if weights is None else weights[truth].sum())),
            "support": probe.support.tolist(),
            "coef": probe.coef.tolist(),
            "intercept": probe.intercept,
            "f1_validation": self.validation_f1(probe),
            **{name: float(value) for name, value in found.items()},
            "f1_low": float(low),
            "f1_high": float(high),
            "converged": probe.converged,
        }

    def control_f1(self, probe: SupportProbe) -> float:
        """Test F1 on the permuted labels, of a probe that was fitted on permuted labels."""
        return self._f1(probe, "test", control=True)

    def validation_f1(self, probe: SupportProbe, *, control: bool = False) -> float:
        """NaN where there are no validation examples, or none of a class."""
        truth = self.truth("validation", control=control)
        if truth.all() or not truth.any():
            return np.nan
        return self._f1(probe, "validation", control=control)

    def _f1(self, probe: SupportProbe, part: str, *, control: bool) -> float:
        truth, weights = self.truth(part, control=control), self.weights(part, control=control)
        return float(scores(truth, self.decision(probe, part), weights=weights, names=("f1",))["f1"])


@dataclass(frozen=True)
class Plan:
    """How neurons are chosen and probes fitted: all that sees training examples only."""

    method: Selection
    preset: str = "default"

    def probes(self, problem: Problem, ks: list[int]) -> tuple[list[Choice], list[SupportProbe]]:
        """Choose, then fit."""
        choices = choose(self.method, problem, ks)
        return choices, fit_supports(problem, choices, preset=self.preset)


def planned_rows(cell: Cell, ks: list[int], plan: Plan, *, control: bool = True) -> list[dict[str, Any]]:
    """Rows of a plan for each k; without `control` its column is NaN."""
    started = time.perf_counter()
    choices, probes = plan.probes(cell.problem(), ks)
    control_probes = plan.probes(cell.problem(control=True), ks)[1] if control else [None] * len(ks)
    shared = (time.perf_counter() - started) / len(ks)
    rows = []
    for probe, beside, choice in zip(probes, control_probes, choices, strict=True):
        started = time.perf_counter()
        row = {"selection": plan.method.name, **cell.row(probe)}
        row["control_f1"] = np.nan if beside is None else cell.control_f1(beside)
        row["seconds"] = shared + time.perf_counter() - started
        rows.append(row | (vars(choice.certificate) if choice.certificate is not None else {}))
    return rows


@dataclass(frozen=True, eq=False)
class Walk:
    """All cells of an experiment, layer after layer, so that one layer is in memory at a time."""

    acts: Activations
    layers: list[int]
    examples: Examples
    resamples: list[GroupBootstrap]
    collection: str

    @classmethod
    def over(
        cls,
        acts: Activations,
        data: ProbingDataset,
        *,
        features: Iterable[str] | None,
        layers: Iterable[int] | int | None,
        seed: int,
        bootstrap: int,
        preset: str = "default",
    ) -> Walk:
        """Check what is asked for, and draw the resamples that all layers share."""
        chosen = chosen_layers(acts, data, layers)
        examples = Examples.of(data, features, seed=seed, preset=preset)
        resamples = [examples.bootstrap(feature, bootstrap) for feature in range(len(examples.features))]
        return cls(acts, chosen, examples, resamples, data.name)

    @property
    def widths(self) -> dict[int, int]:
        """Width of each layer."""
        return {layer: self.acts.width(layer) for layer in self.layers}

    def cells(self, progress: Progress, label: str) -> Iterator[Cell]:
        """Each cell once. Linear algebra has one thread: on small systems more of them only wait for each other."""
        total = len(self.layers) * len(self.resamples)
        with threadpool_limits(limits=1), progress.task(label, total=total, unit="probes") as step:
            for task in self.tasks():
                for cell in self.cells_of(task):
                    yield cell
                    step(1)

    def tasks(self) -> Iterator[LayerTask]:
        """Each layer once."""
        for layer in self.layers:
            yield LayerTask.read(self.acts, layer, self.examples)

    def cells_of(self, task: LayerTask) -> list[Cell]:
        """The features of a layer."""
        return [Cell(task, feature, resamples) for feature, resamples in enumerate(self.resamples)]

    def table(self, rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
        """Rows as a table of a schema; what is the same for all of them is filled in."""
        where = {
            "model": self.acts.model_name,
            "collection": self.collection,
            "site": self.acts.site,
            "aggregation": self.acts.aggregate,
            "seed": self.examples.seed,
        }
        named = name_neurons(pd.DataFrame([where | row for row in rows]), self.acts.site)
        table = named[[column.name for column in columns]]
        return check_table(table.astype({column.name: column.dtype for column in columns}), columns)
