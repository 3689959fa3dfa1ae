"""The probe on chosen neurons: a linear rule in the model's own units, fitted on training examples.

By default an L2 logistic regression on scaled activations, C = 1, classes balanced; `preset="paper"` takes the elastic
net of the paper's sweep (C = k / 20), the one that adaptive thresholding has fitted already where it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.selection.adaptive import elastic_net_settings
from sparseprobe.solvers.elastic_net import NestedElasticNet
from sparseprobe.solvers.logistic import newton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sparseprobe.selection.contract import Choice
    from sparseprobe.selection.problem import Problem
    from sparseprobe.solvers.linear_fit import LinearFit


@dataclass(frozen=True)
class SupportProbe:
    """Says yes where activations[support] . coef + intercept > 0."""

    support: NDArray[np.int64]
    """(k,) neurons, ascending."""
    coef: NDArray[np.float64]
    """(k,) for activations that are not scaled."""
    intercept: float
    converged: bool

    def decision(self, X: NDArray[np.floating], rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Log odds (n,) of rows of activations (n, d), all by default."""
        chosen = X[:, self.support] if rows is None else X[np.ix_(rows, self.support)]
        decision: NDArray[np.float64] = chosen.astype(np.float64) @ self.coef + self.intercept
        return decision


def fit_supports(problem: Problem, choices: Sequence[Choice], *, preset: str = "default") -> list[SupportProbe]:
    """A probe on each of the chosen supports.

    >>> from sparseprobe.selection import MeanDifference, Problem
    >>> problem = Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1])
    >>> [probe] = fit_supports(problem, MeanDifference().path(problem, [1]))
    >>> probe.support, (probe.decision(problem.layer.X) > 0)
    (array([0]), array([False, False,  True,  True]))
    """
    if preset != "paper":
        return [_in_own_units(problem, choice, newton(problem.data(choice.support), C=1.0)) for choice in choices]
    return [_in_own_units(problem, choice, _paper_fit(problem, choice)) for choice in choices]


def _paper_fit(problem: Problem, choice: Choice) -> LinearFit:
    C, l1_ratio = elastic_net_settings(len(choice.support))
    nested = NestedElasticNet(problem.data(choice.support))
    return nested.fit(np.arange(len(choice.support)), C=C, l1_ratio=l1_ratio, start=choice.fit)


def _in_own_units(problem: Problem, choice: Choice, fit: LinearFit) -> SupportProbe:
    return SupportProbe(choice.support, fit.coef * problem.scale[choice.support], fit.intercept, fit.converged)
