"""Choose neurons at random: the control that says what any k neurons would give (paper, section 4)."""

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
class Random(Ranking):
    """A random order of the neurons, the same for all k, keyed by the problem.

    >>> from sparseprobe.selection import Problem
    >>> small, large = Random().path(Problem.of([[0.0] * 9, [1.0] * 9], [0, 1]), [2, 5])
    >>> set(small.support) < set(large.support)
    True
    """

    name: str = "random"
    trial: int = 0
    """Which of several independent draws."""

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) uniform draws."""
        return problem.generator("random", self.trial).random(problem.width)


register_selection(Random())
