"""The three losses of the margin m = y (w.x + b), each with its dual variable, its curvature and its conjugate.

For a convex decreasing loss phi the dual variable of an example is a = -phi'(m), and Fenchel's inequality
phi(m) >= D(a) - a m with D(a) = -phi*(-a) holds for every a of the domain; it is what every bound here rests on.

    hinge           phi(m) = max(0, 1 - m)          D(a) = a                                0 <= a <= 1
    squared_hinge   phi(m) = max(0, 1 - m)^2        D(a) = a - a^2 / 4                      0 <= a
    logistic        phi(m) = log(1 + exp(-m))       D(a) = -a log a - (1 - a) log(1 - a)    0 <= a <= 1

The hinge has no curvature, so Newton steps see it smoothed: quadratic on 1 - delta < m < 1. The smoothed dual variable
clip((1 - m) / delta, 0, 1) is feasible for the true hinge, and at the smoothed optimum the true duality gap is only
delta * sum c a (1 - a) over the examples inside the quadratic piece. Source: "Finding Neurons in a Haystack",
arXiv 2305.01610, optimal sparse probing (hinge); the other two are ours. Cost: O(n) each.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled

Loss = Literal["hinge", "squared_hinge", "logistic"]
LOSSES: tuple[Loss, ...] = ("hinge", "squared_hinge", "logistic")
HINGE, SQUARED_HINGE, LOGISTIC = range(3)

Vector = NDArray[np.float64]


class SmoothLoss(NamedTuple):
    """A loss as Newton's method sees it (a NamedTuple, which compiled code can take)."""

    kind: int
    """HINGE, SQUARED_HINGE or LOGISTIC."""
    delta: float
    """Width of the quadratic piece that smooths the hinge; without meaning for the other two."""


@compiled()
def differentiate(loss: SmoothLoss, margins: Vector, dual: Vector, curvature: Vector) -> None:
    """Write a = -phi'(m) and phi''(m) of every margin into `dual` and `curvature`."""
    if loss.kind == HINGE:
        for i in range(margins.shape[0]):
            a = (1.0 - margins[i]) / loss.delta
            dual[i] = min(max(a, 0.0), 1.0)
            curvature[i] = 1.0 / loss.delta if 0.0 < a < 1.0 else 0.0
    elif loss.kind == SQUARED_HINGE:
        for i in range(margins.shape[0]):
            a = 2.0 * (1.0 - margins[i])
            dual[i] = max(a, 0.0)
            curvature[i] = 2.0 if a > 0.0 else 0.0
    else:
        for i in range(margins.shape[0]):
            a = 1.0 / (1.0 + np.exp(margins[i]))
            dual[i] = a
            curvature[i] = a * (1.0 - a)


@compiled(fastmath=True)
def directional_slope(loss: SmoothLoss, weights: Vector, margins: Vector, change: Vector, step: float) -> float:
    """d/dt of sum_i c_i phi(m_i + t dm_i) at t = `step`: -sum_i c_i a_i dm_i."""
    slope = 0.0
    if loss.kind == HINGE:
        for i in range(margins.shape[0]):
            a = (1.0 - margins[i] - step * change[i]) / loss.delta
            slope -= weights[i] * min(max(a, 0.0), 1.0) * change[i]
    elif loss.kind == SQUARED_HINGE:
        for i in range(margins.shape[0]):
            slope -= weights[i] * 2.0 * max(1.0 - margins[i] - step * change[i], 0.0) * change[i]
    else:
        for i in range(margins.shape[0]):
            slope -= weights[i] * change[i] / (1.0 + np.exp(margins[i] + step * change[i]))
    return slope


@compiled()
def total_loss(loss: int, margins: Vector, weights: Vector) -> float:
    """sum_i c_i phi(m_i), the hinge as it is, without smoothing."""
    total = 0.0
    for i in range(margins.shape[0]):
        m = margins[i]
        if loss == LOGISTIC:
            total += weights[i] * (max(-m, 0.0) + np.log1p(np.exp(-abs(m))))
        elif m < 1.0:
            total += weights[i] * ((1.0 - m) if loss == HINGE else (1.0 - m) ** 2)
    return total


@compiled()
def dual_value(loss: int, a: float) -> float:
    """D(a) = -phi*(-a), for an a inside the domain."""
    if loss == HINGE:
        return a
    if loss == SQUARED_HINGE:
        return a - 0.25 * a * a
    value = 0.0
    if a > 0.0:
        value -= a * np.log(a)
    if a < 1.0:
        value -= (1.0 - a) * np.log1p(-a)
    return value
