"""Scaling of activations before a fit: each neuron by 1 / (10 max(std, 1e-3)), not centred (paper, section 4).

The standard deviation is that of the labelled training examples; the floor prevents a neuron that is almost constant
from being scaled up. Without centring, the value 0 of a silent neuron stays 0.
"""

from __future__ import annotations

import numpy as np

from sparseprobe import paper
from sparseprobe.statistics.class_statistics import ClassStatistics


def scale_of(deviation: np.ndarray) -> np.ndarray:
    """The scale factor for standard deviations of any shape.

    >>> scale_of(np.array([0.5, 0.0]))
    array([  0.2, 100. ])
    """
    factor: np.ndarray = 1 / (paper.SPREAD * np.maximum(deviation, paper.LEAST_DEVIATION))
    return factor


def deviation_of(statistics: ClassStatistics) -> np.ndarray:
    """Standard deviation of each neuron over the labelled examples of each feature, (n_features, d).

    >>> from sparseprobe.statistics.class_statistics import class_statistics
    >>> X, labels = np.array([[0.0], [2.0], [4.0], [9.0]], np.float32), np.array([[0], [0], [1], [-1]])
    >>> deviation_of(class_statistics(X, labels))
    array([[1.63299316]])
    """
    n = statistics.count.sum(axis=1)[:, None]
    share = statistics.count[:, 0, None] * statistics.count[:, 1, None] / n**2
    variance = statistics.scatter / n + share * (statistics.mean[:, 1] - statistics.mean[:, 0]) ** 2
    deviation: np.ndarray = np.sqrt(variance)
    return deviation
