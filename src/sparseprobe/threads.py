"""Threads in one place: linear algebra of small systems has one, independent pieces of work share the cores.

A product of a few hundred columns is done before a second thread of BLAS has woken up, and where another process keeps
a core busy the first thread waits for the second at every product: a fit takes twenty times as long. So every public
entry limits BLAS to one thread (`single_threaded_algebra`), and what is independent (columns, features, folds) goes to
`in_parallel`, which has as many threads as there are cores for this process. The two are never stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import joblib
import numpy as np  # noqa: F401 - the controller sees the libraries that are loaded
from scipy import linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores that this process may use: those it is bound to, those its container grants, or `LOKY_MAX_CPU_COUNT`.

    >>> cores() >= 1
    True
    """
    return int(joblib.cpu_count())


@contextmanager
def single_threaded_algebra() -> Iterator[None]:
    """Give BLAS one thread; a context, or the decorator of a function.

    >>> with single_threaded_algebra():
    ...     {library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"}
    {1}
    """
    with _blas().limit(limits=1):
        yield


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None) -> list[Result]:
    """The results of `work` on each item, in order; `threads` is all cores by default.

    >>> in_parallel(abs, [-1, 2])
    [1, 2]
    """
    with ThreadPoolExecutor(threads or cores()) as pool:
        return list(pool.map(work, items))


@cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")
