"""The optimisation problem: the matrix, labels in {-1, +1}, example weights, gamma and the loss, checked once.

    min over |support| <= k, w, b   sum_i c_i phi(y_i (w.x_i + b)) + ||w||^2 / (2 gamma)

c_i is the sample weight times the class weight; "balanced" gives both classes the same total while the sum of all
weights stays that of the sample weights, so that a weight of 2 means the same as the example given twice.
Source: "Finding Neurons in a Haystack", arXiv 2305.01610, optimal sparse probing. Cost: one pass over X; X is kept as
it is given when it is a C-ordered float32 or float64 array or CSR, and copied once otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.matrix import dense_columns, is_sparse, squared_norms
from sparseprobe.solvers.optimal.losses import LOGISTIC, LOSSES, Loss, Vector
from sparseprobe.statistics.class_weights import ClassWeight, balanced_weights

if TYPE_CHECKING:
    from sparseprobe.matrix import Matrix

SCALE_X = "scale X, for example each column to a standard deviation of 0.1"


@dataclass(frozen=True)
class SupportProblem:
    """A checked instance; everything but the support size k."""

    X: Matrix
    """(n, d) float32 or float64, C order or CSR."""
    y: Vector
    """(n,) labels in {-1.0, +1.0}."""
    weights: Vector
    """(n,) example weights c_i."""
    gamma: float
    """Ridge: the penalty is ||w||^2 / (2 gamma)."""
    loss: int
    """Code of the loss, see losses.py."""
    column_norms: Vector
    """(d,) Euclidean norms of the columns: they bound the rounding of a dot product with a column."""
    radius: float
    """Twice the largest Euclidean norm of a row, which no row of the centred columns exceeds either: with ||w|| it
    bounds the intercept."""

    @property
    def n(self) -> int:
        """Number of examples."""
        return int(self.X.shape[0])

    @property
    def d(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def total_weight(self) -> float:
        """Sum of the example weights: the scale of the loss."""
        return float(self.weights.sum())

    @property
    def objective_of_nothing(self) -> float:
        """The objective of w = 0, b = 0: no optimum lies above it."""
        return self.total_weight * (float(np.log(2)) if self.loss == LOGISTIC else 1.0)

    def intercept_radius(self, objective: float) -> float:
        """A number that |b| does not exceed at the optimum of any support whose optimum is at most `objective`.

        There ||w|| <= sqrt(2 gamma objective). Were b larger than ||w|| radius + t, with t = 1 for the hinges and
        t = |log(C+ / C-)| for the logistic loss, every score would lie on one side and moving b back would not
        raise the loss, C+ and C- being the total weights of the classes.
        """
        positive = float(self.weights[self.y > 0].sum())
        imbalance = abs(np.log(positive / (self.total_weight - positive)))
        return float(np.sqrt(2 * self.gamma * objective) * self.radius + max(1.0, imbalance))


def pose(
    X: ArrayLike | Matrix,
    y: ArrayLike,
    *,
    loss: Loss,
    gamma: float | None,
    class_weight: ClassWeight,
    sample_weight: ArrayLike | None,
) -> SupportProblem:
    """Check the arguments and make a problem of them; raises `InputError` for what cannot be used."""
    if loss not in get_args(Loss):
        raise UnknownNameError("loss", loss, LOSSES)
    matrix = _matrix(X)
    n = matrix.shape[0]
    signs, given = _signs(y, n)
    squares, radius = squared_norms(matrix)
    if not np.isfinite(squares).all():
        column = int(np.flatnonzero(~np.isfinite(squares))[0])
        if np.isfinite(dense_columns(matrix, np.array([column]))).all():
            raise InputError(f"column {column} of X has values too large to be squared: {SCALE_X}")
        raise InputError(f"column {column} of X has values that are not finite: remove or fill the NaN and infinities")
    weights = _weights(signs, given, class_weight, sample_weight)
    if gamma is None:
        gamma = 1.0 / np.sqrt(n if sample_weight is None else np.sum(sample_weight))
    if not (np.isfinite(gamma) and gamma > 0):
        raise InputError(f"gamma is {gamma}: give a positive number, or None for 1 / sqrt(n_examples)")
    return SupportProblem(
        matrix,
        signs,
        weights,
        float(gamma),
        LOSSES.index(loss),
        np.sqrt(squares),
        2 * float(np.sqrt(radius)) * (1 + 1e-9),
    )


def _matrix(X: ArrayLike | Matrix) -> Matrix:
    """X as the search reads it: C order, or CSR with every place stored once."""
    matrix: Matrix = X if is_sparse(X) else np.asarray(X)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InputError(f"X has shape {matrix.shape}: give a matrix (n_examples, n_columns) with at least one of each")
    if matrix.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
        if matrix.dtype.kind not in "fiub":
            raise InputError(f"X has dtype {matrix.dtype}: give real numbers, float32 or float64")
        matrix = matrix.astype(np.float32 if matrix.dtype == np.float16 else np.float64)
    if not is_sparse(matrix):
        return np.ascontiguousarray(matrix)
    rows = matrix.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def _signs(y: ArrayLike, n: int) -> tuple[Vector, NDArray[Any]]:
    """Labels in {-1, +1} (n,), beside the labels as they were given."""
    given = np.asarray(y)
    if given.shape != (n,):
        raise InputError(f"y has shape {given.shape}: give one label for each of the {n} rows of X")
    values = set(np.unique(given).tolist())
    if not (values <= {-1, 1} or values <= {0, 1}):
        shown = ", ".join(map(str, sorted(values, key=str)[:5]))
        raise InputError(f"y has the values {shown}: give labels in {{-1, +1}}, in {{0, 1}}, or booleans")
    if len(values) < 2:
        raise InputError(f"y has one class only ({values.pop()}): a probe needs examples with and without the feature")
    return np.where(given.astype(np.float64) > 0, 1.0, -1.0), given


def _weights(signs: Vector, given: NDArray[Any], class_weight: ClassWeight, sample_weight: ArrayLike | None) -> Vector:
    """Example weights c_i: sample weight times class weight."""
    n = signs.size
    weights = np.ones(n) if sample_weight is None else np.array(sample_weight, dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or weights.min() < 0:
        raise InputError(f"sample_weight has shape {weights.shape}: give {n} finite numbers that are not negative")
    positive = signs > 0
    if isinstance(class_weight, Mapping):
        missing = [label for label in np.unique(given).tolist() if label not in class_weight]
        if missing:
            raise InputError(f"class_weight has no weight for the label {missing[0]}: give one for each of both labels")
        low, high = (float(class_weight[label]) for label in np.unique(given).tolist())
        weights = weights * np.where(positive, high, low)
    elif class_weight not in ("balanced", None):
        raise InputError(f"class_weight is {class_weight!r}: give 'balanced', None, or a weight for each label")
    totals = {sign: float(weights[signs == sign].sum()) for sign in (-1.0, 1.0)}
    if not all(np.isfinite(total) and total > 0 for total in totals.values()):
        raise InputError("the weights of one class add up to nothing: give both classes a positive, finite weight")
    if class_weight == "balanced":
        weights = balanced_weights(positive, weights)
    return weights
