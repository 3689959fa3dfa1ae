"""Count, mean and spread of every neuron in both classes of every feature, from one pass over the activations.

With Y the (n, n_features) indicators of the positive class, all sums of all features are one matrix product Y^T X. Sums
of squares are needed over both classes together only: once for all features that label the same examples. So mean
differences (the paper's first ranking, section 4) and F statistics of a hundred features cost little more than that
product, and activations need not be stored at all (`stream_class_statistics`).

Cost: 2 n d n_features operations, memory 24 d n_features bytes and one block. Products are in float32 over at most
1,024 rows, of activations from which the mean of the first block is subtracted (otherwise the variance of a neuron far
from zero would cancel), and are added up in float64: relative error about 1e-6.

Examples that weigh differently (a weight of 2 counts as two examples, one of 0 not at all), float64 activations and
those that are stored sparse (latents of sparse autoencoders) are read in float64 throughout by
`weighted_class_statistics`; for a sparse matrix the cost is that of its stored values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError
from sparseprobe.matrix import Matrix, is_sparse

#: Rows of one float32 product.
PRODUCT_ROWS = 1024
_PRODUCT_COLUMNS = 256  # a block of 1 MB stays in the cache


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Statistics of d neurons in both classes of n_features features; class 0 is the negative one, 1 the positive."""

    features: tuple[str, ...]
    count: NDArray[np.int64]
    """(n_features, 2) labelled examples."""
    mean: NDArray[np.float64]
    """(n_features, 2, d), NaN for a class without examples."""
    scatter: NDArray[np.float64]
    """(n_features, d) sum over both classes of squared deviations from the class mean."""

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
        within = self.scatter / np.maximum(total - 2, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(between > 0, between / within, 0.0)

    def _require_both_classes(self) -> None:
        lacking = [name for name, count in zip(self.features, self.count, strict=True) if not count.all()]
        if lacking:
            raise InputError(f"labels of one class: {', '.join(lacking)}; two classes are needed to compare them")


class ClassStatisticsAccumulator:
    """Adds up rows of activations; `result` does not depend on their order or portions, up to rounding."""

    def __init__(self, labels: ArrayLike, width: int, *, rows: ArrayLike | None = None) -> None:
        self._features, self._labels = _checked(labels)
        if rows is not None:
            kept = np.zeros(len(self._labels), bool)
            kept[np.asarray(rows)] = True
            self._labels = np.where(kept[:, None], self._labels, -1).astype(np.int8)
        #: Which examples are labelled is the same for many features: their sums are made once.
        self._labelled, self._kind = np.unique(self._labels >= 0, axis=1, return_inverse=True)
        n_features, n_kinds = len(self._features), self._labelled.shape[1]
        self._pivot: NDArray[np.float32] | None = None
        self._sums = np.zeros((n_features + n_kinds, width))
        self._squares = np.zeros((n_kinds, width))
        self._counts = np.zeros(n_features + n_kinds)

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, rows: slice | NDArray[np.int64], activations: NDArray[Any]) -> None:
        """Add activations (n, d) of the examples `rows`."""
        labels, labelled = self._labels[rows], self._labelled[rows]
        if len(labels) != len(activations):
            raise InputError(f"{len(activations)} rows of activations for {len(labels)} examples")
        for start in range(0, len(activations), PRODUCT_ROWS):
            part = slice(start, start + PRODUCT_ROWS)
            self._add(labels[part] == 1, labelled[part], activations[part])

    def _add(self, positive: NDArray[np.bool_], labelled: NDArray[np.bool_], activations: NDArray[Any]) -> None:
        if self._pivot is None:
            self._pivot = activations.mean(axis=0, dtype=np.float64).astype(np.float32)
        indicators = np.concatenate([positive, labelled], axis=1, dtype=np.float32).T
        self._counts += indicators.sum(axis=1, dtype=np.float64)
        for first in range(0, len(self._pivot), _PRODUCT_COLUMNS):
            columns = slice(first, first + _PRODUCT_COLUMNS)
            centred = activations[:, columns].astype(np.float32)
            centred -= self._pivot[columns]
            self._sums[:, columns] += indicators @ centred
            self._squares[:, columns] += indicators[positive.shape[1] :] @ np.square(centred, out=centred)

    def result(self) -> ClassStatistics:
        """The statistics of everything added so far."""
        pivot = np.zeros(self._sums.shape[1], np.float32) if self._pivot is None else self._pivot
        n_features = len(self._features)
        labelled = n_features + self._kind
        count, sums = (
            np.stack([values[labelled] - values[:n_features], values[:n_features]], axis=1)
            for values in (self._counts, self._sums)
        )
        return _statistics(self._features, count.round().astype(np.int64), sums, self._squares[self._kind], pivot)


