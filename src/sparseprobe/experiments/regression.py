"""Sparse regressions of continuous features, such as the position of a token: the sweep's counterpart.

Neurons are chosen by matching pursuit (or correlation) and fitted by ridge on training examples; R2 on test examples
has an interval from resamples of whole groups, and beside it the R2 of the same procedure on values permuted over
groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.compiled import clock
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import UnknownNameError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.sweep import checked_ks
from sparseprobe.probes.sparse_regressor import ridge
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.regression_selection import REGRESSION_SELECTIONS, regression_supports
from sparseprobe.statistics.group_bootstrap import RESAMPLES
from sparseprobe.statistics.regression_scores import r2_interval, regression_scores
from sparseprobe.tables import REGRESSION


def regression(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str = "matching_pursuit",
    k: Sequence[int] | int = paper.K,
    alpha: float = 0.01,
    seed: int = 0,
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    bootstrap: int = RESAMPLES,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """k-sparse regressions of every continuous feature on every layer; columns as in `tables.REGRESSION`.

    `alpha` is the ridge on activations scaled by 1 / (10 std). Raises `InputError` where there are no continuous
    features, too few values of one or activations that are not finite; `UnknownNameError` for an unknown feature or
    selection.

    >>> from dataclasses import replace
    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=200, width=10)
    >>> target = pd.DataFrame({"f0": acts.layer(0)[:][:, 4] * 2 + 1})
    >>> table = regression(acts, replace(data, labels=target, features=data.features.assign(kind="continuous")), k=[1])
    >>> table["support"].tolist(), bool(table["r2"].iloc[0] > 0.9)
    ([[4]], True)
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, kind="continuous", seed=seed, resamples=bootstrap)
    plan = plan_regression(examples, widths, selection=selection, k=k, alpha=alpha)
    return table_of(plan, acts, examples, widths, progress)


def plan_regression(
    examples: LabelledExamples,  # noqa: ARG001 - of continuous features, which is all that there is to check
    widths: Mapping[int, int],
    *,
    selection: str = "matching_pursuit",
    k: Sequence[int] | int = paper.K,
    alpha: float = 0.01,
) -> LayerPlan:
    """The regressions on layers of these widths; raises `InputError` for what cannot be done."""
    if selection not in REGRESSION_SELECTIONS:
        raise UnknownNameError("selection of the experiment 'regression':", selection, REGRESSION_SELECTIONS)
    ks = checked_ks(k, widths)

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            yield _rows(layer, feature, selection, ks[layer.layer], alpha)

    return LayerPlan("regression", REGRESSION, pieces)


@dataclass(frozen=True)
class _Line:
    """A fitted regression."""

    support: NDArray[np.int64]
    coef: NDArray[np.float64]
    intercept: float

    def predict(self, X: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        predicted: NDArray[np.float64] = X[np.ix_(rows, self.support)].astype(np.float64) @ self.coef + self.intercept
        return predicted


def _fit(X: NDArray[np.float32], y: NDArray[np.float64], selection: str, ks: list[int], alpha: float) -> list[_Line]:
    """From training examples X (n, d) and values y (n,), for each k."""
    supports = regression_supports(X, y, ks, selection=selection)
    return [_Line(one, *ridge(X[:, one].astype(np.float64), y, np.ones(len(y)), alpha)) for one in supports]


def _rows(layer: ProbedLayer, feature: int, selection: str, ks: list[int], alpha: float) -> list[dict[str, Any]]:
    """Rows for each k of one feature and layer."""
    started = clock()
    X, examples = layer.X, layer.examples
    train, validation, test = (examples.rows(feature, split) for split in ("train", "validation", "test"))
    value, shuffled = layer.labels[:, feature], layer.labels[:, feature + layer.n_features]
    lines = _fit(X[train], value[train], selection, ks, alpha)
    beside = _fit(X[train], shuffled[train], selection, ks, alpha)
    rows = []
    for k, line, control in zip(ks, lines, beside, strict=True):
        predicted = line.predict(X, test)
        low, high = r2_interval(value[test], predicted, examples.bootstraps[feature])
        rows.append(
            {
                "feature": examples.features[feature],
                "layer": layer.layer,
                "selection": selection,
                "k": k,
                "n_train": len(train),
                "n_test": len(test),
                "support": line.support.tolist(),
                "coef": line.coef.tolist(),
                "intercept": line.intercept,
                "r2_validation": regression_scores(value[validation], line.predict(X, validation))["r2"],
                **regression_scores(value[test], predicted),
                "r2_low": low,
                "r2_high": high,
                "control_r2": regression_scores(shuffled[test], control.predict(X, test))["r2"],
            }
        )
    seconds = (clock() - started) / len(ks)
    return [row | {"seconds": seconds} for row in rows]
