"""The penalty of the perspective relaxation: each column holds a share s_j in [0, 1] of k seats.

    Omega(w) = min over s in [0, 1]^p, sum s <= k   of   sum_j w_j^2 / (2 gamma s_j)

is the squared k-support norm: the tightest convex penalty that equals ||w||^2 / (2 gamma) on vectors of k non-zeros.
At its minimum s_j = min(1, |w_j| / level), where the level makes the shares add up to k: large weights pay as in a
ridge, all others pay by their absolute value. Columns forced in by branching have a whole seat of their own.
Source: Argyriou, Foygel and Srebro 2012 (k-support norm); Atamturk and Gomez 2019 (perspective).
Cost: one sort, O(p log p).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.losses import Vector

Mask = NDArray[np.bool_]


class Seats(NamedTuple):
    """Who shares what: the setting of the penalty (a NamedTuple, which compiled code can take)."""

    forced: Mask
    """(p,) columns with a whole seat of their own."""
    shared: int
    """Seats that the other columns share."""
    gamma: float
    """Ridge."""


@compiled()
def seat_level(sizes: Vector, seats: int) -> float:
    """The level at which sum_j min(1, sizes_j / level) = seats; 0 with seats for all, infinite with none."""
    if sizes.shape[0] <= seats:
        return 0.0
    order = np.sort(sizes)[::-1]
    tail = float(order.sum())
    for whole in range(seats):  # so many entries have a whole seat
        level: float = tail / (seats - whole)
        if order[whole] <= level:
            return level
        tail -= order[whole]
    return float(order[seats - 1]) if seats > 0 else np.inf  # the last seat's owner, but for rounding in the tail


@compiled()
def penalty(w: Vector, seats: Seats) -> float:
    """Omega(w), w (p,)."""
    level = seat_level(np.abs(w[~seats.forced]), seats.shared)
    total = 0.0
    for j in range(w.shape[0]):
        size = abs(w[j])
        total += size * size if seats.forced[j] or size >= level else size * level
    return total / (2.0 * seats.gamma)


@compiled()
def penalty_slope(w: Vector, direction: Vector, seats: Seats) -> float:
    """The one-sided derivative of Omega at w along `direction`."""
    level = seat_level(np.abs(w[~seats.forced]), seats.shared)
    total = 0.0
    for j in range(w.shape[0]):
        if seats.forced[j] or abs(w[j]) >= level:
            total += w[j] * direction[j]
        elif w[j] == 0.0:
            total += level * abs(direction[j])
        else:
            total += level * np.sign(w[j]) * direction[j]
    return total / seats.gamma


@compiled()
def seat_shares(w: Vector, seats: Seats) -> Vector:
    """The share of a seat that each weight holds, min(1, |w_j| / level), and 1 for the forced (p,)."""
    level = seat_level(np.abs(w[~seats.forced]), seats.shared)
    shares = np.zeros(w.shape[0])
    for j in range(w.shape[0]):
        if seats.forced[j] or (w[j] != 0.0 and abs(w[j]) >= level):
            shares[j] = 1.0
        elif level > 0.0:
            shares[j] = abs(w[j]) / level
    return shares
