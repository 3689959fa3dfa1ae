"""Activations as small integers: in which of 16 quantile bins of its neuron each one lies.

The edges come from at most 1,024 evenly spaced training examples, whatever their labels. With the codes, the histograms
of both classes for all features and neurons are one pass over n d bytes for each positive label. A neuron that takes
one value very often (GELU near 0, ReLU at 0) has fewer occupied bins; equal activations never fall into different bins,
and a value at which several edges lie has a bin of its own, so that the few examples on which a neuron fires do not
share the bin of the zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import compiled

BINS = 16
_SAMPLE = 1024


def quantile_codes(X: NDArray[np.float32], weights: NDArray[np.float64] | None = None) -> NDArray[np.uint8]:
    """Codes (n, d), 0 to 15, of activations (n, d); with `weights` (n,) a weight of 2 counts as two rows.

    >>> quantile_codes(np.arange(32, dtype=np.float32)[:, None]).ravel()[[0, 1, 2, 30, 31]]
    array([ 0,  0,  1, 15, 15], dtype=uint8)
    """
    shares = np.ones(len(X)) if weights is None else weights
    sample = np.sort(X[_evenly_spaced(shares)], axis=0)
    codes = np.empty(X.shape, np.uint8)
    _encode(X, _edges(sample), codes)
    return codes


def _edges(sample: NDArray[np.float32]) -> NDArray[np.float32]:
    """(15, d) where bins 1 to 15 begin, from sorted activations (n, d); one that repeats the edge before begins at the
    next larger number.
    """
    edges = sample[np.arange(1, BINS) * len(sample) // BINS]
    above = np.nextafter(edges[1:], np.float32(np.inf))
    edges[1:] = np.where(edges[1:] == edges[:-1], above, edges[1:])
    return edges


def _evenly_spaced(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Up to 1,024 rows, evenly spaced where each row is repeated as often as its weight (n,) says."""
    total, counted = float(weights.sum()), int(np.count_nonzero(weights))
    size = min(_SAMPLE, max(counted, int(total)))
    places = np.linspace(0, total - 1, size).astype(int) if total >= size else np.linspace(0, total, size, False)
    return np.searchsorted(np.cumsum(weights), places, side="right").clip(max=len(weights) - 1)


def class_histograms(
    codes: NDArray[np.uint8], labels: NDArray[np.int8], weights: NDArray[np.float64] | None = None
) -> NDArray[np.int32] | NDArray[np.float64]:
    """(n_features, 2, d, 16) labelled examples, or their weights, of the negative and positive class in each bin.

    codes (n, d); labels (n, n_features) in {1, 0, -1}; weights (n,).

    >>> class_histograms(np.array([[0], [1], [1]], np.uint8), np.array([[0], [1], [-1]], np.int8))[0, :, 0, :2]
    array([[1, 0],
           [0, 1]], dtype=int32)
    """

    def counted(which: NDArray[np.bool_]) -> NDArray[np.int32] | NDArray[np.float64]:
        shape = (which.shape[1], codes.shape[1], BINS)
        if weights is None:
            counts = np.zeros(shape, np.int32)
            _count(codes, which, np.ones(len(codes), np.int32), counts)
            return counts
        sums = np.zeros(shape)
        _count(codes, which, weights, sums)
        return sums

    positive = counted(labels == 1)
    labelled = np.empty_like(positive)
    whole = (labels >= 0).all(axis=0)
    if whole.any():
        labelled[whole] = counted(np.ones((len(labels), 1), bool))
    if not whole.all():
        labelled[~whole] = counted(labels[:, ~whole] >= 0)
    return np.stack([labelled - positive, positive], axis=1)


@compiled()
def _encode(X: NDArray[np.float32], edges: NDArray[np.float32], codes: NDArray[np.uint8]) -> None:
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            code = 0
            for bound in range(edges.shape[0]):
                code += X[i, j] >= edges[bound, j]
            codes[i, j] = code


@compiled()
def _count(
    codes: NDArray[np.uint8],
    counted: NDArray[np.bool_],
    weights: NDArray[np.int32] | NDArray[np.float64],
    histograms: NDArray[np.int32] | NDArray[np.float64],
) -> None:
    for f in range(counted.shape[1]):
        for i in range(codes.shape[0]):
            if counted[i, f]:
                for j in range(codes.shape[1]):
                    histograms[f, j, codes[i, j]] += weights[i]
