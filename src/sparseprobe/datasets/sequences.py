"""Token sequences of different lengths, kept flat: one array of token ids and one of offsets.

Sequence i is `tokens[offsets[i] : offsets[i + 1]]`, a view. Memory: 4 bytes per token and 8 bytes per sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Sequences:
    """Ragged int32 token ids, exactly as they are fed to the model.

    >>> sequences = Sequences.of([[5, 6, 7], [8]])
    >>> len(sequences), sequences[0], sequences.lengths
    (2, array([5, 6, 7], dtype=int32), array([3, 1]))
    """

    tokens: NDArray[np.int32]
    """All token ids, sequence after sequence, shape (n_tokens,)."""
    offsets: NDArray[np.int64]
    """Where each sequence starts and, last, where the last one ends, shape (n_sequences + 1,)."""

    def __post_init__(self) -> None:
        tokens, offsets = _read_only(self.tokens, np.int32), _read_only(self.offsets, np.int64)
        if tokens.ndim != 1 or offsets.ndim != 1:
            raise InputError(
                f"tokens and offsets must be flat arrays; their shapes are {tokens.shape} and {offsets.shape}"
            )
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(tokens) or np.any(np.diff(offsets) < 0):
            raise InputError(
                f"offsets must rise from 0 to the number of tokens ({len(tokens)}), one more than sequences"
            )
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def of(cls, lists: Iterable[ArrayLike]) -> Sequences:
        """Put sequences of token ids together."""
        kept = [np.asarray(ids, dtype=np.int32) for ids in lists]
        offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in kept], dtype=np.int64)])
        return cls(np.concatenate(kept) if kept else np.empty(0, np.int32), offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each sequence, shape (n_sequences,)."""
        return np.diff(self.offsets)

    def take(self, rows: ArrayLike) -> Sequences:
        """The sequences `rows`, in that order, as a new object."""
        chosen = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths)
        return Sequences(self.tokens[places], offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        row = range(len(self))[index]
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[row] for row in range(len(self)))


def _read_only(values: ArrayLike, dtype: type[T]) -> NDArray[T]:
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array
