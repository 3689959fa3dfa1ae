"""A selection of neurons as a scikit-learn transformer: keeps k columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sparseprobe.probes.class_problems import class_problems
from sparseprobe.probes.sparse_probe import checked_k
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.registry import selection_named
from sparseprobe.statistics.class_weights import ClassWeight
from sparseprobe.threads import single_threaded_algebra


class NeuronSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the k neurons that a selection chooses.

    Parameters: `k`, `selection` (a name or an object), `class_weight`, `seed` as in `SparseProbe`. With more than two
    classes, each class against the rest has a path for k = 1, 2, ..., and neurons are taken in the order in which these
    paths reach them. Attributes: `support_` (k,) neurons, ascending.

    >>> X = np.random.default_rng(0).standard_normal((200, 30)); y = X[:, 4] - X[:, 11] > 0
    >>> NeuronSelector(k=2).fit(X, y).get_support(indices=True)
    array([ 4, 11])
    """

    def __init__(
        self,
        k: int = 1,
        *,
        selection: str | Selection = "f_statistic",
        class_weight: ClassWeight = "balanced",
        seed: int = 0,
    ) -> None:
        self.k = k
        self.selection = selection
        self.class_weight = class_weight
        self.seed = seed

    @single_threaded_algebra()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuronSelector:
        """Choose; X (n, d) dense or CSR, y (n,) labels, sample_weight (n,)."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        k = checked_k(self.k, X.shape[1])
        classes = np.unique(y if sample_weight is None else y[sample_weight > 0])
        problems = class_problems(
            X, y, classes, sample_weight=sample_weight, class_weight=self.class_weight, seed=self.seed
        )
        selection = selection_named(self.selection)
        if len(problems) == 1:
            self.support_ = choose(selection, problems[0], [k])[0].support
            return self
        reached = np.full(X.shape[1], k + 1)
        for problem in problems:
            for size, choice in enumerate(choose(selection, problem, range(1, k + 1)), start=1):
                reached[choice.support] = np.minimum(reached[choice.support], size)
        self.support_ = np.sort(np.argsort(reached, kind="stable")[:k])
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, bool)
        mask[self.support_] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags
