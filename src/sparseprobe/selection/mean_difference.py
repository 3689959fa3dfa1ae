"""Mean difference: rank neurons by |mean(x | +) - mean(x | -)| in scaled units (paper, section 4).

This is the cheapest ranking, and a good one. For all features at once it is elementwise in the class statistics, which
are one matrix product.
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
class MeanDifference(Ranking):
    """Difference of the class means over the standard deviation.

    >>> from sparseprobe.selection import Problem
    >>> problem = Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1])
    >>> MeanDifference().path(problem, [1])[0].support
    array([0])
    """

    name: str = "mean_difference"

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) absolute difference of means, scaled."""
        return np.abs(problem.mean_difference)


register_selection(MeanDifference())
