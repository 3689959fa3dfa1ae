"""The contract between a selection and the rest of the library.

A selection is any object (here: a frozen dataclass in a file of its own) with

    name                      its name in tables and on the command line
    path(problem, ks)         the chosen neurons for each k of `ks`, k ascending, one `Choice` for each

It sees a `Problem`: training examples only. It draws from `problem.generator(...)` only, so that the same problem gives
the same choice. `ks` are distinct, ascending, and at most the width. `register_selection` gives it its name everywhere.
`choose` checks arguments and results, so that a selection that breaks the contract raises a clear error.

Most selections are rankings: a score for each neuron, of which the k largest are taken. Those extend `Ranking` and
implement only `scores`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.solvers.linear_fit import LinearFit

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


@dataclass(frozen=True)
class Certificate:
    """The proof that comes with the choice of an exact selection."""

    objective: float
    """The value of the minimised objective at the chosen support."""
    bound: float
    """Lower bound: no support of this size has a smaller objective."""
    gap: float
    """(objective - bound) / objective."""
    proven: bool
    """Whether the gap is within the requested tolerance."""
    nodes: int
    """Nodes of the search tree that were visited."""


@dataclass(frozen=True)
class Choice:
    """The neurons chosen for one k."""

    support: NDArray[np.int64]
    """(k,) neurons, ascending."""
    fit: LinearFit | None = None
    """The fit on `support` (scaled columns) on which the choice is based, if the selection fits probes."""
    certificate: Certificate | None = None
    """How good the choice is, if the selection is exact."""
    elastic_net: bool = False
    """Whether the paper's probe on it is the elastic net of adaptive thresholding instead of a logistic regression."""


class Selection(Protocol):
    """An object that chooses k neurons."""

    @property
    def name(self) -> str:
        """The name of the selection."""
        ...

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The chosen neurons for each k of `ks`."""
        ...


class Ranking(ABC):
    """A selection that takes the k neurons with the largest scores."""

    @abstractmethod
    def scores(self, problem: Problem) -> NDArray[np.float64]:
        """(d,) a score for each neuron; only the order counts."""

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The k neurons with the largest scores, for each k; smaller supports are contained in larger ones."""
        ranking = best_first(self.scores(problem))
        return [Choice(np.sort(ranking[:k])) for k in ks]


def choose(selection: Selection, problem: Problem, ks: Sequence[int]) -> list[Choice]:
    """The checked choices of a selection: one for each k, with k different neurons of the layer, ascending.

    Raises `InputError` for a k that is not an integer from 1 to the width, and for a selection that returns anything
    else.

    >>> from sparseprobe.selection import MeanDifference, Problem
    >>> choose(MeanDifference(), Problem.of([[0.0, 1.0], [2.0, 1.0]], [0, 1]), [1])[0].support
    array([0])
    """
    for k in ks:
        if not isinstance(k, int | np.integer) or not 1 <= k <= problem.width:
            raise InputError(
                f"k must be an integer from 1 to the number of neurons, got {k!r}: ask for at most {problem.width}"
            )
    choices = list(selection.path(problem, ks))
    if len(choices) != len(ks):
        raise InputError(f"the selection {selection.name!r} must give a Choice for each of {len(ks)} k: {len(choices)}")
    for k, choice in zip(ks, choices, strict=True):
        support = np.asarray(choice.support)
        ascending = support.shape == (k,) and support.dtype.kind in "iu" and bool((np.diff(support) > 0).all())
        if not ascending or support[0] < 0 or support[-1] >= problem.width:
            raise InputError(
                f"the selection {selection.name!r} must choose {k} different neurons from 0 to {problem.width - 1}, "
                f"ascending, for k = {k}: it gave {support.tolist()[:10]}"
            )
    return choices


def best_first(*scores: np.ndarray) -> NDArray[np.int64]:
    """Neurons by descending score, ties by the next score and then by number; NaN last.

    >>> best_first(np.array([0.0, 2.0, 0.0]), np.array([1.0, 0.0, 3.0]))
    array([1, 2, 0])
    """
    keys = [-np.nan_to_num(np.asarray(score, np.float64), nan=-np.inf) for score in reversed(scores)]
    return np.lexsort(keys)
