"""Ways to choose neurons where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sparseprobe.errors import InputError
from sparseprobe.reports.figures.style import COLUMN, colour, log10_axis, panels, require, styled

SETTINGS = {
    "n": "number of examples",
    "d": "number of neurons",
    "informative": "planted neurons",
    "shift": "shift of the planted neurons together (standard deviations)",
    "positive": "share of positives",
}


def selections_on_planted(table: pd.DataFrame, *, over: str = "n", bins: int = 6) -> Figure:
    """The share of the planted neurons that each selection finds, over one setting of the problems.

    `table` has the columns of `tables.PLANTED`; a setting with more than `bins` values is cut into bins of equally many
    problems. Raises `InputError` for a setting that is not one of n, d, informative, shift, positive.
    """
    require(table, ["selection", "share", *SETTINGS], "selections_on_planted")
    if over not in SETTINGS:
        raise InputError(f"over={over!r} is not a setting of planted problems: give one of {', '.join(SETTINGS)}")
    values = table[over].to_numpy(np.float64)
    if table[over].nunique() > bins:
        codes = pd.qcut(values, bins, labels=False, duplicates="drop")
        values = pd.Series(values).groupby(codes).transform("median").to_numpy()
    means = table.assign(at=values).pivot_table(index="at", columns="selection", values="share")
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.5)
        for number, selection in enumerate(means):
            label = str(selection).replace("_", " ")
            axes.plot(means.index, means[selection], color=colour(number), marker="o", label=label)
        if (means.index > 0).all() and means.index.max() / means.index.min() > 10:
            log10_axis(axes)
        axes.set_xlabel(SETTINGS[over])
        axes.set_ylabel("share of planted neurons found")
        axes.set_ylim(0, 1.03)
        axes.legend(fontsize=6)
    return figure
