"""Count, mean and spread of every neuron in both classes of every feature, from one pass over the activations.

With Y the (n, n_features) indicators of a class, all sums of all features are one matrix product Y^T X, and all sums
of squares Y^T X^2; so mean differences (the paper's first ranking, section 4) and F statistics of a hundred features
cost little more than reading X once, and activations need not be stored at all (`stream_class_statistics`).

Cost: 4 n d n_features operations, memory 32 d n_features bytes and one block. Products are in float32 over at most
1,024 rows, of activations from which the mean of the first block is taken away (else the variance of a neuron far from
zero would cancel), and are added up in float64: relative error about 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from sparseprobe.activations.layer_activations import LayerActivations

#: Rows of one float32 product.
PRODUCT_ROWS = 1024


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Statistics of d neurons in both classes of n_features features; class 0 is the negative one, 1 the positive."""

    features: tuple[str, ...]
    count: NDArray[np.int64]
    """(n_features, 2) labelled examples."""
    mean: NDArray[np.float64]
    """(n_features, 2, d), NaN for a class without examples."""
    scatter: NDArray[np.float64]
    """(n_features, 2, d) sum of squared deviations from the class mean."""

    @property
    def sum(self) -> NDArray[np.float64]:
        """(n_features, 2, d) sum of activations."""
        return np.where(self.count[..., None] > 0, self.count[..., None] * self.mean, 0.0)

    @property
    def sum_of_squares(self) -> NDArray[np.float64]:
        """(n_features, 2, d) sum of squared activations."""
        return self.scatter + np.where(self.count[..., None] > 0, self.count[..., None] * self.mean**2, 0.0)

    def mean_difference(self) -> NDArray[np.float64]:
        """(n_features, d) mean of the positive minus mean of the negative class.

        Raises `InputError` for a feature whose labels are of one class.
        """
        self._require_both_classes()
        return self.mean[:, 1] - self.mean[:, 0]

    def f_statistic(self) -> NDArray[np.float64]:
        """(n_features, d) one-way analysis of variance: variance between the two classes over variance within them.

        F = (n_0 n_1 / n) (mean_1 - mean_0)^2 / (scatter / (n - 2)); 0 for a constant neuron, infinite for one that is
        constant in each class. Raises `InputError` for a feature whose labels are of one class.
        """
        self._require_both_classes()
        n_negative, n_positive = self.count[:, 0, None], self.count[:, 1, None]
        total = n_negative + n_positive
        between = n_negative * n_positive / total * self.mean_difference() ** 2
        within = self.scatter.sum(axis=1) / np.maximum(total - 2, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(between > 0, between / within, 0.0)

    def _require_both_classes(self) -> None:
        lacking = [name for name, count in zip(self.features, self.count, strict=True) if not count.all()]
        if lacking:
            raise InputError(f"labels of one class: {', '.join(lacking)}; two classes are needed to compare them")


class ClassStatisticsAccumulator:
    """Takes rows of activations in any order and portions; `result` is the same for all of them up to rounding."""

    def __init__(self, labels: pd.DataFrame | ArrayLike, width: int) -> None:
        self._features, self._labels = _checked(labels)
        whole = (self._labels >= 0).all(axis=0)
        #: Features of which some examples are not labelled need their own sum over the labelled ones.
        self._partial = np.flatnonzero(~whole)
        n_sums = len(self._features) + len(self._partial) + 1
        self._pivot: NDArray[np.float32] | None = None
        self._sums = np.zeros((n_sums, width))
        self._squares = np.zeros((n_sums, width))
        self._counts = np.zeros(n_sums)

    def add(self, rows: slice | NDArray[np.int64], activations: NDArray[Any]) -> None:
        """Add activations (n, d) of the examples `rows`."""
        labels = self._labels[rows]
        if len(labels) != len(activations):
            raise InputError(f"{len(activations)} rows of activations for {len(labels)} examples")
        for start in range(0, len(activations), PRODUCT_ROWS):
            self._add(labels[start : start + PRODUCT_ROWS], activations[start : start + PRODUCT_ROWS])

    def _add(self, labels: NDArray[np.int8], activations: NDArray[Any]) -> None:
        centred = activations.astype(np.float32)
        if self._pivot is None:
            self._pivot = centred.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred -= self._pivot
        labelled = labels[:, self._partial] >= 0
        everything = np.ones((len(labels), 1))
        indicators = np.concatenate([labels == 1, labelled, everything], axis=1, dtype=np.float32)
        self._counts += indicators.sum(axis=0, dtype=np.float64)
        self._sums += indicators.T @ centred
        np.square(centred, out=centred)
        self._squares += indicators.T @ centred

    def result(self) -> ClassStatistics:
        """The statistics of everything added so far."""
        n_features = len(self._features)
        labelled = np.full(n_features, len(self._counts) - 1)
        labelled[self._partial] = n_features + np.arange(len(self._partial))

        def by_class(values: NDArray[np.float64]) -> NDArray[np.float64]:
            positive = values[:n_features]
            return np.stack([values[labelled] - positive, positive], axis=1)

        count, sums, squares = by_class(self._counts), by_class(self._sums), by_class(self._squares)
        n = count[..., None]
        with np.errstate(invalid="ignore"):
            offset = np.where(n > 0, sums / np.where(n > 0, n, 1.0), np.nan)
        scatter = np.where(n > 0, np.maximum(squares - n * np.nan_to_num(offset) ** 2, 0.0), 0.0)
        pivot = np.zeros(self._sums.shape[1], np.float32) if self._pivot is None else self._pivot
        return ClassStatistics(self._features, count.round().astype(np.int64), offset + pivot, scatter)


def class_statistics(
    activations: LayerActivations | NDArray[Any],
    labels: pd.DataFrame | ArrayLike,
    *,
    rows: ArrayLike | None = None,
) -> ClassStatistics:
    """Class statistics of one layer, (n_examples, d), for all features of `labels`, (n_examples, n_features).

    Labels are 1, 0, or -1 for examples that are to be left out. `rows` (a mask or row numbers) keeps some examples, for
    instance those of the training part, so that nothing is learnt from others. Raises `InputError` for other labels.

    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0], [9.0, 9.0]], np.float32)
    >>> class_statistics(X, np.array([[0], [0], [1], [-1]], np.int8)).mean_difference()
    array([[3., 4.]])
    """
    table = labels if isinstance(labels, pd.DataFrame) else pd.DataFrame(np.asarray(labels))
    if rows is not None:
        left_out = np.ones(len(table), bool)
        left_out[np.asarray(rows)] = False
        table = table.mask(np.broadcast_to(left_out[:, None], table.shape), -1)
    if len(table) != len(activations):
        raise InputError(f"{len(table)} rows of labels for {len(activations)} examples")
    accumulator = ClassStatisticsAccumulator(table, activations.shape[1])
    for start in range(0, len(table), 4 * PRODUCT_ROWS):
        portion = slice(start, min(start + 4 * PRODUCT_ROWS, len(table)))
        accumulator.add(portion, activations[portion])
    return accumulator.result()


def _checked(labels: pd.DataFrame | ArrayLike) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    table = labels if isinstance(labels, pd.DataFrame) else pd.DataFrame(np.asarray(labels))
    names: Sequence[str] = [str(name) for name in table.columns]
    values = table.to_numpy()
    wrong = [name for name, column in zip(names, values.T, strict=True) if not np.isin(column, (-1, 0, 1)).all()]
    if wrong:
        raise InputError(f"labels of {', '.join(wrong)} are not of two classes: write 1, 0, and -1 for not labelled")
    return tuple(names), values.astype(np.int8)
