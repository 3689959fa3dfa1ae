"""Labels that carry no information: the real ones, permuted over groups.

A probe is evidence only beside what the same procedure finds in labels that mean nothing. Permuting single labels would
destroy the dependence inside documents and make the control too easy to tell from the real thing. So the label patterns
of whole groups change places: the labels are laid out group after group, the groups' blocks are shuffled, and the row
of blocks is laid back over the examples, group after group in the order in which groups first appear. Where groups are
of equal size each gets the whole pattern of another; where they are not, a pattern may run over a border, but every
label is used once and runs stay runs; where each example is a group this is a permutation of labels. It is done within
each part of the split, so that every part keeps its number of positives.
"""

from __future__ import annotations

import numpy as np

from sparseprobe.errors import InputError


def permuted_over_groups(
    labels: np.ndarray, groups: np.ndarray, generator: np.random.Generator, *, parts: np.ndarray | None = None
) -> np.ndarray:
    """Labels (n,) permuted over groups (n,), within each of `parts` (n,) where given; same dtype.

    >>> labels = np.array([1, 1, 0, 0, 0, 0])
    >>> permuted_over_groups(labels, np.array(["a", "a", "b", "b", "c", "c"]), np.random.default_rng(3))
    array([0, 0, 0, 0, 1, 1])
    """
    if not len(labels) == len(groups) or (parts is not None and len(parts) != len(labels)):
        raise InputError(f"labels, groups and parts must match row by row, got {len(labels)} and {len(groups)} rows")
    permuted = np.array(labels)
    everything = np.zeros(len(labels), int) if parts is None else np.unique(parts, return_inverse=True)[1]
    for part in range(everything.max(initial=-1) + 1):
        rows = np.flatnonzero(everything == part)
        _, first, member = np.unique(groups[rows], return_index=True, return_inverse=True)
        arrival = first[member]  # names a group by its first row
        laid_out = np.argsort(arrival, kind="stable")
        new_place = generator.permutation(len(first))[member]
        shuffled = np.lexsort((np.arange(len(rows)), new_place))
        permuted[rows[laid_out]] = labels[rows[shuffled]]
    return permuted
