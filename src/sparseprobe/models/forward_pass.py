"""One forward pass of a model's trunk over a padded batch, with positions and padding made explicit.

Padding often goes wrong silently: left-padded batches without position ids give every shorter text other
activations, without an error. So a batch here always carries its attention mask and its position ids, on whichever side
it is padded, and a batch of many equals one by one (tested for every architecture, both sides).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

Side = Literal["left", "right"]
Numbering = Literal["explicit", "own"]


class StopForward(Exception):  # noqa: N818
    """A signal, not an error: raised by a hook once all that is needed has been read, caught by `run_until_stopped`."""


@dataclass(frozen=True)
class Batch:
    """Token sequences of different lengths in one rectangle."""

    tokens: Tensor
    """(n_sequences, width) int64; padded places hold the padding id, which no real token ever attends to."""
    mask: Tensor
    """(n_sequences, width) int64, 1 at real tokens."""
    first: NDArray[np.int64]
    """(n_sequences,) column of each sequence's token 0: 0 if padded on the right."""

    @property
    def positions(self) -> Tensor:
        """(n_sequences, width) int64: 0, 1, 2, ... along each sequence's real tokens, 0 on the padding."""
        return (self.mask.cumsum(1) - 1).clamp(min=0)


def pad(sequences: Sequence[NDArray[np.int32]], *, side: Side = "right", pad_id: int = 0) -> Batch:
    """Put sequences into one batch, padded at the end (`right`) or at the beginning (`left`).

    >>> pad([np.array([5, 6, 7], np.int32), np.array([8], np.int32)], side="left").tokens.tolist()
    [[5, 6, 7], [0, 0, 8]]
    """
    width = max(len(sequence) for sequence in sequences)
    tokens = np.full((len(sequences), width), pad_id, np.int64)
    mask = np.zeros_like(tokens)
    first = np.zeros(len(sequences), np.int64)
    for row, sequence in enumerate(sequences):
        first[row] = width - len(sequence) if side == "left" else 0
        place = slice(first[row], first[row] + len(sequence))
        tokens[row, place] = sequence
        mask[row, place] = 1
    return Batch(torch.from_numpy(tokens), torch.from_numpy(mask), first)


def rows_by_length(lengths: ArrayLike, batch_tokens: int, *, one_length: bool = False) -> Iterator[NDArray[np.int64]]:
    """Row numbers of one batch after another: longest first, at most `batch_tokens` padded tokens in each.

    With `one_length` no batch needs padding. Rows of length 0 are omitted, and a row longer than `batch_tokens` has a
    batch of its own.

    >>> [rows.tolist() for rows in rows_by_length([2, 3, 3, 0], 6)]
    [[1, 2], [0]]
    """
    sizes = np.asarray(lengths)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    begin = 0
    while begin < len(order):
        longest = sizes[order[begin]]
        end = begin + max(1, batch_tokens // int(longest))
        if one_length:
            end = min(end, begin + int(np.searchsorted(-sizes[order[begin:]], -longest, side="right")))
        yield order[begin:end]
        begin = end


def pad_id_of(trunk: nn.Module, n_vocabulary: int) -> int:
    """The id that padded places are filled with: the config's, or 0 where that is none of the embedding's rows."""
    pad_id = getattr(trunk.config, "pad_token_id", None)
    return pad_id if isinstance(pad_id, int) and 0 <= pad_id < n_vocabulary else 0


def call_trunk(trunk: nn.Module, batch: Batch, *, device: torch.device, numbering: Numbering) -> None:
    """Run a trunk over `batch` without an output head, until the end or until a hook stops it."""
    arguments: dict[str, Any] = {"input_ids": batch.tokens.to(device), "attention_mask": batch.mask.to(device)}
    if numbering == "explicit":
        arguments["position_ids"] = batch.positions.to(device)
    if getattr(trunk.config, "use_cache", None) is not None:
        arguments["use_cache"] = False  # nothing is generated, so no keys and values need to be kept
    with run_until_stopped():
        trunk(**arguments)


@contextmanager
def run_until_stopped() -> Iterator[None]:
    """Without gradients, and with `StopForward` as a normal end."""
    with torch.inference_mode():
        try:
            yield
        except StopForward:
            return


def tensor_of(value: object) -> Tensor:
    """The hidden states in the input or output of a module: the tensor itself, or the first of a tuple."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, tuple | list) and value and isinstance(value[0], torch.Tensor):
        return value[0]
    raise TypeError(f"expected a tensor or a tuple that begins with one, got {type(value).__name__}")
