"""`sparseprobe study`: a case study, or all of them, from models and datasets to one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.cli.options import asks
from sparseprobe.cli.show import Show

app = typer.Typer()


@app.command(name="study")
@asks("seed", "device", "memory")
def study_command(
    context: typer.Context,
    given: dict[str, Any],
    name: Annotated[
        str | None,
        typer.Argument(
            help="context-neurons, ... (see docs/studies.md). Default: all, with one page that leads to them."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="One or several with commas between. Default: shipped ones.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Collections or saved datasets, with commas between. Default: the study's own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write. Default: runs/NAME; for all runs/paper.")
    ] = None,
) -> None:
    """Run one of the paper's case studies: its runs, tables, figures and a report. What is done is not done again."""
    from sparseprobe.studies.index import all_studies

    show: Show = context.obj
    asked = {key: _listed(value) for key, value in (("model", model), ("dataset", dataset)) if value}
    if name is None:
        path = all_studies(out or Path("runs/paper"), progress=show.progress, **asked, **given)
        show.record({"index": str(path.resolve())}) if show.json else show.text(str(path.resolve()))
        return
    found = sp.study(name, out or Path("runs", name), progress=show.progress, **asked, **given)
    if show.json:
        show.record({"report": str(found.report.resolve()), "findings": [str(one) for one in found.findings]})
        return
    for sentence in found.findings:
        show.text(str(sentence))
    show.text(str(found.report.resolve()))


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
