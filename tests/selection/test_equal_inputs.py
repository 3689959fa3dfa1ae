"""Every selection gives the same for a weight as for repeated rows, and for stored values as for dense ones."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sparseprobe.errors import InputError
from sparseprobe.experiments import planted_problem
from sparseprobe.keyed_random import generator
from sparseprobe.selection import (
    MutualInformation,
    NearestNeighbourInformation,
    Problem,
    TrainingLayer,
    selection_named,
)
from sparseprobe.statistics.quantile_codes import class_histograms, quantile_codes

ALL = ("adaptive", "f_statistic", "l1", "mean_difference", "mutual_information", "optimal", "svm")
ALL_SPARSE = (*ALL, "random")


def latents(n: int, d: int, density: float, *, dtype: type = np.float32) -> tuple[sparse.csr_array, np.ndarray]:
    """Sparse positive values, and labels that three of the columns tell."""
    draw = generator(0, "latents", n, d)
    y = draw.random(n) < 0.3
    values = sparse.random(n, d, density, format="lil", rng=draw, dtype=np.float64)
    for column in (d // 5, d // 2, d - 3):
        values[np.flatnonzero(y & (draw.random(n) < 0.7)), column] = 1.5
    return sparse.csr_array(values.tocsr().astype(dtype)), y


def layer(X: object, y: np.ndarray, weights: np.ndarray | None = None) -> Problem:
    return Problem(TrainingLayer(X, y.astype(np.int8)[:, None], weights), seed=3, name=("f",))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [300, 1500])
def test_a_weight_is_so_many_rows(name, n):
    planted = planted_problem(n, 40, 4, shift=5.0)
    X, times = planted.X.astype(np.float64), generator(1, "times").integers(0, 4, n)
    weighted = layer(X, planted.y, times.astype(float))
    repeated = layer(np.repeat(X, times, axis=0), np.repeat(planted.y, times), np.ones(times.sum()))
    for one, two in zip(*(selection_named(name).path(p, [1, 3, 8]) for p in (weighted, repeated)), strict=True):
        assert one.support.tolist() == two.support.tolist()


def test_histograms_of_weights_are_those_of_repeated_rows():
    planted = planted_problem(1500, 20, 2)
    times, labels = generator(2, "times").integers(0, 3, 1500), planted.y[:, None].copy()
    labels[::7] = -1
    codes = quantile_codes(planted.X, times.astype(float))
    repeated = quantile_codes(np.repeat(planted.X, times, axis=0))
    assert np.array_equal(np.repeat(codes, times, axis=0), repeated)
    counted = class_histograms(repeated, np.repeat(labels, times, axis=0))
    assert np.array_equal(class_histograms(codes, labels, times.astype(float)), counted)


def test_small_weights_keep_their_bins():
    """Weights that add up to 1 are still weights of all rows."""
    planted = planted_problem(400, 20, 2, shift=6.0)
    shares = layer(planted.X, planted.y, np.full(400, 1 / 400))
    assert len(np.unique(quantile_codes(planted.X, shares.layer.sample_weight))) == 16
    assert shares.layer.class_histograms.sum() == pytest.approx(20)


@pytest.mark.parametrize("unit", [1 / 400, 0.1, 50.0])
def test_information_does_not_depend_on_the_unit_of_the_weights(unit):
    """Weights that add up to 1 are not one example, whose bias would drown the neurons that use all their bins."""
    planted = planted_problem(400, 60, 3, shift=6.0)
    X = np.where(np.arange(60) % 2, planted.X, np.maximum(planted.X, 0))
    plain, weighted = layer(X, planted.y), layer(X, planted.y, np.full(400, unit))
    found, expected = (MutualInformation().scores(one) for one in (weighted, plain))
    np.testing.assert_allclose(found, expected, atol=0.02)  # other rows may give the quantiles
    assert MutualInformation().path(weighted, [3])[0].support.tolist() == planted.support.tolist()


def test_the_bias_of_weights_is_that_of_their_effective_number():
    """Half of the examples weigh nearly nothing: the bias of noise is that of the other half."""
    draw = generator(4, "heavy")
    X, y, weights = draw.standard_normal((2000, 50)), draw.random(2000) < 0.5, np.where(np.arange(2000) % 2, 1.0, 1e-6)
    found = MutualInformation().scores(layer(X, y, weights / weights.sum()))
    assert found.mean() == pytest.approx(0, abs=0.001)  # the bias of 1,000 examples is 0.0075, of one it is 7.5


def test_nearest_neighbours_take_no_weights():
    planted = planted_problem(100, 5, 1)
    even = layer(planted.X, planted.y, np.full(100, 2.0))
    assert NearestNeighbourInformation().scores(even).shape == (5,)
    with pytest.raises(InputError, match="takes no sample weights: choose another selection"):
        NearestNeighbourInformation().scores(layer(planted.X, planted.y, np.arange(100.0)))


@pytest.mark.parametrize("name", [*ALL_SPARSE, "mutual_information_knn"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stored_values_give_what_dense_ones_give(name, dtype):
    X, y = latents(300, 120, 0.15, dtype=dtype)
    thin, dense = (selection_named(name).path(layer(one, y), [1, 3, 6]) for one in (X, X.toarray()))
    for one, two in zip(thin, dense, strict=True):
        assert one.support.tolist() == two.support.tolist()
        if one.certificate is not None:
            assert one.certificate.objective == pytest.approx(two.certificate.objective, rel=1e-6)
            assert one.certificate.proven


@pytest.mark.parametrize("name", ALL_SPARSE)
def test_a_wide_sparse_layer_is_never_made_dense(name):
    n, d = 2_000, 20_000
    X, y = latents(n, d, 0.002)
    problem = layer(X, y)
    tracemalloc.start()
    try:
        [choice] = selection_named(name).path(problem, [3])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(choice.support) == 3
    assert peak < n * d * 8 / 5  # a dense copy in float32 would be half of n d 8 bytes
    if name not in {"random", "svm"}:
        assert choice.support.tolist() == [d // 5, d // 2, d - 3]
