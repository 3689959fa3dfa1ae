"""Compile numerical kernels with Numba, cache the machine code between runs, and do not count compilation time.

Numba stores machine code beside the source file or in the user's cache folder. Where neither can be written (a package
installed read-only and a home that is read-only too) it refuses to compile at all; here the kernel is then compiled
in each process again. Division follows IEEE rules (`error_model="numpy"`), which lets loops with a division be
vectorised: the one-column logistic kernel runs four times faster that way.

The first use of exact selection compiles for up to a minute. One line of the log says so, and `clock` stops
meanwhile: time limits and the `seconds` of tables are read from it, so that a first call and a later one search for the
same time and prove the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core import event

Kernel = TypeVar("Kernel", bound="Callable[..., Any]")

_LOG = logging.getLogger(__name__)


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


def clock() -> float:
    """Seconds since some fixed moment, as `time.perf_counter`, without those in which kernels were compiled.

    >>> began = clock()
    >>> clock() >= began
    True
    """
    return time.perf_counter() - _COMPILATION.seconds()


class _Compilation(event.Listener):
    """Adds up the time of compilation, which Numba does under a lock; kernels that call others nest."""

    def __init__(self) -> None:
        self._depth, self._began, self._spent = 0, 0.0, 0.0
        self._told = False

    def on_start(self, event: event.Event) -> None:  # noqa: ARG002
        if not self._depth:
            self._began = time.perf_counter()
        self._depth += 1
        if not self._told:
            self._told = True
            _LOG.warning("compiling numerical kernels, once: later runs find them compiled")

    def on_end(self, event: event.Event) -> None:  # noqa: ARG002
        self._depth -= 1
        if not self._depth:
            self._spent += time.perf_counter() - self._began

    def seconds(self) -> float:
        return self._spent + (time.perf_counter() - self._began if self._depth else 0.0)


_COMPILATION = _Compilation()
event.register("numba:compile", _COMPILATION)  # type: ignore[no-untyped-call]
