"""Rank neurons by their coefficients in an L1 logistic regression on the whole layer, C = 0.1 (paper, section 4).

Neurons without a coefficient are ranked after the others, by mean difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.selection.contract import Choice, Ranking, best_first
from sparseprobe.selection.registry import register_selection
from sparseprobe.solvers.working_set import elastic_net_over_layer

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


@dataclass(frozen=True)
class L1(Ranking):
    """Magnitude of the coefficients of scaled activations.

    >>> from sparseprobe.selection import Problem
    >>> L1().path(Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1]), [1])[0].support
    array([0])
    """

    name: str = "l1"
    C: float = paper.L1_C

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) absolute coefficients."""
        magnitude: NDArray[np.float64] = np.abs(elastic_net_over_layer(problem.data(), C=self.C, l1_ratio=1.0).coef)
        return magnitude

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The largest coefficients, then the largest mean differences."""
        ranking = best_first(self.scores(problem), np.abs(problem.mean_difference))
        return [Choice(np.sort(ranking[:k])) for k in ks]


register_selection(L1())
