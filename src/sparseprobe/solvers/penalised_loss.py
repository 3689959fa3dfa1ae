"""The objective that the logistic solvers share, at a point and along a line.

    F(w) = C L(w) + l1 |w|_1 + l2 / 2 |w|^2,    L the weighted logistic loss at its best intercept (`profiled_loss`)

A step is the first halving at which F falls by a share of what was predicted (Armijo); the scores X w are carried
along, so that a trial costs O(n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparseprobe.matrix import Matrix
from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.profiled_loss import ProfiledLoss, profiled_loss, relative_gap
from sparseprobe.solvers.two_class_data import TwoClassData

_SUFFICIENT = 1e-4  # Armijo's share of the predicted decrease
_SMALLEST_STEP = 1e-10
_ROUNDING = 1e-14  # a rise of the objective that its rounding explains: gradients fall on where values cannot


@dataclass(frozen=True)
class Point:
    """Coefficients with all that is known about the objective there."""

    coef: np.ndarray
    scores: np.ndarray
    """(n,) X w, without the intercept."""
    loss: ProfiledLoss
    objective: float


@dataclass(frozen=True)
class PenalisedLoss:
    """F for the columns `X` (n, k) of `data`."""

    data: TwoClassData
    X: Matrix
    C: float
    l1: float
    l2: float

    def start(self, fit: LinearFit | None) -> Point:
        """The point of an earlier fit on the same columns, or 0."""
        coef, intercept = (np.zeros(self.X.shape[1]), 0.0) if fit is None else (fit.coef, fit.intercept)
        return self._at(coef, self.scores(coef), intercept)

    def scores(self, coef: np.ndarray) -> np.ndarray:
        """X w (n,), multiplied in the dtype of X."""
        scores: np.ndarray = self.X @ coef.astype(self.X.dtype)
        return scores.astype(np.float64)

    def gradient(self, here: Point) -> np.ndarray:
        """(k,) the gradient of C L alone."""
        pull: np.ndarray = here.loss.residual.astype(self.X.dtype) @ self.X
        return self.C * pull.astype(np.float64)

    def gap(self, here: Point, gradient: np.ndarray) -> float:
        """The relative duality gap at a point whose `gradient` is known."""
        return relative_gap(here.objective, gradient, here.loss, self.data.weights, C=self.C, l1=self.l1, l2=self.l2)

    def penalty(self, coef: np.ndarray) -> float:
        """The penalty at `coef` (k,)."""
        return self.l1 * float(np.abs(coef).sum()) + 0.5 * self.l2 * float(coef @ coef)

    def search(self, here: Point, direction: np.ndarray, slope: float) -> tuple[Point, float] | None:
        """The next point along `direction` and the length of its step; None if rounding hides any decrease.

        `slope` is the change of F that a full step promises to first order; the penalty counts in full.
        """
        score_change = self.scores(direction)
        step = 1.0
        while step > _SMALLEST_STEP:
            moved = self._at(here.coef + step * direction, here.scores + step * score_change, here.loss.intercept)
            if moved.objective <= here.objective * (1 + _ROUNDING) + _SUFFICIENT * step * slope:
                return moved, step
            step /= 2
        return None

    def _at(self, coef: np.ndarray, scores: np.ndarray, intercept: float) -> Point:
        loss = profiled_loss(scores, self.data.positive, self.data.weights, start=intercept)
        return Point(coef, scores, loss, self.C * loss.loss + self.penalty(coef))

    def fit(self, here: Point, gap: float, iterations: int, tolerance: float) -> LinearFit:
        """The point as the answer of a solver."""
        return LinearFit(here.coef, here.loss.intercept, here.objective, gap, iterations, gap <= tolerance)
