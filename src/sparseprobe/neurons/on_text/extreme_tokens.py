"""The largest activations of every neuron and where they were, kept while text streams by.

An accumulator: portions may come in any order, and the result is that of sorting everything; equal activations go by
their place in the text, the earlier first. After the first portions almost nothing passes the k-th largest so far, so a
portion costs one comparison an activation. Memory: 16 k bytes a neuron.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class LargestActivations:
    """The k largest activations of d neurons, largest first.

    >>> largest = LargestActivations(d=1, k=2)
    >>> largest.add(np.arange(4), np.array([[1.0], [5.0], [2.0], [5.0]], np.float32))
    >>> largest.activations.tolist(), largest.places.tolist()
    ([[5.0, 5.0]], [[1, 3]])
    """

    def __init__(self, d: int, k: int) -> None:
        self.activations = np.full((d, k), -np.inf, np.float32)
        """(d, k), -inf where fewer were seen."""
        self.places = np.full((d, k), np.iinfo(np.int64).max)
        """(d, k) places in the text."""

    def add(self, places: NDArray[np.int64], activations: NDArray[np.float32]) -> None:
        """Take activations (n, d) of the tokens at `places` (n,)."""
        least, least_place = self.activations[:, -1], self.places[:, -1]
        passing = (activations > least) | ((activations == least) & (places[:, None] < least_place))
        row, column = np.nonzero(passing)
        if not len(row):
            return
        kept = np.unique(column)
        k = self.activations.shape[1]
        neuron = np.concatenate([column, np.repeat(kept, k)])
        value = np.concatenate([activations[row, column], self.activations[kept].ravel()])
        place = np.concatenate([places[row], self.places[kept].ravel()])
        order = np.lexsort((place, -value, neuron))
        first = np.searchsorted(neuron[order], kept)
        best = order[first[:, None] + np.arange(k)]
        self.activations[kept], self.places[kept] = value[best], place[best]
