"""The linear support vector machine on chosen columns: hinge or squared hinge, free intercept.

    min over w, b   sum_i c_i phi(y_i (w.x_i + b)) + |w|^2 / (2 C),    phi the hinge or its square, y_i in {-1, +1}

The ridge makes w unique. The intercept of a hinge need not be: where as much weight of one class as of the other lies
inside the margin, the objective is flat between two kinks. Then the middle of the flat stretch is taken, so that a
weight of 2 and an example given twice make the same rule. Source: arXiv 2305.01610 (hinge).
Cost: a few Newton steps of O(n k) (module `solvers.optimal.restricted`) and one sort of the scores.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.optimal.column_store import ColumnStore
from sparseprobe.solvers.optimal.problem import pose
from sparseprobe.solvers.optimal.restricted import solve_restricted
from sparseprobe.solvers.two_class_data import TwoClassData

_GAP = 1e-13  # asked for; where rounding ends the descent before, the answer is as good as float64 allows
_CONVERGED = 1e-8
_FLAT = 1e-12  # a slope, as a share of all weights, that rounding makes of 0


def support_vector_machine(data: TwoClassData, *, C: float, loss: Literal["hinge", "squared_hinge"]) -> LinearFit:
    """Fit on all columns of `data` (n, k); converged within a relative duality gap of 1e-8.

    >>> from sparseprobe.solvers.two_class_data import TwoClassData
    >>> data = TwoClassData.of([[0.0], [1.0], [3.0], [4.0]], [0, 0, 1, 1])
    >>> fit = support_vector_machine(data, C=100.0, loss="hinge")
    >>> fit.coef.round(6), round(fit.intercept, 6), fit.converged     # margins of 1 at 1 and 3
    (array([1.]), -2.0, True)
    """
    problem = pose(data.X, data.positive, loss=loss, gamma=C, class_weight=None, sample_weight=data.weights)
    best = solve_restricted(problem, ColumnStore(problem), np.arange(problem.d), gap=_GAP)
    intercept = middle_intercept(data.X @ best.w, data.positive, data.weights) if loss == "hinge" else best.b
    gap = max(0.0, best.objective - best.bound) / best.objective
    return LinearFit(best.w, intercept, best.objective, gap, 0, gap <= _CONVERGED)


def middle_intercept(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The b of the least sum c max(0, 1 - y (score + b)); the middle where a whole stretch has it. Shapes (n,).

    >>> middle_intercept(np.array([-3.0, 3.0]), np.array([False, True]), np.ones(2))     # flat from -2 to 2
    0.0
    """
    kinks = np.where(positive, 1.0, -1.0) - scores  # where an example leaves (+) or enters (-) the margin
    order = np.argsort(kinks, kind="stable")
    slopes = np.cumsum(weights[order]) - weights[positive].sum()  # to the right of each kink
    slack = _FLAT * float(weights.sum())
    falls, rises = np.searchsorted(slopes, [-slack, slack], side="left")
    first, last = kinks[order[falls]], kinks[order[min(rises, len(order) - 1)]]
    return float(0.5 * (first + last))
