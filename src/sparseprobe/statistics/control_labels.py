"""Labels that carry no information: the real ones, permuted over groups.

A probe is evidence only beside what the same procedure finds in labels that mean nothing. Permuting single labels would
destroy the dependence inside documents and make the control too easy to tell from the real thing. So groups exchange
their label patterns: each gets that of another group, begun at a random place of the pattern and repeated or cut to the
group's own length. Labels that are constant in groups stay so, whatever the sizes of the groups; labels that follow the
place in a group, as positions do, are set apart from it by the random beginning; where each example is a group this is
a permutation of labels.

It is done within each part of the split. Where a group lies in several parts (a split by example), its label can be
read by recognising the group; so that a control can be read in the same way, whole groups then exchange patterns,
whatever the parts.

Between groups of different size the number of positives changes. Scores are given the class shares of the real labels
back by weights (`class_share_weights`); a test exchanges patterns between groups of similar size only (`size_strata`).

A part never loses a class: a draw that leaves one out is drawn again. Where that does not help, since a class lives in
one or two of many groups, whole groups give way to exchanges within each part, and these to patterns that are laid over
the examples of the part whole, one after the other in a random order and across the borders of groups, which uses every
label once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError

_DRAWS = 20  # before classes are kept in another way


def permuted_over_groups(
    labels: np.ndarray, groups: np.ndarray, generator: np.random.Generator, *, parts: np.ndarray | None = None
) -> np.ndarray:
    """Labels (n,) permuted over groups (n,), within each of `parts` (n,) where given; same dtype.

    Where a group lies in several parts, whole groups exchange their patterns, whatever the parts.

    >>> labels = np.array([1, 1, 0, 0, 0, 0, 0])
    >>> permuted_over_groups(labels, np.array(["a", "a", "b", "b", "c", "c", "c"]), np.random.default_rng(3))
    array([0, 0, 0, 0, 1, 1, 1])
    """
    if not len(labels) == len(groups) or (parts is not None and len(parts) != len(labels)):
        raise InputError(f"labels, groups and parts must match row by row, got {len(labels)} and {len(groups)} rows")
    if parts is not None and _any_in_several_parts(groups, parts):
        return _permuted_whatever_the_parts(labels, groups, parts, generator)
    return GroupLayout.of(groups, parts=parts).permuted(labels, generator)


def class_share_weights(permuted: NDArray[np.bool_], real: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Weights (n,) with which permuted labels (n,) have the class shares of the real ones (n,).

    None where the shares are the same already, and where a class is missing, which no weight brings back.

    >>> class_share_weights(np.array([True, False, False]), np.array([True, True, False]))
    array([2. , 0.5, 0.5])
    """
    counts, wanted = np.bincount(permuted, minlength=2), np.bincount(real, minlength=2)
    if (counts == wanted).all() or not counts.all() or not wanted.all():
        return None
    weights: NDArray[np.float64] = (wanted / counts)[permuted.astype(int)]
    return weights


def size_strata(groups: np.ndarray) -> NDArray[np.int64]:
    """(n,) the stratum of each row: groups (n,) of similar size, between the same powers of two, are in one.

    >>> size_strata(np.array(["a", "b", "b", "c", "c", "c", "d", "d", "d", "d"]))
    array([1, 2, 2, 2, 2, 2, 3, 3, 3, 3])
    """
    _, member, size = np.unique(groups, return_inverse=True, return_counts=True)
    return np.frexp(size)[1].astype(np.int64)[member]


def _any_in_several_parts(groups: np.ndarray, parts: np.ndarray) -> bool:
    names, member = np.unique(groups, return_inverse=True)
    kinds, part = np.unique(parts, return_inverse=True)
    return len(np.unique(member * len(kinds) + part)) > len(names)


def _permuted_whatever_the_parts(
    labels: np.ndarray, groups: np.ndarray, parts: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Labels (n,) permuted over whole groups; within each part where a part loses a class in draw after draw."""
    layout = GroupLayout.of(groups)
    varied = [rows for rows in (parts == part for part in np.unique(parts)) if _varied(labels[rows])]
    for _ in range(_DRAWS):
        permuted = layout.permuted(labels, generator)
        if all(_varied(permuted[rows]) for rows in varied):
            return permuted
    return GroupLayout.of(groups, parts=parts).permuted(labels, generator)


def _varied(labels: np.ndarray) -> bool:
    """Whether labels (n,), at least one, are not all the same."""
    return bool((labels != labels[0]).any())


@dataclass(frozen=True)
class GroupLayout:
    """Which rows belong to which group of which part: found once, for any number of permutations."""

    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, groups: np.ndarray, *, parts: np.ndarray | None = None) -> GroupLayout:
        """The layout of groups (n,), within each of `parts` (n,) where given.

        >>> layout = GroupLayout.of(np.array(["a", "b", "b", "a"]))
        >>> layout.permuted(np.array([0, 1, 1, 0]), np.random.default_rng(3))
        array([1, 0, 0, 1])
        """
        whole = np.zeros(len(groups), int) if parts is None else np.unique(parts, return_inverse=True)[1]
        rows = [np.flatnonzero(whole == part) for part in range(whole.max(initial=-1) + 1)]
        return cls(tuple(_Part.of(one, groups[one]) for one in rows))

    def permuted(self, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Labels (n,) permuted over the groups of each part; same dtype."""
        permuted = np.array(labels)
        for part in self.parts:
            permuted[part.rows] = part.permuted(permuted[part.rows], generator)
        return permuted


@dataclass(frozen=True, eq=False)
class _Part:
    """The groups of one part of the split, in the order in which they first appear."""

    rows: NDArray[np.int64]
    """(n,) rows of the part, group after group."""
    member: NDArray[np.int64]
    """(n,) the group of each of them."""
    place: NDArray[np.int64]
    """(n,) the place of each of them in its group."""
    start: NDArray[np.int64]
    """(n_groups,) where each group begins among them."""
    size: NDArray[np.int64]
    """(n_groups,)."""

    @classmethod
    def of(cls, rows: NDArray[np.int64], groups: np.ndarray) -> _Part:
        _, first, member, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
        arrival = np.argsort(first)
        size = size[arrival]
        start = np.cumsum(size) - size
        number = np.repeat(np.arange(len(size)), size)
        return cls(
            rows[np.argsort(first[member], kind="stable")], number, np.arange(len(rows)) - start[number], start, size
        )

    def permuted(self, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Labels (n,), group after group, permuted over the groups."""
        varied = _varied(labels)
        for _ in range(_DRAWS):
            drawn = labels[self._exchanged(generator)]
            if not varied or _varied(drawn):
                return drawn
        return labels[self._across_borders(generator)]

    def _exchanged(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """(n,) where each label comes from when groups exchange patterns that begin at random places."""
        giver = generator.permutation(len(self.size))
        begin = generator.integers(self.size[giver])
        place = (begin[self.member] + self.place) % self.size[giver][self.member]
        exchanged: NDArray[np.int64] = self.start[giver][self.member] + place
        return exchanged

    def _across_borders(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """(n,) where each label comes from when whole patterns follow each other in a random order."""
        return np.argsort(generator.permutation(len(self.size))[self.member], kind="stable")
