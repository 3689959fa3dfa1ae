from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparseprobe.solvers.one_column import one_column_logistic
from sparseprobe.statistics.class_weights import balanced_weights


def make(n=250, d=70, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_t(3, (n, d)).astype(np.float32) * rng.lognormal(0, 2, d).astype(np.float32)
    X[:, 5] = 0.0
    X[:, 6] = 3.0
    X[:, 7] += 1000 * np.abs(X[:, 7]).max()
    positive = np.stack([X[:, 0] > 0, rng.random(n) < 0.5, rng.random(n) < 0.02])[:n_features]
    positive[2, :2] = [True, False]
    labelled = rng.random((n_features, n)) < 0.8
    labelled[:, :2] = True
    weights = np.zeros((n_features, n))
    for f in range(n_features):
        weights[f, labelled[f]] = balanced_weights(positive[f, labelled[f]])
    scale = 1 / (10 * np.maximum(X.std(axis=0), 1e-3)) * np.ones((n_features, 1))
    return X, positive, weights, scale


@pytest.mark.parametrize("C", [0.05, 1.0, 1e3])
def test_every_neuron_equals_scikit_learn_one_by_one(C):
    X, positive, weights, scale = make()
    fits = one_column_logistic(X.T, positive, weights, scale, C=C)
    assert fits.converged.all()
    for f in range(len(positive)):
        used = weights[f] > 0
        for j in [*range(10), *range(10, X.shape[1], 6)]:
            column = X[used, j : j + 1].astype(np.float64) * scale[f, j]
            if column.min() == column.max():  # scikit-learn starts at the answer and complains
                assert fits.coef[f, j] == pytest.approx(0.0, abs=1e-8)
                continue
            centre = column.mean() if j == 7 else 0.0  # so far from zero scikit-learn gives up
            theirs = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=200)
            theirs.fit(column - centre, positive[f, used], sample_weight=weights[f, used])
            coef, intercept = theirs.coef_[0, 0], theirs.intercept_[0] - centre * theirs.coef_[0, 0]
            assert fits.coef[f, j] == pytest.approx(coef, rel=1e-4, abs=1e-5)
            assert fits.intercept[f, j] == pytest.approx(intercept, rel=1e-4, abs=1e-4)


def test_separable_and_collapsed_columns_converge():
    columns = np.array([[0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 5.0, 5.0], [-1e4, 1e4, -1e4, 1e4]])
    positive = np.array([[False, False, True, True]])
    for C in (1e-3, 1.0, 1e6):
        fits = one_column_logistic(columns, positive, np.ones((1, 4)), np.ones((1, 3)), C=C)
        assert fits.converged.all()
        assert fits.coef[0, 0] > 0
        assert fits.coef[0, 1] == pytest.approx(0, abs=1e-6)


def test_threads_and_company_change_nothing():
    X, positive, weights, scale = make(d=150)
    together = one_column_logistic(X.T, positive, weights, scale, threads=2)
    alone = one_column_logistic(X.T[140:], positive[1:2], weights[1:2], scale[1:2, 140:], threads=1)
    np.testing.assert_array_equal(together.coef[1:2, 140:], alone.coef)
    np.testing.assert_array_equal(together.intercept[1:2, 140:], alone.intercept)


def test_a_limit_that_is_not_reached_is_not_called_converged():
    X, positive, weights, scale = make()
    fits = one_column_logistic(X.T, positive, weights, scale, tolerance=-1.0)
    assert not fits.converged.any()
