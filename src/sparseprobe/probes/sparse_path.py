"""Sparse probes for a whole list of k as one scikit-learn classifier, with k chosen by cross-validation over groups.

In each fold the whole procedure - scaling, choice of neurons, fit - is done on the fold's training groups, so that the
score of a k is that of documents that took no part. Whatever makes the folds, a group on both sides of one is refused:
a splitter is judged by its folds, not by its class. `rule="one_standard_error"` takes the smallest k whose mean score
is within one standard error of the best (Breiman et al. 1984, section 3.4.3), "best" the best.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils.validation import check_is_fitted

from sparseprobe import paper
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.probes.sparse_probe import SparseClassifier, checked_k, probabilities, warn_unless_converged
from sparseprobe.probes.support_probe import DEFAULT_C, SupportProbe, fit_supports
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.problem import Problem
from sparseprobe.selection.registry import selection_named
from sparseprobe.statistics.class_weights import ClassWeight
from sparseprobe.statistics.metrics import METRICS, scores
from sparseprobe.threads import single_threaded_algebra

RULES = ("best", "one_standard_error")
_SMALLER_IS_BETTER = ("log_loss",)
DEFAULT_FOLDS = 5
Fold: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"


class SparsePath(SparseClassifier):
    """Probes on k neurons for each k of a list.

    Parameters: `k` a list, a single number, or None for the paper's list up to the width; `cv` the number of folds, at
    least 2, 5 by default (fewer where a class has fewer examples; with fewer than two examples of a class no k is
    preferred to the largest), None for no cross-validation (`best_k_` is then the largest k), or a splitter or folds
    as in scikit-learn, which must keep groups together where groups
    are given (`GroupKFold` does, `KFold` does not); `metric` a name of
    `sparseprobe.statistics.metrics.METRICS`, its mean over classes where there are more than two; `rule` "best" or
    "one_standard_error"; the rest as in `SparseProbe`.

    Attributes: `k_` the list, ascending; `best_k_`; `cv_scores_` (n_folds, n_k); `supports_` for each k (k,), or
    (n_classes, k) for more than two classes; `classes_`; `n_features_in_`.

    >>> X = np.random.default_rng(0).standard_normal((200, 30)); y = X[:, 4] - X[:, 11] > 0
    >>> path = SparsePath(k=[1, 2, 4]).fit(X, y, groups=np.arange(200) // 4)
    >>> path.best_k_, path.supports_[2], path.predict(X, k=1).shape
    (2, array([ 4, 11]), (200,))
    """

    def __init__(
        self,
        k: Sequence[int] | int | None = None,
        *,
        selection: str | Selection = "adaptive",
        loss: str = "logistic",
        C: float = DEFAULT_C,
        class_weight: ClassWeight = "balanced",
        preset: str = "default",
        cv: Any = DEFAULT_FOLDS,
        metric: str = "f1",
        rule: str = "one_standard_error",
        seed: int = 0,
    ) -> None:
        self.k = k
        self.selection = selection
        self.loss = loss
        self.C = C
        self.class_weight = class_weight
        self.preset = preset
        self.cv = cv
        self.metric = metric
        self.rule = rule
        self.seed = seed

    @single_threaded_algebra()
    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> SparsePath:
        """Fit all k; X (n, d) dense or CSR, y (n,), sample_weight (n,), groups (n,) that folds must not split.

        Raises `InputError` for settings that cannot be used, and for groups that are on both sides of a fold.
        """
        if self.metric not in METRICS:
            raise UnknownNameError("metric", self.metric, METRICS)
        if self.rule not in RULES:
            raise UnknownNameError("rule", self.rule, RULES)
        X, y, sample_weight = self._checked(X, y, sample_weight)
        folds = self._folds(X, y, _checked_groups(groups, len(y)))
        problems = self._problems(X, y, sample_weight)
        self.k_ = self._sizes(X.shape[1])
        paths = [self._path(problem) for problem in problems]
        self._probes = {k: [path[i] for path in paths] for i, k in enumerate(self.k_)}
        warn_unless_converged([probe for probes in self._probes.values() for probe in probes])
        stacked = {k: np.stack([probe.support for probe in probes]) for k, probes in self._probes.items()}
        self.supports_ = {k: found[0] if len(problems) == 1 else found for k, found in stacked.items()}
        self.cv_scores_ = np.array([self._fold_scores(X, y, sample_weight, fold) for fold in folds])
        self.best_k_ = self._choose()
        return self

    def decision_function(self, X: Any, k: int | None = None) -> NDArray[np.float64]:
        """Scores of the probes on k neurons, `best_k_` by default; shapes as in `SparseProbe`."""
        check_is_fitted(self)
        chosen = self.best_k_ if k is None else k
        if chosen not in self._probes:
            raise InputError(f"there is no probe for k = {k!r}: this path has {', '.join(map(str, self.k_))}")
        return self._decide(X, self._probes[chosen])

    def predict(self, X: Any, k: int | None = None) -> NDArray[Any]:
        """Labels (n,)."""
        return self._answer(self.decision_function(X, k))

    def predict_proba(self, X: Any, k: int | None = None) -> NDArray[np.float64]:
        """Probabilities (n, n_classes), of a logistic loss."""
        if self.loss != "logistic" and self.preset != "paper":
            raise InputError(f'the loss {self.loss!r} has no probabilities: fit with loss="logistic"')
        return probabilities(self.decision_function(X, k))

    def _sizes(self, width: int) -> list[int]:
        if self.k is None:
            return [k for k in paper.K if k <= width]
        asked = [self.k] if isinstance(self.k, int | np.integer) else list(self.k)
        if not len(asked):
            raise InputError("k must be a list of integers such as [1, 2, 4, 8], got an empty one")
        return sorted({checked_k(k, width) for k in asked})

    def _path(self, problem: Problem) -> list[SupportProbe]:
        choices = choose(selection_named(self.selection, preset=self.preset), problem, self.k_)
        return fit_supports(problem, choices, preset=self.preset, loss=self.loss, C=self.C)

    def _folds(self, X: Any, y: NDArray[Any], groups: NDArray[Any] | None) -> list[Fold]:
        """Rows that train and rows that test; none where folds cannot be made."""
        if self.cv is None:
            return []
        count = self.cv
        if not isinstance(count, int | np.integer):
            with warnings.catch_warnings():  # "groups is ignored": whether that matters is seen in the folds
                warnings.simplefilter("ignore", UserWarning)
                folds = list(check_cv(count, y, classifier=True).split(X, y, groups))
            _refuse_split_groups(folds, groups)
            return folds
        if isinstance(count, bool) or count < 2:
            raise InputError(f"cv must be at least 2 folds, None for no cross-validation, or a splitter, got {count!r}")
        rows = [np.flatnonzero(y == label) for label in self.classes_]
        rarest = min(len(own) if groups is None else len(np.unique(groups[own])) for own in rows)
        if rarest < 2:
            return []
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        return list(kind(min(int(count), rarest), shuffle=True, random_state=self.seed).split(X, y, groups))

    def _fold_scores(
        self, X: Any, y: NDArray[Any], weights: NDArray[np.float64] | None, fold: Fold
    ) -> NDArray[np.float64]:
        """(n_k,) scores of the whole procedure on one fold; NaN where a class is missing on either side."""
        train, test = (rows if weights is None else rows[weights[rows] > 0] for rows in fold)
        if any(len(np.intersect1d(y[rows], self.classes_)) < len(self.classes_) for rows in (train, test)):
            return np.full(len(self.k_), np.nan)
        part, judged = (None, None) if weights is None else (weights[train], weights[test])
        problems = self._problems(X[train], y[train], part)
        positive = self.classes_[1:] if len(problems) == 1 else self.classes_
        by_class = [
            [self._score(probe, X[test], y[test] == label, judged) for probe in self._path(problem)]
            for problem, label in zip(problems, positive, strict=True)
        ]
        means: NDArray[np.float64] = np.mean(by_class, axis=0)
        return means

    def _score(
        self, probe: SupportProbe, X: Any, truth: NDArray[np.bool_], weights: NDArray[np.float64] | None
    ) -> float:
        return float(scores(truth, probe.decision(X), weights=weights, names=(self.metric,))[self.metric])

    def _choose(self) -> int:
        usable = self.cv_scores_.reshape(-1, len(self.k_))
        usable = usable[~np.isnan(usable).any(axis=1)]
        if not len(usable):
            return self.k_[-1]
        better = -usable if self.metric in _SMALLER_IS_BETTER else usable
        mean = better.mean(axis=0)
        best = int(mean.argmax())
        if self.rule == "best" or len(usable) < 2:
            return self.k_[best]
        allowed = mean[best] - better[:, best].std(ddof=1) / np.sqrt(len(usable))
        return self.k_[int(np.argmax(mean >= allowed))]


def _checked_groups(groups: Any, n: int) -> NDArray[Any] | None:
    """Groups as an array (n,), or None where none are given."""
    if groups is None:
        return None
    checked: NDArray[Any] = np.asarray(groups)
    if checked.shape != (n,):
        raise InputError(f"groups has shape {checked.shape}: give one group for each of the {n} rows of X")
    return checked


def _refuse_split_groups(folds: list[Fold], groups: NDArray[Any] | None) -> None:
    """Check that no group is in both the training and the test part of a fold."""
    if groups is None:
        return
    for train, test in folds:
        both = np.intersect1d(groups[train], groups[test])
        if len(both):
            raise InputError(
                f"cv puts the group {both.tolist()[0]!r} on both sides of a fold: give a number of folds, or a "
                "splitter that keeps groups together, such as GroupKFold"
            )
