"""Optimal probing: exact selection of the k best neurons of the whole layer (paper, section 4, OSP).

The hinge objective with ridge 1 / (2 gamma), gamma = 1 / sqrt(n), balanced classes; each k starts from the optimum of
the k before. The paper looks at the 50 neurons of the largest mean difference only, and so does `preset="paper"`; by
default every neuron is a candidate, and the certificate says whether the optimum is proven.
Cost: see `sparseprobe.solvers.optimal`; up to `time_limit` for each k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe import paper
from sparseprobe.selection.contract import Certificate, Choice
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.registry import register_selection
from sparseprobe.solvers.optimal import optimal_path
from sparseprobe.solvers.optimal.losses import Loss

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


@dataclass(frozen=True)
class Optimal:
    """The support with the lowest regularised loss, and a lower bound on that loss.

    >>> from sparseprobe.selection import Problem
    >>> choice = Optimal().path(Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1]), [1])[0]
    >>> choice.support, choice.certificate.proven
    (array([0]), True)
    """

    name: str = "optimal"
    loss: Loss = "hinge"
    gamma: float | None = None
    """Ridge; None is 1 / sqrt(n)."""
    time_limit: float = 60.0
    """Seconds for each k, without those of compilation at the first use."""
    tolerance: float = 1e-4
    """Relative gap at which the optimum counts as proven."""

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The optimal neurons for each k; a smaller support need not lie within a larger one."""
        own = problem.layer.sample_weight
        counted = len(problem.rows) if own is None else own[problem.rows].sum()  # examples, by their weights
        found = optimal_path(
            problem.matrix(), problem.y, ks,
            loss=self.loss, gamma=1 / np.sqrt(counted) if self.gamma is None else self.gamma,
            class_weight=None, sample_weight=problem.weights, time_limit=self.time_limit, tolerance=self.tolerance,
        )  # fmt: skip
        return [
            Choice(best.support, certificate=Certificate(best.objective, best.bound, best.gap, best.proven, best.nodes))
            for best in found
        ]


register_selection(Optimal())
register_selection(Prefiltered(Optimal(), paper.OPTIMAL_CANDIDATES), preset="paper")
