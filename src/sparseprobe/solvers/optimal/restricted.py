"""The convex problem on one support: k columns, ridge, unpenalised intercept, solved to a certified duality gap.

    c(S) = min over w in R^S, b   sum_i c_i phi(y_i (w.x_i + b)) + ||w||^2 / (2 gamma)

Newton steps (proximal_newton.py with every column forced in); for the hinge on a smoothing delta that falls until the
true primal and the true dual are closer than asked for, which the crossover (crossover.py) usually ends early.
Cost: O(n k) per step, a handful of steps for each delta.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.solvers.optimal.certificate import ROUNDOFF, balance
from sparseprobe.solvers.optimal.crossover import settle_on_margin
from sparseprobe.solvers.optimal.k_support import Seats
from sparseprobe.solvers.optimal.losses import HINGE, SmoothLoss, Vector, total_loss
from sparseprobe.solvers.optimal.proximal_newton import Examples, minimise, predict_margins

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.column_store import ColumnStore
    from sparseprobe.solvers.optimal.problem import SupportProblem

COLD_SMOOTHING, WARM_SMOOTHING, SMALLEST_SMOOTHING = 0.5, 0.02, 1e-10
SMOOTHING_FALL = 0.15
NEWTON_STEPS = 60
TOLERANCE = 1e-16  # of the decrease that a Newton step predicts, times the total weight


@dataclass(frozen=True)
class Restricted:
    """The optimum on one support, with its proof."""

    support: NDArray[np.int64]
    """(k,) column indices, ascending."""
    w: Vector
    """(k,) weights of those columns, in that order."""
    b: float
    """Intercept."""
    objective: float
    """Objective at (w, b), in float64."""
    bound: float
    """No w, b on this support lies below it."""
    dual: Vector
    """(n,) dual variables a in the domain of the loss, before they are balanced."""
    largest_margin: float
    """Largest y (w.x + b) over the examples."""


def solve_restricted(
    problem: SupportProblem,
    store: ColumnStore,
    support: NDArray[np.int64],
    *,
    start: tuple[Vector, float] | None = None,
    gap: float = 1e-9,
    give_up_above: float = np.inf,
) -> Restricted:
    """Solve on `support` (k,) to a relative duality gap; stop early once the bound passes `give_up_above`.

    `start` is (w (k,), b) to begin from, for example those of a neighbouring support.
    """
    slots = store.slots(support)
    data = Examples(store.columns, slots, problem.y, problem.weights)
    means = store.means[support]
    seats = Seats(np.ones(support.size, dtype=np.bool_), 0, problem.gamma)
    w, b = (np.zeros(support.size), 0.0) if start is None else (start[0].copy(), start[1] + float(start[0] @ means))
    dual = np.empty(problem.n)
    delta = COLD_SMOOTHING if start is None else WARM_SMOOTHING
    best: Restricted | None = None
    while True:
        tolerance = TOLERANCE if problem.loss != HINGE else max(TOLERANCE, 1e-6 * delta**2)
        loss = SmoothLoss(problem.loss, delta)
        b = minimise(data, loss, seats, w, b, dual, tolerance * problem.total_weight, NEWTON_STEPS)
        best = _better(best, _evaluate(problem, data, means, support, (w, b, dual)))
        settled = settle_on_margin(store.columns[slots], problem, dual) if problem.loss == HINGE else None
        if settled is not None:
            best = _better(best, _evaluate(problem, data, means, support, settled))
        closed = best.objective - best.bound <= gap * best.objective or best.bound > give_up_above
        if closed or problem.loss != HINGE or delta <= SMALLEST_SMOOTHING:
            return best
        delta *= SMOOTHING_FALL


def _evaluate(
    problem: SupportProblem,
    data: Examples,
    means: Vector,
    support: NDArray[np.int64],
    point: tuple[Vector, float, Vector],
) -> Restricted:
    """What `point` = (w (k,), b, dual (n,)) on centred columns is worth: its objective and its bound.

    `means` (k,) are what the columns were centred by: the returned intercept applies to X without centring.
    """
    w, b, dual = point
    margins = np.empty(problem.n)
    predict_margins(data, w, b, margins)
    objective = total_loss(problem.loss, margins, problem.weights) + float(w @ w) / (2 * problem.gamma)
    rows = data.columns[data.slots]
    bound = min(_dual_bound(problem, rows, dual, objective, problem.column_norms[support]), objective)
    return Restricted(support, w.copy(), float(b - w @ means), objective, bound, dual.copy(), float(margins.max()))


def _better(known: Restricted | None, found: Restricted) -> Restricted:
    """The better primal of the two with the better dual of the two."""
    if known is None:
        return found
    primal, dual = min(known, found, key=lambda fit: fit.objective), max(known, found, key=lambda fit: fit.bound)
    return replace(primal, bound=min(dual.bound, primal.objective), dual=dual.dual)


def _dual_bound(problem: SupportProblem, columns: Vector, dual: Vector, objective: float, norms: Vector) -> float:
    """Sum c D(a) - (gamma / 2) sum_j q_j over the centred columns (k, n), rounded down as in certificate.py.

    `norms` (k,) are those of the columns as they are, which centring does not raise.
    """
    pull, value, residual = balance(problem.loss, problem.y, problem.weights, dual)
    value -= residual * problem.intercept_radius(objective)
    safety = 2 * (problem.n + 4) * ROUNDOFF * np.linalg.norm(pull)
    costs = (0.5 * problem.gamma) * (np.abs(columns @ pull) + safety * norms) ** 2
    return float(value - costs.sum() * (1 + 2 * (costs.size + 8) * ROUNDOFF))
