"""Rank neurons by the log loss of a logistic probe on each of them alone, with balanced classes.

The table of single neurons uses this ranking (there on training and validation examples together). All neurons are
fitted at once (module `solvers.one_column`) and scored on the examples on which they were fitted: each probe has only
two parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.selection.contract import Ranking
from sparseprobe.selection.registry import register_selection
from sparseprobe.solvers.one_column import one_column_logistic
from sparseprobe.statistics.metrics import log_loss

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem

_COLUMNS = 256  # scored at once


@dataclass(frozen=True)
class EveryNeuron(Ranking):
    """Log loss of a probe on each neuron.

    >>> from sparseprobe.selection import Problem
    >>> X = np.random.default_rng(0).standard_normal((200, 30)); y = X[:, 4] > 1
    >>> EveryNeuron().path(Problem.of(X, y), [1])[0].support
    array([4])
    """

    name: str = "every"
    C: float = 10.0

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) minus the log loss."""
        parts = []
        for first in range(0, problem.width, _COLUMNS):
            neurons = np.arange(first, min(first + _COLUMNS, problem.width))
            X = problem.columns(neurons)
            fits = one_column_logistic(
                np.ascontiguousarray(X.T), problem.y[None], problem.weights[None], np.ones((1, len(neurons))), C=self.C
            )
            parts.append(-log_loss(problem.y, X * fits.coef[0] + fits.intercept[0], problem.weights))
        return np.concatenate(parts)


register_selection(EveryNeuron())
