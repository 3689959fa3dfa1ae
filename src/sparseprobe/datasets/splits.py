"""Train, validation and test: decided once, before anything is learnt, and stored with the data.

By group (the default): whole documents go to one part, so that no test text was seen in training, and the parts are
stratified for all features at once, after the idea of iterative stratification (Sechidis, Tsoumakas and Vlahavas
2011): the class that the fewest documents have is shared out first; each document goes to the part that lacks most of
that class, large documents before small ones. A class that three documents have is in all three parts, if one of
ATTEMPTS orders leads there. By example (preset `paper`): one random 70/30 split, seed 42, that ignores documents and
has no validation split.

A document's place in the order follows from its name and the seed, never from the order of the file. Cost: a loop over
documents (about 3 us each) and one pass over the examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sparseprobe import paper
from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator

GROUP_SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
ATTEMPTS = 24
"""Orders to try where sharing out leaves a part without a class (only ever with a handful of documents)."""


def split_by_group(
    groups: ArrayLike, labels: ArrayLike, *, shares: Mapping[str, float] = GROUP_SHARES, seed: int = 0
) -> NDArray[np.object_]:
    """A part for each example, (n_examples,), given its group and its labels (n_examples, n_features) in {1, 0, -1}.

    Raises InputError if a class that occurs is in fewer groups than there are parts; see `scarce_classes`.

    >>> parts = split_by_group(["a", "a", "b", "c", "d", "e", "f"], [[1], [1], [1], [1], [0], [0], [0]])
    >>> parts[0] == parts[1], sorted(set(parts))
    (True, ['test', 'train', 'validation'])
    """
    codes, names = pd.factorize(np.asarray(groups, dtype=object))
    counts = class_counts(codes, len(names), np.asarray(labels, dtype=np.int8))
    scarce = scarce_classes(counts, [f"column {column}" for column in range(np.shape(labels)[1])], len(shares))
    if scarce:
        raise InputError(next(iter(scarce.values())))
    chosen = split_groups(counts, [str(name) for name in names], shares=shares, seed=seed)
    return np.array(list(shares), dtype=object)[chosen[codes]]


def split_by_example(
    n: int, *, shares: Mapping[str, float] = paper.SHARES, seed: int = paper.SPLIT_SEED
) -> NDArray[np.object_]:
    """A part for each of `n` examples, at random, (n,).

    >>> parts = split_by_example(10)
    >>> int((parts == "train").sum()), int((parts == "test").sum())
    (7, 3)
    """
    bounds = np.round(np.cumsum(_checked(shares)) * n).astype(int)
    ranks = generator(seed, "split by example").permutation(n)
    return np.array(list(shares), dtype=object)[np.searchsorted(bounds, ranks, side="right")]


def class_counts(codes: NDArray[np.int64], n_groups: int, labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Examples of each class in each group, (n_groups, 2 n_features): positives, then negatives, feature by feature."""
    zeros, size = 3 * codes + 1, 3 * n_groups
    places = np.empty_like(zeros)
    counts = [
        np.bincount(np.add(zeros, column, out=places), minlength=size).reshape(-1, 3)[:, [2, 1]] for column in labels.T
    ]
    return np.hstack(counts) if counts else np.zeros((n_groups, 0), dtype=np.int64)


def labelled_groups(codes: NDArray[np.int64], n_groups: int, targets: NDArray[np.float32]) -> NDArray[np.int64]:
    """Whether each group has a number for each target, 1 or 0, (n_groups, n_features)."""
    held = np.zeros((n_groups, targets.shape[1]), dtype=np.int64)
    for column, values in enumerate(targets.T):
        held[codes[np.isfinite(values)], column] = 1
    return held


def scarce_classes(counts: NDArray[np.int64], features: Sequence[str], n_parts: int) -> dict[str, str]:
    """Features of which a class is in too few groups to be in every part, each with a sentence that says so."""
    reasons = {}
    present = (counts > 0).sum(axis=0).reshape(-1, 2)
    for feature, found in zip(features, present, strict=True):
        for kind, n in zip(("positive", "negative"), found, strict=True):
            if n < n_parts and feature not in reasons:
                what = f"no {kind} example" if n == 0 else f"{kind} examples in only {n} documents"
                reasons[feature] = (
                    f"{feature} has {what}; each class must be in at least {n_parts} documents to be split"
                )
    return reasons


