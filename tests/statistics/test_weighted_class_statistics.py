from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sparseprobe.selection import Problem, TrainingLayer
from sparseprobe.statistics.class_statistics import class_statistics, weighted_class_statistics


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(0)
    X = np.maximum(rng.standard_normal((90, 6)), 0) + np.array([0, 0, 0, 0, 0, 500])
    return X, rng.integers(-1, 2, (90, 2)).astype(np.int8), rng.integers(0, 4, 90).astype(float)


def test_without_weights_they_are_the_plain_statistics(layer):
    X, labels, _ = layer
    one, two = weighted_class_statistics(X, labels, np.ones(90)), class_statistics(X.astype(np.float32), labels)
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-5)
    np.testing.assert_allclose(one.scatter, two.scatter, rtol=1e-3)
    np.testing.assert_allclose(one.f_statistic(), two.f_statistic(), rtol=1e-3)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_weights_count_examples(layer, kind):
    X, labels, weights = layer
    repeated = np.repeat(np.arange(90), weights.astype(int))
    one = weighted_class_statistics(kind(X), labels, weights)
    two = weighted_class_statistics(X[repeated], labels[repeated], np.ones(len(repeated)))
    for name in ("count", "mean", "scatter"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-6, atol=1e-9)


def test_sparse_and_dense_layers_are_the_same_problem(layer):
    X, labels, _ = layer
    X = X[:, :5]
    dense, thin = (Problem(TrainingLayer(kind(X), labels), 1) for kind in (np.asarray, sparse.csr_array))
    np.testing.assert_allclose(dense.scale, thin.scale, rtol=1e-9)
    np.testing.assert_allclose(dense.matrix(), thin.matrix().toarray(), rtol=1e-6)
    np.testing.assert_allclose(dense.columns(np.array([1, 3])), thin.columns(np.array([1, 3])), rtol=1e-9)
    assert np.array_equal(dense.layer.class_histograms, thin.layer.class_histograms)
