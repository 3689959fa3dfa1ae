"""Concatenate datasets and subsample one; both keep each document in its split.

Concatenation: examples after examples, features by name (-1 or NaN where a dataset lacks a feature).
Two parts of one corpus can be combined if each document is in the same split in both; otherwise the dataset's own check
raises an error. Subsampling draws documents whole, or single examples, with the same share in each split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sparseprobe.datasets.sequences import Sequences
from sparseprobe.errors import DataError, InputError
from sparseprobe.keyed_random import generator

if TYPE_CHECKING:
    from sparseprobe.datasets.probing_dataset import ProbingDataset


def concatenate(datasets: Sequence[ProbingDataset], *, name: str | None = None) -> ProbingDataset:
    """All examples of all datasets, as one; `name`: the name of the result (None: the first one's, if all have it).

    Raises InputError for an empty list, TokenizerMismatchError where tokenizers differ, DataError where a feature has
    two meanings or a document stands in different parts.
    """
    if not datasets:
        raise InputError("there are no datasets to concatenate; give at least one")
    first = datasets[0]
    for other in datasets[1:]:
        first.require_tokenizer(other.tokenizer)
        if other.tokenizer.bos_id != first.tokenizer.bos_id:
            raise InputError(f"{first.name} has BOS id {first.tokenizer.bos_id}, {other.name} {other.tokenizer.bos_id}")
    features = pd.concat([data.features for data in datasets]).drop_duplicates().reset_index(drop=True)
    twice = features["name"][features["name"].duplicated()]
    if len(twice):
        raise DataError(f"the feature {twice.iloc[0]!r} is described in two ways; rename it in one of the datasets")
    shift = np.cumsum([0, *(len(data.sequences) for data in datasets)])
    examples = [data.examples.assign(sequence=data.examples["sequence"] + shift[n]) for n, data in enumerate(datasets)]
    labels = {}
    for feature, kind in zip(features["name"], features["kind"], strict=True):
        missing, dtype = (-1, np.int8) if kind == "binary" else (np.nan, np.float32)
        columns = [
            data.labels[feature].to_numpy() if feature in data.labels else np.full(data.n_examples, missing, dtype)
            for data in datasets
        ]
        labels[feature] = np.concatenate(columns)
    names = {data.name for data in datasets}
    by_example = any(data.settings.get("split_by") == "example" for data in datasets)
    return replace(
        first,
        name=name or (first.name if len(names) == 1 else "+".join(sorted(names))),
        sequences=Sequences.of(ids for data in datasets for ids in data.sequences),
        examples=pd.concat(examples, ignore_index=True),
        labels=pd.DataFrame(labels),
        features=features,
        settings={
            "split_by": "example" if by_example else "group",
            "concatenated": [dict(data.settings) | {"hash": data.hash()} for data in datasets],
            "aggregate": first.settings.get("aggregate", "none"),
        },
    )


def subsample(dataset: ProbingDataset, n: int, *, by: str = "example", seed: int = 0) -> ProbingDataset:
    """About `n` examples, the same share of each split: single ones (`by="example"`), or whole documents ("group")."""
    if n < 1:
        raise InputError(f"n is {n}; give the number of examples to keep, at least 1")
    if by not in ("example", "group"):
        raise InputError(f"by is {by!r}; subsample by 'example' or by 'group' (whole documents)")
    share = min(1.0, n / dataset.n_examples)
    kept = np.zeros(dataset.n_examples, dtype=bool)
    for part, rows in dataset.examples.groupby("split").indices.items():
        rng = generator(seed, "subsample", by, part)
        if by == "example":
            kept[rng.permutation(np.sort(rows))[: max(1, round(share * len(rows)))]] = True
            continue
        groups = dataset.examples["group"].iloc[rows]
        order = rng.permutation(np.sort(groups.unique().astype(object)))
        sizes = groups.value_counts()[order].cumsum().to_numpy()
        chosen = order[: max(1, int(np.searchsorted(sizes, share * len(rows), side="right")))]
        kept[rows] = groups.isin(list(chosen)).to_numpy()
    taken = dataset.subset(examples=kept)
    return replace(taken, settings=dict(dataset.settings) | {"subsample": {"n": n, "by": by, "seed": seed}})
