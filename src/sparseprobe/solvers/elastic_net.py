"""Elastic-net and ridge logistic regression with weights and a free intercept, by proximal Newton steps on the Gram.

    min over w, b of  C sum_i c_i log(1 + exp(-y_i (x_i.w + b))) + rho |w|_1 + (1 - rho) / 2 |w|^2,    y_i in {-1, +1}

which is scikit-learn's `LogisticRegression(C=C, l1_ratio=rho)` objective with sample weights c. The intercept is
profiled out (module `profiled_loss`). A step minimises the quadratic model plus penalty, by coordinate descent on the k
x k Gram or, without the L1 part, by its Cholesky factor, and is halved until the objective falls.

`NestedFits` fits subset after subset of the same columns, which are gathered once. A Gram of more columns serves the
smaller subsets (take rows and columns), and one of an elastic net the ridge fits of the same columns, although its
weights are those of an older fit: an approximate Hessian only costs steps. It is computed again, in float32, where the
model predicts the decrease badly or the gap falls slowly, so that a whole descending path needs a few.

Cost: O(n k) per step and O(k^2) per sweep of coordinate descent, n k^2 for each new Gram.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from sparseprobe.compiled import compiled
from sparseprobe.errors import InputError
from sparseprobe.matrix import dense_columns
from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.logistic import centred_gram, checked_strength
from sparseprobe.solvers.penalised_loss import PenalisedLoss, Point
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.threads import single_threaded_algebra

_TRUSTED = (0.6, 1.6)  # true over predicted decrease within which an old Gram is kept
_SLOW = 0.2  # an old Gram is replaced where a step leaves more than this share of the gap
_RESTING = 0.01  # how far coordinate descent goes in one model: the next model is better anyway
_MAX_SWEEPS = 1000


@single_threaded_algebra()
def elastic_net(
    X: object,
    y: object,
    *,
    weights: object = None,
    C: float = 1.0,
    l1_ratio: float = 0.5,
    start: LinearFit | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> LinearFit:
    """Fit an elastic-net logistic regression on all columns of X.

    X (n, k) finite numbers; y (n,) in {0, 1}; weights (n,) or None for ones; `l1_ratio` in [0, 1] is rho. `tolerance`
    is the relative duality gap at which the fit counts as converged. Raises `InputError` for labels of one class and
    bad settings.

    >>> X, y = np.array([[0.0, 1.0], [0.1, 0.0], [1.0, 0.0], [0.9, 1.0]]), [0, 0, 1, 1]
    >>> fit = elastic_net(X, y, C=10.0, l1_ratio=0.9)
    >>> fit.converged, fit.coef.round(3), round(fit.intercept, 3)
    (True, array([5.425, 0.   ]), -2.712)
    """
    data = TwoClassData.of(X, y, weights)
    return NestedFits.of(data).fit(
        np.arange(data.X.shape[1]),
        C=C,
        l1_ratio=l1_ratio,
        start=start,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )


@dataclass(frozen=True)
class _Gram:
    """The weighted centred Gram of some columns, at the probabilities of some fit."""

    place: NDArray[np.int64]
    """(n_held,) where each column that is held stands in it, -1 for nowhere."""
    values: NDArray[np.float32]

    def covers(self, places: NDArray[np.int64]) -> bool:
        return bool((self.place[places] >= 0).all())

    def of(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        inside = self.place[places]
        return self.values[np.ix_(inside, inside)].astype(np.float64)


class NestedFits:
    """Fits on subsets of the columns of one matrix, best the largest first; keeps the columns and their Grams.

    `gather` makes some columns (n, k) dense float64 of their numbers; `width` is how many columns there are.
    """

    def __init__(
        self,
        gather: Callable[[NDArray[np.int64]], NDArray[np.float64]],
        width: int,
        positive: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> None:
        self._gather, self._positive, self._weights = gather, positive, weights
        self._place = np.full(width, -1)  # where each column stands in those that are held, -1 for nowhere
        self._held = np.empty((len(positive), 0))
        self._grams: list[_Gram] = []  # from the smallest to the largest

    @classmethod
    def of(cls, data: TwoClassData) -> NestedFits:
        """Fits on columns of `data`."""

        def gather(columns: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.asfortranarray(dense_columns(data.X, columns), np.float64)

        return cls(gather, data.X.shape[1], data.positive, data.weights)

    def hold(self, columns: NDArray[np.int64]) -> None:
        """Gather columns for the fits on subsets of them that follow, unless they are held already."""
        if (self._place[columns] < 0).any():
            self._held, self._grams = self._gather(columns), []
            self._place[:] = -1
            self._place[columns] = np.arange(len(columns))

    def fit(
        self,
        columns: NDArray[np.int64],
        *,
        C: float,
        l1_ratio: float,
        start: LinearFit | None = None,
        tolerance: float = 1e-10,
        max_iterations: int = 200,
    ) -> LinearFit:
        """Fit on `columns` (k,) of the data, from `start` where given (its `coef` (k,) belongs to the same columns)."""
        C = checked_strength(C)
        if not 0 <= l1_ratio <= 1:
            raise InputError(f"l1_ratio must be in [0, 1], the share of the L1 penalty, got {l1_ratio!r}")
        self.hold(columns)
        places = self._place[columns]
        data = TwoClassData(self._held[:, places], self._positive, self._weights)
        problem = PenalisedLoss(data, data.X, C, l1_ratio, 1 - l1_ratio)
        here = problem.start(start)
        gram = next((one for one in self._grams if one.covers(places)), None)
        model = None if gram is None else _Model.of(C * gram.of(places), problem)
        wanted, last_gap = model is None, np.inf
        for iteration in range(max_iterations + 1):
            gradient = problem.gradient(here)
            gap = problem.gap(here, gradient)
            if gap <= tolerance or iteration == max_iterations:
                break
            renewed = wanted or gap > _SLOW * last_gap
            if renewed or model is None:
                model = _Model.of(C * self._renewed(places, data.X, here.loss.curvature), problem)
            moved, wanted = _step(problem, here, gradient, model)
            if moved is None and renewed:
                break
            last_gap, here = gap, moved or here
        return problem.fit(here, gap, iteration, tolerance)

    def _renewed(
        self, places: NDArray[np.int64], X: NDArray[np.float64], curvature: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """A new Gram of the columns at these places, which takes the place of those of as many or fewer."""
        place = np.full(self._held.shape[1], -1)
        place[places] = np.arange(len(places))
        gram = _Gram(place, centred_gram(X, curvature, np.float32))
        self._grams = [gram, *(one for one in self._grams if len(one.values) > len(places))]
        return gram.of(places)


@dataclass(frozen=True)
class _Model:
    """The quadratic model of the objective around a point, less the penalty of l1."""

    gram: NDArray[np.float64]
    """(k, k) times C."""
    l1: float
    l2: float
    factor: tuple[NDArray[np.float64], bool] | None
    """Cholesky's, where there is no L1 part."""

    @classmethod
    def of(cls, gram: NDArray[np.float64], problem: PenalisedLoss) -> _Model:
        factor = None if problem.l1 else cho_factor(gram + problem.l2 * np.eye(len(gram)), check_finite=False)
        return cls(gram, problem.l1, problem.l2, factor)

    def minimum(self, gradient: NDArray[np.float64], coef: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Where model plus penalty is least, seen from `coef`, and the model's bend up to there."""
        if self.factor is None:
            target = coef.copy()
            bend = _minimise_model(self.gram, gradient, target, self.l1, self.l2)
            return target, bend
        change = cho_solve(self.factor, -gradient - self.l2 * coef, check_finite=False)
        return coef + change, float(change @ self.gram @ change)


def _step(
    problem: PenalisedLoss, here: Point, gradient: NDArray[np.float64], model: _Model
) -> tuple[Point | None, bool]:
    """The next point (None if rounding hides any decrease), and whether the Gram described the objective badly."""
    target, bend = model.minimum(gradient, here.coef)
    direction = target - here.coef
    slope = float(gradient @ direction) + problem.penalty(target) - problem.penalty(here.coef)
    found = problem.search(here, direction, slope)
    if found is None:
        return None, True
    moved, size = found
    predicted, true = -slope - 0.5 * bend, here.objective - moved.objective
    return moved, size < 1 or not _TRUSTED[0] * predicted <= true <= _TRUSTED[1] * predicted


@compiled()
def _minimise_model(
    gram: NDArray[np.float64], gradient: NDArray[np.float64], coef: NDArray[np.float64], l1: float, l2: float
) -> float:
    """Move `coef` to the minimum of the quadratic model plus penalty; returns the model's bend, change' gram change.

    Cyclic coordinate descent: a sweep over all coordinates, then sweeps over those that are not 0 until they rest, and
    again, until a full sweep moves the gradient by a hundredth of what the first one did.
    """
    k = coef.size
    slope = gradient.copy()  # of the smooth part of the model at the present coef
    before = coef.copy()
    limit, full = -1.0, True
    for _ in range(_MAX_SWEEPS):
        largest = 0.0
        for j in range(k):
            old = coef[j]
            stiff = gram[j, j] + l2
            if (old == 0.0 and not full) or stiff <= 0.0:
                continue
            pull = gram[j, j] * old - slope[j]
            new = np.sign(pull) * max(abs(pull) - l1, 0.0) / stiff
            if new != old:
                change = new - old
                for i in range(k):
                    slope[i] += gram[j, i] * change
                coef[j] = new
                largest = max(largest, abs(change) * stiff)
        if limit < 0.0:
            limit = _RESTING * largest
        if largest <= limit:
            if full:
                break
            full = True
        else:
            full = False
    bend = 0.0
    for j in range(k):
        bend += (coef[j] - before[j]) * (slope[j] - gradient[j])
    return bend
