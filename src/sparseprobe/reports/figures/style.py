"""One style for all figures: sizes of a paper's columns, colours that colour-blind readers tell apart, SVG and PNG.

The qualitative colours are those of Okabe and Ito (2008); ordered quantities (k, layers, sizes) take steps of viridis.
Text stays text in SVG files, so that it can be searched and edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from numpy.typing import NDArray

from sparseprobe.errors import InputError

COLUMN, PAGE = 3.4, 7.0
"""Width of one column and of both, inches."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#F0E442")
GREY = "#8A8A8A"
PNG_DPI = 200
_BOX = {"whislo": "q05", "q1": "q25", "med": "q50", "q3": "q75", "whishi": "q95"}
_SETTINGS: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#E3E3E3",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.3,
    "lines.markersize": 3,
    "svg.fonttype": "none",
    "svg.hashsalt": "sparseprobe",
    "figure.constrained_layout.use": True,
    "text.parse_math": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """Everything drawn inside has the style of the library; settings of others stay as they are."""
    with mpl.rc_context(_SETTINGS):
        yield


def panels(n: int = 1, *, width: float = COLUMN, height: float = 2.3, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure of `n` panels in rows of at most `columns`; `height` is that of one row, inches."""
    across = min(n, columns)
    rows = -(-n // across)
    figure = Figure(figsize=(width, height * rows))
    axes = figure.subplots(rows, across, squeeze=False).ravel()
    for unused in axes[n:]:
        unused.remove()
    return figure, list(axes[:n])


def colour(number: int) -> str:
    """The colour of the n-th kind, again from the first after the last."""
    return COLOURS[number % len(COLOURS)]


def steps(n: int) -> list[tuple[float, ...]]:
    """`n` colours for an ordered quantity, dark to light."""
    shades: NDArray[np.float64] = mpl.colormaps["viridis"](np.linspace(0, 0.88, max(n, 1)))
    return [tuple(map(float, shade)) for shade in shades]


def require(table: pd.DataFrame, columns: Sequence[str], figure: str) -> None:
    """Check that a table can be drawn, that is, has rows and these columns; raise `InputError` if not."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(f"the figure {figure!r} needs the column {missing[0]!r}; the table has {list(table.columns)}")
    if table.empty:
        raise InputError(f"the figure {figure!r} has nothing to draw: the table has no rows")


def boxes(axes: Axes, table: pd.DataFrame, places: Sequence[float], *, face: str, width: float = 0.6) -> None:
    """Boxes from quantiles: the median in the quartiles, whiskers from the 5th to the 95th percentile."""
    statistics = [
        {name: row[quantile] for name, quantile in _BOX.items()} | {"fliers": []} for row in table.to_dict("records")
    ]
    axes.bxp(
        statistics,
        positions=list(places),
        widths=width,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": face, "alpha": 0.75, "linewidth": 0.6},
        medianprops={"color": "black", "linewidth": 1.0},
        whiskerprops={"linewidth": 0.6},
        capprops={"linewidth": 0.6},
    )


def log2_axis(axes: Axes, ks: Sequence[int]) -> None:
    """An axis of numbers of neurons, each power of two named."""
    named = [k for k in sorted(set(ks)) if k & (k - 1) == 0] or sorted(set(ks))
    axes.set_xscale("log", base=2)
    axes.set_xticks(named, labels=[f"{k:,}" for k in named])
    axes.minorticks_off()
    axes.set_xlabel("number of neurons k")


def log10_axis(axes: Axes) -> None:
    """An axis of counts over orders of magnitude, written out with k and M."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def shorten(text: str, longest: int = 24) -> str:
    """A label that fits beside an axis, its end cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write `path`.svg and `path`.png, and say where they are; the same figure gives the same bytes."""
    stem = Path(path)
    stem.parent.mkdir(parents=True, exist_ok=True)
    svg, png = stem.with_suffix(".svg"), stem.with_suffix(".png")
    with styled():
        figure.savefig(svg, metadata={"Date": None, "Creator": "sparseprobe"})
        figure.savefig(png, dpi=PNG_DPI, metadata={"Software": "sparseprobe"})
    return svg, png
