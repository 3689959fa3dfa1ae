"""What a selection sees: the training examples of one layer, and one feature's labels on them.

`TrainingLayer` holds what the features of a layer share (the activations, the class statistics of all features from one
matrix product, quantile codes); `Problem` is one feature of it. There are no validation or test examples in either, so
a selection cannot look at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.activations.class_statistics import ClassStatistics, class_statistics
from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator
from sparseprobe.selection.quantile_codes import class_histograms, quantile_codes
from sparseprobe.selection.scaling import deviation_of, scale_of
from sparseprobe.solvers.two_class_data import TwoClassData, balanced_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TrainingLayer:
    """Activations of the training examples of a layer with the labels of all features."""

    X: NDArray[np.float32]
    """(n, d) as the model gave them, not scaled."""
    labels: NDArray[np.int8]
    """(n, n_features) in {1, 0, -1 = not labelled}."""

    @cached_property
    def statistics(self) -> ClassStatistics:
        """Counts, means and scatters of both classes of all features."""
        return class_statistics(self.X, self.labels)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """(n_features, d) the factor of each neuron, from the labelled examples of each feature."""
        return scale_of(deviation_of(self.statistics))

    @cached_property
    def class_histograms(self) -> NDArray[np.int32]:
        """(n_features, 2, d, bins) examples of each class by the quantile of the neuron's activation."""
        return class_histograms(quantile_codes(self.X), self.labels)


@dataclass(frozen=True, eq=False)
class Problem:
    """Choose neurons of a layer for one feature."""

    layer: TrainingLayer
    feature: int = 0
    """Column of the layer's labels."""
    seed: int = 0
    name: tuple[object, ...] = ()
    """What random draws are keyed by, beside the seed: layer, feature, real labels or control."""

    @classmethod
    def of(cls, X: object, y: object, *, seed: int = 0) -> Problem:
        """The problem of activations (n, d) and labels (n,) in {0, 1}.

        Raises `InputError` for other shapes and for labels of one class.

        >>> Problem.of([[0.0, 1.0], [2.0, 1.0]], [0, 1]).width
        2
        """
        labels = np.asarray(y)
        if labels.ndim != 1 or not np.isin(labels, (0, 1)).all() or len(np.unique(labels)) < 2:
            raise InputError("labels must be (n,) of both 0 and 1: a selection compares two classes")
        return cls(TrainingLayer(np.asarray(X, np.float32), labels.astype(np.int8)[:, None]), seed=seed)

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
        """(n,) balanced class weights."""
        return balanced_weights(self.y)

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
        chosen: NDArray[np.float64] = self.layer.X[np.ix_(self.rows, neurons)] * self.scale[neurons]
        return chosen

    def scaled(self) -> NDArray[np.float32]:
        """(n, d) scaled activations of all neurons at the labelled rows, made anew at each call."""
        whole: NDArray[np.float32] = self.layer.X[self.rows] * self.scale.astype(np.float32)
        return whole

    def data(self, neurons: np.ndarray | None = None) -> TwoClassData:
        """Scaled columns (of all neurons in float32), labels and weights, as the solvers take them."""
        return TwoClassData(self.scaled() if neurons is None else self.columns(neurons), self.y, self.weights)

    def generator(self, *names: object) -> np.random.Generator:
        """The random generator that belongs to this problem and to a draw's name."""
        return generator(self.seed, *self.name, *names)
