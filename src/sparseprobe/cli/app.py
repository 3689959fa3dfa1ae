"""The command line application: its commands, and how errors are shown.

`--json`, `--quiet` and `--debug` may stand anywhere on the line. A user's mistake is reported in one sentence on
standard error, with exit code 2; `--debug` shows the traceback. After Ctrl-C no finished work is lost.
"""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from sparseprobe.artefacts import storage_error
from sparseprobe.cli import datasets, demo, export, models, neurons, probing, report, run, study, transfer
from sparseprobe.cli.show import Show
from sparseprobe.errors import SparseProbeError
from sparseprobe.printable import printable

FLAGS = ("--json", "--quiet", "--debug")

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
for part in (
    demo.app,
    run.app,
    study.app,
    report.app,
    models.app,
    datasets.app,
    probing.app,
    neurons.app,
    export.app,
    transfer.app,
):
    app.add_typer(part)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("sparseprobe"))
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print results only, without progress and notes.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Which neurons of a language model represent a feature, how few of them suffice, and do they matter?"""
    context.obj = Show(json=json, quiet=quiet)


def main(arguments: list[str] | None = None) -> None:
    """Run one command, as the shell does.

    Raises:
        SystemExit: always, with the exit code: 0, 2 for a mistake of the user, 130 after Ctrl-C.
    """
    given = sys.argv[1:] if arguments is None else arguments
    flags = [name for name in given if name in FLAGS]
    debug = "--debug" in flags
    warnings.showwarning = _one_line
    try:
        app(args=[*flags, *(name for name in given if name not in FLAGS)], prog_name="sparseprobe")
    except SparseProbeError as error:
        _explain(str(error), debug=debug)
    except OSError as error:
        if error.filename is None:
            raise
        _explain(str(storage_error(error.filename, error)), debug=debug)


def _explain(sentence: str, *, debug: bool) -> None:
    console = Console(stderr=True)
    if debug:
        console.print_exception()
    console.print(f"error: {printable(sentence)}", style="red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(2)


def _one_line(message: Warning | str, *_: object, **__: object) -> None:
    Console(stderr=True).print(f"warning: {printable(str(message))}", highlight=False, markup=False, soft_wrap=True)
