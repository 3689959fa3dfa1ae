"""The weighted logistic loss as a function of the coefficients alone: its intercept is always the best one.

    L(w) = min over b of  sum_i c_i log(1 + exp(-y_i (x_i.w + b))),    y_i in {-1, +1}

L is smooth and convex; with p_i the fitted probability of the positive class its gradient is X' r, r_i = c_i (p_i -
[y_i = 1]), and its Hessian is the Gram of the columns centred and weighted by h_i = c_i p_i (1 - p_i). Solvers that
use it need not handle an intercept. The best intercept is the root of a monotone function of one number, found by
safeguarded Newton steps: O(n) each, 2 to 4 of them.

The duality gap of C L(w) + l1 |w|_1 + l2 / 2 |w|^2 needs no more than r and the gradient. For a_i = C |r_i|, which sums
to the same over both classes at the best intercept, every objective is at least
    sum_i C c_i H(a_i / (C c_i)) - sum_j max(0, |v_j| - l1)^2 / (2 l2),   v = C X' r,  H the entropy in nats;
without l2 the dual point is shrunk first until no |v_j| exceeds l1 (Fenchel duality; Koh, Kim
and Boyd 2007, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from sparseprobe.compiled import compiled
from sparseprobe.solvers.exponential import exponential

_MAX_STEPS = 100
_BALANCE = 1e-12  # how equal, relative to their size, the residuals of the two classes must become


@dataclass(frozen=True)
class ProfiledLoss:
    """The loss at given coefficients with the best intercept, and its derivatives with respect to each row's score."""

    loss: float
    intercept: float
    residual: np.ndarray
    """(n,) derivative of the loss by each row's score; sums to 0."""
    curvature: np.ndarray
    """(n,) second derivative of the loss by each row's score."""
    entropy: float
    """Sum over rows of the weight times the entropy of the fitted probability, nats."""


def profiled_loss(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray, *, start: float = 0.0) -> ProfiledLoss:
    """The loss for rows with scores x.w (n,), labels `positive` (n,) bool and weights (n,), searched from `start`.

    >>> point = profiled_loss(np.zeros(4), np.array([True, False, False, False]), np.ones(4))
    >>> round(point.intercept, 6), round(point.loss, 6)     # log(1 / 3), and the entropy of 1 : 3 over four rows
    (-1.098612, 2.249341)
    """
    derivatives = np.empty((3, len(scores)))
    intercept = _profile(scores, positive, weights, start, derivatives)
    residual, curvature, decay = derivatives
    wrong = np.where(positive, -(scores + intercept), scores + intercept)
    surprise = np.log1p(decay)  # of the likelier class; the other is |score| more
    loss = float(weights @ (surprise + np.maximum(wrong, 0.0)))
    entropy = float(weights @ (surprise + np.abs(wrong) * decay / (1 + decay)))
    return ProfiledLoss(loss, intercept, residual, curvature, entropy)


def relative_gap(
    objective: float, gradient: np.ndarray, point: ProfiledLoss, weights: np.ndarray, *, C: float, l1: float, l2: float
) -> float:
    """(objective - lower bound) / objective at a point with `gradient` = C X' r; 0 at the minimum, never negative."""
    magnitude = np.abs(gradient)
    largest = float(magnitude.max(initial=0.0))
    shrink = 1.0 if l2 > 0 or largest <= l1 else l1 / largest
    entropy = C * (point.entropy if shrink == 1.0 else _entropy(point, weights, shrink))
    excess = np.maximum(magnitude * shrink - l1, 0.0)
    bound = entropy - (float(excess @ excess) / (2 * l2) if l2 > 0 else 0.0)
    return max(0.0, objective - bound) / objective


def _entropy(point: ProfiledLoss, weights: np.ndarray, shrink: float) -> float:
    """The entropy of the dual point shrunk towards 0."""
    share = np.abs(point.residual) / np.where(weights > 0, weights, 1.0) * shrink
    return float(weights @ (entr(share) + entr(1 - share)))


@compiled()
def _profile(
    scores: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    intercept: float,
    derivatives: NDArray[np.float64],
) -> float:
    """Find the best intercept; fill the rows of `derivatives` (3, n): residual, curvature, exp(-|score|)."""
    residual, curvature, decay = derivatives[0], derivatives[1], derivatives[2]
    n = scores.size
    bits = np.empty(n)
    low, high = -np.inf, np.inf
    for taken in range(_MAX_STEPS):
        for i in range(n):
            residual[i] = -abs(scores[i] + intercept)
        exponential(residual, decay, bits)
        above, below, bend = 0.0, 0.0, 0.0
        for i in range(n):
            small = decay[i] / (1 + decay[i])  # the smaller of p and 1 - p, without cancellation
            wrong = small if (scores[i] + intercept > 0) == positive[i] else 1 / (1 + decay[i])
            curvature[i] = weights[i] * small * (1 - small)
            bend += curvature[i]
            pull = weights[i] * wrong
            if positive[i]:
                residual[i] = -pull
                below += pull
            else:
                residual[i] = pull
                above += pull
        slope = above - below
        if abs(slope) <= _BALANCE * (above + below) or taken == _MAX_STEPS - 1:
            break
        if slope > 0:
            high = intercept
        else:
            low = intercept
        step = -slope / bend if bend > 0 else -np.sign(slope)
        step = min(max(step, -10.0), 10.0)
        following = intercept + step
        if not low < following < high:
            following = 0.5 * (low + high)
        if following in (intercept, low, high):
            break
        intercept = following
    return intercept
