"""Sizes of memory and files: read from text, and written for people."""

from __future__ import annotations

import re

from sparseprobe.errors import InputError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([a-zA-Z]*)\s*")


def parse_bytes(memory: int | str) -> int:
    """A number of bytes, also from text; `InputError` for anything else.

    >>> parse_bytes("4GB"), parse_bytes("1.5 GiB"), parse_bytes(1000)
    (4000000000, 1610612736, 1000)
    """
    match = _SIZE.fullmatch(str(memory)[:100])
    if match is None or match[2].upper() not in _UNITS:
        raise InputError(
            f"memory={str(memory)[:100]!r} is not a size: write for example '4GB', '500MB' or a number of bytes"
        )
    return int(float(match[1]) * _UNITS[match[2].upper()])


def format_bytes(size: float) -> str:
    """A size for people.

    >>> format_bytes(1_230_000_000)
    '1.23 GB'
    """
    for unit in ("TB", "GB", "MB", "KB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}"
    return f"{size:.0f} bytes"
