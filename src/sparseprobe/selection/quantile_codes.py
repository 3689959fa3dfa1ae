"""Activations as small whole numbers: in which of 16 quantile bins of its neuron each one lies.

The edges come from at most 1,024 evenly spaced training examples, whatever their labels. With the codes, the histograms
of both classes for all features and neurons are one pass over n d bytes for each positive label. A neuron that takes
one value very often (GELU near 0, ReLU at 0) has fewer occupied bins; equal activations never fall into different bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.solvers.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 16
_SAMPLE = 1024


def quantile_codes(X: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Codes (n, d), 0 to 15, of activations (n, d).

    >>> quantile_codes(np.arange(32, dtype=np.float32)[:, None]).ravel()[[0, 1, 2, 30, 31]]
    array([ 0,  0,  1, 15, 15], dtype=uint8)
    """
    n = len(X)
    sample = np.sort(X[np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(int))], axis=0)
    places = np.arange(1, BINS) * len(sample) // BINS
    codes = np.empty(X.shape, np.uint8)
    _encode(X, np.ascontiguousarray(sample[places]), codes)
    return codes


def class_histograms(codes: NDArray[np.uint8], labels: NDArray[np.int8]) -> NDArray[np.int32]:
    """(n_features, 2, d, 16) labelled examples of the negative and the positive class in each bin.

    codes (n, d); labels (n, n_features) in {1, 0, -1}.

    >>> class_histograms(np.array([[0], [1], [1]], np.uint8), np.array([[0], [1], [-1]], np.int8))[0, :, 0, :2]
    array([[1, 0],
           [0, 1]], dtype=int32)
    """
    n_features = labels.shape[1]
    positive = np.zeros((n_features, codes.shape[1], BINS), np.int32)
    _count(codes, labels == 1, positive)
    labelled = np.zeros_like(positive)
    whole = (labels >= 0).all(axis=0)
    if whole.any():
        everything = np.zeros((1, *positive.shape[1:]), np.int32)
        _count(codes, np.ones((len(labels), 1), bool), everything)
        labelled[whole] = everything
    if not whole.all():
        partial = np.zeros(((~whole).sum(), *positive.shape[1:]), np.int32)
        _count(codes, labels[:, ~whole] >= 0, partial)
        labelled[~whole] = partial
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
def _count(codes: NDArray[np.uint8], counted: NDArray[np.bool_], histograms: NDArray[np.int32]) -> None:
    for f in range(counted.shape[1]):
        for i in range(codes.shape[0]):
            if counted[i, f]:
                for j in range(codes.shape[1]):
                    histograms[f, j, codes[i, j]] += 1
