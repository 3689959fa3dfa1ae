"""The probe on chosen neurons: a linear rule in the model's own units, fitted on training examples.

By default an L2 logistic regression on scaled activations, C = 10, classes balanced; a hinge or a squared hinge in its
place where asked. `preset="paper"` takes what the paper took: on the neurons of adaptive thresholding the elastic net
of its descent (C = k / 20), fitted already where that step was gone through; on those of any other selection, the
optimal ones too, a plain L2 logistic regression, C = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparseprobe import paper
from sparseprobe.errors import UnknownNameError
from sparseprobe.matrix import Matrix, scaled_columns
from sparseprobe.selection.contract import Choice
from sparseprobe.selection.problem import Problem
from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.logistic import MOST_COLUMNS_FACTORED, checked_strength, newton
from sparseprobe.solvers.optimal.losses import LOSSES
from sparseprobe.solvers.support_vector_machine import support_vector_machine

DEFAULT_C = 10.0  # of 1, 10, 100 and 1,000 the best validation log loss on the shipped code, F1 within 0.01 of the best
_TOLERANCE = 1e-12  # relative duality gap at which coefficients are exact to six digits


@dataclass(frozen=True)
class SupportProbe:
    """Says yes where activations[support] . coef + intercept > 0."""

    support: NDArray[np.int64]
    """(k,) neurons, ascending."""
    coef: NDArray[np.float64]
    """(k,) for activations that are not scaled."""
    intercept: float
    converged: bool

    def decision(self, X: Matrix, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Score (n,) of rows of activations (n, d), dense or CSR, all rows by default; log odds for a logistic
        probe.
        """
        return decisions([self], X, rows)[:, 0]


def decisions(probes: Sequence[SupportProbe], X: Matrix, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """(n, n_probes) scores of rows of activations (n, d) by several probes, whose neurons are read once."""
    neurons = np.unique(np.concatenate([probe.support for probe in probes]))
    coef = np.zeros((len(neurons), len(probes)))
    for column, probe in enumerate(probes):
        coef[np.searchsorted(neurons, probe.support), column] = probe.coef
    read = np.arange(X.shape[0]) if rows is None else rows
    chosen = scaled_columns(X, read, neurons, np.ones(len(neurons)))
    decision: NDArray[np.float64] = chosen @ coef + np.array([probe.intercept for probe in probes])
    return decision


def fit_supports(
    problem: Problem,
    choices: Sequence[Choice],
    *,
    preset: str = "default",
    loss: str = "logistic",
    C: float = DEFAULT_C,
) -> list[SupportProbe]:
    """A probe on each of the chosen supports; with `preset="paper"` loss and C are the paper's.

    Raises `UnknownNameError` for a loss that is not in `LOSSES`, `InputError` for a C that is not a number above 0.

    >>> from sparseprobe.selection import MeanDifference, Problem
    >>> problem = Problem.of([[0.0, 1.0], [1.0, 0.9], [5.0, 1.1], [6.0, 1.0]], [0, 0, 1, 1])
    >>> [probe] = fit_supports(problem, MeanDifference().path(problem, [1]))
    >>> probe.support, (probe.decision(problem.layer.X) > 0)
    (array([0]), array([False, False,  True,  True]))
    """
    if loss not in LOSSES:
        raise UnknownNameError("loss", loss, LOSSES)
    C = checked_strength(C)
    everything = np.unique(np.concatenate([choice.support for choice in choices]))
    if len(everything) <= MOST_COLUMNS_FACTORED:
        problem.fits.hold(everything)
    probes: dict[int, SupportProbe] = {}
    for place in sorted(range(len(choices)), key=lambda place: -len(choices[place].support)):  # large Grams serve small
        choice = choices[place]
        fit = _paper_fit(problem, choice) if preset == "paper" else _fit(problem, choice, loss, C)
        coef = fit.coef * problem.scale[choice.support]
        probes[place] = SupportProbe(choice.support, coef, fit.intercept, fit.converged)
    return [probes[place] for place in range(len(choices))]


def _fit(problem: Problem, choice: Choice, loss: str, C: float) -> LinearFit:
    if loss == "logistic" and len(choice.support) <= MOST_COLUMNS_FACTORED:
        return problem.fits.fit(choice.support, C=C, l1_ratio=0.0, start=choice.fit, tolerance=_TOLERANCE)
    data = problem.data(choice.support)
    if loss == "logistic":
        return newton(data, C=C, start=choice.fit)
    return support_vector_machine(data, C=C, loss="hinge" if loss == "hinge" else "squared_hinge")


def _paper_fit(problem: Problem, choice: Choice) -> LinearFit:
    if not choice.elastic_net:
        return _fit(problem, choice, "logistic", paper.C)
    C, l1_ratio = paper.elastic_net_settings(len(choice.support))
    return problem.fits.fit(choice.support, C=C, l1_ratio=l1_ratio, start=choice.fit)
