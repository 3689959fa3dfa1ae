"""What a selection sees: the training examples of one layer, and one feature's labels on them.

`TrainingLayer` holds what the features of a layer share (the activations, the class statistics of all features from one
matrix product, quantile codes); `Problem` is one feature of it. There are no validation or test examples in either, so
a selection cannot look at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator
from sparseprobe.matrix import Matrix, is_sparse, require_usable, scaled_columns
from sparseprobe.selection.scaling import deviation_of, scale_of
from sparseprobe.solvers.elastic_net import NestedFits
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.statistics.class_statistics import ClassStatistics, class_statistics, weighted_class_statistics
from sparseprobe.statistics.class_weights import balanced_weights
from sparseprobe.statistics.quantile_codes import class_histograms, quantile_codes

DENSE_COLUMNS = 256  # columns of a sparse layer that are made dense at once


@dataclass(frozen=True, eq=False)
class TrainingLayer:
    """Activations of the training examples of a layer with the labels of all features.

    Selections that look at all neurons at once (l1, svm, optimal, mutual_information) read them in float32, whatever
    the dtype: subtract the mean of float64 columns that lie further from 0 than about 10^5 times their spread.
    """

    X: Matrix
    """(n, d) as the model gave them, not scaled; float32, or float64, or a CSR array."""
    labels: NDArray[np.int8]
    """(n, n_features) in {1, 0, -1 = not labelled}."""
    sample_weight: NDArray[np.float64] | None = None
    """(n,) how much each example counts; None: all the same."""

    @cached_property
    def statistics(self) -> ClassStatistics:
        """Counts, means and scatters of both classes of all features."""
        if self.sample_weight is None and not is_sparse(self.X) and self.X.dtype == np.float32:
            return class_statistics(self.X, self.labels)
        weights = np.ones(self.X.shape[0]) if self.sample_weight is None else self.sample_weight
        return weighted_class_statistics(self.X, self.labels, weights)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """(n_features, d) the factor of each neuron, from the labelled examples of each feature."""
        return scale_of(deviation_of(self.statistics))

    @cached_property
    def class_histograms(self) -> NDArray[np.int32] | NDArray[np.float64]:
        """(n_features, 2, d, bins) examples of each class by the quantile of the neuron's activation; with weights
        their sums.
        """
        if not is_sparse(self.X):
            return self._histograms(self.X)
        by_column: Matrix = self.X.tocsc()
        blocks = [by_column[:, first : first + DENSE_COLUMNS] for first in range(0, self.X.shape[1], DENSE_COLUMNS)]
        return np.concatenate([self._histograms(block.toarray()) for block in blocks], axis=2)

    def _histograms(self, X: NDArray[np.floating]) -> NDArray[np.int32] | NDArray[np.float64]:
        codes = quantile_codes(X.astype(np.float32, copy=False), self.sample_weight)
        return class_histograms(codes, self.labels, self.sample_weight)

    def columns(self, rows: NDArray[np.int64], neurons: NDArray[np.int64]) -> NDArray[np.floating]:
        """(len(rows), k) activations of some examples and neurons, dense."""
        chosen: Matrix = self.X[:, neurons][rows].toarray() if is_sparse(self.X) else self.X[np.ix_(rows, neurons)]
        dense: NDArray[np.floating] = chosen
        return dense


@dataclass(frozen=True, eq=False)
class Problem:
    """Choose neurons of a layer for one feature."""

    layer: TrainingLayer
    feature: int = 0
    """Column of the layer's labels."""
    seed: int = 0
    name: tuple[object, ...] = ()
    """What random draws are keyed by, beside the seed: layer, feature, real labels or control."""
    class_weight: NDArray[np.float64] | None = None
    """(n,) what each row of the layer weighs in fits for its class; None: both classes weigh the same."""

    @classmethod
    def of(cls, X: object, y: object, *, seed: int = 0) -> Problem:
        """The problem of activations (n, d) and labels (n,) in {0, 1}.

        Raises `InputError` for other shapes, labels of one class, and values that are not finite or too large.

        >>> Problem.of([[0.0, 1.0], [2.0, 1.0]], [0, 1]).width
        2
        """
        labels = np.asarray(y)
        if labels.ndim != 1 or not np.isin(labels, (0, 1)).all() or len(np.unique(labels)) < 2:
            raise InputError("labels must be (n,) of both 0 and 1: a selection compares two classes")
        values = np.asarray(X, np.float32)
        require_usable(values)
        return cls(TrainingLayer(values, labels.astype(np.int8)[:, None]), seed=seed)

    @property
    def width(self) -> int:
        """Number of neurons, d."""
        return int(self.layer.X.shape[1])

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the layer that are labelled."""
        return np.flatnonzero(self.layer.labels[:, self.feature] >= 0)

    @cached_property
    def y(self) -> NDArray[np.bool_]:
        """(n,) labels of the labelled rows."""
        positive: NDArray[np.bool_] = self.layer.labels[self.rows, self.feature] == 1
        return positive

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(n,) weights of the labelled rows in fits: their own, times those of their class."""
        own = self.layer.sample_weight
        weights = np.ones(len(self.rows)) if own is None else own[self.rows]
        return (
            balanced_weights(self.y, weights) if self.class_weight is None else weights * self.class_weight[self.rows]
        )

    @property
    def scale(self) -> NDArray[np.float64]:
        """(d,) the factor of each neuron."""
        factor: NDArray[np.float64] = self.layer.scale[self.feature]
        return factor

    @property
    def mean_difference(self) -> NDArray[np.float64]:
        """(d,) mean of the positive minus mean of the negative examples, in scaled units."""
        mean = self.layer.statistics.mean[self.feature]
        difference: NDArray[np.float64] = (mean[1] - mean[0]) * self.scale
        return difference

    def columns(self, neurons: np.ndarray) -> NDArray[np.float64]:
        """(n, k) scaled activations of some neurons at the labelled rows."""
        return scaled_columns(self.layer.X, self.rows, neurons, self.scale[neurons])

    @cached_property
    def fits(self) -> NestedFits:
        """Logistic fits on some neurons, scaled; selection and probes share the columns and Grams that it keeps."""
        return NestedFits(self.columns, self.width, self.y, self.weights)

    def matrix(self) -> Matrix:
        """(n, d) scaled activations of all neurons at the labelled rows, float32, made anew at each call; CSR where the
        layer is.
        """
        whole: Matrix = self.layer.X[self.rows].astype(np.float32)
        factor = self.scale.astype(np.float32)
        if is_sparse(whole):
            whole.data *= factor[whole.indices]
        else:
            whole *= factor
        return whole

    def data(self, neurons: np.ndarray | None = None) -> TwoClassData:
        """Scaled columns (of all neurons as `matrix`), labels and weights, as the solvers take them."""
        return TwoClassData(self.matrix() if neurons is None else self.columns(neurons), self.y, self.weights)

    def generator(self, *names: object) -> np.random.Generator:
        """The random generator that belongs to this problem and to a draw's name."""
        return generator(self.seed, *self.name, *names)