def absent_classes(
    counts: NDArray[np.int64], features: Sequence[str], part: NDArray[np.int64], parts: Sequence[str]
) -> dict[str, str]:
    """Features of which a part (n_groups,) lacks a class, of the parts that have any group; each with a sentence."""
    reasons: dict[str, str] = {}
    for number in np.unique(part).tolist():
        held = counts[part == number].sum(axis=0).reshape(-1, 2)
        for feature, (positives, negatives) in zip(features, held.tolist(), strict=True):
            if not positives or not negatives:
                kind = "negative" if positives else "positive"
                reasons.setdefault(feature, f"{feature} has no {kind} example in the {parts[number]} split")
    return reasons


def scarce_targets(held: NDArray[np.int64], features: Sequence[str], n_parts: int) -> dict[str, str]:
    """Targets that too few groups have a number for to be in every part, each with a sentence that says so."""
    return {
        feature: f"{feature} has numbers in only {n} documents; a target must be in at least {n_parts} documents to "
        "be split"
        for feature, n in zip(features, held.sum(axis=0).tolist(), strict=True)
        if n < n_parts
    }


def split_groups(
    counts: NDArray[np.int64], names: Sequence[str], *, shares: Mapping[str, float] = GROUP_SHARES, seed: int = 0
) -> NDArray[np.int64]:
    """The part (an index into `shares`) of each group, (n_groups,), from the examples of each class in it.

    `counts` (n_groups, n_classes) as `class_counts` gives them, or `labelled_groups`; `names` identify the groups.
    """
    share = _checked(shares)
    weighed = np.column_stack([counts, np.maximum(counts.sum(axis=1), 1)])
    present = weighed > 0
    order = np.argsort(present.sum(axis=0), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rarest = np.where(present, rank, len(order)).min(axis=1)
    size = np.floor(np.log2(weighed[:, -1]))
    tried = []
    for attempt in range(ATTEMPTS):
        keys = [hashlib.sha256(f"{seed}\x1fsplit {attempt}\x1f{name}".encode()).digest()[:8] for name in names]
        queue = np.lexsort((np.array(keys, dtype="S8"), -size * (attempt == 0), rarest))
        parts = np.full(len(names), -1, dtype=np.int64)
        for place in np.unique(rarest):
            _share_out(queue[rarest[queue] == place], int(order[place]), weighed, share, parts)
        gaps = _fill_gaps(present[:, :-1], parts, len(share))
        tried.append((gaps, attempt, parts))
        if not gaps:
            break
    return min(tried, key=lambda one: one[:2])[2]


def _share_out(
    members: NDArray[np.int64],
    kind: int,
    counts: NDArray[np.int64],
    share: NDArray[np.float64],
    parts: NDArray[np.int64],
) -> None:
    """Give each member to the part that lacks most, and give every part at least one while there are members left.

    What a part lacks is first its share of the class `kind`; between parts that lack equally much, its share of all
    examples.
    """
    placed = parts >= 0

    def lacking(weight: NDArray[np.int64]) -> list[float]:
        held = np.bincount(parts[placed], weights=weight[placed], minlength=len(share))
        lacks: list[float] = (share * weight.sum() - held).tolist()
        return lacks

    lacks, room = lacking(counts[:, kind]), lacking(counts[:, -1])
    missing = {part for part in range(len(share)) if not (counts[parts == part, kind] > 0).any()}
    for left, member in zip(range(len(members), 0, -1), members.tolist(), strict=True):
        among = missing if missing and left <= len(missing) else range(len(share))
        part = max(among, key=lambda candidate: (round(lacks[candidate], 9), room[candidate], -candidate))
        parts[member] = part
        lacks[part] -= float(counts[member, kind])
        room[part] -= float(counts[member, -1])
        missing.discard(part)


def _fill_gaps(present: NDArray[np.bool_], parts: NDArray[np.int64], n_parts: int) -> int:
    """Move single groups into parts that lack a class which enough groups have, without making another gap.

    Returns the number of gaps that are left.
    """
    enough = present.sum(axis=0) >= n_parts
    held = np.array([present[parts == part].sum(axis=0) for part in range(n_parts)])
    for part, kind in zip(*np.nonzero((held == 0) & enough), strict=True):
        for member in np.flatnonzero(present[:, kind]):
            own, classes = parts[member], present[member]
            if np.all(held[own][classes & enough] > 1):
                held[own] -= classes
                held[part] += classes
                parts[member] = part
                break
    return int(((held == 0) & enough).sum())


def _checked(shares: Mapping[str, float]) -> NDArray[np.float64]:
    values = np.array(list(shares.values()), dtype=np.float64)
    if len(values) == 0 or np.any(values <= 0) or not np.isclose(values.sum(), 1):
        raise InputError(f"the shares of the parts must be positive and add up to 1; they are {dict(shares)}")
    return values
