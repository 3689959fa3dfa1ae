"""`sparseprobe ablate` and `sparseprobe neuron L3.N609`: what neurons do, and whether they matter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

import sparseprobe as sp
from sparseprobe.artefacts import read_table, write_table
from sparseprobe.cli.run import names
from sparseprobe.cli.show import Show
from sparseprobe.errors import InputError

app = typer.Typer()

Model = Annotated[str, typer.Option(help="Hub id, local folder, or shipped model.")]
Dataset = Annotated[str, typer.Option(help="A saved dataset, or a collection's name.")]
Split = Annotated[str, typer.Option(help="Text to measure on: test, validation, train or all.")]
Controls = Annotated[int, typer.Option(help="Matched random sets for each set of neurons.")]
Seed = Annotated[int, typer.Option(help="Seed of every random draw.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")]


@app.command(name="ablate")
def ablate_command(
    context: typer.Context,
    model: Model,
    dataset: Dataset,
    neurons: Annotated[list[str] | None, typer.Argument(help="L3.N609, or L3.N609+L4.N2 for both at once.")] = None,
    table: Annotated[Path | None, typer.Option(help="Instead of names: a table of neurons, as FILE.parquet.")] = None,
    value: Annotated[str, typer.Option(help="0, a number, mean, mean(FEATURE=0), resampled or x0.5")] = "0",
    features: Annotated[str | None, typer.Option(help="Names with commas between; else all.")] = None,
    split: Split = "test",
    controls: Controls = 4,
    out: Annotated[Path | None, typer.Option(help="The table to write, as FILE.parquet.")] = None,
    seed: Seed = 0,
    device: Device = None,
) -> None:
    """Change of next-token loss when neurons are taken away, on each feature's text and elsewhere."""
    show: Show = context.obj
    asked = neurons or (None if table is None else read_table(table))
    if asked is None or (neurons and table is not None):
        raise InputError("name neurons (L3.N609 ...) or give a table of them (--table FILE.parquet), one of the two")
    loaded, data = _load(model, dataset, device)
    effects = sp.ablate(
        loaded,
        data,
        asked,
        value=value,
        features=names(features),
        splits=None if split == "all" else (split,),
        controls=controls,
        seed=seed,
        progress=show.progress,
    )
    if out is not None:
        write_table(out, effects)
    columns = ["feature", "label", "n_groups", "loss", "change", "change_low", "change_high", "control_change"]
    rows = [
        {"neurons": "+".join(row["neurons"]), **{name: None if pd.isna(row[name]) else row[name] for name in columns}}
        for row in effects.to_dict("records")
    ]
    show.rows(rows, title=f"{data.name}, neurons set to {effects['value'].iloc[0]}")


@app.command(name="neuron")
def neuron_command(
    context: typer.Context,
    neuron: Annotated[str, typer.Argument(help="Its name: L3.N609")],
    model: Model,
    dataset: Dataset,
    ablation: Annotated[bool, typer.Option(help="Measure what the model loses without it.")] = True,
    split: Split = "test",
    controls: Controls = 4,
    seed: Seed = 0,
    device: Device = None,
) -> None:
    """All about one neuron: distribution, examples, n-grams, logits, weights, ablation."""
    show: Show = context.obj
    loaded, data = _load(model, dataset, device)
    card = sp.describe_neuron(
        loaded,
        data,
        neuron,
        ablation=ablation,
        splits=None if split == "all" else (split,),
        controls=controls,
        seed=seed,
        progress=show.progress,
    )
    if show.json:
        show.record(card.to_dict())
    else:
        card.show(show.out)


def _load(model: str, dataset: str, device: str | None) -> tuple[sp.LanguageModel, sp.ProbingDataset]:
    loaded = sp.load_model(model, device=device)
    return loaded, sp.load_dataset(dataset, tokenizer=loaded.tokenizer)
