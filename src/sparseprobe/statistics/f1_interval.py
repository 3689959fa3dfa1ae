"""The 95 % interval of F1 in closed form, which covers also where few groups hold the positive examples.

F1 = 2 J / (1 + J), and J = tp / (tp + fp + fn) is a share: of the examples that are positive or called so, those that
are both. So an interval of a share becomes one of F1. It is Wilson's, for the number of independent examples that the
groups amount to:

    n = J (1 - J) / v,     v = G / (G - 1) sum_g r_g^2 / U^2,     r_g = tp_g - J u_g

with u_g of the U examples in group g (linearised variance of a ratio, Cochran 1977, section 6). Where few groups hold
the errors, v is uncertain itself; n is then multiplied by (z / t)^2, with t of (sum r^2)^2 / sum r^4 degrees of freedom
(Korn and Graubard 1998; Satterthwaite 1946). It is at least U^2 / sum u_g^2, its value where the examples of a group
all agree, which is also taken where J is 0 or 1; and at most its value where they are independent, which is U, or
(sum w)^2 / sum w^2 for weights.

A percentile bootstrap cannot do this: a probe without an error on six positive documents has none in any resample, and
the interval is [1, 1] (`make bench-statistics` measures the coverage).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from sparseprobe.statistics.confusion import yes_or_no

_TAIL = 0.975
_Z = float(norm.ppf(_TAIL))


def f1_interval(
    positive: object, predicted: object, groups: NDArray[np.generic], weights: NDArray[np.floating] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper end of the interval, shapes () or (m,); NaN for examples of fewer than two groups.

    positive (n,) and predicted (n,) or (n, m) bool, or 1 and 0; groups (n,) the document of each example; weights (n,).
    Raises `InputError` for other labels.

    >>> truth = np.array([True] * 6 + [False] * 20)
    >>> low, high = f1_interval(truth, truth, np.arange(26))        # six documents, no error
    >>> round(float(low), 3), float(high)
    (0.758, 1.0)
    """
    truth, said = yes_or_no(positive), yes_or_no(predicted)
    names, member = np.unique(groups, return_inverse=True)
    shape = said.shape[1:]
    if len(names) < 2:
        return np.full(shape, np.nan), np.full(shape, np.nan)
    own = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
    flat = said.reshape(len(truth), -1)
    both, either = (own[:, None] * share for share in (flat & truth[:, None], flat | truth[:, None]))
    hits, counted = np.zeros((2, len(names), flat.shape[1]))
    np.add.at(hits, member, both)
    np.add.at(counted, member, either)
    total, squares = counted.sum(axis=0), (either**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing is positive or called so: NaN
        share = hits.sum(axis=0) / total
        alike, independent = total**2 / (counted**2).sum(axis=0), total**2 / squares
        low, high = _wilson(share, np.clip(_independent_examples(share, hits, counted), alike, independent))
    return tuple((2 * end / (1 + end)).reshape(shape) for end in (low, high))  # type: ignore[return-value]


def _independent_examples(
    share: NDArray[np.float64], hits: NDArray[np.float64], counted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The n of the module's first lines, (m,), from J (m,) and each group's tp and u, (G, m); 0 for J of 0 or 1."""
    residual = hits - share * counted
    groups, squares = (counted > 0).sum(axis=0), (residual**2).sum(axis=0)
    variance = squares / counted.sum(axis=0) ** 2 * groups / (groups - 1)
    freedom = np.maximum(squares**2 / (residual**4).sum(axis=0), 1.0)
    uncertain = (_Z / t.ppf(_TAIL, freedom)) ** 2
    extreme = (share <= 0) | (share >= 1)
    return np.where(extreme, 0.0, np.where(squares > 0, share * (1 - share) / variance * uncertain, np.inf))


def _wilson(share: NDArray[np.float64], n: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's interval of a share of n examples (Wilson 1927)."""
    middle, spread = share + _Z**2 / (2 * n), _Z * np.sqrt(share * (1 - share) / n + (_Z / (2 * n)) ** 2)
    whole = 1 + _Z**2 / n
    low = np.where(share <= 0, 0.0, (middle - spread) / whole)
    return low, np.where(share >= 1, 1.0, (middle + spread) / whole)
