"""Aggregation: from the hidden states of a batch to one row of activations for each labelled example.

    none    the example's only token                       last   the last token of its span
    mean    (1 / |span|) sum over t in span of h_t         max    max over t in span of h_t, neuron by neuron

Only the tokens of the span are read, so padding never counts and negative values need no special case (filling with
-1 before taking a maximum, as is often done, is wrong for sites with values below -1). Means are taken in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparseprobe.choices import Aggregation

#: Spans at least this long are reduced one by one in place; gathering short ones first is faster (measured, 1 to 64).
LONG_SPAN = 32
#: Tokens gathered at a time, at most.
GATHERED_TOKENS = 8192


@dataclass(frozen=True)
class Spans:
    """Where the examples of a batch are: three arrays of shape (n_examples,)."""

    row: NDArray[np.int64]
    """The example's sequence, as a row of the batch."""
    start: NDArray[np.int64]
    """First column of its span, padding counted."""
    stop: NDArray[np.int64]
    """Column after its last."""

    def compact(self, width: int) -> tuple[NDArray[np.int64], Spans]:
        """The tokens that any span holds, numbered row by row in a batch of this width, and the spans among them.

        >>> tokens, spans = Spans(np.array([0, 1]), np.array([1, 0]), np.array([3, 1])).compact(4)
        >>> tokens.tolist(), spans.start.tolist(), spans.stop.tolist()
        ([1, 2, 4], [0, 2], [2, 3])
        """
        begins, ends = self.row * width + self.start, self.row * width + self.stop
        tokens = np.unique(np.concatenate([np.arange(a, b) for a, b in zip(begins, ends, strict=True)]))
        start = np.searchsorted(tokens, begins)
        return tokens, Spans(np.zeros_like(self.row), start, start + ends - begins)


def aggregate(hidden: Tensor, spans: Spans, how: Aggregation) -> Tensor:
    """One row for each example, (n_examples, d), a copy that keeps nothing of `hidden` alive.

    `hidden` is (n_sequences, width, d).

    >>> hidden = torch.tensor([[[1.0], [-3.0], [8.0]]])
    >>> spans = Spans(np.array([0, 0]), np.array([0, 1]), np.array([2, 2]))
    >>> [aggregate(hidden, spans, how).flatten().tolist() for how in ("last", "mean", "max")]
    [[-3.0, -3.0], [-1.0, -3.0], [1.0, -3.0]]
    """
    if how in ("none", "last"):
        return _gather(hidden, spans.row, spans.stop - 1)
    lengths = spans.stop - spans.start
    dtype = torch.float32 if how == "mean" else hidden.dtype
    result = torch.empty((len(lengths), hidden.shape[-1]), dtype=dtype, device=hidden.device)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        if length >= LONG_SPAN:
            for member in members:
                span = hidden[spans.row[member], spans.start[member] : spans.stop[member]]
                result[member] = _reduce(span, how, 0)
            continue
        for part in np.array_split(members, max(1, -(-len(members) * int(length) // GATHERED_TOKENS))):
            columns = spans.start[part, None] + np.arange(length)
            tokens = _gather(hidden, np.repeat(spans.row[part], length), columns.ravel())
            rows = torch.from_numpy(part).to(hidden.device)
            result[rows] = _reduce(tokens.view(len(part), int(length), -1), how, 1)
    return result


def _gather(hidden: Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Tensor:
    flat = torch.from_numpy(rows * hidden.shape[1] + columns).to(hidden.device)
    return hidden.reshape(-1, hidden.shape[-1]).index_select(0, flat)


def _reduce(tokens: Tensor, how: Aggregation, dimension: int) -> Tensor:
    return tokens.mean(dimension, dtype=torch.float32) if how == "mean" else tokens.amax(dimension)
