"""Estimators give the same rule for a weight as for repeated rows, and for stored values as for dense ones."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sparseprobe.experiments import planted_problem
from sparseprobe.keyed_random import generator
from sparseprobe.probes import NeuronSelector, SparsePath, SparseProbe, SparseRegressor

SELECTIONS = ("adaptive", "f_statistic", "l1", "mean_difference", "mutual_information", "optimal", "svm")


def rule(estimator: object, X: np.ndarray) -> np.ndarray:
    """What a fitted estimator says of X, in numbers."""
    if isinstance(estimator, NeuronSelector):
        return estimator.get_support().astype(float)
    return (estimator.predict if isinstance(estimator, SparseRegressor) else estimator.decision_function)(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "estimator",
    [
        *(SparseProbe(k=3, loss=loss) for loss in ("logistic", "hinge", "squared_hinge")),
        *(SparseProbe(k=3, selection=selection) for selection in SELECTIONS),
        SparseProbe(k=3, preset="paper"),
        SparseProbe(k=3, class_weight={0: 1.0, 1: 5.0}, selection="optimal"),
        SparsePath(k=[1, 4], loss="hinge"),
        NeuronSelector(k=3, selection="mutual_information"),
        SparseRegressor(k=3),
        SparseRegressor(k=3, selection="correlation"),
    ],
    ids=repr,
)
def test_a_weight_is_so_many_rows(estimator, dtype):
    planted = planted_problem(500, 30, 3, shift=5.0)
    X, times = planted.X.astype(dtype), generator(1, "times").integers(0, 4, 500)
    weighted = clone(estimator).fit(X, planted.y, sample_weight=times)
    repeated = clone(estimator).fit(np.repeat(X, times, axis=0), np.repeat(planted.y, times))
    np.testing.assert_allclose(rule(weighted, X), rule(repeated, X), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize(
    "estimator",
    [
        *(SparseProbe(k=3, selection=selection) for selection in (*SELECTIONS, "mutual_information_knn", "random")),
        SparseProbe(k=3, loss="hinge"),
        SparsePath(k=[1, 3], cv=2),
        NeuronSelector(k=3),
        SparseRegressor(k=3),
        SparseRegressor(k=3, selection="correlation"),
    ],
    ids=repr,
)
def test_stored_values_give_what_dense_ones_give(estimator, kind):
    draw = generator(0, "latents")
    dense = np.maximum(draw.standard_normal((240, 50)) - 1.0, 0)
    y = (dense[:, 17] + dense[:, 40] + 0.2 * draw.standard_normal(240) > 0.4).astype(int)
    one, two = (clone(estimator).fit(X, y) for X in (dense, kind(dense)))
    np.testing.assert_allclose(rule(one, dense), rule(two, kind(dense)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimator", [SparseProbe(k=3, selection="optimal"), SparsePath(k=[3]), SparseRegressor(k=3)])
def test_wide_sparse_latents_are_never_made_dense(estimator):
    n, d = 2_000, 20_000
    draw = generator(0, "wide")
    y = (draw.random(n) < 0.3).astype(int)
    latents = sparse.random(n, d, 0.001, format="lil", rng=draw)
    for column in (500, 9_000, 19_990):
        latents[np.flatnonzero((y == 1) & (draw.random(n) < 0.7)), column] = 1.5
    latents = sparse.csr_array(latents.tocsr())
    tracemalloc.start()
    try:
        fitted = clone(estimator).fit(latents, y)
        fitted.predict(latents)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    support = fitted.supports_[3] if isinstance(fitted, SparsePath) else fitted.support_
    assert support.tolist() == [500, 9_000, 19_990]
    assert peak < n * d  # an eighth of a dense copy
