"""Optimal sparse probing: the k columns on which a linear probe has the lowest objective, with a proof.

    min over |support| <= k, w, b   sum_i c_i loss(y_i (w.x_i + b)) + ||w||^2 / (2 gamma)

The paper solves it for the hinge by outer approximation with a commercial solver, on the 50 columns of the largest
mean difference. Here a dual bound over all columns (certificate.py), its maximisation (relaxation.py), swaps
(local_search.py) and branch and bound prove the optimum without a filter and without another solver.
Source: "Finding Neurons in a Haystack", arXiv 2305.01610, optimal sparse probing.

Cost: memory of X once, plus the columns in use as float64; each price of all columns is one pass over the examples near
or inside the margin. Not the tool for a large gamma (weak ridge) on many columns: there the bound stays loose, and
the result at the time limit is a good support with a valid gap. When the best rule on the top k by mean
difference keeps every margin below 1, these k are the optimum and no search is needed; the result says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.compiled import clock
from sparseprobe.errors import InputError
from sparseprobe.solvers.optimal.branch_and_bound import SearchResult, SupportSearch, leads_by_mean_difference
from sparseprobe.solvers.optimal.column_store import ColumnStore
from sparseprobe.solvers.optimal.losses import HINGE, Loss
from sparseprobe.solvers.optimal.problem import SCALE_X, SupportProblem, pose
from sparseprobe.statistics.class_weights import ClassWeight
from sparseprobe.threads import single_threaded_algebra

if TYPE_CHECKING:
    from sparseprobe.matrix import Matrix

SMALLEST_TOLERANCE = 1e-8  # problems of one support are solved to a gap of 1e-9
OUT_OF_REACH = (
    f"the values of X are too large for this gamma to be solved in float64: {SCALE_X}, or give a smaller gamma"
)


@dataclass(frozen=True)
class OptimalSupport:
    """The best support found, its probe, and what is proven about it."""

    support: NDArray[np.int64]
    """(k,) column indices, ascending."""
    coef: NDArray[np.float64]
    """(k,) weights of exactly these columns, in this order."""
    intercept: float
    """b, not penalised."""
    objective: float
    """sum_i c_i loss_i + ||w||^2 / (2 gamma) at this probe."""
    bound: float
    """No probe on k columns has an objective below it."""
    gap: float
    """(objective - bound) / objective: by which share the objective could at most be lowered."""
    proven: bool
    """Whether the gap is within the tolerance asked for."""
    nodes: int
    """Branches of the search whose relaxation was solved; 1 means that the root sufficed."""
    seconds: float
    """Wall time of the search, without that of compilation at the first use."""
    top_mean_difference: bool
    """Hinge only: the support is the top k by weighted mean difference (up to ties) and every margin is below 1, so no
    search was needed."""


@single_threaded_algebra()
def optimal_support(
    X: ArrayLike | Matrix,
    y: ArrayLike,
    k: int,
    *,
    loss: Loss = "hinge",
    gamma: float | None = None,
    class_weight: ClassWeight = "balanced",
    sample_weight: ArrayLike | None = None,
    time_limit: float = 60.0,
    tolerance: float = 1e-4,
) -> OptimalSupport:
    """The optimal support of at most k columns of X.

    Args:
        X: (n_examples, n_columns) activations, float32 or float64, dense or CSR; not scaled here: do it before, as the
            paper does.
        y: (n_examples,) labels in {-1, +1}, {0, 1} or booleans.
        k: number of columns; with k at least n_columns, all of them.
        loss: "hinge" (the paper's), "squared_hinge" or "logistic", of the margin y (w.x + b).
        gamma: ridge, the penalty is ||w||^2 / (2 gamma); None is the paper's 1 / sqrt(n_examples), where examples count
            by their sample weights.
        class_weight: "balanced" (both classes weigh the same), None, or a weight for each label as given in y.
        sample_weight: (n_examples,) weights that are not negative.
        time_limit: seconds of search, without compilation, after which it stops with what it has and its true bound.
        tolerance: relative gap at which the optimum counts as proven, at least 1e-8.

    Raises:
        InputError: X, y, a weight or a setting cannot be used; the sentence says which and why.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 30))
    >>> y = X[:, 3] + X[:, 17] + 0.1 * rng.normal(size=200) > 0
    >>> best = optimal_support(X, y, k=2)
    >>> best.support.tolist(), best.proven
    ([3, 17], True)
    """
    problem = pose(X, y, loss=loss, gamma=gamma, class_weight=class_weight, sample_weight=sample_weight)
    _check(k, time_limit, tolerance)
    return _solve(problem, ColumnStore(problem), k, (), time_limit, tolerance)


@single_threaded_algebra()
def optimal_path(
    X: ArrayLike | Matrix,
    y: ArrayLike,
    k: int | Iterable[int],
    *,
    loss: Loss = "hinge",
    gamma: float | None = None,
    class_weight: ClassWeight = "balanced",
    sample_weight: ArrayLike | None = None,
    time_limit: float = 60.0,
    tolerance: float = 1e-4,
) -> list[OptimalSupport]:
    """Optimal supports for several k, each search starting from the last one's support too.

    `k` is a number K for the whole path 1 .. K, or the sizes wanted; they are solved in ascending order and returned
    in the order given. `time_limit` is for each k. Everything else is as in `optimal_support`.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 30))
    >>> y = X[:, 3] + 0.5 * X[:, 17] + 0.1 * rng.normal(size=200) > 0
    >>> [best.support.tolist() for best in optimal_path(X, y, k=2)]
    [[3], [3, 17]]
    """
    sizes = list(range(1, k + 1)) if isinstance(k, int | np.integer) else list(k)
    if not sizes:
        raise InputError("k is empty: give a number of columns, at least 1, or a list of such numbers")
    problem = pose(X, y, loss=loss, gamma=gamma, class_weight=class_weight, sample_weight=sample_weight)
    for size in sizes:
        _check(size, time_limit, tolerance)
    store = ColumnStore(problem)
    found: dict[int, OptimalSupport] = {}
    last: list[NDArray[np.int64]] = []
    for size in sorted(set(sizes)):
        found[size] = _solve(problem, store, size, last, time_limit, tolerance)
        last = [found[size].support]
    return [found[size] for size in sizes]


def _check(k: int, time_limit: float, tolerance: float) -> None:
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1:
        raise InputError(f"k is {k!r}: give an integer of columns, at least 1")
    if not time_limit > 0:
        raise InputError(f"time_limit is {time_limit!r}: give a positive number of seconds")
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise InputError(f"tolerance is {tolerance!r}: give a relative gap from {SMALLEST_TOLERANCE:g} to below 1")


def _solve(  # noqa: PLR0917 (one caller's settings, handed on)
    problem: SupportProblem,
    store: ColumnStore,
    k: int,
    starts: Iterable[NDArray[np.int64]],
    time_limit: float,
    tolerance: float,
) -> OptimalSupport:
    began = clock()
    try:
        search = SupportSearch(problem, store, k, tolerance=tolerance, deadline=began + time_limit)
        result = search.run(starts)
    except np.linalg.LinAlgError as error:
        raise InputError(OUT_OF_REACH) from error
    if not result.best.objective <= problem.objective_of_nothing * (1 + 1e-9):
        raise InputError(OUT_OF_REACH)
    return _state(problem, result, tolerance, clock() - began)


def _state(problem: SupportProblem, result: SearchResult, tolerance: float, seconds: float) -> OptimalSupport:
    best = result.best
    bound = max(0.0, float(result.bound))  # losses and penalty are never negative
    gap = max(0.0, float(best.objective - bound) / best.objective)
    plain = problem.loss == HINGE and best.largest_margin < 1.0
    return OptimalSupport(
        support=best.support,
        coef=best.w,
        intercept=best.b,
        objective=best.objective,
        bound=bound,
        gap=gap,
        proven=bool(gap <= tolerance),
        nodes=result.nodes,
        seconds=seconds,
        top_mean_difference=bool(plain and leads_by_mean_difference(problem, best.support)),
    )
