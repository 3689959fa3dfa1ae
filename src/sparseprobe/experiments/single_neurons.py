"""Every neuron of every layer as a probe of its own, for every feature: k = 1, exhaustively.

The paper tries the 30 neurons that a ranking puts first; here all are fitted (module `solvers.one_column`), ranked by
F1 on validation examples, and the best are kept and scored on test. The control is the same search on labels permuted
over groups: the test F1 of the neuron that did best on the control's validation labels, both with the class shares of
the real labels. A best of thousands is lucky on the examples that it was chosen by; that is why test scores, which did
not choose, are the ones to report.

Without validation examples (the paper's single split) neurons are ranked by F1 on training examples. Ties go to the
larger scaled difference of means, then to the lower number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.layer_task import Examples, LayerTask, chosen_layers
from sparseprobe.experiments.probe_rows import REPORTED
from sparseprobe.neuron import signs_of
from sparseprobe.probes.support_probe import DEFAULT_C
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import best_first
from sparseprobe.solvers.one_column import OneColumnFits, one_column_logistic
from sparseprobe.solvers.two_class_data import balanced_weights
from sparseprobe.statistics.best_threshold import best_thresholds
from sparseprobe.statistics.confusion import Confusion
from sparseprobe.statistics.group_bootstrap import RESAMPLES, GroupBootstrap
from sparseprobe.statistics.metrics import scores
from sparseprobe.tables import NEURONS, check_table, name_neurons

_PAPER_C = 1.0  # scikit-learn's default, which the paper took


def single_neurons(
    acts: Activations,
    data: ProbingDataset,
    *,
    keep: int | None = 100,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """The best `keep` neurons of each feature and layer (None: all), best first; columns as in `tables.NEURONS`.

    Arguments and errors as those of `sweep`.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> best = single_neurons(acts, data, keep=1).iloc[0]
    >>> [int(best["index"])] == data.settings["planted"]["f0"], bool(best["f1"] > best["control_f1"])
    (True, True)
    """
    if keep is not None and keep < 1:
        raise InputError(f"keep must be at least 1, or None for all neurons, got {keep}")
    chosen = chosen_layers(acts, data, layers)
    examples = Examples.of(data, features, seed=seed, preset=preset)
    resamples = [examples.bootstrap(feature, bootstrap) for feature in range(len(examples.features))]
    C = _PAPER_C if preset == "paper" else DEFAULT_C
    parts: list[dict[str, Any]] = []
    with progress.task("single neurons", total=sum(acts.width(layer) for layer in chosen), unit="neurons") as step:
        for layer in chosen:
            parts += _layer_rows(LayerTask.read(acts, layer, examples), keep, resamples, C)
            step(acts.width(layer))
    where = {
        "model": acts.model_name,
        "collection": data.name,
        "site": acts.site,
        "aggregation": acts.aggregate,
        "selection": "every",
        "k": 1,
        "seed": seed,
    }
    names = [column.name for column in NEURONS]
    tables = [name_neurons(pd.DataFrame(where | part), acts.site)[names] for part in parts]
    table = pd.concat(tables, ignore_index=True).astype({column.name: column.dtype for column in NEURONS})
    return check_table(table, NEURONS)


@dataclass(frozen=True)
class _Search:
    """All neurons of a layer for one column of labels, real or control."""

    coef: NDArray[np.float64]
    """(d,) for activations that are not scaled."""
    intercept: NDArray[np.float64]
    converged: NDArray[np.bool_]
    choosing_f1: NDArray[np.float64]
    """(d,) F1 on the examples that neurons are ranked by."""
    ranking: NDArray[np.int64]

    def decision(self, task: LayerTask, rows: NDArray[np.int64], neurons: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, m) log odds of some examples by some neurons."""
        chosen = task.X[np.ix_(rows, neurons)].astype(np.float64)
        decision: NDArray[np.float64] = chosen * self.coef[neurons] + self.intercept[neurons]
        return decision


