"""Rank neurons by the F statistic of a one-way analysis of variance between the two classes (paper, section 4).

F = (n_0 n_1 / n) (mean_1 - mean_0)^2 / (within-class scatter / (n - 2)): the same as scikit-learn's `f_classif`, for
all features at once from the class statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.selection.contract import Ranking
from sparseprobe.selection.registry import register_selection

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


@dataclass(frozen=True)
class FStatistic(Ranking):
    """Variance between the classes over variance within them.

    >>> from sparseprobe.selection import Problem
    >>> FStatistic().path(Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1]), [1])[0].support
    array([0])
    """

    name: str = "f_statistic"

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) F."""
        scores: NDArray[np.float64] = problem.layer.statistics.f_statistic()[problem.feature]
        return scores


register_selection(FStatistic())
