"""`sparseprobe transfer RUN --dataset OTHER`: do the neurons of a run read their features on other text?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import sparseprobe as sp
from sparseprobe.artefacts import write_table
from sparseprobe.cli.show import Show

app = typer.Typer()


@app.command(name="transfer")
def transfer_command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run with a table of single neurons.")],
    dataset: Annotated[str, typer.Option(help="The other dataset: a saved one, or a collection that ships texts.")],
    neurons: Annotated[int, typer.Option(help="Neurons per feature.")] = 1,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: a GPU if there is one.")] = None,
    out: Annotated[Path | None, typer.Option(help="The table to write (FILE.parquet).")] = None,
) -> None:
    """Score the best neurons of a run on another dataset with the same features, as they are and refitted."""
    from sparseprobe.experiments.summary import best_rows

    show: Show = context.obj
    source = sp.open_run(run)
    chosen = best_rows(source.neurons, neurons)
    model = sp.load_model(source.spec.model, device=device, dtype=source.spec.model_dtype)
    data = sp.load_dataset(dataset, tokenizer=model.tokenizer)
    activations = sp.extract(
        model,
        data,
        layers=sorted(chosen["layer"].unique().tolist()),
        site=source.spec.site,
        aggregate=chosen["aggregation"].iloc[0],
        dtype=source.spec.dtype,
        memory=source.spec.memory,
        progress=show.progress,
    )
    table = sp.transfer(chosen, activations, data, n=neurons)
    if out is not None:
        write_table(out, table)
    columns = ["feature", "neuron", "sign", "n_positive_groups", "f1_source", "f1", "f1_low", "f1_high", "lost"]
    columns += ["roc_auc", "f1_refitted"]
    show.frame(table[columns], title=f"neurons of {run} on {data.name}")
    means = table[["f1_source", "f1", "lost", "f1_refitted"]].mean()
    show.note("means: " + ", ".join(f"{name} {value:.3f}" for name, value in means.items()))
    missing = sorted(set(chosen["feature"]) - set(table["feature"]))
    if missing:
        show.note(f"{data.name} has no feature named {', '.join(missing)}")
