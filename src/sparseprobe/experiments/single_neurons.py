"""Single neurons: a probe on every neuron of every layer for every feature (k = 1, exhaustively).

The paper tries the 30 neurons that a ranking puts first; here all are fitted (module `solvers.one_column`) on training
examples, ranked by their log loss on training and validation examples together (classes balanced), and the best are
kept and scored on test. Validation F1 alone would ignore most of the evidence, and many neurons tie at its best value:
of planted neurons it finds a third, this log loss 95 % (`make bench-statistics`). The control is the same search on
labels permuted over groups: the test F1 of the neuron that did best on the control's labels, with the class shares of
the real ones. The best of thousands of neurons looks too good on the examples it was chosen on; report test scores,
which chose nothing.

In the paper's single split, which has no validation examples, neurons are ranked by F1 on training examples, and ties
go to the larger scaled difference of means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.compiled import clock
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import REPORTED
from sparseprobe.neuron import signs_of
from sparseprobe.probes.support_probe import DEFAULT_C
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import best_first
from sparseprobe.solvers.one_column import OneColumnFits, one_column_logistic
from sparseprobe.statistics.best_threshold import best_thresholds
from sparseprobe.statistics.class_weights import balanced_weights
from sparseprobe.statistics.confusion import Confusion
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores
from sparseprobe.tables import NEURONS

_ROWS = 1024  # that are scored at once


def single_neurons(
    acts: Activations,
    data: ProbingDataset,
    *,
    keep: int | None = 100,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
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
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    return table_of(plan_neurons(examples, widths, keep=keep), acts, examples, widths, progress)


def plan_neurons(
    examples: LabelledExamples,
    widths: Mapping[int, int],  # noqa: ARG001 - every neuron of layers of any width
    *,
    keep: int | None = 100,
) -> LayerPlan:
    """The probes of all single neurons; raises `InputError` for what cannot be done."""
    if keep is not None and keep < 1:
        raise InputError(f"keep must be at least 1, or None for all neurons, got {keep}")
    C = paper.C if examples.preset == "paper" else DEFAULT_C

    def pieces(layer: ProbedLayer) -> Iterator[dict[str, Any]]:
        started = clock()
        fits = _fit_all(layer, C)
        shared = (clock() - started) / layer.n_features
        for feature in range(layer.n_features):
            started = clock()
            columns = _feature_rows(layer, feature, fits, keep)
            count = len(columns["index"])
            yield columns | {"seconds": np.full(count, (shared + clock() - started) / count)}

    return LayerPlan("neurons", NEURONS, pieces)


@dataclass(frozen=True)
class _Search:
    """All neurons of a layer for one column of labels, real or control."""

    coef: NDArray[np.float64]
    """(d,) for activations that are not scaled."""
    intercept: NDArray[np.float64]
    converged: NDArray[np.bool_]
    f1: NDArray[np.float64]
    """(d,) on training and validation examples."""
    log_loss: NDArray[np.float64]
    """(d,) on training and validation examples, both classes weighing the same."""
    ranking: NDArray[np.int64]

    def decision(
        self, X: NDArray[np.float32], rows: NDArray[np.int64], neurons: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(n, m) log odds of some examples by some neurons."""
        chosen = X[np.ix_(rows, neurons)].astype(np.float64)
        decision: NDArray[np.float64] = chosen * self.coef[neurons] + self.intercept[neurons]
        return decision


def _fit_all(layer: ProbedLayer, C: float) -> OneColumnFits:
    """Every neuron for the labels of every feature and its control, on training examples."""
    labels = layer.training.labels
    weights = np.zeros(labels.T.shape)
    for column, values in enumerate(labels.T):
        labelled = values >= 0
        weights[column, labelled] = balanced_weights(values[labelled] == 1)
    columns = np.ascontiguousarray(layer.training.X.T)
    return one_column_logistic(columns, labels.T == 1, weights, layer.training.scale, C=C)


def _search(layer: ProbedLayer, feature: int, fits: OneColumnFits, *, control: bool) -> _Search:
    column = feature + control * layer.n_features
    problem = layer.problem(feature, control=control)
    coef, intercept = fits.coef[column] * problem.scale, fits.intercept[column]
    splits = ("train", "validation")
    truth = layer.truth(feature, *splits, control=control)
    weights = layer.score_weights(feature, *splits, control=control)
    X, rows = layer.X, layer.examples.rows(feature, *splits)
    f1, log_loss = _evidence(X, rows, (truth, weights), (coef, intercept))
    scores = (f1, np.abs(problem.mean_difference)) if layer.examples.preset == "paper" else (-log_loss,)
    return _Search(coef, intercept, fits.converged[column], f1, log_loss, best_first(*scores))


