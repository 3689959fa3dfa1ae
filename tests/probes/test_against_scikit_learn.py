"""Where scikit-learn does the same job, the estimators give the same answer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, OrthogonalMatchingPursuit, Ridge
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC, LinearSVC

from sparseprobe.experiments import planted_problem
from sparseprobe.probes import NeuronSelector, SparsePath, SparseProbe, SparseRegressor


@pytest.fixture(scope="module")
def planted():
    return planted_problem(500, 40, 3, shift=5.0)


@pytest.fixture(scope="module")
def three():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    X = rng.standard_normal((400, 12))
    for label in range(3):
        X[y == label, 4 * label] += 2.0
    return X, np.array(["de", "fr", "nl"])[y]


def scaled(X: np.ndarray) -> np.ndarray:
    return X / (10 * X.std(axis=0))


def test_the_selector_keeps_what_selectkbest_keeps(planted):
    X = planted.X.astype(np.float64)
    for k in (1, 5, 20):
        theirs = SelectKBest(f_classif, k=k).fit(X, planted.y).get_support()
        assert np.array_equal(NeuronSelector(k=k).fit(X, planted.y).get_support(), theirs)


def test_every_k_of_a_path_is_a_logistic_regression_on_its_support(planted):
    X = planted.X.astype(np.float64)
    path = SparsePath(k=[1, 4, 40], cv=2, C=2.0).fit(X, planted.y)
    for k, support in path.supports_.items():
        part = scaled(X[:, support])
        theirs = LogisticRegression(C=2.0, class_weight="balanced", solver="newton-cholesky", tol=1e-10)
        theirs.fit(part, planted.y)
        np.testing.assert_allclose(path.decision_function(X, k=k), theirs.decision_function(part), atol=1e-5)


def test_cross_validated_scores_are_those_of_cross_val_score(planted):
    groups = np.arange(500) // 5
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=4)
    path = SparsePath(k=[1, 3], cv=folds).fit(planted.X, planted.y, groups=groups)
    for i, k in enumerate(path.k_):
        theirs = cross_val_score(
            SparseProbe(k=k), planted.X, planted.y, groups=groups, cv=folds, scoring="f1", error_score="raise"
        )
        np.testing.assert_allclose(path.cv_scores_[:, i], theirs)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_of_several_classes_each_is_one_against_the_rest(three, loss):
    X, y = three
    settings = {"C": 2.0, "class_weight": "balanced"}
    theirs = {
        "logistic": LogisticRegression(solver="newton-cholesky", tol=1e-10, **settings),
        "hinge": SVC(kernel="linear", tol=1e-8, **settings),
    }[loss]
    theirs = OneVsRestClassifier(theirs).fit(scaled(X), y)
    ours = SparseProbe(k=12, loss=loss, C=2.0).fit(X, y)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(scaled(X)), atol=2e-3)
    assert np.mean(ours.predict(X) == theirs.predict(scaled(X))) > 0.995


def test_a_squared_hinge_is_liblinears(planted):
    X = planted.X[:, :6].astype(np.float64)
    theirs = LinearSVC(
        C=1.0, loss="squared_hinge", intercept_scaling=1e3, class_weight="balanced", tol=1e-8, dual=False
    )
    theirs.fit(scaled(X), planted.y)  # the large scaling makes the intercept as good as free
    ours = SparseProbe(k=6, loss="squared_hinge", C=1.0).fit(X, planted.y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(scaled(X)), atol=1e-3)


def test_pursuit_is_scikit_learns(planted):
    X = planted.X.astype(np.float64)
    centred = (X - X.mean(axis=0)) / X.std(axis=0)
    y = X[:, 3] - 0.5 * X[:, 8] + 0.1 * np.random.default_rng(0).standard_normal(500)
    for k in (1, 2, 5):
        theirs = OrthogonalMatchingPursuit(n_nonzero_coefs=k).fit(centred, y)
        ours = SparseRegressor(k=k, alpha=1e-9).fit(X, y)
        assert ours.support_.tolist() == np.flatnonzero(theirs.coef_).tolist()
        np.testing.assert_allclose(ours.predict(X), theirs.predict(centred), atol=1e-6)


def test_its_ridge_is_scikit_learns(planted):
    X = planted.X[:, :5].astype(np.float64)
    weights = np.random.default_rng(1).integers(1, 4, 500)
    y = X @ np.arange(5.0)
    deviation = np.sqrt(np.average((X - np.average(X, axis=0, weights=weights)) ** 2, axis=0, weights=weights))
    theirs = Ridge(alpha=0.3, solver="cholesky").fit(X / (10 * deviation), y, sample_weight=weights)
    ours = SparseRegressor(k=5, alpha=0.3).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X / (10 * deviation)), rtol=1e-8)
