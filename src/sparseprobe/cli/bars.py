"""Progress bars with rate and time left, drawn on standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Task

    from sparseprobe.progress import Step


class _Rate(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        return Text(f"{speed:,.0f} {unit}/s" if speed and speed >= 10 else f"{speed:.2g} {unit}/s" if speed else "")


class Bars:
    """Shows every task of the library as one bar on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, label: str, *, total: float, unit: str, done: float = 0) -> Iterator[Step]:
        """A bar from `done` to `total`."""
        columns = (
            TextColumn("{task.description:<16}"),
            BarColumn(),
            TaskProgressColumn(),
            _Rate(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=self._console) as bars:
            task = bars.add_task(label, total=total, completed=done, unit=unit)  # type: ignore[arg-type]

            def step(amount: float = 1, /) -> None:
                bars.advance(task, amount)

            yield step
