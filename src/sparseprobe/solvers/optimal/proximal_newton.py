"""Newton's method for a relaxation on a few columns: weighted loss + squared k-support norm, unpenalised intercept.

Each step replaces the loss by its quadratic model at the current margins, minimises model + Omega without reading the
n examples again (quadratic_model.py), and searches the zero of the slope along the line to that minimum. With every
column forced in, the same code is Newton's method for the ridge-penalised problem on one support. Columns come
centred (column_store.py), so that the intercept takes no part of theirs. At the end the intercept is settled so that
sum c a y = 0, the condition under which the dual variables prove a bound.
Cost of a step: O(n p + z p^2) for z examples with curvature (few, for the hinge), then O(p^3) a few times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled
from sparseprobe.solvers.optimal.k_support import Seats, penalty_slope
from sparseprobe.solvers.optimal.losses import SmoothLoss, Vector, differentiate, directional_slope
from sparseprobe.solvers.optimal.quadratic_model import Columns, minimise_quadratic

SMALLEST_DAMPING = 1e-8  # of the intercept, times the total weight: keeps H regular when no example has curvature
LINE_EVALUATIONS, LONGEST_STEP = 30, 64.0
MODEL_ACCURACY = 0.1  # of the tolerance
INTERCEPT_STEPS, LARGEST_SHIFT = 40, 1e6

Slots = NDArray[np.int64]


class Examples(NamedTuple):
    """The data of a fit (a NamedTuple, which compiled code can take)."""

    columns: Columns
    """(slots, n) columns of X as rows, of which some are used."""
    slots: Slots
    """(p,) the rows that are used."""
    y: Vector
    """(n,) labels in {-1.0, +1.0}."""
    weights: Vector
    """(n,) example weights c_i."""


@compiled()
def minimise(  # noqa: PLR0917 (compiled code takes no keywords cheaply)
    data: Examples, loss: SmoothLoss, seats: Seats, w: Vector, b: float, dual: Vector, tolerance: float, steps: int
) -> float:
    """Minimise the relaxation from (w, b); w and the dual variables (n,) are written in place, b is returned.

    Stops when a step promises to lower the objective by less than `tolerance`, or after so many `steps`.
    """
    n, p = data.y.shape[0], data.slots.shape[0]
    margins, change, curvature = np.empty(n), np.empty(n), np.empty(n)
    predict_margins(data, w, b, margins)
    for _ in range(steps):
        differentiate(loss, margins, dual, curvature)
        gradient = _gradient(data, dual)
        H = _hessian(data, curvature, float(gradient[p]))
        here = np.append(w, b)
        target = here.copy()
        promised = minimise_quadratic(H, gradient - np.dot(H, here), target, seats, MODEL_ACCURACY * tolerance)
        if promised <= tolerance:
            break
        step = target - here
        direction = step[:p].copy()
        predict_margins(data, direction, step[p], change)
        length = _line_search(loss, data.weights, margins, change, w, direction, seats)
        w += length * direction
        b += length * step[p]
        margins += length * change
    return b + _settle_intercept(data, loss, margins, dual, curvature)


@compiled(fastmath=True)
def predict_margins(data: Examples, w: Vector, b: float, margins: Vector) -> None:
    """Write y_i (w.x_i + b) into `margins` (n,)."""
    for i in range(margins.shape[0]):
        margins[i] = b
    for j in range(data.slots.shape[0]):
        weight = w[j]
        if weight != 0.0:
            column = data.columns[data.slots[j]]
            for i in range(margins.shape[0]):
                margins[i] += weight * column[i]
    for i in range(margins.shape[0]):
        margins[i] *= data.y[i]


@compiled(fastmath=True)
def _gradient(data: Examples, dual: Vector) -> Vector:
    """Gradient of the loss in the p weights and, last, the intercept (p + 1,)."""
    p = data.slots.shape[0]
    gradient = np.zeros(p + 1)
    pull = np.empty(dual.shape[0])
    for i in range(dual.shape[0]):
        pull[i] = data.weights[i] * dual[i] * data.y[i]
        gradient[p] -= pull[i]
    for j in range(p):
        column = data.columns[data.slots[j]]
        total = 0.0
        for i in range(dual.shape[0]):
            total += column[i] * pull[i]
        gradient[j] = -total
    return gradient


@compiled()
def _hessian(data: Examples, curvature: Vector, slope: float) -> Columns:
    """Hessian of the loss in the p weights and the intercept, from the examples that have curvature.

    The intercept, which has no ridge, is damped by its own `slope`: its step stays of the size of a margin when few
    examples have curvature, and the damping vanishes with the slope.
    """
    p = data.slots.shape[0]
    curved = np.flatnonzero(curvature * data.weights)
    Z = np.empty((p + 1, curved.shape[0]))
    root = np.sqrt(curvature[curved] * data.weights[curved])
    for j in range(p):
        column = data.columns[data.slots[j]]
        for i in range(curved.shape[0]):
            Z[j, i] = column[curved[i]] * root[i]
    Z[p] = root
    H: Columns = np.dot(Z, Z.T)
    H[p, p] += abs(slope) + SMALLEST_DAMPING * data.weights.sum()
    return H


@compiled()
def _line_search(  # noqa: PLR0917 (compiled code takes no keywords cheaply)
    loss: SmoothLoss, weights: Vector, margins: Vector, change: Vector, w: Vector, direction: Vector, seats: Seats
) -> float:
    """The length at which the slope along `direction` has (nearly) vanished; 1 where Newton's own step is good."""
    first = directional_slope(loss, weights, margins, change, 0.0) + penalty_slope(w, direction, seats)
    low, slope_low, high, slope_high = 0.0, first, np.inf, np.inf
    length = 1.0
    for evaluation in range(LINE_EVALUATIONS):
        slope = directional_slope(loss, weights, margins, change, length)
        slope += penalty_slope(w + length * direction, direction, seats)
        if abs(slope) <= -0.1 * first or first >= 0.0:
            break
        if slope > 0.0:
            high, slope_high = length, slope
        else:
            low, slope_low = length, slope
        if high == np.inf:
            if length >= LONGEST_STEP:
                break
            length *= 2.0
        elif evaluation % 3 == 2:  # the secant may crawl: halve now and then
            length = 0.5 * (low + high)
        else:
            length = (low * slope_high - high * slope_low) / (slope_high - slope_low)
    return length


@compiled()
def _settle_intercept(data: Examples, loss: SmoothLoss, margins: Vector, dual: Vector, curvature: Vector) -> float:
    """The shift of the intercept after which sum c a y = 0: restoring the balance then costs the bound nothing."""
    shift, low, high = 0.0, -np.inf, np.inf
    total = data.weights.sum()
    for _ in range(INTERCEPT_STEPS):
        differentiate(loss, margins + shift * data.y, dual, curvature)
        pull = np.sum(data.weights * dual * data.y)  # falls as the intercept rises
        if abs(pull) <= 1e-14 * total:
            break
        if pull > 0.0:
            low = shift
        else:
            high = shift
        bend = np.sum(data.weights * curvature)
        shift = shift + pull / bend if bend > 0.0 else np.inf
        if not low < shift < high or abs(shift) > LARGEST_SHIFT:  # Newton's step leaves the bracket: widen or halve it
            if low == -np.inf:
                shift = high - 1.0 - abs(high)
            elif high == np.inf:
                shift = low + 1.0 + abs(low)
            else:
                shift = 0.5 * (low + high)
    return shift
