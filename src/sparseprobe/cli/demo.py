"""`sparseprobe demo`: a whole run on the shipped model and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

import sparseprobe as sp
from sparseprobe.cli.results import best_of, show_summary
from sparseprobe.cli.show import Show

app = typer.Typer()

MODEL = "demo-4.7m"
EXPERIMENTS = "sweep,neurons,cards"
COLLECTIONS = ("natural_language", "programming_language")


@app.command()
def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Where the run folders go.")] = Path("runs/demo"),
    model: Annotated[str, typer.Option(help="The model: a shipped one, `smollm2-135m`, or any other.")] = MODEL,
    experiments: Annotated[str, typer.Option(help="The experiments, such as `neurons,ablation`.")] = EXPERIMENTS,
) -> None:
    """Find the language neurons of the shipped model: every layer, all single neurons, k from 1 to 256."""
    show: Show = context.obj
    finished = []
    for collection in COLLECTIONS:
        show.note(f"{collection}: {model}, all layers, into {out / collection}")
        spec = sp.RunSpec(model, collection, experiments=experiments.split(","))
        finished.append(sp.run(spec, out / collection, progress=show.progress))
    if show.json:
        show.frame(pd.concat([best_of(one) for one in finished], ignore_index=True))
        return
    for one in finished:
        show_summary(show, one)
