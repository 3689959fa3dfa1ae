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
    from collections.abc import Callable, Hashable, Mapping

    import pandas as pd

app = typer.Typer()

SHOWN_COLUMNS = (
    *("feature", "layer", "selection", "arm", "k", "step", "neuron", "sign", "f1", "f1_low", "f1_high", "control_f1"),
    *("r2", "r2_low", "r2_high", "control_r2", "frequency", "stability", "correlation", "p_family", "q"),
)
SHOWN_ROWS = 40
"""Rows of an experiment's table that a person sees; the file has all."""


@app.command(name="run")
def run_command(
    context: typer.Context,
    spec: Annotated[Path | None, typer.Argument(help="A YAML file of settings (as spec.yaml of a run).")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/NAME for NAME.yaml if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="Hub id, local folder, or shipped model.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A saved dataset, a collection, or a file of texts.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Where the text is in a file of texts.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Where the labels are in a file of texts.")] = None,
    layers: Annotated[str | None, typer.Option(help="all, 3, 0:4 or 0,2,5")] = None,
    site: Annotated[str | None, typer.Option(help="mlp, mlp_pre, mlp_gate, mlp_up, residual or attention")] = None,
    aggregate: Annotated[str | None, typer.Option(help="none, mean, max or last; else as the dataset says")] = None,
    experiments: Annotated[
        str | None,
        typer.Option(help="Names with commas between: sweep, neurons, dense, pruning, ..., ablation; else the usual."),
    ] = None,
    selection: Annotated[str | None, typer.Option(help="How the k neurons are chosen.")] = None,
    k: Annotated[str | None, typer.Option(help="Numbers of neurons: 1,2,4,8")] = None,
    features: Annotated[str | None, typer.Option(help="Names with commas between; else all.")] = None,
    keep: Annotated[int | None, typer.Option(help="Single neurons kept a feature and layer.")] = None,
    ablated: Annotated[int | None, typer.Option(help="Neurons a feature that the ablation takes away.")] = None,
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
        "experiments": names(experiments),
        "selection": selection,
        "k": parse_k(k),
        "features": names(features),
        "keep": keep,
        "ablated": ablated,
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
    folder = out or (spec and Path("runs", spec.stem))
    if folder is None:
        raise InputError("a run needs --out, the folder to write; only a run of SPEC.yaml goes to runs/SPEC without it")
    asked = sp.RunSpec(**given) if spec is None else replace(sp.RunSpec.from_yaml(spec), **given)
    show: Show = context.obj
    show_run(show, _with_way_on(show, folder, lambda: sp.run(asked, folder, progress=show.progress)))


@app.command(name="resume")
def resume_command(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The run folder.")],
) -> None:
    """Finish a run that stopped, with the settings that it was started with."""
    show: Show = context.obj
    show_run(show, _with_way_on(show, folder, lambda: sp.resume(folder, progress=show.progress)))


def show_run(show: Show, finished: sp.Run) -> None:
    """The tables that a person wants first: best neurons, regressions, ablations; with `--json` the first of them."""
    tables = finished.tables
    parts = [part for name, part in _SHOWN.items() if name in tables]
    for part in parts[:1] if show.json else parts:
        part(show, finished)
    if not parts:
        name, table = next(iter(tables.items()))
        show_table(show, table, title=f"{finished.folder}: {name}")
    for name, table in tables.items():
        if name not in _SHOWN and name != "sweep":
            show.note(f"{name}: {len(table)} rows in {finished.folder / 'tables' / name}.parquet")
    show.note(f"run folder: {finished.folder.resolve()}")


def show_table(show: Show, table: pd.DataFrame, *, title: str) -> None:
    """Any experiment's table: all for a machine, for a person the columns that tell most and the first rows."""
    columns = [column for column in SHOWN_COLUMNS if column in table]
    show.frame(table if show.json else table[columns].head(SHOWN_ROWS), title=f"{title}, {len(table)} rows")


def best_of(finished: sp.Run) -> pd.DataFrame:
    """For each feature the best neuron, and how the score grows with k."""
    choose_by, _ = choice(finished.neurons, "f1")
    return sp.best_neurons(finished.neurons, finished.tables.get("sweep"), choose_by=choose_by)


def choice(table: pd.DataFrame, score: str) -> tuple[str, str]:
    """The column that the best row is chosen by, and its name in a sentence.

    Without validation scores (the paper's split has none) that is the score itself, on test.
    """
    validation = f"{score}_validation"
    if table[validation].notna().any():
        return validation, "validation"
    return score, "the test scores shown, as in the paper"


def _show_neurons(show: Show, finished: sp.Run) -> None:
    """For each feature the best neuron, its score with interval and control, and how the score grows with k."""
    table = best_of(finished)
    if show.json:
        show.frame(table)
        return
    show.rows(
        [_summary(row) for row in table.to_dict("records")], title=f"{finished.folder}: best single neuron, F1 on test"
    )
    _, chosen = choice(finished.neurons, "f1")
    show.note(f"chosen by {chosen}; 95 % intervals; control: permuted labels; k=: F1 of k neurons in the best layer")


def _show_regression(show: Show, finished: sp.Run) -> None:
    """For each continuous feature and k the layer of the best validation R2; of the best test R2 without validation."""
    table = finished.tables["regression"]
    choose_by, chosen = choice(table, "r2")
    table = table.sort_values(choose_by, ascending=False, kind="stable")
    best = table.drop_duplicates(["feature", "k"]).sort_values(["feature", "k"])
    columns = ["feature", "k", "layer", "r2", "r2_low", "r2_high", "control_r2"]
    show.frame(best[columns], title=f"{finished.folder}: regression, R2 on test, layer chosen by {chosen}")


def _show_ablation(show: Show, finished: sp.Run) -> None:
    """What each feature's own neurons do to the loss on its text and elsewhere."""
    from sparseprobe.neurons import own_features, specificity
    from sparseprobe.runs.run import few_best_neurons

    own = own_features(
        specificity(finished.tables["ablation"]), few_best_neurons(finished.neurons, finished.spec.ablated)
    )
    _, chosen = choice(finished.neurons, "f1")
    columns = ["feature", "change", "change_low", "change_high", "change_elsewhere", "control_change", "specific"]
    rows = [
        {"neurons": "+".join(row["neurons"]), **{name: row[name] for name in columns}} for row in own.to_dict("records")
    ]
    title = f"{finished.folder}: change of next-token loss without the neurons, nats per token on test"
    show.rows(rows, title=f"{title}; neurons chosen by {chosen}")


_SHOWN: Mapping[str, Callable[[Show, sp.Run], None]] = {
    "neurons": _show_neurons,
    "regression": _show_regression,
    "ablation": _show_ablation,
}


def _summary(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """A row of the table for people: one column for a score and its interval, short names for the sweep."""
    by_k = {
        str(name).removeprefix("f1 (").removesuffix(")"): value for name, value in row.items() if "(k=" in str(name)
    }
    return {
        "feature": row["feature"],
        "neuron": row["neuron"],
        "sign": row["sign"],
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
