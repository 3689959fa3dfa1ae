"""Histograms of activations whose bins need not be known before the text is read, 8 to each power of two.

A float32 is sign, exponent and mantissa; sign, exponent and the first three bits of the mantissa number its bin, so
counting is a shift and a bin count, and bins are the same for every neuron, portion and run. Values below 2^-10 in size
share the middle bin, those above 2^12 the first and the last. Quantiles are interpolated in a bin: their error is at
most the width of one, between 1/16 and 1/8 of the value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST, LARGEST, PER_OCTAVE = -10, 12, 8
_SIDE = (LARGEST - SMALLEST) * PER_OCTAVE + 1
N_BINS = 2 * _SIDE + 1

_MAGNITUDES = np.concatenate(
    [2.0**octave * (1 + np.arange(PER_OCTAVE) / PER_OCTAVE) for octave in range(SMALLEST, LARGEST)]
    + [[2.0**LARGEST, np.inf]]
)
EDGES: NDArray[np.float64] = np.concatenate([-_MAGNITUDES[::-1], _MAGNITUDES])
"""(N_BINS + 1,) bin i holds values from EDGES[i] to EDGES[i + 1]."""


def bin_of(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bin of each value.

    >>> bins = bin_of(np.array([0.0, 1.0, -1.0, 1e9], np.float32))
    >>> [bool(EDGES[i] <= value <= EDGES[i + 1]) for i, value in zip(bins, [0.0, 1.0, -1.0, 1e9])]
    [True, True, True, True]
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    size = ((bits & 0x7FFFFFFF) >> 20).astype(np.int64) - ((SMALLEST + 127) << 3) + 1
    size = np.clip(size, 0, _SIDE)
    return np.where(bits >> 31, _SIDE - size, _SIDE + size)


def count(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Counts (d, N_BINS) of activations (n, d)."""
    width = values.shape[1]
    flat = bin_of(values) + N_BINS * np.arange(width)
    return np.bincount(flat.ravel(), minlength=N_BINS * width).reshape(width, N_BINS)


def quantiles(
    counts: NDArray[np.int64], shares: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Quantiles (d, n_shares) of histograms (d, N_BINS), within the least and largest values (d,)."""
    found = np.empty((len(counts), len(shares)))
    for row, bins in enumerate(counts):
        cumulated = np.concatenate([[0], np.cumsum(bins)])
        edges = np.clip(EDGES, low[row], high[row])
        sides = np.flatnonzero(bins)[:, None] + (0, 1)  # of every bin that holds something
        found[row] = np.interp(shares * cumulated[-1], cumulated[sides].ravel(), edges[sides].ravel())
    return found
