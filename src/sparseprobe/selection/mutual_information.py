"""Rank neurons by the mutual information of activation and label (paper, section 4).

`mutual_information` bins each neuron at 16 quantiles and takes the plug-in estimate from the class histograms, minus
its first-order bias (occupied bins - 1) / (2 n) (Miller 1955): one pass over bytes for a whole layer and all features.
For weighted examples n is the effective number, (sum of weights)^2 / (sum of their squares) (Kish 1965): it does not
depend on the unit of the weights, and a few heavy examples are as uncertain as a few examples.

`mutual_information_knn` is the paper's k-nearest-neighbour estimator (Ross 2014) as in scikit-learn, some 1,000 times
slower; the tests compare the two rankings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn.feature_selection import mutual_info_classif

from sparseprobe import paper
from sparseprobe.errors import InputError
from sparseprobe.selection.contract import Ranking
from sparseprobe.selection.problem import DENSE_COLUMNS
from sparseprobe.selection.registry import register_selection

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


def binned_mutual_information(histograms: np.ndarray, *, effective: float | None = None) -> NDArray[np.float64]:
    """Mutual information in nats, (d,), from class histograms (2, d, bins) of examples or of weights.

    `effective` is the number of examples for the bias correction; by default the sum of the histograms.

    >>> binned_mutual_information(np.array([[[50, 0]], [[0, 50]]])).round(3)     # log 2 - 1 / 200
    array([0.688])
    """
    joint = histograms.astype(np.float64)
    n = joint[:, 0].sum()
    examples = n if effective is None else effective
    by_bin, by_class = joint.sum(axis=0), joint.sum(axis=2)
    cells, bins, classes = (xlogy(counts, counts) for counts in (joint, by_bin, by_class))
    gained = cells.sum(axis=(0, 2)) - bins.sum(axis=1) - classes.sum(axis=0)
    bias = ((by_bin > 0).sum(axis=1) - 1) / (2 * examples)
    information: NDArray[np.float64] = gained / n + np.log(n) - bias
    return information


def effective_number(weights: np.ndarray) -> float:
    """How many examples of equal weight are as certain as examples of these weights (n,).

    >>> effective_number(np.array([0.5, 0.5])), effective_number(np.array([1.0, 0.0]))
    (2.0, 1.0)
    """
    return float(weights.sum() ** 2 / (weights @ weights))


@dataclass(frozen=True)
class MutualInformation(Ranking):
    """Binned estimate.

    >>> from sparseprobe.selection import Problem
    >>> X = np.random.default_rng(0).standard_normal((200, 3)); y = np.abs(X[:, 2]) > 0.7     # no difference of means
    >>> MutualInformation().path(Problem.of(X, y), [1])[0].support
    array([2])
    """

    name: str = "mutual_information"

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) nats."""
        own = problem.layer.sample_weight
        effective = None if own is None else effective_number(own[problem.rows])
        return binned_mutual_information(problem.layer.class_histograms[problem.feature], effective=effective)


@dataclass(frozen=True)
class NearestNeighbourInformation(Ranking):
    """The k-nearest-neighbour estimate, as the paper used it. It takes no sample weights: `InputError`.

    >>> from sparseprobe.selection import Problem
    >>> X = np.random.default_rng(0).standard_normal((200, 3)); y = np.abs(X[:, 2]) > 0.7
    >>> NearestNeighbourInformation().path(Problem.of(X, y), [1])[0].support
    array([2])
    """

    name: str = "mutual_information_knn"
    neighbours: int = paper.NEIGHBOURS

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) nats."""
        weights = problem.layer.sample_weight
        if weights is not None and np.ptp(weights[problem.rows]) > 0:
            raise InputError("the nearest-neighbour estimate takes no sample weights: choose another selection")
        noise = int(problem.generator("mutual_information_knn").integers(2**31))
        blocks = [
            np.arange(first, min(first + DENSE_COLUMNS, problem.width))
            for first in range(0, problem.width, DENSE_COLUMNS)
        ]
        parts = [
            mutual_info_classif(problem.columns(block), problem.y, n_neighbors=self.neighbours, random_state=noise)
            for block in blocks
        ]
        return np.concatenate(parts)


register_selection(MutualInformation())
register_selection(NearestNeighbourInformation())
register_selection(NearestNeighbourInformation(name="mutual_information"), preset="paper")
