"""How activations are stored: float16, bfloat16 or float32.

NumPy and Zarr have no bfloat16, so its upper 16 bits of a float32 are stored as uint16 and read back, exactly, as
float32. The largest float16 is 65,504; the residual stream of some models exceeds it. Storing then
raises an error that names the remedy, instead of putting an infinity into a table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.choices import Precision
from sparseprobe.errors import InputError

STORED: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
    "float32": np.dtype("<f4"),
}
"""The dtype on disk."""

READ: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(np.float32),
    "float32": np.dtype(np.float32),
}
"""The dtype that reading gives."""

#: Bits of the exponent, all set in an infinity and in a NaN, and the unsigned integer to look at them in.
_EXPONENT = {"float16": (0x7C00, "<u2"), "bfloat16": (0x7F80, "<u2"), "float32": (0x7F800000, "<u4")}


def decode(stored: NDArray[Any], precision: Precision) -> NDArray[Any]:
    """What was stored, as numbers.

    >>> decode(np.array([0x3F80, 0xC000], np.uint16), "bfloat16")
    array([ 1., -2.], dtype=float32)
    """
    if precision != "bfloat16":
        return stored
    return (stored.astype(np.uint32) << 16).view(np.float32)


def require_finite(stored: NDArray[Any], precision: Precision, where: str) -> None:
    """Raise `InputError` if stored activations hold an infinity or a NaN; reads the bits once, no floats are made."""
    exponent, integer = _EXPONENT[precision]
    bits = stored.view(integer)
    if not ((bits & exponent) == exponent).any():
        return
    values = decode(stored, precision)
    if np.isnan(values).any():
        raise InputError(
            f"{where} has activations that are not a number (NaN), which no dtype can fix: the model computes them, so "
            "check its weights, or load it with model_dtype float32"
        )
    if precision == "float16":
        raise InputError(
            f"{where} has activations beyond 65504, the largest float16: use dtype='bfloat16' or 'float32'"
        )
    raise InputError(
        f"{where} has infinite activations: the model computes them, so check its weights, or load it with "
        "model_dtype float32"
    )
