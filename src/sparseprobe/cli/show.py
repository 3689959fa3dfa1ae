"""Print results: tables for people, JSON for programs, and only results with `--quiet`."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from sparseprobe.cli.bars import Bars
from sparseprobe.printable import printable, printable_json
from sparseprobe.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT = 20
"""Cells of at most this many characters are kept on one line."""
PIPED_WIDTH = 160
"""Columns of a table that does not go to a terminal."""


@dataclass(frozen=True)
class Show:
    """Where and how results are shown: results on standard output, everything else on standard error."""

    json: bool = False
    quiet: bool = False
    out: Console = field(default_factory=lambda: Console(width=None if sys.stdout.isatty() else PIPED_WIDTH))
    err: Console = field(default_factory=lambda: Console(stderr=True))

    @property
    def progress(self) -> Progress:
        """Bars, or nothing with `--quiet` or `--json`."""
        return SILENT if self.quiet or self.json else Bars(self.err)

    def note(self, text: str) -> None:
        """Print a note for people; omitted with `--json` and `--quiet`."""
        if not (self.quiet or self.json):
            self.err.print(Text(printable(text)), soft_wrap=True)

    def text(self, text: str) -> None:
        """A result that is plain text."""
        self.out.print(Text(printable(text)), soft_wrap=True)

    def rows(self, rows: Sequence[Mapping[str, Any]], *, title: str | None = None) -> None:
        """A result that is a table; with `--json` a list of objects."""
        if self.json:
            self._json(list(rows))
            return
        if not rows:
            self.text("nothing to show")
            return
        table = Table(
            title=None if title is None else Text(printable(title)),
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        for name in rows[0]:
            cells = [_cell(row[name]) for row in rows]
            numeric = all(cell == "-" or cell.lstrip("-")[:1].isdigit() for cell in cells)
            short = max(map(len, cells)) <= SHORT
            table.add_column(
                Text(printable(name)), justify="right" if numeric else "left", overflow="fold", no_wrap=short
            )
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row.values()))
        self.out.print(table)

    def frame(self, table: pd.DataFrame, *, title: str | None = None) -> None:
        """A result that is a DataFrame."""
        self.rows([{str(name): value for name, value in row.items()} for row in table.to_dict("records")], title=title)

    def record(self, record: Mapping[str, Any]) -> None:
        """A result that is one object; with `--json` that object."""
        if self.json:
            self._json(record)
            return
        table = Table(show_header=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for name, value in record.items():
            table.add_row(Text(printable(name)), Text(_cell(value)))
        self.out.print(table)

    def _json(self, value: Any) -> None:
        self.out.print(JSONHighlighter()(printable_json(_plain(value))), soft_wrap=True)


def _plain(value: Any) -> Any:
    """The value as JSON knows it: NumPy's arrays as lists, its scalars as numbers, what JSON has no number for as null.

    >>> _plain({"k": np.int64(3), "f1": [0.5, float("nan")], "neurons": np.array([1, 2])})
    {'k': 3, 'f1': [0.5, None], 'neurons': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if _absent(value) or (isinstance(value, float) and math.isinf(value)) else value


def _absent(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _cell(value: Any) -> str:
    if _absent(value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"
    return printable(str(value))