def _evidence(
    X: NDArray[np.float32],
    rows: NDArray[np.int64],
    labels: tuple[NDArray[np.bool_], NDArray[np.float64] | None],
    probes: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 and balanced log loss of all neurons (d,) on some rows of X: a block of them at a time, in float32.

    `labels` are the truth (n,) and what each row weighs, `probes` coefficients and intercepts (d,).
    """
    (truth, weights), (coef, intercept) = labels, probes
    own = np.ones(len(rows)) if weights is None else weights
    share = balanced_weights(truth, own) / own.sum()
    slope, start = coef.astype(np.float32), intercept.astype(np.float32)
    found, alarms, loss = np.zeros((3, len(coef)))
    for first in range(0, len(rows), _ROWS):
        part = slice(first, first + _ROWS)
        decision = X[rows[part]]
        decision *= slope
        decision += start
        said, true = decision > 0, truth[part]
        found += (own[part] * true) @ said
        alarms += (own[part] * ~true) @ said
        decision[true] *= -1  # how wrong each answer is
        surplus = np.exp(-np.abs(decision))
        surplus += 1
        loss += share[part] @ (np.maximum(decision, 0, out=decision) + np.log(surplus, out=surplus))
    return 2 * found / (found + alarms + own[truth].sum()), loss


def _feature_rows(layer: ProbedLayer, feature: int, fits: OneColumnFits, keep: int | None) -> dict[str, Any]:
    """The kept neurons of one feature, as columns."""
    examples, X = layer.examples, layer.X
    test, train = examples.rows(feature, "test"), examples.rows(feature, "train")
    truth = layer.truth(feature, "test")
    search = _search(layer, feature, fits, control=False)
    kept = search.ranking[:keep]
    decision = search.decision(X, test, kept)
    low, high = f1_interval(truth, decision > 0, examples.groups[test])
    control = _search(layer, feature, fits, control=True)
    control_truth = layer.truth(feature, "test", control=True)
    control_decision = control.decision(X, test, control.ranking[:1])[:, 0]
    weights = layer.score_weights(feature, "test", control=True)
    upwards = search.coef[kept] > 0
    thresholds, _ = best_thresholds(X[np.ix_(train, kept)], layer.truth(feature, "train"), upwards)
    beyond = np.where(upwards, X[np.ix_(test, kept)] > thresholds, X[np.ix_(test, kept)] < thresholds)
    by_paper = examples.preset == "paper"
    return {
        "feature": examples.features[feature],
        "layer": layer.layer,
        "selection": "every",
        "k": 1,
        "n_train": len(train),
        "n_test": len(test),
        "n_positive": int(truth.sum()),
        "n_positive_groups": len(np.unique(examples.groups[test][truth])),
        "index": kept,
        "sign": signs_of(search.coef[kept]),
        "coef": search.coef[kept],
        "intercept": search.intercept[kept],
        "log_loss_choosing": np.nan if by_paper else search.log_loss[kept],
        "f1_choosing": np.nan if by_paper else search.f1[kept],
        "f1_validation": _validation_f1(layer, feature, search, kept),
        **scores(truth, decision, names=REPORTED),
        "f1_low": low,
        "f1_high": high,
        "control_f1": float(scores(control_truth, control_decision, weights=weights, names=("f1",))["f1"]),
        "converged": search.converged[kept],
        "mean_difference": layer.problem(feature).mean_difference[kept] / layer.training.scale[feature, kept],
        "threshold": thresholds,
        "best_threshold_f1": Confusion.of(truth, beyond).f1(),
    }


def _validation_f1(
    layer: ProbedLayer, feature: int, search: _Search, neurons: NDArray[np.int64]
) -> NDArray[np.float64] | float:
    """(m,) F1 on validation examples; NaN where these lack a class."""
    truth, rows = layer.truth(feature, "validation"), layer.examples.rows(feature, "validation")
    if truth.all() or not truth.any():
        return np.nan
    return Confusion.of(truth, search.decision(layer.X, rows, neurons) > 0).f1()
