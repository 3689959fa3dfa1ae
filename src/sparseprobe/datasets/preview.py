"""Show what is labelled: the text of a few examples of each class, with the labelled span between ⟦ and ⟧.

Probing is very sensitive to mislabelled data, and looking is the cheapest check. The text is decoded from the stored
ids, so it is what the model sees, BOS included, and not what the source file said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.errors import UnknownNameError
from sparseprobe.keyed_random import generator

if TYPE_CHECKING:
    from sparseprobe.datasets.probing_dataset import ProbingDataset

SHOWN_TOKENS = 24
"""Tokens shown of the text on each side of a span, and of each end of a long span."""

ON_ONE_LINE = {code: chr(0x2400 + code) for code in range(32)} | dict.fromkeys((0x0A, 0x85, 0x2028, 0x2029), "⏎")
"""Control characters and line ends, shown as signs."""


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
    before, inside, after = ids[:start], ids[start:stop], ids[stop:]
    decode = dataset.tokenizer.decode
    left = ("…" if len(before) > SHOWN_TOKENS else "") + decode(before[-SHOWN_TOKENS:].tolist())
    right = decode(after[:SHOWN_TOKENS].tolist()) + ("…" if len(after) > SHOWN_TOKENS else "")
    if len(inside) > 2 * SHOWN_TOKENS:
        middle = decode(inside[:SHOWN_TOKENS].tolist()) + " … " + decode(inside[-SHOWN_TOKENS:].tolist())
    else:
        middle = decode(inside.tolist())
    text = f"{left}⟦{middle}⟧{right}".translate(ON_ONE_LINE)
    return f"  {example['split']:<10}  {example['group']}  {text}"
