"""A lower bound for every support at once, from any dual point: what makes an optimum provable.

For a in the domain of the loss with sum_i c_i a_i y_i = 0, and every support S and every w, b,

    sum_i c_i phi(m_i) + ||w||^2 / (2 gamma)  >=  sum_i c_i D(a_i) - (gamma / 2) sum_{j in S} q_j,
    q_j = (sum_i c_i a_i y_i x_ij)^2,

so one matrix-vector product over the examples with a_i > 0 bounds the whole layer: the k largest q are the worst S.
Columns that a branch forces in are counted always, those it forces out never. The same numbers screen: a column
whose inclusion (exclusion) lifts the bound past the cut-off is out (in) for good.

The bound holds as computed, not only in exact arithmetic. The balance sum c a y = 0 is restored by shrinking the
heavier class, which keeps a in its box; what rounding leaves of it is measured by compensated summation and paid for
with the largest possible intercept; and every q is enlarged by the worst rounding error of its dot product (float64
throughout, also for a float32 X; for a sparse X only stored values are summed).
Source: arXiv 2305.01610 (dual of the subproblem). Cost: O(d * examples with a > 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.compiled import compiled
from sparseprobe.matrix import column_sums
from sparseprobe.solvers.optimal.losses import Vector, dual_value

if TYPE_CHECKING:
    from sparseprobe.matrix import Matrix
    from sparseprobe.solvers.optimal.k_support import Mask
    from sparseprobe.solvers.optimal.problem import SupportProblem

ROUNDOFF = 2.0**-53


@dataclass(frozen=True)
class DualCertificate:
    """What one dual point proves."""

    value: float
    """sum c D(a) less all that rounding could have added: nats or hinge units, as the objective."""
    costs: Vector
    """(m,) gamma q_j / 2 of every column of the matrix it was priced on, never too small."""

    def bound(self, forced: Mask, free: Mask, seats: int) -> float:
        """Lower bound over supports that hold all `forced` and at most `seats` of the `free` columns (masks (m,))."""
        open_costs = self.costs[free]
        if 0 < seats < open_costs.size:
            open_costs = np.partition(open_costs, open_costs.size - seats)[-seats:]
        taken = float(self.costs[forced].sum()) + (float(open_costs.sum()) if seats > 0 else 0.0)
        return float(self.value - taken * (1 + 2 * (forced.sum() + seats + 4) * ROUNDOFF))

    def screen(self, forced: Mask, free: Mask, seats: int, cutoff: float) -> tuple[Mask, Mask, float]:
        """Free columns decided for good: (in, out) masks (m,), and the least bound among the branches given up."""
        enter, leave = np.zeros_like(free), np.zeros_like(free)
        indices = np.flatnonzero(free)
        if seats <= 0 or indices.size <= seats:
            return enter, leave, np.inf
        costs = self.costs[indices]
        order = np.argsort(-costs, kind="stable")
        top, rest = order[:seats], order[seats:]
        worst = self.bound(forced, free, seats)
        slack = 4 * (seats + 4) * ROUNDOFF * abs(self.value)
        with_column = worst + costs[top[-1]] - costs[rest] - slack  # a column of the rest takes the last seat
        without_column = worst + costs[top] - costs[rest[0]] - slack  # the best of the rest fills the seat
        leave[indices[rest[with_column >= cutoff]]] = True
        enter[indices[top[without_column >= cutoff]]] = True
        given_up = np.concatenate([with_column[with_column >= cutoff], without_column[without_column >= cutoff]])
        return enter, leave, float(given_up.min(initial=np.inf))


def certify(problem: SupportProblem, matrix: Matrix, norms: Vector, dual: Vector, objective: float) -> DualCertificate:
    """The certificate over the columns of `matrix` (n, m) with Euclidean norms `norms` (m,), from dual variables (n,).

    `objective` is that of any solution: the certificate bounds all supports whose optimum is not above it.
    """
    pull, value, residual = balance(problem.loss, problem.y, problem.weights, dual)
    value -= residual * problem.intercept_radius(objective)
    sums = column_sums(matrix, pull)
    safety = 2 * (problem.n + 4) * ROUNDOFF * np.linalg.norm(pull)
    costs = (0.5 * problem.gamma) * (np.abs(sums) + safety * norms) ** 2 * (1 + 8 * ROUNDOFF)
    return DualCertificate(value, costs)


@compiled()
def balance(loss: int, y: Vector, weights: Vector, dual: Vector) -> tuple[Vector, float, float]:
    """Shrink the heavier class until sum c a y = 0.

    Returns c a y (n,), a lower bound of sum c D(a), and an upper bound of what rounding left of |sum c a y|.
    """
    n = y.shape[0]
    positive, negative = 0.0, 0.0
    for i in range(n):
        if y[i] > 0:
            positive += weights[i] * dual[i]
        else:
            negative += weights[i] * dual[i]
    lighter = min(positive, negative)
    shrink_positive = lighter / positive if positive > lighter else 1.0
    shrink_negative = lighter / negative if negative > lighter else 1.0
    pull = np.empty(n)
    value, value_lost, size = 0.0, 0.0, 0.0  # Neumaier's compensated sums
    residual, residual_lost, mass = 0.0, 0.0, 0.0
    for i in range(n):
        a = dual[i] * (shrink_positive if y[i] > 0 else shrink_negative)
        pull[i] = weights[i] * a * y[i]
        term = weights[i] * dual_value(loss, a)
        total = value + term
        value_lost += (value - total) + term if abs(value) >= abs(term) else (term - total) + value
        value = total
        size += abs(term) + weights[i] * (1.0 + a)
        total = residual + pull[i]
        residual_lost += (residual - total) + pull[i] if abs(residual) >= abs(pull[i]) else (pull[i] - total) + residual
        residual = total
        mass += abs(pull[i])
    tiny = (n * ROUNDOFF) ** 2
    value += value_lost - (64 * ROUNDOFF + 4 * tiny) * size  # 64: rounding of the logarithms in D
    return pull, value, abs(residual + residual_lost) * (1 + 4 * ROUNDOFF) + 4 * tiny * mass
