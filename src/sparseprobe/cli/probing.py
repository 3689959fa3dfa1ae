"""`sparseprobe extract`, `sweep`, `neurons` and `experiment`: the stages of a run, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.artefacts import write_table
from sparseprobe.choices import EXPERIMENTS
from sparseprobe.cli.options import asks
from sparseprobe.cli.results import show_best_neurons, show_table
from sparseprobe.cli.show import Show
from sparseprobe.errors import UnknownNameError

app = typer.Typer()

Dataset = Annotated[Path, typer.Option(help="The folder of a saved dataset.")]
Stored = Annotated[Path, typer.Option("--activations", help="A folder that `sparseprobe extract` wrote.")]
Table = Annotated[Path, typer.Option(help="The table to write (FILE.parquet).")]


@app.command(name="extract")
@asks("model", "layers", "site", "aggregate", "dtype", "model_dtype", "device", "memory")
def extract_command(
    context: typer.Context,
    given: dict[str, Any],
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="The folder to write; an extraction that was stopped is continued there.")],
) -> None:
    """Run a model over a dataset and store the activations at the labelled positions."""
    show: Show = context.obj
    data = sp.ProbingDataset.load(dataset)
    loading = {"device": given.pop("device", None), "dtype": given.pop("model_dtype", "float32")}
    model = sp.load_model(given.pop("model"), **loading)
    given.setdefault("aggregate", data.settings.get("aggregate", "none"))
    activations = sp.extract(model, data, **given, out=out, progress=show.progress)
    rows = [
        {"layer": layer, "examples": activations.n_examples, "width": activations.width(layer)}
        for layer in activations.layers
    ]
    show.rows(rows, title=str(out))


@app.command(name="sweep")
@asks("selection", "k", "features", "preset", "seed", selection="adaptive")
def sweep_command(context: typer.Context, given: dict[str, Any], stored: Stored, dataset: Dataset, out: Table) -> None:
    """Fit k-sparse probes for every feature, layer and k."""
    show: Show = context.obj
    given = {"selection": "adaptive", "k": sp.PAPER_K} | given
    data = sp.ProbingDataset.load(dataset)
    table = sp.sweep(sp.Activations.open(stored), data, **given, progress=show.progress)
    write_table(out, table)
    show_table(show, table, title="sweep", path=out)


@app.command(name="neurons")
@asks("features", "keep", "preset", "seed")
def neurons_command(
    context: typer.Context, given: dict[str, Any], stored: Stored, dataset: Dataset, out: Table
) -> None:
    """Fit a probe on every single neuron for each feature, and keep the best of each layer."""
    show: Show = context.obj
    data = sp.ProbingDataset.load(dataset)
    table = sp.single_neurons(sp.Activations.open(stored), data, **given, progress=show.progress)
    write_table(out, table)
    show_best_neurons(show, table, None, title=str(out), path=out)


@app.command(name="experiment")
@asks("layers", "selection", "k", "features", "keep", "preset", "seed")
def experiment_command(
    context: typer.Context,
    given: dict[str, Any],
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(EXPERIMENTS[: EXPERIMENTS.index('ablation')])}.")],
    stored: Stored,
    dataset: Dataset,
    out: Table,
) -> None:
    """Do one experiment on stored activations, and write the table that a run would write."""
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    from sparseprobe.activations.layer_choice import choose_layers
    from sparseprobe.runs.catalogue import do_experiment

    show: Show = context.obj
    activations = sp.Activations.open(stored)
    layers = given.pop("layers", "all")
    chosen = None if layers == "all" else choose_layers(layers, max(activations.layers) + 1)
    data = sp.ProbingDataset.load(dataset)
    table = do_experiment(name, activations, data, layers=chosen, progress=show.progress, **given)
    write_table(out, table)
    show_table(show, table, title=name, path=out)
