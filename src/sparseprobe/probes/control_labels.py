"""Labels that carry no information: the real ones, permuted over groups.

A probe is evidence only beside what the same procedure finds in labels that mean nothing. Permuting single labels would
destroy the dependence inside documents and make the control too easy to tell from the real thing. So groups exchange
their label patterns: each gets that of another group, begun at a random place of the pattern and repeated or cut to the
group's own length. Labels that are constant in groups stay so, whatever the sizes of the groups; labels that follow the
place in a group, as positions do, are set apart from it by the random beginning; where each example is a group this is
a permutation of labels.

It is done within each part of the split. Between groups of different size the number of positives changes, so what is
scored on such labels must be standardised anew. A part never loses a class: a draw that leaves one out is drawn again,
and where that does not help, since a class lives in one or two of many groups, the patterns are laid over the examples
whole, one after the other in a random order and across the borders of groups, which uses every label once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DRAWS = 20  # before patterns are laid across borders


def permuted_over_groups(
    labels: np.ndarray, groups: np.ndarray, generator: np.random.Generator, *, parts: np.ndarray | None = None
) -> np.ndarray:
    """Labels (n,) permuted over groups (n,), within each of `parts` (n,) where given; same dtype.

    >>> labels = np.array([1, 1, 0, 0, 0, 0, 0])
    >>> permuted_over_groups(labels, np.array(["a", "a", "b", "b", "c", "c", "c"]), np.random.default_rng(3))
    array([0, 0, 0, 0, 1, 1, 1])
    """
    if not len(labels) == len(groups) or (parts is not None and len(parts) != len(labels)):
        raise InputError(f"labels, groups and parts must match row by row, got {len(labels)} and {len(groups)} rows")
    return GroupLayout.of(groups, parts=parts).permuted(labels, generator)


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
        varied = bool((labels != labels[0]).any())
        for _ in range(_DRAWS):
            drawn = labels[self._exchanged(generator)]
            if not varied or (drawn != drawn[0]).any():
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
