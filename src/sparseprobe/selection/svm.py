"""Rank neurons by their coefficients in a linear support vector machine on the whole layer (paper, section 4).

scikit-learn's liblinear solves it with the hinge loss; its intercept is penalised like a coefficient, as in the paper.
Constant neurons are left out (coefficient 0): scaled up by 100 they would only slow it down. If no neuron varies, all
coefficients are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from sparseprobe.matrix import Matrix, is_sparse
from sparseprobe.selection.contract import Ranking
from sparseprobe.selection.registry import register_selection

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem

_TOLERANCE = 1e-3  # coefficients are then right to 1e-4, and the same neurons lead (measured, n = 3,000, d = 1,024)


@dataclass(frozen=True)
class SVM(Ranking):
    """Magnitude of the coefficients of scaled activations.

    >>> from sparseprobe.selection import Problem
    >>> SVM().path(Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1]), [1])[0].support
    array([0])
    """

    name: str = "svm"
    C: float = 1.0

    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) absolute coefficients."""
        order = int(problem.generator("svm").integers(2**31))
        machine = LinearSVC(loss="hinge", C=self.C, tol=_TOLERANCE, random_state=order, max_iter=20_000)
        scaled = problem.matrix()
        varying = _varying(scaled)
        magnitude = np.zeros(problem.width)
        if not varying.any():
            return magnitude
        machine.fit(scaled[:, varying], problem.y, sample_weight=problem.weights)
        magnitude[varying] = np.abs(machine.coef_[0])
        return magnitude


def _varying(X: Matrix) -> NDArray[np.bool_]:
    """(d,) which columns are not constant."""
    if not is_sparse(X):
        varying: NDArray[np.bool_] = np.ptp(X, axis=0) > 0
        return varying
    low, high = (ends.toarray().ravel() for ends in (X.min(axis=0), X.max(axis=0)))
    return np.asarray(high > low)


register_selection(SVM())
