"""The result of every solver of a linear two-class problem: the coefficients, and how well it converged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class LinearFit:
    """A linear rule `X @ coef + intercept > 0` and the certificate of its convergence."""

    coef: np.ndarray
    """(k,) float64, one coefficient for each column of `X`, in the units of 1 / `X`."""
    intercept: float
    """The constant, never penalised."""
    objective: float
    """The value that was minimised, as the solver's module states it."""
    gap: float
    """Relative duality gap: the objective is at most this share of itself above the true minimum."""
    iterations: int
    """Newton steps that were taken."""
    converged: bool
    """Whether `gap` came below the tolerance that was asked for."""

    def decision(self, X: np.ndarray) -> np.ndarray:
        """The score of each row of `X` (n, k): positive means the class 1; log odds for a logistic fit."""
        scores: np.ndarray = X @ self.coef + self.intercept
        return scores

    def take(self, kept: np.ndarray) -> LinearFit:
        """The same rule on the columns `kept` only: no longer a minimum, but a point to start from."""
        return replace(self, coef=self.coef[kept], converged=False)
