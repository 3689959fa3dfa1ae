"""A selection among a few candidates only: those that a cheap ranking puts first.

The paper filters before it compares selections (512 neurons of the largest mean difference) and before optimal sparse
probing (50), because its solvers cannot take a layer. Ours can; the filter is here to do as the paper does, and for
pruning, where removed neurons are no longer candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.errors import InputError
from sparseprobe.selection.contract import Choice, Ranking, Selection, best_first
from sparseprobe.selection.mean_difference import MeanDifference
from sparseprobe.selection.problem import Problem, TrainingLayer


@dataclass(frozen=True)
class Prefiltered:
    """Another selection, given some of the neurons.

    >>> from sparseprobe.selection import Random
    >>> problem = Problem.of([[0.0, 1.0, 3.0], [1.0, 1.0, 3.1], [5.0, 1.1, 3.9], [6.0, 1.0, 4.0]], [0, 0, 1, 1])
    >>> Prefiltered(Random(), candidates=2).path(problem, [2])[0].support
    array([0, 2])
    """

    among: Selection
    """The selection that chooses among the candidates."""
    candidates: int = paper.COMPARED_CANDIDATES
    by: Ranking = field(default_factory=MeanDifference)
    """The ranking that makes the candidates."""
    without: frozenset[int] = frozenset()
    """Neurons that are none."""

    @property
    def name(self) -> str:
        """The name of the selection that chooses."""
        return self.among.name

    def chosen_candidates(self, problem: Problem) -> NDArray[np.int64]:
        """The candidates, ascending."""
        ranking = best_first(self.by.scores(problem))
        allowed = ranking[~np.isin(ranking, list(self.without))]
        return np.sort(allowed[: self.candidates])

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The choices among the candidates, a certificate being about these; raises `InputError` for a k above their
        number.
        """
        self.refuse_more_than_candidates(max(ks))
        kept = self.chosen_candidates(problem)
        labels = problem.layer.labels[problem.rows, problem.feature][:, None]
        own = problem.layer.sample_weight
        few = TrainingLayer(
            problem.layer.columns(problem.rows, kept), labels, None if own is None else own[problem.rows]
        )
        by_class = None if problem.class_weight is None else problem.class_weight[problem.rows]
        choices = self.among.path(Problem(few, 0, problem.seed, problem.name, by_class), ks)
        return [replace(choice, support=kept[choice.support]) for choice in choices]

    def refuse_more_than_candidates(self, k: int) -> None:
        """Raise `InputError` for a k that the candidates cannot give."""
        if k > self.candidates:
            raise InputError(
                f"k = {k} is larger than the {self.candidates} candidates that the selection {self.name!r} is given: "
                f"ask for at most {self.candidates}"
            )
