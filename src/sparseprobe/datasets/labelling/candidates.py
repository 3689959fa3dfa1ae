"""What a collection finds in texts, before splitting and drawing: every token span that could become an example.

Plain arrays, so that a source of millions of tokens fits in memory: per span 24 bytes and one byte a feature;
documents are named once a sequence. `assemble` makes a ProbingDataset of it: drop features that are too rare, split
by document, then draw each feature's examples inside each part (so every part has the same share of positives), and
keep what any feature needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.balancing import draw
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.splits import (
    GROUP_SHARES,
    absent_classes,
    class_counts,
    labelled_groups,
    scarce_classes,
    scarce_targets,
    split_by_example,
    split_groups,
)
from sparseprobe.datasets.tokenizer_record import TokenizerRecord
from sparseprobe.errors import DataError, InputError, UnknownNameError
from sparseprobe.keyed_random import generator


@dataclass(frozen=True, eq=False)
class Candidates:
    """Token spans and their labels; n_spans rows."""

    sequences: Sequences
    """Token ids as fed to the model."""
    documents: Sequence[str]
    """The document of each sequence, (n_sequences,)."""
    sequence: NDArray[np.int64]
    """The sequence of each span, (n_spans,)."""
    start: NDArray[np.int64]
    """First token position of each span, (n_spans,)."""
    stop: NDArray[np.int64]
    """Position after the last, (n_spans,)."""
    labels: NDArray[Any]
    """(n_spans, n_features): int8 in {1, 0, -1}, or float32 with NaN for continuous features; best feature by feature
    in memory (see `rows_of`)."""
    features: pd.DataFrame
    """(n_features, 4): name, description, category, kind."""
    negative_kinds: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)
    """For features whose negatives come in kinds to be drawn equally: the kind of each span, (n_spans,)."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was left out and how often: texts too short, spans cut by the context ..."""
    decided: Mapping[str, Any] = field(default_factory=dict)
    """Settings that were left to the collection, as `unit`, or that depend on others, as `aggregate`."""


def rows_of(table: NDArray[np.int8], rows: NDArray[Any]) -> NDArray[np.int8]:
    """The given rows of a table, (n_rows, n_features), each feature in one piece of memory, as they are read here.

    >>> rows_of(np.array([[1, 0], [0, -1]], dtype=np.int8), np.array([1, 1, 0])).tolist()
    [[0, -1], [0, -1], [1, 0]]
    """
    taken = np.empty((len(rows), table.shape[1]), dtype=np.int8, order="F")
    places = rows.astype(np.intp)
    for column in range(table.shape[1]):  # "clip", since "raise" would work on a copy
        np.take(np.ascontiguousarray(table[:, column]), places, out=taken[:, column], mode="clip")
    return taken


def assemble(
    candidates: Candidates,
    *,
    name: str,
    tokenizer: TokenizerRecord,
    settings: Mapping[str, Any],
    seed: int,
    part_of: Mapping[str, str] | None = None,
) -> ProbingDataset:
    """Make the dataset of a collection; reads n_examples, positive_share, min_positives and split_by from `settings`.

    `part_of`: the split of each document, where the source's own split is kept. Features that cannot be used (too few
    positives, a class or a target in too few documents) are dropped and named in the settings with the reason. Raises
    DataError if none is left.
    """
    split_by = settings.get("split_by", "group")
    if split_by not in ("group", "example", "given"):
        raise UnknownNameError("split_by", split_by, ["group", "example", "given"])
    codes, documents = pd.factorize(np.asarray(candidates.documents, dtype=object))
    codes = codes[candidates.sequence]
    candidates = replace(candidates, labels=np.asfortranarray(candidates.labels))
    labels = candidates.labels
    binary = labels.dtype == np.int8
    names = candidates.features["name"].tolist()
    given = _given_parts(documents.tolist(), part_of or {}, name) if split_by == "given" else None
    if binary:
        counts = class_counts(codes, len(documents), labels)
        dropped = _unusable(names, counts, split_by, settings)
        if given is not None:
            dropped |= absent_classes(counts, names, given, tuple(GROUP_SHARES))
    else:
        counts = labelled_groups(codes, len(documents), labels)
        dropped = scarce_targets(counts, names, len(GROUP_SHARES)) if split_by == "group" else {}
    kept = [column for column, feature in enumerate(names) if feature not in dropped]
    if not kept:
        raise DataError(f"no feature of {name} can be probed: {next(iter(dropped.values()))}")
    part: NDArray[np.int64] | None = None if given is None else given[codes]
    if split_by == "group":
        usable = [2 * column + side for column in kept for side in (0, 1)] if binary else kept
        part = split_groups(counts[:, usable], [str(document) for document in documents], seed=seed)[codes]
    drawn = _draw_all(candidates, kept, part, settings, seed)
    rows = np.flatnonzero(drawn.any(axis=1))
    if part is None:
        split = pd.array(split_by_example(len(rows)), dtype="str")
    else:
        split = pd.array(list(GROUP_SHARES), dtype="str").take(part[rows])
    sequences, renumbered = np.unique(candidates.sequence[rows], return_inverse=True)
    blank = -1 if binary else np.nan
    return ProbingDataset(
        name=name,
        sequences=candidates.sequences.take(sequences),
        examples=pd.DataFrame(
            {
                "sequence": renumbered.astype(np.int64),
                "start": candidates.start[rows],
                "stop": candidates.stop[rows],
                "group": pd.array(documents, dtype="str").take(codes[rows]),
                "split": split,
            }
        ),
        labels=pd.DataFrame(
            {
                names[column]: np.where(drawn[:, place][rows], labels[:, column][rows], np.array(blank, labels.dtype))
                for place, column in enumerate(kept)
            }
        ),
        features=candidates.features.iloc[kept].reset_index(drop=True),
        tokenizer=tokenizer,
        settings=dict(settings) | {"seed": seed, "dropped_features": dropped, "counts": dict(candidates.counts)},
    )


