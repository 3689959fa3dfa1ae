"""Mean, variance, skewness and excess kurtosis, from values or from sums of their powers; float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOMENTS = ("mean", "variance", "skewness", "kurtosis")
_SPREAD = 1e-14
"""A variance below so small a share of the mean square is rounding: the values are the same."""


def moments(values: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """The moments of the population along the last axis; skewness and kurtosis are NaN where values never change.

    >>> {name: round(float(value), 3) for name, value in moments(np.array([1.0, 1.0, 4.0])).items()}
    {'mean': 2.0, 'variance': 2.0, 'skewness': 0.707, 'kurtosis': -1.5}
    """
    pivot = values.mean(-1, dtype=np.float64)
    centred = values - pivot[..., None]
    powers = np.stack([(centred**exponent).mean(-1) for exponent in (1, 2, 3, 4)])
    return moments_of_powers(powers, pivot)


def moments_of_powers(powers: NDArray[np.float64], pivot: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """From the means of the first four powers of the values less a pivot, (4, ...)."""
    first, second, third, fourth = powers
    variance = np.maximum(second - first**2, 0.0)
    m3 = third - 3 * first * second + 2 * first**3
    m4 = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    safe = np.where(variance > _SPREAD * (second + pivot**2), variance, np.nan)
    return dict(zip(MOMENTS, (pivot + first, variance, m3 / safe**1.5, m4 / safe**2 - 3), strict=True))
