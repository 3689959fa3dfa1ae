"""Compile a numerical kernel with Numba and keep the machine code between runs where that is possible.

Numba stores machine code beside the source file or in the user's cache folder. Where neither can be written (a package
installed read-only and a home that is read-only too) it refuses to compile at all; here the kernel is then compiled
anew in each process. Division follows IEEE rules (`error_model="numpy"`), which lets loops with a division be
vectorised: the one-column logistic kernel runs four times faster that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Kernel = TypeVar("Kernel", bound="Callable[..., Any]")


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Decorate a kernel to be compiled at its first call; `options` go to `numba.njit`.

    >>> @compiled()
    ... def half(x):
    ...     return x / 2
    >>> half(3.0)
    1.5
    """

    def decorate(kernel: Kernel) -> Kernel:
        settings = {"error_model": "numpy", "nogil": True, **options}
        try:
            result: Kernel = numba.njit(cache=True, **settings)(kernel)
        except RuntimeError:  # "cannot cache function: no locator available": nowhere to write
            result = numba.njit(cache=False, **settings)(kernel)
        return result

    return decorate
