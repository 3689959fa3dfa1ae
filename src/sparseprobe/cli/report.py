"""`sparseprobe report`: write the page of a run again from its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparseprobe.cli.show import Show

app = typer.Typer()


@app.command()
def report(context: typer.Context, folder: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
    """Write report.html into a run's folder: findings, figures, tables, neurons and provenance on one page."""
    from sparseprobe.reports.page import write_report

    show: Show = context.obj
    path = write_report(folder)
    if show.json:
        show.record({"report": str(path.resolve())})
    else:
        show.text(str(path.resolve()))
