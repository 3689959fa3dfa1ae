"""Sparse regressions of continuous features, such as the position of a token: the sweep's counterpart.

Neurons are chosen by matching pursuit (or correlation) and fitted by ridge on training examples; R2 on test examples
has an interval from resamples of whole groups, and beside it the R2 of the same procedure on values permuted over
groups.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.layer_task import checked_ks, chosen_layers, finite_layer
from sparseprobe.experiments.sweep import PAPER_K
from sparseprobe.keyed_random import generator
from sparseprobe.probes.sparse_regressor import ridge
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.regression_selection import regression_supports
from sparseprobe.statistics.control_labels import permuted_over_groups
from sparseprobe.statistics.group_bootstrap import RESAMPLES, GroupBootstrap
from sparseprobe.statistics.regression_scores import r2_interval, regression_scores
from sparseprobe.tables import REGRESSION, check_table, name_neurons


def regression(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str = "matching_pursuit",
    k: Sequence[int] | int = PAPER_K,
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
    names = _features(data, features)
    chosen = chosen_layers(acts, data, layers)
    ks = checked_ks(k, {layer: acts.width(layer) for layer in chosen}, PAPER_K)
    targets = [_Target.of(data, name, seed, bootstrap) for name in names]
    plan = _Plan(selection, alpha)
    rows: list[dict[str, Any]] = []
    total = len(chosen) * len(names)
    with threadpool_limits(limits=1), progress.task("regression", total=total, unit="probes") as step:
        for layer in chosen:
            X = finite_layer(acts, layer)
            for target in targets:
                rows += _rows(X, layer, target, ks[layer], plan)
                step(1)
    where = {"model": acts.model_name, "collection": data.name, "site": acts.site, "aggregation": acts.aggregate}
    table = name_neurons(pd.DataFrame([where | row for row in rows]), acts.site)[[column.name for column in REGRESSION]]
    return check_table(table.astype({column.name: column.dtype for column in REGRESSION}), REGRESSION)


def _features(data: ProbingDataset, features: Iterable[str] | None) -> list[str]:
    kinds = dict(zip(data.features["name"], data.features["kind"], strict=True))
    names = [name for name, kind in kinds.items() if kind == "continuous"] if features is None else list(features)
    for name in names:
        if name not in kinds:
            raise UnknownNameError("feature", name, kinds)
        if kinds[name] != "continuous":
            raise InputError(f"feature {name!r} is binary: probe it with the sweep")
    if not names:
        raise InputError(f"{data.name} has no continuous features: probe its binary ones with the sweep")
    return names


@dataclass(frozen=True, eq=False)
class _Target:
    """One continuous feature: its values, and which examples have one."""

    name: str
    value: NDArray[np.float64]
    """(n,) NaN where the feature is not known."""
    groups: NDArray[Any]
    parts: NDArray[Any]
    """(n,) train, validation or test; empty where the feature is not known."""
    seed: int
    bootstrap: GroupBootstrap

    @classmethod
    def of(cls, data: ProbingDataset, name: str, seed: int, resamples: int) -> _Target:
        values = data.labels[name].to_numpy(np.float64)
        groups = data.examples["group"].to_numpy(str)
        parts = np.where(np.isfinite(values), data.examples["split"].to_numpy(str), "")
        for part in ("train", "test"):
            if len(np.unique(values[parts == part])) < 2:
                raise InputError(f"feature {name!r} needs at least two different values among its {part} examples")
        draw = generator(seed, "bootstrap", name)
        return cls(
            name, values, groups, parts, seed, GroupBootstrap.draw(groups[parts == "test"], draw, resamples=resamples)
        )

    def rows(self, part: str) -> NDArray[np.int64]:
        """Examples of a part whose value is known."""
        return np.flatnonzero(self.parts == part)

    def control(self, layer: int) -> NDArray[np.float64]:
        """The values permuted over groups: within each part, or, where groups lie in several, over whole groups."""
        shuffled, known = self.value.copy(), np.flatnonzero(self.parts != "")
        draw = generator(self.seed, "control", self.name, layer)
        shuffled[known] = permuted_over_groups(self.value[known], self.groups[known], draw, parts=self.parts[known])
        return shuffled


@dataclass(frozen=True)
class _Plan:
    """How neurons are chosen and fitted."""

    selection: str
    alpha: float

    def fit(self, X: NDArray[np.float32], y: NDArray[np.float64], ks: list[int]) -> list[_Line]:
        """From training examples X (n, d) and values y (n,), for each k."""
        weights = np.ones(len(y))
        supports = regression_supports(X, y, ks, selection=self.selection)
        fits = [ridge(X[:, support].astype(np.float64), y, weights, self.alpha) for support in supports]
        return [_Line(support, *fit) for support, fit in zip(supports, fits, strict=True)]


@dataclass(frozen=True)
class _Line:
    """A fitted regression."""

    support: NDArray[np.int64]
    coef: NDArray[np.float64]
    intercept: float

    def predict(self, X: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        predicted: NDArray[np.float64] = X[np.ix_(rows, self.support)].astype(np.float64) @ self.coef + self.intercept
        return predicted


def _rows(X: NDArray[np.float32], layer: int, target: _Target, ks: list[int], plan: _Plan) -> list[dict[str, Any]]:
    """Rows for each k of one feature and layer."""
    started = time.perf_counter()
    train, validation, test = (target.rows(part) for part in ("train", "validation", "test"))
    shuffled = target.control(layer)
    lines = plan.fit(X[train], target.value[train], ks)
    beside = plan.fit(X[train], shuffled[train], ks)
    rows = []
    for k, line, control in zip(ks, lines, beside, strict=True):
        truth, predicted = target.value[test], line.predict(X, test)
        low, high = r2_interval(truth, predicted, target.bootstrap)
        row = {
            "feature": target.name,
            "layer": layer,
            "selection": plan.selection,
            "k": k,
            "seed": target.seed,
            "n_train": len(train),
            "n_test": len(test),
            **vars(line),
            "r2_validation": regression_scores(target.value[validation], line.predict(X, validation))["r2"],
            **regression_scores(truth, predicted),
            "r2_low": low,
            "r2_high": high,
            "control_r2": regression_scores(shuffled[test], control.predict(X, test))["r2"],
        }
        rows.append(row | {"support": line.support.tolist(), "coef": line.coef.tolist()})
    seconds = (time.perf_counter() - started) / len(ks)
    return [row | {"seconds": seconds} for row in rows]
