"""Tables as figures: the datasets and the models of a study."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sparseprobe.reports.figures.style import PAGE, panels, require, shorten, styled

_LONGEST = 44


def listing(table: pd.DataFrame) -> Figure:
    """Any small table as a figure for a paper: dataset sizes, model shapes. Numbers stand right with separators."""
    require(table, [], "listing")
    cells = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    widths = [max(len(str(name)), *(len(row[place]) for row in cells)) + 2 for place, name in enumerate(table.columns)]
    total = sum(widths)
    with styled():
        figure, (axes,) = panels(1, width=PAGE, height=0.3 + 0.19 * (len(cells) + 1))
        axes.axis("off")
        drawn = axes.table(
            cellText=cells,
            colLabels=[str(name).replace("_", " ") for name in table.columns],
            colWidths=[width / total for width in widths],
            loc="upper left",
            edges="horizontal",
        )
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(7)
        for (row, place), cell in drawn.get_celld().items():
            number = pd.api.types.is_numeric_dtype(table.dtypes.iloc[place])
            cell.get_text().set_horizontalalignment("right" if number else "left")
            cell.set_linewidth(0.5)
            if row == 0:
                cell.get_text().set_fontweight("bold")
    return figure


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else shorten(str(value), _LONGEST)
