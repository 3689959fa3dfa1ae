"""Show what is labelled: the text of a few examples of each class, with the labelled span between ⟦ and ⟧.

Probing is very sensitive to mislabelled data, and looking is the cheapest check. The text is decoded from the stored
ids, so it is what the model sees, BOS included, and not what the source file said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.datasets.vocabulary import running_pieces
from sparseprobe.errors import UnknownNameError
from sparseprobe.keyed_random import generator
from sparseprobe.printable import printable

if TYPE_CHECKING:
    from sparseprobe.datasets.probing_dataset import ProbingDataset


@dataclass(frozen=True)
class Example:
    """One labelled span with its text, as `data[i]` gives it."""

    text: str
    """The text of its whole sequence, as the model reads it."""
    span: str
    """The text of the labelled span."""
    labels: dict[str, float]
    """The label of each feature that labels it: 1 or 0, or a number."""
    split: str
    """train, validation or test."""
    group: str
    """The document that it comes from."""


def example_of(dataset: ProbingDataset, row: int) -> Example:
    """Example number `row` of a dataset, counted from 0, or from the end where negative; raises IndexError."""
    if not -len(dataset) <= row < len(dataset):
        raise IndexError(f"no example {row}: {dataset.name} has examples 0 to {len(dataset) - 1}")
    example = dataset.examples.iloc[row]
    ids = dataset.sequences[int(example["sequence"])].tolist()
    values = dataset.labels.iloc[row]
    labels = {str(name): float(value) for name, value in values.items() if value != -1 and value == value}  # noqa: PLR0124
    span = dataset.tokenizer.decode(ids[int(example["start"]) : int(example["stop"])])
    return Example(dataset.tokenizer.decode(ids), span, labels, str(example["split"]), str(example["group"]))


SHOWN_TOKENS = 24
"""Tokens shown of the text on each side of a span, and of each end of a long span."""

LINE_ENDS = dict.fromkeys((0x0A, 0x85, 0x2028, 0x2029), "⏎") | {0x09: "␉"}
"""Line ends and tabs, shown as signs so that an example stays on one line."""


def preview(dataset: ProbingDataset, feature: str, n: int = 5) -> str:
    """Text of `n` examples of each class of `feature`, positives first, one line an example.

    A line is: label, split, group, text. The choice is random but fixed. Raises UnknownNameError for an unknown
    feature.
    """
    if feature not in dataset.labels.columns:
        raise UnknownNameError("feature", feature, dataset.labels.columns)
    values = dataset.labels[feature].to_numpy()
    binary = values.dtype == np.int8
    classes = [values == 1, values == 0] if binary else [np.isfinite(values)]
    lines = []
    for members in classes:
        rows = np.flatnonzero(members)
        chosen = np.sort(generator(0, "preview", feature).permutation(rows)[:n])
        lines += [(f"{values[row]:+d}" if binary else f"{values[row]:.3g}") + show(dataset, int(row)) for row in chosen]
    return "\n".join(lines)


def show(dataset: ProbingDataset, row: int) -> str:
    """One example on one line: split, group, and text with its span marked."""
    example = dataset.examples.iloc[row]
    ids = dataset.sequences[int(example["sequence"])]
    start, stop = int(example["start"]), int(example["stop"])
    first, last = max(0, start - SHOWN_TOKENS), min(len(ids), stop + SHOWN_TOKENS)
    pieces = running_pieces(dataset.tokenizer, ids[first:last].tolist())
    before, inside, after = pieces[: start - first], pieces[start - first : stop - first], pieces[stop - first :]
    if len(inside) > 2 * SHOWN_TOKENS:
        inside = [*inside[:SHOWN_TOKENS], " … ", *inside[-SHOWN_TOKENS:]]
    left, right = "…" if first else "", "…" if last < len(ids) else ""
    text = f"{left}{''.join(before)}⟦{''.join(inside)}⟧{''.join(after)}{right}".translate(LINE_ENDS)
    return printable(f"  {example['split']:<10}  {example['group']}  {text}")
