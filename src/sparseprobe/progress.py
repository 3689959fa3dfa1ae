"""Progress of long work, reported without knowing how it is shown.

A stage of the library takes a `Progress` and opens a task on it; the command line passes one that draws bars with
rate and time left, and in Python the default is `SILENT`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Step(Protocol):
    """Reports that `amount` more of a task is done."""

    def __call__(self, amount: float = 1, /) -> None:  # noqa: D102
        ...


class Progress(Protocol):
    """Something that can show tasks."""

    def task(self, label: str, *, total: float, unit: str, done: float = 0) -> AbstractContextManager[Step]:
        """Show a task of `total` units of which `done` are done already; the context value reports more."""
        ...


class _Silent:
    def task(self, label: str, *, total: float, unit: str, done: float = 0) -> AbstractContextManager[Step]:  # noqa: ARG002
        return nullcontext(_nothing)


def _nothing(amount: float = 1, /) -> None:
    """Report nothing."""


SILENT: Progress = _Silent()
