"""Activations of one layer, read when they are asked for: an array in memory, or chunks on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sparseprobe.activations.precision import READ, STORED, decode
from sparseprobe.choices import Precision
from sparseprobe.errors import StorageError

if TYPE_CHECKING:
    import zarr

#: Rows read at a time from an array that has no chunks.
ROWS = 4096


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """(n_examples, width) activations; index it like a NumPy array, by rows or by (rows, columns).

    >>> layer = LayerActivations(np.arange(6, dtype=np.float32).reshape(3, 2), "float32")
    >>> layer.shape, layer[:2, 1], layer[[2, 0]]
    ((3, 2), array([1., 3.], dtype=float32), array([[4., 5.],
           [0., 1.]], dtype=float32))
    """

    stored: NDArray[Any] | csr_array | zarr.Array[Any]
    """Rows in the order and the precision of storage; those of experts sparse, since most of a row is 0, and as
    unsigned integers of the same bits, since SciPy has no sparse float16."""
    precision: Precision
    rows: NDArray[np.int64] | None = None
    """(n_examples,) the stored row of each example; None where they are in order."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_examples, width)."""
        n_examples, width = self.stored.shape
        return int(n_examples), int(width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what reading gives: float16 or float32."""
        return READ[self.precision]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(rows, slice) and self.rows is None and rows.step in (None, 1):
            return decode(self.read(rows)[:, columns], self.precision)
        wanted = np.arange(len(self))[rows]
        picked = self._pick(np.atleast_1d(wanted), columns)
        return picked if np.ndim(wanted) else picked[0]

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> NDArray[Any]:
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=bool(copy))

    def read(self, rows: slice) -> NDArray[Any]:
        """Stored rows as they are stored. Raises `StorageError` for a file whose content is not what was written."""
        if isinstance(self.stored, np.ndarray):
            return self.stored[rows]
        if isinstance(self.stored, csr_array):
            bits: NDArray[Any] = self.stored[rows].toarray()
            return bits.view(STORED[self.precision])
        try:
            return np.asarray(self.stored[rows])
        except (OSError, ValueError) as error:
            raise StorageError(
                f"{_unreadable_file(self.stored)} is damaged: delete this file and extract with the same settings and "
                "folder to make it again"
            ) from error

    @property
    def n_bytes(self) -> int:
        """What is held or stored of it."""
        if isinstance(self.stored, csr_array):
            return int(self.stored.data.nbytes + self.stored.indices.nbytes + self.stored.indptr.nbytes)
        return self.shape[0] * self.shape[1] * self.stored.dtype.itemsize

    def blocks(self, rows_per_block: int | None = None) -> Iterator[NDArray[Any]]:
        """All examples in order, some rows at a time (by default as many as a chunk on disk has)."""
        step = rows_per_block or self._chunk_rows
        for start in range(0, len(self), step):
            yield self[start : start + step]

    @property
    def _chunk_rows(self) -> int:
        return ROWS if isinstance(self.stored, np.ndarray | csr_array) else int(self.stored.chunks[0])

    def _pick(self, wanted: NDArray[np.int64], columns: Any) -> NDArray[Any]:
        """Rows in any order, chunk by chunk: one chunk is in memory at a time."""
        places = wanted if self.rows is None else self.rows[wanted]
        result: NDArray[Any] | None = None
        chunk = places // self._chunk_rows
        for number in np.unique(chunk):
            start = int(number) * self._chunk_rows
            here = np.flatnonzero(chunk == number)
            block = self.read(slice(start, start + self._chunk_rows))
            part = decode(block[places[here] - start][:, columns], self.precision)
            if result is None:
                result = np.empty((len(wanted), *part.shape[1:]), part.dtype)
            result[here] = part
        return decode(self.read(slice(0))[:, columns], self.precision) if result is None else result


def _unreadable_file(array: zarr.Array[Any]) -> str:
    """The first chunk of an array that cannot be read."""
    for block in range(array.cdata_shape[0]):
        place = (block, 0)[: array.ndim]
        try:
            array.get_block_selection(place)
        except (OSError, ValueError):
            return f"{array.store_path}/{array.metadata.encode_chunk_key(place)}".removeprefix("file://")
    return f"{array.store_path}".removeprefix("file://")
