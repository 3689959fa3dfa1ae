"""`sparseprobe run` and `sparseprobe resume`: from a dataset and a model to the tables of a run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.cli.show import Show
from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

app = typer.Typer()


@app.command(name="run")
def run_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The run folder.")],
    spec: Annotated[Path | None, typer.Argument(help="A YAML file of settings (as spec.yaml of a run).")] = None,
    model: Annotated[str | None, typer.Option(help="Hub id, local folder, or shipped model.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A saved dataset, a collection, or a file of texts.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Where the text is in a file of texts.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Where the labels are in a file of texts.")] = None,
    layers: Annotated[str | None, typer.Option(help="all, 3, 0:4 or 0,2,5")] = None,
    site: Annotated[str | None, typer.Option(help="mlp, mlp_pre, residual or attention")] = None,
    aggregate: Annotated[str | None, typer.Option(help="none, mean, max or last; else as the dataset says")] = None,
    selection: Annotated[str | None, typer.Option(help="How the k neurons are chosen.")] = None,
    k: Annotated[str | None, typer.Option(help="Numbers of neurons: 1,2,4,8")] = None,
    features: Annotated[str | None, typer.Option(help="Names with commas between; else all.")] = None,
    keep: Annotated[int | None, typer.Option(help="Single neurons kept a feature and layer.")] = None,
    preset: Annotated[str | None, typer.Option(help="default or paper")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")] = None,
    model_dtype: Annotated[str | None, typer.Option(help="Number type of the weights.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Number type of stored activations.")] = None,
    memory: Annotated[str | None, typer.Option(help="Bound for extraction's buffers, as 4GB.")] = None,
) -> None:
    """Extract activations, sweep over k, probe every neuron, and write one folder with all of it."""
    given: dict[str, Any] = {
        "model": model,
        "dataset": dataset,
        "text_column": text_column,
        "label_column": names(label_column),
        "layers": layers,
        "site": site,
        "aggregate": aggregate,
        "selection": selection,
        "k": parse_k(k),
        "features": names(features),
        "keep": keep,
        "preset": preset,
        "seed": seed,
        "device": device,
        "model_dtype": model_dtype,
        "dtype": dtype,
        "memory": memory,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if spec is None and not {"model", "dataset"} <= given.keys():
        raise InputError("a run needs --model and --dataset, or a SPEC.yaml that names them")
    asked = sp.RunSpec(**given) if spec is None else replace(sp.RunSpec.from_yaml(spec), **given)
    show: Show = context.obj
    show_run(show, _with_way_on(show, out, lambda: sp.run(asked, out, progress=show.progress)))


@app.command(name="resume")
def resume_command(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The run folder.")],
) -> None:
    """Finish a run that stopped, with the settings that it was started with."""
    show: Show = context.obj
    show_run(show, _with_way_on(show, folder, lambda: sp.resume(folder, progress=show.progress)))


def show_run(show: Show, finished: sp.Run) -> None:
    """For each feature the best neuron, its score with interval and control, and how the score grows with k."""
    validated = finished.neurons["f1_validation"].notna().any()
    table = sp.best_neurons(finished.neurons, finished.sweep, choose_by="f1_validation" if validated else "f1")
    if show.json:
        show.frame(table)
        return
    show.rows(
        [_summary(row) for row in table.to_dict("records")], title=f"{finished.folder}: best single neuron, F1 on test"
    )
    chosen = "validation" if validated else "the test scores shown, as in the paper"
    show.note(f"chosen by {chosen}; 95 % intervals; control: permuted labels; k=: F1 of k neurons in the best layer")
    show.note(f"run folder: {finished.folder.resolve()}")


def _summary(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """A row of the table for people: one column for a score and its interval, short names for the sweep."""
    by_k = {
        str(name).removeprefix("f1 (").removesuffix(")"): value for name, value in row.items() if "(k=" in str(name)
    }
    return {
        "feature": row["feature"],
        "neuron": row["neuron"],
        "F1": f"{row['f1']:.3f}",
        "interval": f"{row['f1_low']:.2f}-{row['f1_high']:.2f}",
        "control": f"{row['control_f1']:.2f}",
        **{name: f"{value:.2f}" for name, value in by_k.items()},
    }


def names(text: str | None) -> list[str] | None:
    """The names of a comma-separated option."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def parse_k(text: str | None) -> list[int] | None:
    """The numbers of a comma-separated option.

    Raises:
        InputError: something that is no positive whole number.
    """
    parts = names(text)
    if parts is None:
        return None
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"--k {text!r} is not a list of positive whole numbers: write it as 1,2,4,8")
    return [int(part) for part in parts]


def _with_way_on(show: Show, folder: Path, work: Any) -> sp.Run:
    try:
        finished: sp.Run = work()
    except KeyboardInterrupt:
        show.note(f"stopped; `sparseprobe resume {folder}` goes on from here")
        raise typer.Exit(130) from None
    return finished
