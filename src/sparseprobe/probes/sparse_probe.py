"""A k-sparse probe as a scikit-learn classifier.

`SparseProbe` chooses k neurons on the data that it is fitted on, scales them as the paper does, fits a linear rule, and
hands it back in the units of the activations. Two classes make one probe; more make one against the rest each, with k
neurons of its own. The table experiments (`sparseprobe.experiments`) do the same for many features at once, with
splits, intervals and controls; this is for pipelines, grids and other people's code.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparseprobe.errors import InputError
from sparseprobe.probes.class_problems import class_problems
from sparseprobe.probes.support_probe import DEFAULT_C, SupportProbe, fit_supports
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.problem import Problem
from sparseprobe.selection.registry import selection_named
from sparseprobe.statistics.class_weights import ClassWeight
from sparseprobe.threads import single_threaded_algebra


class SparseClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What `SparseProbe` and `SparsePath` share: checked data, problems of the classes, decisions as answers."""

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
        """Check data and set `classes_`: those of examples that weigh something."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        self.classes_ = np.unique(y if sample_weight is None else y[sample_weight > 0])
        return X, y, sample_weight

    def _problems(self, X: Any, y: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> list[Problem]:
        settings: dict[str, Any] = {"class_weight": self.class_weight, "seed": self.seed}
        return class_problems(X, y, self.classes_, sample_weight=sample_weight, **settings)

    @single_threaded_algebra()
    def _decide(self, X: Any, probes: list[SupportProbe]) -> NDArray[np.float64]:
        """(n,) for two classes, (n, n_classes) for more."""
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        decisions = np.stack([probe.decision(X) for probe in probes], axis=1)
        return decisions[:, 0] if len(probes) == 1 else decisions

    def _answer(self, decision: NDArray[np.float64]) -> NDArray[Any]:
        chosen = (decision > 0).astype(int) if decision.ndim == 1 else decision.argmax(axis=1)
        answer: NDArray[Any] = self.classes_[chosen]
        return answer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def probabilities(decision: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n_classes) from log odds (n,), or from those of each class against the rest (n, n_classes), which are
    normalised.

    >>> probabilities(np.array([0.0, 100.0])).round(3)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    if decision.ndim == 1:
        return np.stack([expit(-decision), expit(decision)], axis=1)
    share: NDArray[np.float64] = expit(decision)
    total = share.sum(axis=1, keepdims=True)
    even = np.full_like(share, 1 / share.shape[1])
    normalised: NDArray[np.float64] = np.divide(share, total, out=even, where=total > 0)
    return normalised


def checked_k(k: object, width: int) -> int:
    """A number of neurons within the width; raises `InputError`.

    >>> checked_k(3, 10)
    3
    """
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= width:
        raise InputError(f"k must be an integer from 1 to the number of columns (n_features = {width}), got {k!r}")
    return int(k)


def warn_unless_converged(probes: list[SupportProbe]) -> None:
    """Warn where a fit did not come as close to its minimum as was asked for."""
    if not all(probe.converged for probe in probes):
        warnings.warn("a probe did not converge: its coefficients are near the optimum only", ConvergenceWarning, 3)


class SparseProbe(SparseClassifier):
    """A linear classifier on k chosen neurons.

    Parameters:
        k: number of neurons (for each class, where there are more than two).
        selection: how they are chosen: a name (`sparseprobe.selection.selection_names()`) or a selection object.
        loss: "logistic", "hinge" or "squared_hinge"; only the logistic gives probabilities.
        C: weight of the loss against |w|^2 / 2, on activations scaled by 1 / (10 std).
        class_weight: "balanced", None, or a weight for each class.
        preset: "paper" for the paper's settings of selections and its probes (an elastic net where neurons are chosen
            by adaptive thresholding, else L2 logistic with C = 1); loss and C are then not used.
        seed: seed of random selections.

    Attributes: `classes_`; `support_` (k,), or (n_classes, k) for more than two classes; `coef_` (1 or n_classes,
    n_features_in_) with zeros off the support; `intercept_` (1 or n_classes,); `converged_`; `n_features_in_` and, for
    tables, `feature_names_in_`.

    >>> X = np.random.default_rng(0).standard_normal((200, 30)); y = X[:, 4] - X[:, 11] > 0
    >>> probe = SparseProbe(k=2).fit(X, y)
    >>> probe.support_, probe.score(X, y) > 0.95
    (array([ 4, 11]), True)
    """

    def __init__(
        self,
        k: int = 1,
        *,
        selection: str | Selection = "adaptive",
        loss: str = "logistic",
        C: float = DEFAULT_C,
        class_weight: ClassWeight = "balanced",
        preset: str = "default",
        seed: int = 0,
    ) -> None:
        self.k = k
        self.selection = selection
        self.loss = loss
        self.C = C
        self.class_weight = class_weight
        self.preset = preset
        self.seed = seed

    @single_threaded_algebra()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SparseProbe:
        """Choose neurons and fit; X (n, d) dense or CSR, y (n,) labels, sample_weight (n,)."""
        X, y, sample_weight = self._checked(X, y, sample_weight)
        problems = self._problems(X, y, sample_weight)
        k = checked_k(self.k, X.shape[1])
        method = selection_named(self.selection, preset=self.preset)
        choices = [choose(method, problem, [k]) for problem in problems]
        self._probes = [
            fit_supports(problem, choice, preset=self.preset, loss=self.loss, C=self.C)[0]
            for problem, choice in zip(problems, choices, strict=True)
        ]
        warn_unless_converged(self._probes)
        supports = np.stack([probe.support for probe in self._probes])
        self.support_ = supports[0] if len(problems) == 1 else supports
        self.coef_ = np.zeros((len(problems), X.shape[1]))
        for row, probe in enumerate(self._probes):
            self.coef_[row, probe.support] = probe.coef
        self.intercept_ = np.array([probe.intercept for probe in self._probes])
        self.converged_ = all(probe.converged for probe in self._probes)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Scores (n,) for two classes, above 0 for the second; (n, n_classes) for more."""
        check_is_fitted(self)
        return self._decide(X, self._probes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels (n,)."""
        return self._answer(self.decision_function(X))

    @available_if(lambda self: self.loss == "logistic" or self.preset == "paper")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities (n, n_classes); with balanced classes those of a world in which both sides are as frequent."""
        return probabilities(self.decision_function(X))