def _given_parts(documents: Sequence[str], part_of: Mapping[str, str], name: str) -> NDArray[np.int64]:
    """The part of each document in the source's own split, as its place in GROUP_SHARES, (n_documents,)."""
    unknown = [document for document in documents if document not in part_of]
    if unknown:
        raise InputError(f"the documents of {name} are not those of its source, so the source's split cannot be kept")
    parts = np.array([list(GROUP_SHARES).index(part_of[document]) for document in documents])
    for place, part in enumerate(GROUP_SHARES):
        if part in ("train", "test") and not (parts == place).any():
            raise DataError(f"the source's own split has no labelled text in {part}; omit split_column to split anew")
    return parts


def _unusable(
    names: Sequence[str], counts: NDArray[np.int64], split_by: str, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Binary features that cannot be probed, with the reason."""
    dropped = scarce_classes(counts, names, len(GROUP_SHARES)) if split_by == "group" else {}
    least = int(settings.get("min_positives", 1))
    for feature, (positives, negatives) in zip(names, counts.sum(axis=0).reshape(-1, 2).tolist(), strict=True):
        if not positives or not negatives:
            dropped[feature] = f"{feature} has labels of one class ({positives} positive, {negatives} negative)"
        elif positives < least:
            dropped[feature] = f"{feature} has {positives} positive examples; min_positives asks for {least}"
    return dropped


def _draw_all(
    candidates: Candidates,
    kept: Sequence[int],
    part: NDArray[np.int64] | None,
    settings: Mapping[str, Any],
    seed: int,
) -> NDArray[np.bool_]:
    """Which spans each kept feature uses, (n_spans, n_kept); inside each `part` (n_spans,), where there are parts."""
    labels = candidates.labels
    n, share = settings.get("n_examples"), settings.get("positive_share")
    drawn = np.zeros((len(labels), len(kept)), dtype=bool, order="F")
    parts = {"all": np.arange(len(labels))}
    if part is not None:
        parts = {name: np.flatnonzero(part == number) for number, name in enumerate(GROUP_SHARES)}
    for place, column in enumerate(kept):
        values = labels[:, column]
        known = np.isfinite(values) if values.dtype != np.int8 else values != -1
        n_known = np.count_nonzero(known)
        if n is None and share is None:
            drawn[:, place] = known
            continue
        feature = str(candidates.features["name"].iloc[column])
        kinds = candidates.negative_kinds.get(feature)
        key = feature if values.dtype == np.int8 else "continuous"  # so that all forms of a target share their rows
        for name, members in parts.items():
            rows = members[known[members]] if n_known < len(known) else members
            rng = generator(seed, "draw", key, name)
            quota = None if n is None else max(2, round(n * len(rows) / max(1, n_known)))
            if values.dtype == np.int8:
                chosen = draw(
                    values[rows],
                    n=quota,
                    positive_share=share,
                    rng=rng,
                    kinds=None if kinds is None else kinds[rows],
                    equal_kinds=bool(settings.get("equal_kinds", False)),
                )
            else:
                chosen = rng.permutation(len(rows))[:quota]
            drawn[rows[chosen], place] = True
    return drawn