def _layer_rows(task: LayerTask, keep: int | None, resamples: list[GroupBootstrap], C: float) -> list[dict[str, Any]]:
    """One part of the table for each feature, as columns."""
    started = time.perf_counter()
    fits = _fit_all(task, C)
    shared = (time.perf_counter() - started) / task.n_features
    rows = []
    for feature in range(task.n_features):
        started = time.perf_counter()
        part = _feature_rows(task, feature, fits, keep, resamples[feature])
        count = len(part["index"])
        rows.append(part | {"seconds": np.full(count, (shared + time.perf_counter() - started) / count)})
    return rows


def _fit_all(task: LayerTask, C: float) -> OneColumnFits:
    """Every neuron for the labels of every feature and its control, on training examples."""
    labels = task.training.labels
    weights = np.zeros(labels.T.shape)
    for column, values in enumerate(labels.T):
        labelled = values >= 0
        weights[column, labelled] = balanced_weights(values[labelled] == 1)
    columns = np.ascontiguousarray(task.training.X.T)
    return one_column_logistic(columns, labels.T == 1, weights, task.training.scale, C=C)


def _search(task: LayerTask, feature: int, fits: OneColumnFits, *, control: bool) -> _Search:
    column = feature + control * task.n_features
    problem = task.problem(feature, control=control)
    coef, intercept = fits.coef[column] * problem.scale, fits.intercept[column]
    rows = task.examples.rows(feature, "validation")
    truth = task.positive(feature, rows, control=control)
    if truth.all() or not truth.any():  # nothing to choose by but the training examples
        rows = task.examples.rows(feature, "train")
        truth = task.positive(feature, rows, control=control)
    said = task.X[rows] * coef.astype(np.float32) + intercept.astype(np.float32) > 0
    choosing_f1 = Confusion.of(truth, said, task.score_weights(feature, rows, control=control)).f1()
    ranking = best_first(choosing_f1, np.abs(problem.mean_difference))
    return _Search(coef, intercept, fits.converged[column], choosing_f1, ranking)


def _feature_rows(
    task: LayerTask, feature: int, fits: OneColumnFits, keep: int | None, resamples: GroupBootstrap
) -> dict[str, Any]:
    """The kept neurons of one feature, as columns."""
    examples = task.examples
    test, train = examples.rows(feature, "test"), examples.rows(feature, "train")
    truth = task.positive(feature, test, control=False)
    search = _search(task, feature, fits, control=False)
    kept = search.ranking[:keep]
    decision = search.decision(task, test, kept)
    low, high = resamples.intervals(truth, decision)
    control = _search(task, feature, fits, control=True)
    control_truth = task.positive(feature, test, control=True)
    control_decision = control.decision(task, test, control.ranking[:1])[:, 0]
    weights = task.score_weights(feature, test, control=True)
    upwards = search.coef[kept] > 0
    thresholds, _ = best_thresholds(task.X[np.ix_(train, kept)], task.positive(feature, train, control=False), upwards)
    beyond = np.where(upwards, task.X[np.ix_(test, kept)] > thresholds, task.X[np.ix_(test, kept)] < thresholds)
    validated = examples.labels[examples.rows(feature, "validation"), feature]
    return {
        "feature": examples.features[feature],
        "layer": task.layer,
        "n_train": len(train),
        "n_test": len(test),
        "n_positive": int(truth.sum()),
        "index": kept,
        "sign": signs_of(search.coef[kept]),
        "coef": search.coef[kept],
        "intercept": search.intercept[kept],
        "f1_validation": search.choosing_f1[kept] if len(np.unique(validated)) == 2 else np.nan,
        **scores(truth, decision, names=REPORTED),
        "f1_low": low,
        "f1_high": high,
        "control_f1": float(scores(control_truth, control_decision, weights=weights, names=("f1",))["f1"]),
        "converged": search.converged[kept],
        "mean_difference": task.problem(feature, control=False).mean_difference[kept]
        / task.training.scale[feature, kept],
        "threshold": thresholds,
        "best_threshold_f1": Confusion.of(truth, beyond).f1(),
    }
