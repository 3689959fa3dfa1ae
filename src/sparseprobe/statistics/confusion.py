"""Scores of a yes-no decision, from its table of hits and misses.

All of them are functions of the four counts, so a thousand neurons or a thousand bootstrap resamples cost one array
operation. Where a score is 0 / 0 it is 0, as in scikit-learn with `zero_division=0`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError


def yes_or_no(labels: object) -> np.ndarray:
    """Labels as booleans; `~` and `&` of integers would count what is not there.

    Raises `InputError` for labels other than True and False, or 1 and 0.

    >>> yes_or_no([1, 0, 0])
    array([ True, False, False])
    """
    given = np.asarray(labels)
    other = given[:0] if given.dtype == bool else given[~np.isin(given, (0, 1))]
    if other.size:
        raise InputError(
            f"labels must be True and False, or 1 and 0, got {other.tolist()[0]!r} among them: "
            "omit what is not labelled, and say which value is the positive one, as in y == 1"
        )
    return given.astype(bool, copy=False)


def scored_examples(
    positive: object, decision: object, weights: object = None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64] | None]:
    """Labels (n,), decisions (n,) or (n, m), and weights (n,), or with decisions (n,) also (r, n), as arrays.

    Raises `InputError` for labels other than True and False, or 1 and 0, for shapes that do not match, and for
    decisions that are not finite.

    >>> scored_examples([1, 0], [2, -1], [1, 3])
    (array([ True, False]), array([ 2., -1.]), array([1., 3.]))
    """
    truth, said = yes_or_no(positive), np.asarray(decision, np.float64)
    if said.ndim not in (1, 2) or truth.shape != said.shape[:1]:
        raise InputError(
            f"decisions must be (n,) or (n, m) for labels (n,), but labels are {truth.shape} and decisions are "
            f"{said.shape}: give both for the same examples"
        )
    bad = int(said.size - np.isfinite(said).sum())
    if bad:
        raise InputError(f"decisions must be finite numbers, and {bad} are not: leave out what cannot be scored")
    if weights is None:
        return truth, said, None
    shares = np.asarray(weights, np.float64)
    if shares.shape[-1:] != truth.shape or shares.ndim + said.ndim > 3:
        raise InputError(
            f"weights must be (n,), or (r, n) for decisions (n,), but they are {shares.shape} for decisions "
            f"{said.shape}: give one weight for each example"
        )
    return truth, said, shares


@dataclass(frozen=True)
class Confusion:
    """Weights of true and false positives, false and true negatives; arrays of one shape."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray

    @classmethod
    def of(cls, positive: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> Confusion:
        """Count. positive (n,) and predicted (n,) or (n, m) bool, or 1 and 0; weights (n,) or, with predicted (n,),
        (r, n). Raises `InputError` for other labels.

        >>> table = Confusion.of(np.array([True, True, False]), np.array([True, False, False]))
        >>> float(table.f1()), float(table.precision()), float(table.recall())
        (0.6666666666666666, 1.0, 0.5)
        """
        positive = yes_or_no(positive)
        share = np.ones(len(positive)) if weights is None else np.asarray(weights)
        said = yes_or_no(predicted).astype(np.float64)
        tp, fp = (share * positive) @ said, (share * ~positive) @ said
        up, down = share @ positive.astype(np.float64), share @ (~positive).astype(np.float64)
        return cls(tp, fp, up - tp, down - fp)

    def precision(self) -> np.ndarray:
        """Share of the yes that are right."""
        return _ratio(self.tp, self.tp + self.fp)

    def recall(self) -> np.ndarray:
        """Share of the positives that are found."""
        return _ratio(self.tp, self.tp + self.fn)

    def f_beta(self, beta: float) -> np.ndarray:
        """Weighted harmonic mean of precision and recall; recall counts `beta` times as much."""
        square = beta**2
        return _ratio((1 + square) * self.tp, (1 + square) * self.tp + square * self.fn + self.fp)

    def f1(self) -> np.ndarray:
        """F of beta 1."""
        return self.f_beta(1.0)

    def f_half(self) -> np.ndarray:
        """F of beta 0.5."""
        return self.f_beta(0.5)

    def f2(self) -> np.ndarray:
        """F of beta 2."""
        return self.f_beta(2.0)

    def accuracy(self) -> np.ndarray:
        """Share of right answers."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    def balanced_accuracy(self) -> np.ndarray:
        """Mean of the shares of right answers in the two classes."""
        mean: np.ndarray = 0.5 * (self.recall() + _ratio(self.tn, self.tn + self.fp))
        return mean

    def mcc(self) -> np.ndarray:
        """Matthews correlation of answer and truth."""
        product = (self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
        return _ratio(self.tp * self.tn - self.fp * self.fn, np.sqrt(product))

    def kappa(self) -> np.ndarray:
        """Cohen's kappa: agreement beyond what the two margins give by chance."""
        crossed = (self.tp + self.fp) * (self.fp + self.tn) + (self.tp + self.fn) * (self.fn + self.tn)
        return _ratio(2 * (self.tp * self.tn - self.fn * self.fp), crossed)

    def fowlkes_mallows(self) -> np.ndarray:
        """Fowlkes-Mallows index of answer and truth as two clusterings: geometric mean over pairs of examples."""
        tp, fp, fn, tn = (np.asarray(part, np.float64) for part in (self.tp, self.fp, self.fn, self.tn))
        n = tp + fp + fn + tn
        both = tp**2 + fp**2 + fn**2 + tn**2 - n
        said, true = (tp + fp) ** 2 + (fn + tn) ** 2 - n, (tp + fn) ** 2 + (fp + tn) ** 2 - n
        index: np.ndarray = np.sqrt(np.maximum(_ratio(both, said), 0.0)) * np.sqrt(np.maximum(_ratio(both, true), 0.0))
        return index


CONFUSION_SCORES = {
    "precision": Confusion.precision,
    "recall": Confusion.recall,
    "f1": Confusion.f1,
    "f_half": Confusion.f_half,
    "f2": Confusion.f2,
    "mcc": Confusion.mcc,
    "kappa": Confusion.kappa,
    "fowlkes_mallows": Confusion.fowlkes_mallows,
    "accuracy": Confusion.accuracy,
    "balanced_accuracy": Confusion.balanced_accuracy,
}


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    ratio: np.ndarray = np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
    return ratio
