"""`sparseprobe extract`, `sweep`, `neurons`, `experiment`: the stages of a run, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.artefacts import write_table
from sparseprobe.cli.run import choice, names, parse_k, show_table
from sparseprobe.cli.show import Show

app = typer.Typer()

Dataset = Annotated[Path, typer.Option(help="A saved dataset.")]
Stored = Annotated[Path, typer.Option("--activations", help="A folder that `sparseprobe extract` wrote.")]
Table = Annotated[Path, typer.Option(help="The table to write, as FILE.parquet.")]
Features = Annotated[str | None, typer.Option(help="Names with commas between; else all.")]
Seed = Annotated[int, typer.Option(help="Seed of every random draw.")]


@app.command(name="extract")
def extract_command(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="Hub id, local folder, or shipped model.")],
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="The folder to write; a run that was stopped goes on there.")],
    layers: Annotated[str, typer.Option(help="all, 3, 0:4 or 0,2,5")] = "all",
    site: Annotated[str, typer.Option(help="mlp, mlp_pre, mlp_gate, mlp_up, residual or attention")] = "mlp",
    aggregate: Annotated[str | None, typer.Option(help="none, mean, max or last; else as the dataset says")] = None,
    dtype: Annotated[str, typer.Option(help="float16, bfloat16 or float32")] = "float16",
    model_dtype: Annotated[str, typer.Option(help="Number type of the weights.")] = "float32",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")] = None,
    memory: Annotated[str | None, typer.Option(help="Bound for buffers, as 4GB.")] = None,
) -> None:
    """Run a model over a dataset and keep the activations at the labelled positions."""
    show: Show = context.obj
    data = sp.ProbingDataset.load(dataset)
    given: dict[str, Any] = {"layers": layers, "site": site, "dtype": dtype, "memory": memory}
    given["aggregate"] = aggregate or data.settings.get("aggregate", "none")
    loading: dict[str, Any] = {"device": device, "dtype": model_dtype}
    activations = sp.extract(sp.load_model(model, **loading), data, **given, out=out, progress=show.progress)
    rows = [
        {"layer": layer, "examples": activations.n_examples, "width": activations.width(layer)}
        for layer in activations.layers
    ]
    show.rows(rows, title=str(out))


@app.command(name="sweep")
def sweep_command(
    context: typer.Context,
    stored: Stored,
    dataset: Dataset,
    out: Table,
    selection: Annotated[str, typer.Option(help="How the k neurons are chosen.")] = "adaptive",
    k: Annotated[str | None, typer.Option(help="Numbers of neurons: 1,2,4,8; else the paper's list.")] = None,
    features: Features = None,
    preset: Annotated[str, typer.Option(help="default or paper")] = "default",
    seed: Seed = 0,
) -> None:
    """k-sparse probes for every feature, layer and k."""
    show: Show = context.obj
    table = sp.sweep(
        sp.Activations.open(stored),
        sp.ProbingDataset.load(dataset),
        selection=selection,
        k=parse_k(k) or sp.PAPER_K,
        features=names(features),
        preset=preset,
        seed=seed,
        progress=show.progress,
    )
    write_table(out, table)
    columns = ["feature", "layer", "k", "f1", "f1_low", "f1_high", "control_f1"]
    show.frame(table[columns], title=str(out))


@app.command(name="neurons")
def neurons_command(
    context: typer.Context,
    stored: Stored,
    dataset: Dataset,
    out: Table,
    features: Features = None,
    keep: Annotated[int, typer.Option(help="Neurons kept a feature and layer.")] = 100,
    seed: Seed = 0,
) -> None:
    """One probe for every single neuron and feature; the best of each layer are kept."""
    show: Show = context.obj
    table = sp.single_neurons(
        sp.Activations.open(stored),
        sp.ProbingDataset.load(dataset),
        features=names(features),
        keep=keep,
        seed=seed,
        progress=show.progress,
    )
    write_table(out, table)
    choose_by, chosen = choice(table, "f1")
    show.frame(
        sp.best_neurons(table, choose_by=choose_by).drop(columns=["collection", "layer", "index"]),
        title=f"{out}: best neurons, chosen by {chosen}",
    )


@app.command(name="experiment")
def experiment_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="dense, pruning, baselines, comparison, stability, ...")],
    stored: Stored,
    dataset: Dataset,
    out: Table,
    layers: Annotated[str, typer.Option(help="all, 3, 0:4 or 0,2,5")] = "all",
    selection: Annotated[str | None, typer.Option(help="How the k neurons are chosen.")] = None,
    k: Annotated[str | None, typer.Option(help="Numbers of neurons: 1,2,4,8")] = None,
    features: Features = None,
    preset: Annotated[str, typer.Option(help="default or paper")] = "default",
    seed: Seed = 0,
) -> None:
    """Any experiment by its name, on stored activations: the table that a run with it would write."""
    from sparseprobe.activations.layer_choice import choose_layers
    from sparseprobe.experiments import Asked, do_experiment
    from sparseprobe.runs.catalogue import refuse_unused

    show: Show = context.obj
    activations = sp.Activations.open(stored)
    asked = Asked(
        features=names(features),
        layers=None if layers == "all" else choose_layers(layers, max(activations.layers) + 1),
        selection=selection,
        k=parse_k(k),
        preset=preset,
        seed=seed,
    )
    refuse_unused(name, asked)
    table = do_experiment(name, activations, sp.ProbingDataset.load(dataset), asked, progress=show.progress)
    write_table(out, table)
    show_table(show, table, title=str(out))