def _statistics(
    features: tuple[str, ...],
    count: NDArray[Any],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    pivot: NDArray[np.floating],
) -> ClassStatistics:
    """From counts (n_features, 2), sums (n_features, 2, d) and sums of squares over both classes (n_features, d) of
    activations less a pivot (d,).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        offset = sums / count[..., None]
    between = (count[..., None] * np.nan_to_num(offset) ** 2).sum(axis=1)
    return ClassStatistics(features, count, offset + pivot, np.maximum(squares - between, 0.0))


def class_statistics(X: Any, labels: ArrayLike, *, rows: ArrayLike | None = None) -> ClassStatistics:
    """Class statistics of one layer for all features.

    X (n_examples, d) is an array or a layer of stored activations; labels (n_examples, n_features), an array or a table
    with a column for each feature, are 1, 0, or -1 for unlabelled examples. `rows` (a mask or row numbers)
    restricts the statistics to some examples, such as those of the training split. Raises
    `InputError` for other labels.

    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0], [9.0, 9.0]], np.float32)
    >>> class_statistics(X, np.array([[0], [0], [1], [-1]], np.int8)).mean_difference()
    array([[3., 4.]])
    """
    accumulator = ClassStatisticsAccumulator(labels, X.shape[1], rows=rows)
    if len(accumulator) != X.shape[0]:
        raise InputError(f"{len(accumulator)} rows of labels for {X.shape[0]} examples")
    for start in range(0, X.shape[0], 4 * PRODUCT_ROWS):
        portion = slice(start, min(start + 4 * PRODUCT_ROWS, X.shape[0]))
        accumulator.add(portion, X[portion])
    return accumulator.result()


def weighted_class_statistics(X: Matrix, labels: NDArray[np.int8], weights: NDArray[np.float64]) -> ClassStatistics:
    """Statistics of X (n, d) by labels (n, n_features) in {1, 0, -1}; weights (n,). Counts are sums of weights.

    >>> X = np.array([[0.0], [3.0], [5.0]])
    >>> found = weighted_class_statistics(X, np.array([[0], [1], [1]], np.int8), np.array([1.0, 3.0, 1.0]))
    >>> found.count, found.mean[0, 1], found.scatter[0]
    (array([[1., 4.]]), array([3.5]), array([3.]))
    """
    n_features = labels.shape[1]
    indicators = np.concatenate([(labels == 0).T, (labels == 1).T]) * weights
    pivot, sums, squares = _stored_sums(X, indicators) if is_sparse(X) else _dense_sums(X, indicators)
    count, by_class = (
        np.stack([values[:n_features], values[n_features:]], axis=1) for values in (indicators.sum(axis=1), sums)
    )
    return _statistics(
        tuple(map(str, range(n_features))), count, by_class, squares[:n_features] + squares[n_features:], pivot
    )


def _dense_sums(
    X: Matrix, indicators: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A pivot (d,) near the mean, which is subtracted first, and the sums and sums of squares (2 n_features, d)."""
    pivot = X.mean(axis=0, dtype=np.float64)
    sums, squares = np.zeros((len(indicators), X.shape[1])), np.zeros((len(indicators), X.shape[1]))
    for first in range(0, X.shape[0], PRODUCT_ROWS):
        values = X[first : first + PRODUCT_ROWS] - pivot
        share = indicators[:, first : first + PRODUCT_ROWS]
        sums += share @ values
        squares += share @ np.square(values, out=values)
    return pivot, sums, squares


def _stored_sums(
    X: Matrix, indicators: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The same for the stored values of a sparse matrix; they lie around 0, which is the pivot."""
    values = X.astype(np.float64)
    return np.zeros(X.shape[1]), indicators @ values, indicators @ values.multiply(values)


def _checked(labels: ArrayLike) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """Names of the features, and labels (n, n_features)."""
    values = np.asarray(labels)
    names = tuple(map(str, getattr(labels, "columns", range(values.shape[1]))))
    wrong = [name for name, column in zip(names, values.T, strict=True) if not np.isin(column, (-1, 0, 1)).all()]
    if wrong:
        raise InputError(f"labels of {', '.join(wrong)} are not of two classes: write 1, 0, and -1 for not labelled")
    return names, values.astype(np.int8)
