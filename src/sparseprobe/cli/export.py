"""`sparseprobe export neuronpedia`: neurons in the format of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sparseprobe.artefacts import read_table
from sparseprobe.cli.neurons import BUILDING, model_and_data
from sparseprobe.cli.options import asks
from sparseprobe.cli.show import Show
from sparseprobe.errors import InputError

app = typer.Typer()
formats = typer.Typer(no_args_is_help=True, help="Write neurons in the format of another tool.")
app.add_typer(formats, name="export")


@formats.callback()
def _formats() -> None:
    """Write neurons in the format of another tool."""


@formats.command(name="neuronpedia")
@asks(*BUILDING, "device")
def neuronpedia_command(
    context: typer.Context,
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    neurons: Annotated[list[str] | None, typer.Argument(help="Names, as L3.N609.")] = None,
    table: Annotated[Path | None, typer.Option(help="A table of neurons (FILE.parquet) in place of names.")] = None,
) -> None:
    """Write features/batch-N.jsonl.gz and activations/batch-N.jsonl.gz, as Neuronpedia has them."""
    from sparseprobe.neurons.neuronpedia import export_neuronpedia

    asked = neurons or (None if table is None else read_table(table))
    if asked is None or (neurons and table is not None):
        raise InputError("name neurons (L3.N609 ...) or give a table of them (--table FILE.parquet), not both")
    show: Show = context.obj
    model, data = model_and_data(given)
    paths = export_neuronpedia(model, data, asked, out, progress=show.progress)
    show.rows([{"file": str(path)} for path in paths], title=str(out))
