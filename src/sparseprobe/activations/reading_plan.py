"""The order in which a dataset is read: rows in blocks, and within a block sequences of similar length in batches.

Rows are stored in the order of their sequences, so that a sequence is run once for all its examples. They are cut into
blocks of equal size; a block is held in memory, written as one chunk per layer, and repeated if it was interrupted. In
a block, sequences go longest first into batches of at most `batch_tokens` padded tokens. Everything follows from the
dataset and the two numbers of the plan, so a continued run computes exactly what the stopped one would have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sparseprobe.activations.aggregation import Spans
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.models.forward_pass import Batch, Side, pad, rows_by_length


@dataclass(frozen=True, eq=False)
class Reading:
    """One batch of a block: what to run and where its examples are."""

    batch: Batch
    spans: Spans
    rows: NDArray[np.int64]
    """(n_examples,) the examples' rows in the block."""
    n_tokens: int
    """Real tokens in the batch."""

    def halves(self) -> tuple[Reading, Reading]:
        """The first and the second half of the sequences, for a device that all of them are too many for."""
        half = len(self.batch.tokens) // 2
        return self._part(0, half), self._part(half, len(self.batch.tokens))

    def _part(self, begin: int, end: int) -> Reading:
        whole, spans = self.batch, self.spans
        batch = Batch(whole.tokens[begin:end], whole.mask[begin:end], whole.first[begin:end])
        here = (spans.row >= begin) & (spans.row < end)
        own = Spans(spans.row[here] - begin, spans.start[here], spans.stop[here])
        return Reading(batch, own, self.rows[here], int(batch.mask.sum()))


@dataclass(frozen=True, eq=False)
class ReadingPlan:
    """The order of a reading; see the module for the reasons."""

    data: ProbingDataset
    rows_per_block: int
    batch_tokens: int
    causal: bool
    """In a causal model nothing after a sequence's last labelled token matters, so it is not run."""
    padding: Side = "right"
    pad_id: int = 0
    one_length: bool = False
    """Whether batches hold sequences of one length only, as for models that cannot hide padding."""

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(n_examples,) the example that each stored row holds."""
        examples = self.data.examples
        return np.lexsort((examples["start"].to_numpy(), examples["sequence"].to_numpy())).astype(np.int64)

    @property
    def n_rows(self) -> int:
        """Number of examples."""
        return len(self.data.examples)

    @property
    def n_blocks(self) -> int:
        """Number of blocks; all but the last are full."""
        return -(-self.n_rows // self.rows_per_block)

    def block_rows(self, block: int) -> slice:
        """Stored rows of a block."""
        start = block * self.rows_per_block
        return slice(start, min(start + self.rows_per_block, self.n_rows))

    def total_tokens(self, stop: int | None = None) -> int:
        """Tokens that the blocks before `stop` (by default all) run; equal sequences of a block count once."""
        blocks = range(self.n_blocks if stop is None else min(stop, self.n_blocks))
        return sum(len(tokens) for block in blocks for tokens, _ in self._runs(block))

    def readings(self, block: int) -> Iterator[Reading]:
        """The batches of a block, longest sequences first."""
        runs = self._runs(block)
        lengths = [len(tokens) for tokens, _ in runs]
        for chosen in rows_by_length(lengths, self.batch_tokens, one_length=self.one_length):
            yield self._reading([runs[run] for run in chosen], block)

    def _runs(self, block: int) -> list[tuple[NDArray[np.int32], list[int]]]:
        """Different token sequences of a block, each with the rows of the block that it serves."""
        rows = self.order[self.block_rows(block)]
        sequence = self.data.examples["sequence"].to_numpy()[rows]
        stop = self.data.examples["stop"].to_numpy()[rows]
        serves: dict[bytes, tuple[NDArray[np.int32], list[int]]] = {}
        bounds = np.flatnonzero(np.diff(sequence, prepend=-1, append=-1))
        for first, end in pairwise(bounds):
            tokens = self.data.sequences[int(sequence[first])]
            tokens = tokens[: stop[first:end].max()] if self.causal else tokens
            serves.setdefault(tokens.tobytes(), (tokens, []))[1].extend(range(first, end))
        return list(serves.values())

    def _reading(self, runs: list[tuple[NDArray[np.int32], list[int]]], block: int) -> Reading:
        batch = pad([tokens for tokens, _ in runs], side=self.padding, pad_id=self.pad_id)
        rows = np.concatenate([np.asarray(served, np.int64) for _, served in runs])
        in_batch = np.repeat(np.arange(len(runs)), [len(served) for _, served in runs])
        examples = self.order[self.block_rows(block)][rows]
        start, stop = (self.data.examples[column].to_numpy()[examples] for column in ("start", "stop"))
        shift = batch.first[in_batch]
        spans = Spans(in_batch, start + shift, stop + shift)
        return Reading(batch, spans, rows, sum(len(tokens) for tokens, _ in runs))
