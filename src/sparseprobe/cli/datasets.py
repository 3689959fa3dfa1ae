"""`sparseprobe datasets`: build labelled data, and inspect it before you trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import sparseprobe as sp
from sparseprobe.cli.options import asks
from sparseprobe.cli.show import Show

app = typer.Typer()
SPLITS = ("train", "validation", "test")
datasets = typer.Typer(no_args_is_help=True, help="Feature collections, and datasets made of your own text.")
app.add_typer(datasets, name="datasets")

Folder = Annotated[Path, typer.Argument(help="A saved dataset.")]


@datasets.command(name="list")
def list_datasets(context: typer.Context) -> None:
    """List the feature collections, and the size and origin of the texts that ship with them."""
    show: Show = context.obj
    from sparseprobe.datasets import list_collections

    rows = list_collections()
    if not show.json:
        shown = ("name", "features", "aggregate", "bytes", "origin", "description")
        rows = [{name: row[name] for name in shown} | {"features": len(row["features"])} for row in rows]
    show.rows(rows)


@datasets.command(name="build")
@asks(
    *("source", "text_column", "label_column", "spans_column", "document_column", "split_column"),
    "positions",
    *("settings", "bos", "preset", "seed"),
)
def build_dataset(
    context: typer.Context,
    given: dict[str, Any],
    name: Annotated[
        str, typer.Argument(help="A collection (`custom` for your own labels), or a file or folder of texts.")
    ],
    tokenizer: Annotated[str, typer.Option(help="The model's tokenizer: a hub id, a folder, or a shipped model.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing dataset.")] = False,
) -> None:
    """Tokenise texts, align their labels, split them by document, and save the dataset."""
    from sparseprobe.datasets.dataset_folder import require_free

    require_free(out, overwrite=overwrite)
    show: Show = context.obj
    source, settings = given.pop("source", None), given.pop("settings", {})
    data = sp.load_dataset(
        name, tokenizer=tokenizer, source=source[0] if source and len(source) == 1 else source, **given, **settings
    )
    data.save(out, overwrite=overwrite)
    show.rows(_features(data), title=str(out))


@datasets.command(name="show")
def show_dataset(
    context: typer.Context,
    folder: Folder,
    feature: Annotated[str | None, typer.Option(help="Show examples of this feature.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Examples of each class.")] = 5,
) -> None:
    """Show the features of a dataset with their counts, or examples of one feature with the labelled spans marked."""
    show: Show = context.obj
    data = sp.ProbingDataset.load(folder)
    if feature is None:
        show.rows(_features(data), title=f"{data.name}: {data.n_examples:,} examples, {data.n_tokens:,} tokens")
        if not show.json:
            _show_counts(show, data.settings)
        return
    text = data.preview(feature, n)
    if show.json:
        show.rows([{"feature": feature, "example": line} for line in text.splitlines()])
    else:
        show.text(text)


@datasets.command(name="check")
def check_dataset(
    context: typer.Context,
    folder: Folder,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if anything is found.")] = False,
) -> None:
    """Check a dataset for what could make scores misleading: imbalance, duplicates, leakage, conflicting labels."""
    show: Show = context.obj
    from sparseprobe.datasets import check

    findings = check(sp.ProbingDataset.load(folder))
    if findings.empty and not show.json:
        show.text("no findings")
    else:
        show.frame(findings)
    if strict and not findings.empty:
        raise typer.Exit(1)


def _show_counts(show: Show, settings: dict[str, Any]) -> None:
    """What was read, and what was left out and why."""
    counts = {name.replace("_", " "): n for name, n in settings.get("counts", {}).items() if n}
    if counts:
        show.text("counts: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()))
    for label, reasons in settings.get("labels_left_out", {}).items():
        said = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in reasons.items())
        show.text(f"left out of {label}: {said}")
    for reason in settings.get("dropped_features", {}).values():
        show.text(f"dropped: {reason}")


def _features(data: sp.ProbingDataset) -> list[dict[str, Any]]:
    split = data.examples["split"]
    rows = []
    for feature in data.features.itertuples():
        values = data.labels[feature.name]
        row: dict[str, Any] = {"feature": feature.name, "description": feature.description, "kind": feature.kind}
        if feature.kind == "binary":
            known = values != -1
            row |= {"positive": int((values == 1).sum()), "negative": int((values == 0).sum())}
        else:
            known = values.notna()
            row |= {"positive": None, "negative": None}
        rows.append(row | {part: int((known & (split == part)).sum()) for part in SPLITS})
    return rows
