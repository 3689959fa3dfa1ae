"""Settings of a run as plain values: what YAML, Python and the command line write in different ways becomes one.

A lone name or number is a list of one, a tuple or an array a list, a path its text, and NumPy's numbers Python's, so
that what was asked equals what `spec.yaml` says when it is read again. Anything else is an `InputError` that names the
setting.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sparseprobe.errors import InputError


def text(name: str, value: Any) -> str:
    """A text or a path.

    >>> text("model", "demo-4.7m")
    'demo-4.7m'
    """
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{name} must be a text, got {value!r}")
    return str(value)


def names(name: str, value: Any) -> list[str]:
    """A list of names, or one name.

    >>> names("features", "fr"), names("features", ("fr", "en"))
    (['fr'], ['fr', 'en'])
    """
    listed = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
    if not listed or not all(isinstance(one, str) for one in listed):
        raise InputError(f"{name} must be a list of names, or one name, got {value!r}")
    return [str(one) for one in listed]


def whole_number(name: str, value: Any, *, least: int | None = None) -> int:
    """A whole number, not below `least`.

    >>> whole_number("keep", np.int64(5), least=1)
    5
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or (least is not None and value < least):
        raise InputError(f"{name} must be a whole number{'' if least is None else f' from {least} on'}, got {value!r}")
    return int(value)


def whole_numbers(name: str, value: Any, *, least: int | None = None) -> list[int]:
    """A list of whole numbers, or one of them.

    >>> whole_numbers("k", (1, 2), least=1), whole_numbers("layers", 3)
    ([1, 2], [3])
    """
    listed = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    try:
        numbers = [whole_number(name, one, least=least) for one in listed]
    except InputError as error:
        bound = "" if least is None else f" from {least} on"
        raise InputError(f"{name} must be a list of whole numbers{bound} such as [1, 2, 4], got {value!r}") from error
    if not numbers:
        raise InputError(f"{name} must be a list of whole numbers such as [1, 2, 4], got an empty one")
    return numbers
