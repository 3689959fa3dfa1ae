"""The files of a stored array: one for each chunk, all of one size, since chunks are full and not compressed.

Zarr reads a chunk that is not there as zeros and says nothing, which is right for arrays that leave zeros out and wrong
for a file that was lost. So every chunk is written, also one of zeros, and every file is looked for before it is
trusted. Cost: one question to the file system a chunk; nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import zarr


def damaged_chunks(folder: Path, array: zarr.Array[Any]) -> Iterator[tuple[int, Path]]:
    """Files of an array in a store's folder that are missing or of another size: block of rows and path, in order."""
    size = prod(array.chunks) * array.dtype.itemsize
    for place in np.ndindex(array.cdata_shape):
        path = folder / array.path / array.metadata.encode_chunk_key(place)
        if not path.is_file() or path.stat().st_size != size:
            yield place[0], path
