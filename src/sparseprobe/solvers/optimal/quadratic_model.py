"""Minimise a quadratic plus the squared k-support norm over a few variables: the inner problem of a Newton step.

    min over v = (w, intercept)   v.H.v / 2 + linear.v + Omega(w)

Where no weight changes its kind, Omega is quadratic itself: w_j^2 / (2 gamma) for weights with a whole seat, and
(sum |w_j|)^2 / (2 gamma r) for those that share the r seats left; weights at zero stay there while their gradient is
below the price of a seat, level / gamma. So: take the kinds as they are, solve the linear system, drop weights that
cross zero, let in those that pay, and repeat. The system may be singular (few examples have curvature); a proximal term
in the scale of each weight keeps it regular, falls while steps succeed and rises when one fails. Where a weak ridge is
lost in the rounding of large columns the system is singular as computed, and the shortest solution is taken.
Cost: O(p^3) per repetition, without reading the examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled
from sparseprobe.solvers.optimal.k_support import Seats, penalty, seat_level

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.losses import Vector

Columns = NDArray[np.float64]
Kinds = NDArray[np.int64]

REPETITIONS, SHORTENINGS = 40, 4
FIRST_PROXIMAL, LEAST_PROXIMAL, MOST_PROXIMAL = 1e-3, 1e-9, 1e4
SMALLEST_SCALE = 0.05  # of the level: the scale of a weight at zero
SINGULAR = 1e-14  # of the largest singular value: smaller ones are rounding
RESTS, SHARES_POSITIVE, SHARES_NEGATIVE, HAS_SEAT = 0, 1, -1, 2


@compiled()
def minimise_quadratic(H: Columns, linear: Vector, v: Vector, seats: Seats, tolerance: float) -> float:
    """Move v (p + 1,) to the minimum, until a repetition gains less than `tolerance`; returns the whole decrease."""
    value = _objective(H, linear, v, seats)
    first, proximal = value, FIRST_PROXIMAL
    for _ in range(REPETITIONS):
        level = seat_level(np.abs(v[:-1][~seats.forced]), seats.shared)
        gradient = np.dot(H, v) + linear
        kinds = _kinds(v, gradient, level, seats)
        step = _newton_step(H, v, gradient, kinds, level, seats, proximal)
        length, gain, trial = 1.0, -1.0, v
        for _ in range(SHORTENINGS):
            trial = v + length * step
            trial[:-1] = np.where((np.abs(kinds) == 1) & (trial[:-1] * kinds < 0.0), 0.0, trial[:-1])
            gain = value - _objective(H, linear, trial, seats)
            if gain > 0.0:
                break
            length *= 0.3
        if gain > 0.0:
            v[:] = trial
            value -= gain
            proximal = max(0.1 * proximal, LEAST_PROXIMAL) if length == 1.0 else min(3.0 * proximal, MOST_PROXIMAL)
            if gain <= tolerance and proximal <= FIRST_PROXIMAL:
                break
        elif proximal >= MOST_PROXIMAL or np.abs(step).max() == 0.0:
            break
        else:
            proximal *= 30.0
    return first - value


@compiled()
def _objective(H: Columns, linear: Vector, v: Vector, seats: Seats) -> float:
    value: float = 0.5 * np.dot(v, np.dot(H, v)) + np.dot(linear, v) + penalty(v[:-1], seats)
    return value


@compiled()
def _kinds(v: Vector, gradient: Vector, level: float, seats: Seats) -> Kinds:
    """What each weight is for the next step (p,): HAS_SEAT, SHARES with a sign to keep, or RESTS at zero."""
    p = seats.forced.shape[0]
    kinds = np.zeros(p, dtype=np.int64)
    empty = seats.shared
    for j in range(p):
        if seats.forced[j]:
            kinds[j] = HAS_SEAT
        elif abs(v[j]) > level * (1 + 1e-12):
            kinds[j] = HAS_SEAT
            empty -= 1
        elif level > 0.0 and v[j] != 0.0:
            kinds[j] = SHARES_POSITIVE if v[j] > 0.0 else SHARES_NEGATIVE
        elif 0.0 < level < np.inf and abs(gradient[j]) > level / seats.gamma:
            kinds[j] = SHARES_POSITIVE if gradient[j] < 0.0 else SHARES_NEGATIVE
    if level == 0.0:  # fewer weights than seats: the steepest of the others take the empty ones
        pull = np.where(kinds == RESTS, np.abs(gradient[:p]), -1.0)
        kinds[np.argsort(-pull)[:empty]] = HAS_SEAT
    return kinds


@compiled()
def _newton_step(  # noqa: PLR0917 (compiled code takes no keywords cheaply)
    H: Columns, v: Vector, gradient: Vector, kinds: Kinds, level: float, seats: Seats, proximal: float
) -> Vector:
    """The step (p + 1,) to the minimum of the quadratic that these kinds make, nearly: with the proximal term."""
    p = kinds.shape[0]
    seats_left = seats.shared - np.sum((kinds == HAS_SEAT) & ~seats.forced)
    sign = np.zeros(p + 1)
    sign[:p] = np.where(np.abs(kinds) == 1, kinds, 0)
    active = np.append(np.flatnonzero(kinds), p)
    M, right = np.empty((active.shape[0], active.shape[0])), np.empty(active.shape[0])
    for row in range(active.shape[0]):
        i = active[row]
        right[row] = -gradient[i]
        for column in range(active.shape[0]):
            M[row, column] = H[i, active[column]]
            if sign[i] != 0.0:
                M[row, column] += sign[i] * sign[active[column]] / (seats.gamma * seats_left)
        if sign[i] != 0.0:
            M[row, row] += proximal / seats.gamma * level / max(abs(v[i]), SMALLEST_SCALE * level)
            right[row] -= sign[i] * level / seats.gamma
        elif i < p:
            M[row, row] += 1.0 / seats.gamma
            right[row] -= v[i] / seats.gamma
    step = np.zeros(p + 1)
    step[active] = _solution(M, right)
    return step


@compiled()
def _solution(M: Columns, right: Vector) -> Vector:
    """M^-1 right for a positive M (q, q), unknowns in units in which its diagonal is 1; the shortest where it has many.

    0, which counts as a failed step, where M or right is not finite.
    """
    unit = 1.0 / np.sqrt(np.diag(M))
    scaled, wanted = M * unit * unit.reshape(-1, 1), right * unit
    if not (np.isfinite(scaled).all() and np.isfinite(wanted).all()):
        return np.zeros_like(right)
    try:
        return unit * np.linalg.solve(scaled, wanted)
    except Exception:  # singular as computed; compiled code can name no narrower error
        return unit * np.linalg.lstsq(scaled, wanted, SINGULAR)[0]
