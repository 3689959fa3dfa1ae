"""`sparseprobe run` and `sparseprobe resume`: from a dataset and a model to the tables of a run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.cli.options import asks
from sparseprobe.cli.results import show_run
from sparseprobe.cli.show import Show
from sparseprobe.errors import InputError
from sparseprobe.runs.spec import settings_of_a_run

app = typer.Typer()


@app.command(name="run")
@asks(*settings_of_a_run(), model=None, dataset=None)
def run_command(
    context: typer.Context,
    given: dict[str, Any],
    spec: Annotated[Path | None, typer.Argument(help="A YAML file of settings, like the spec.yaml of a run.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder. Default: runs/NAME for NAME.yaml.")] = None,
) -> None:
    """Extract activations, sweep over k, probe every neuron, and write the results to one folder.

    Options override the settings of the YAML file.
    """
    if spec is None and not {"model", "dataset"} <= given.keys():
        raise InputError("a run needs --model and --dataset, or a SPEC.yaml that names them")
    folder = out or (spec and Path("runs", spec.stem))
    if folder is None:
        raise InputError("a run needs --out, the folder to write; only with SPEC.yaml does it default to runs/SPEC")
    asked = sp.RunSpec(**given) if spec is None else replace(sp.RunSpec.from_yaml(spec), **given)
    if not (folder / "dataset").exists():
        from sparseprobe.datasets.loading import require_source

        require_source(asked.dataset)
    show: Show = context.obj
    show_run(show, _resumable(show, folder, lambda: sp.run(asked, folder, progress=show.progress)))


@app.command(name="resume")
def resume_command(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The run folder.")],
) -> None:
    """Finish a stopped run with its original settings."""
    show: Show = context.obj
    show_run(show, _resumable(show, folder, lambda: sp.resume(folder, progress=show.progress)))


def _resumable(show: Show, folder: Path, work: Callable[[], sp.Run]) -> sp.Run:
    try:
        return work()
    except KeyboardInterrupt:
        show.note(f"stopped; `sparseprobe resume {folder}` continues it")
        raise typer.Exit(130) from None
