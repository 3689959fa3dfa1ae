"""`sparseprobe ablate` and `sparseprobe neuron`: what neurons do, and whether they matter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

import sparseprobe as sp
from sparseprobe.artefacts import read_table, write_table
from sparseprobe.cli.options import asks
from sparseprobe.cli.show import Show
from sparseprobe.errors import InputError
from sparseprobe.neuron import Neuron

app = typer.Typer()

Split = Annotated[str, typer.Option(help="The split to measure on: test, validation, train or all.")]
Controls = Annotated[int, typer.Option(help="Matched random sets of neurons to compare each set with.")]
BUILDING = (
    *("model", "dataset", "source", "text_column", "label_column", "spans_column", "document_column", "split_column"),
    "positions",
    "settings",
)


@app.command(name="ablate")
@asks(*BUILDING, "features", "seed", "device")
def ablate_command(
    context: typer.Context,
    given: dict[str, Any],
    neurons: Annotated[list[str] | None, typer.Argument(help="L3.N609, or L3.N609+L4.N2 for both at once.")] = None,
    table: Annotated[Path | None, typer.Option(help="A table of neurons (FILE.parquet) in place of names.")] = None,
    value: Annotated[
        str, typer.Option(help="What they are set to: a number, mean, mean(FEATURE=0), resampled or x0.5.")
    ] = "0",
    split: Split = "test",
    controls: Controls = 4,
    out: Annotated[Path | None, typer.Option(help="The table to write (FILE.parquet).")] = None,
) -> None:
    """Measure the change of next-token loss when neurons are ablated, on each feature's text and elsewhere."""
    show: Show = context.obj
    asked = neurons or (None if table is None else read_table(table))
    if asked is None or (neurons and table is not None):
        raise InputError("name neurons (L3.N609 ...) or give a table of them (--table FILE.parquet), not both")
    loaded, data = model_and_data(given)
    effects = sp.ablate(
        loaded,
        data,
        asked,
        value=value,
        features=given.get("features"),
        splits=None if split == "all" else (split,),
        controls=controls,
        seed=given.get("seed", 0),
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
@asks(*BUILDING, "seed", "device")
def neuron_command(
    context: typer.Context,
    given: dict[str, Any],
    neuron: Annotated[str, typer.Argument(help="Its name, such as L3.N609.")],
    ablation: Annotated[bool, typer.Option(help="Measure what the model loses without it.")] = True,
    split: Split = "test",
    controls: Controls = 4,
) -> None:
    """Describe one neuron: distribution, examples, n-grams, logits, weights, ablation."""
    Neuron.parse(neuron)  # a mistake in the name is answered before the model is loaded
    show: Show = context.obj
    loaded, data = model_and_data(given)
    card = sp.describe_neuron(
        loaded,
        data,
        neuron,
        ablation=ablation,
        splits=None if split == "all" else (split,),
        controls=controls,
        seed=given.get("seed", 0),
        progress=show.progress,
    )
    if show.json:
        show.record(card.to_dict())
    else:
        card.show(show.out)


def model_and_data(given: dict[str, Any]) -> tuple[sp.LanguageModel, sp.ProbingDataset]:
    """The model that was asked for, and the dataset in its tokens."""
    building = sp.RunSpec(**{name: given[name] for name in BUILDING if name in given}).dataset_options()
    model = sp.load_model(given["model"], device=given.get("device"))
    return model, sp.load_dataset(given["dataset"], tokenizer=model.tokenizer, **building)
