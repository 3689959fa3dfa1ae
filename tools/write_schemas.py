"""Write docs/reference/schemas.md from the schemas in the code.

python tools/write_schemas.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sparseprobe import tables

if TYPE_CHECKING:
    from sparseprobe.tables import Column

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "schemas.md"

TABLES = (
    ("tables/sweep.parquet", "One row for each feature, layer, selection and k.", tables.SWEEP),
    (
        "tables/sweep.parquet, exact selections",
        "These follow where a selection can certify itself.",
        tables.CERTIFICATE,
    ),
    ("tables/neurons.parquet", "One row for each feature, layer and kept neuron, read alone.", tables.NEURONS),
    ("tables/ablation.parquet", "One row for each set of neurons, feature and label.", tables.ABLATION),
    ("tables/cards.parquet", "One row for each feature: the card of its best neuron.", tables.CARDS),
    (
        "tables/compound_parts.parquet",
        "Activations on a compound and on its words alone, one row for each neuron and context.",
        tables.COMPOUND_PARTS,
    ),
    ("tables/stimuli.parquet", "What drives the best neuron of each feature, one row for each n-gram.", tables.STIMULI),
    ("tables/by_token.parquet", "One row for each neuron and token.", tables.BY_TOKEN),
    ("tables/by_class.parquet", "One row for each neuron, feature and label.", tables.BY_CLASS),
    ("tables/weights.parquet", "One row for each neuron of the model.", tables.WEIGHTS),
    (
        "tables/logit_classes.parquet",
        "Direct effects on kinds of tokens, one row for each neuron, kind and bin.",
        tables.LOGIT_CLASSES,
    ),
    ("tables/union.parquet", "One row for each feature: a union, or superposition.", tables.UNION),
    ("tables/relation.parquet", "One row for each feature: its best neuron against the label.", tables.RELATION),
    (
        "tables/mean_and_maximum.parquet",
        "The best neuron of each feature on each test example that carries a label.",
        tables.MEAN_AND_MAXIMUM,
    ),
    (
        "tables/same_token.parquet",
        "The best neuron of each feature on the same token inside and outside of the feature's text.",
        tables.SAME_TOKEN,
    ),
    ("tables/dense.parquet", "One row for each feature and layer: a probe on all neurons.", tables.DENSE),
    ("tables/pruning.parquet", "One row for each step of taking the best neuron away.", tables.PRUNING),
    (
        "tables/baselines.parquet",
        "Real labels, permuted labels, random neurons and random directions, one row for each trial.",
        tables.BASELINES,
    ),
    ("tables/regression.parquet", "One row for each continuous feature, layer and k.", tables.REGRESSION),
    ("transfer", "The chosen neurons on another dataset, one row for each.", tables.TRANSFER),
    ("tables/optimum.parquet", "Each selection against the proven optimum, one row for each k.", tables.OPTIMUM),
    ("tables/stability.parquet", "How often a neuron is chosen over resamples.", tables.STABILITY),
    ("tables/significance.parquet", "Which neurons stand out by more than chance.", tables.SIGNIFICANCE),
    ("tables/planted.parquet", "How much of a planted support each selection finds.", tables.PLANTED),
    ("specificity", "Whether ablated neurons matter for a feature in particular.", tables.SPECIFICITY),
)

INTRODUCTION = """# Tables

A score without a suffix is on test examples. Tables are Parquet; in Python, DataFrames. `tables/NAME.parquet` is what
`sparseprobe run --experiments NAME` writes into its folder; `comparison` has the columns of `sweep`.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    parts += [f"## {title}\n\n{sentence}\n\n{_rows(columns)}" for title, sentence, columns in TABLES]
    return "\n".join(parts)


def _rows(columns: tuple[Column, ...]) -> str:
    rows = [f"| `{column.name}` | {column.dtype} | {column.meaning} |" for column in columns]
    return "\n".join(["| column | dtype | what it says |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
