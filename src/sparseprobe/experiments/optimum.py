"""Selections against the proven optimum: what their neurons reach of the objective that the optimum minimises.

The objective is that of optimal sparse probing: hinge loss with a ridge, balanced classes (`selection.optimal`). All
selections choose among the same candidates, the 512 of the largest mean difference. Where many sets reach nearly the
optimum, a selection that finds another one is not wrong, so near-ties are counted: sets that differ from the optimum in
one neuron, taken from the `TRIED` of the largest mean difference, and lie within `NEAR` of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.experiments.comparison import PAPER_SELECTIONS
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer
from sparseprobe.experiments.sweep import checked_ks
from sparseprobe.selection.contract import Choice, best_first, choose
from sparseprobe.selection.mean_difference import MeanDifference
from sparseprobe.selection.optimal import Optimal
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.problem import Problem
from sparseprobe.selection.registry import selection_named
from sparseprobe.solvers.optimal import optimal_support
from sparseprobe.tables import OPTIMUM

NEAR, TRIED = 0.01, 30
TIME_LIMIT = 10.0
"""Seconds of search for each k."""
OTHERS = tuple(name for name in PAPER_SELECTIONS if name != "optimal")


def plan_optimum(_: LabelledExamples, widths: Mapping[int, int], *, k: Sequence[int] | int = (1, 2, 4)) -> LayerPlan:
    """The comparison with the optimum on layers of these widths; raises `InputError` for what cannot be done."""
    ks = checked_ks(k, {layer: min(width, paper.COMPARED_CANDIDATES) for layer, width in widths.items()})

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            about = {"feature": layer.examples.features[feature], "layer": layer.layer}
            yield [about | row for row in against_optimum(layer.problem(feature), ks[layer.layer])]

    return LayerPlan("optimum", OPTIMUM, pieces)


def against_optimum(problem: Problem, ks: Sequence[int]) -> list[dict[str, Any]]:
    """For each k a row of the optimum and one of each other selection."""
    best = _chosen(problem, Optimal(time_limit=TIME_LIMIT), ks)
    others = {name: _chosen(problem, selection_named(name), ks) for name in OTHERS}
    rows: list[dict[str, Any]] = []
    for place, (k, optimum) in enumerate(zip(ks, best, strict=True)):
        certificate = optimum.certificate
        if certificate is None:
            continue
        shared = {
            "k": k,
            "optimum": certificate.objective,
            "bound": certificate.bound,
            "proven": certificate.proven,
            "near_ties": near_ties(problem, optimum.support, certificate.objective),
        }
        for name, chosen in (("optimal", optimum), *((name, found[place]) for name, found in others.items())):
            reached = objective(problem, chosen.support)
            rows.append(
                {
                    **shared,
                    "selection": name,
                    "objective": reached,
                    "excess": reached / certificate.objective - 1,
                    "n_shared": len(np.intersect1d(chosen.support, optimum.support)),
                }
            )
    return rows


def objective(problem: Problem, support: NDArray[np.int64]) -> float:
    """What the best probe on these neurons reaches of the objective."""
    own = problem.layer.sample_weight
    counted = len(problem.rows) if own is None else own[problem.rows].sum()
    found = optimal_support(
        problem.columns(support), problem.y, len(support),
        gamma=1 / np.sqrt(counted), class_weight=None, sample_weight=problem.weights,
    )  # fmt: skip
    return float(found.objective)


def near_ties(problem: Problem, support: NDArray[np.int64], least: float) -> int:
    """How many sets that differ from `support` in one neuron are within `NEAR` of the objective `least`."""
    ranked = best_first(MeanDifference().scores(problem))
    entering = ranked[~np.isin(ranked, support)][:TRIED]
    sets = (np.sort(np.append(np.delete(support, place), new)) for place in range(len(support)) for new in entering)
    return sum(objective(problem, one) <= (1 + NEAR) * least for one in sets)


def _chosen(problem: Problem, selection: Any, ks: Sequence[int]) -> list[Choice]:
    return choose(Prefiltered(selection, paper.COMPARED_CANDIDATES), problem, list(ks))
