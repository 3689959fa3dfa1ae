"""A good support before the proof: swap one column for another while that lowers the objective.

At the optimum of a support S its dual point prices every column. Fenchel's inequality says that swapping i for j can
help only if cost_j > cost_i, so the candidates are few: the outside columns of the highest cost against the inside ones
of the lowest. Cost: one price of all columns per round, and up to 24 problems of k columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import clock
from sparseprobe.solvers.optimal.losses import Vector
from sparseprobe.solvers.optimal.restricted import Restricted

Solve = Callable[[NDArray[np.int64], tuple[Vector, float] | None, float], Restricted]
Price = Callable[[Restricted], Vector]

ROUNDS = 30
ENTERING = 12  # outside columns tried against the cheapest inside one
CHEAPEST, FEWER = 4, 4  # inside columns tried at all; outside columns tried against the second to fourth


def swap_search(start: Restricted, solve: Solve, price: Price, deadline: float) -> Restricted:
    """The best support that single swaps reach from `start`.

    `solve(support, start, give_up_above)` fits a support, `price(fit)` gives the cost of every column (d,).
    """
    current = start
    for _ in range(ROUNDS):
        better = _best_swap(current, solve, price(current), deadline)
        if better is None:
            return current
        current = better
    return current


def _best_swap(current: Restricted, solve: Solve, costs: Vector, deadline: float) -> Restricted | None:
    """The swap that lowers the objective most, None if none of those tried lowers it."""
    outside = costs.copy()
    outside[current.support] = -np.inf
    count = min(ENTERING, outside.size - current.support.size)
    if count <= 0:
        return None
    entering = np.argpartition(-outside, count - 1)[:count]
    entering = entering[np.argsort(-outside[entering], kind="stable")]
    leaving = np.argsort(costs[current.support], kind="stable")[:CHEAPEST]
    best: Restricted | None = None
    for rank, position in enumerate(leaving):
        for column in entering if rank == 0 else entering[:FEWER]:
            if clock() > deadline:
                return best
            if costs[column] <= costs[current.support[position]]:
                break
            target = (current if best is None else best).objective * (1 - 1e-9)
            support, w = current.support.copy(), current.w.copy()
            support[position], w[position] = column, 0.0
            order = np.argsort(support)
            fit = solve(support[order], (w[order], current.b), target)
            if fit.objective < target:
                best = fit
    return best
