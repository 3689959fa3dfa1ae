"""The exact hinge optimum on one support, from a good guess of which examples lie on the margin.

The hinge problem is a quadratic programme. Its optimum is a linear system once the three groups of examples are known:
beyond the margin (a = 0), inside it (a = 1) and on it (m = 1, 0 < a < 1, but for ties no more than k + 1 of them). With
v = c a y, w = gamma X'v and the unknown v of the examples on the margin,

    gamma K_EE v_E + b = y_E - gamma K_EI v_I,        sum v_E = - sum v_I,        K = X X' on the k columns.

The smoothed optimum of proximal_newton.py tells the groups apart; from there one solve gives what smaller smoothing
would only approach. A wrong guess does no harm: the duality gap of what comes out decides.
Cost: O(n k) and a system of |E| + 1 unknowns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.losses import Vector
    from sparseprobe.solvers.optimal.problem import SupportProblem
    from sparseprobe.solvers.optimal.quadratic_model import Columns

SPARE = 40  # so many examples on the margin more than unknowns: ties, and examples given more than once


def settle_on_margin(columns: Columns, problem: SupportProblem, dual: Vector) -> tuple[Vector, float, Vector] | None:
    """(w (k,), b, dual (n,)) for the groups that `dual` (n,) suggests; None where the margin holds too many or none.

    `columns` is (k, n): the support's columns as rows.
    """
    y, weights, gamma = problem.y, problem.weights, problem.gamma
    on_margin = np.flatnonzero((dual > 0) & (dual < 1) & (weights > 0))
    if not 0 < on_margin.size <= columns.shape[0] + 1 + SPARE:
        return None
    inside = np.where(dual >= 1, weights * y, 0.0)
    rows = columns[:, on_margin]
    w_inside = gamma * (columns @ inside)
    size = on_margin.size
    system = np.ones((size + 1, size + 1))
    system[:size, :size] = gamma * (rows.T @ rows)
    system[size, size] = 0.0
    right = np.append(y[on_margin] - rows.T @ w_inside, -inside.sum())
    solution = np.linalg.lstsq(system, right, rcond=1e-13)[0]
    settled = np.where(dual >= 1, 1.0, 0.0)
    settled[on_margin] = np.clip(solution[:size] * y[on_margin] / weights[on_margin], 0.0, 1.0)
    return gamma * (columns @ (weights * settled * y)), float(solution[size]), settled
