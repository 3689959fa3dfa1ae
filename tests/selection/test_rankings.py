"""Each ranking's scores against scikit-learn or the formula written out, feature by feature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.feature_selection import f_classif
from sklearn.metrics import mutual_info_score

from sparseprobe.experiments import planted_problem
from sparseprobe.selection import (
    L1,
    SVM,
    FStatistic,
    MeanDifference,
    MutualInformation,
    NearestNeighbourInformation,
    Problem,
    Random,
    TrainingLayer,
)
from sparseprobe.statistics.quantile_codes import BINS, class_histograms, quantile_codes


def test_mean_difference_is_the_scaled_one(problem):
    X, y = problem.layer.X[problem.rows].astype(np.float64), problem.y
    expected = (X[y].mean(axis=0) - X[~y].mean(axis=0)) / (10 * np.maximum(X.std(axis=0), 1e-3))
    np.testing.assert_allclose(problem.mean_difference, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(MeanDifference().scores(problem), np.abs(expected), rtol=1e-4, atol=1e-7)


def test_scaled_columns_have_a_tenth_as_standard_deviation(problem):
    deviation = problem.columns(np.arange(60)).std(axis=0)
    np.testing.assert_allclose(deviation, 0.1, rtol=1e-5)
    np.testing.assert_allclose(problem.matrix()[:, :60].std(axis=0), 0.1, rtol=1e-4)
    assert problem.scale[60] == problem.scale[61] == 100.0


@pytest.mark.filterwarnings("ignore:Features .* are constant", "ignore:invalid value")
def test_f_statistic_is_scikit_learns(problem):
    expected = f_classif(problem.layer.X[problem.rows].astype(np.float64), problem.y)[0]
    np.testing.assert_allclose(FStatistic().scores(problem)[:60], expected[:60], rtol=1e-4, atol=1e-7)
    assert FStatistic().scores(problem)[60:].tolist() == [0.0, 0.0]


def test_binned_information_is_that_of_the_bins_less_its_bias(problem):
    codes = quantile_codes(problem.layer.X)
    for j in (0, 7, 33, 60):
        bins = codes[problem.rows, j]
        bias = (len(np.unique(bins)) - 1) / (2 * len(bins))
        expected = mutual_info_score(bins, problem.y) - bias
        assert MutualInformation().scores(problem)[j] == pytest.approx(expected, abs=1e-12)


def test_binned_information_agrees_with_nearest_neighbours():
    planted = planted_problem(3000, 120, 10, decoys=0.3, shift=6.0, seed=3)
    problem = Problem.of(planted.X, planted.y)
    binned, neighbours = MutualInformation().scores(problem), NearestNeighbourInformation().scores(problem)
    informative = binned > 0.01
    assert informative.sum() >= 10
    assert spearmanr(binned[informative], neighbours[informative]).statistic > 0.95
    assert abs(binned[~informative]).max() < 0.02
    top = set(np.argsort(-binned)[:10])
    assert len(top & set(np.argsort(-neighbours)[:10])) >= 9


def test_information_sees_what_means_cannot():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((800, 20))
    problem = Problem.of(X, np.abs(X[:, 11]) > 0.7)
    assert np.argmax(MutualInformation().scores(problem)) == 11
    assert np.argmax(NearestNeighbourInformation().scores(problem)) == 11


def test_codes_keep_the_order_and_equal_activations_together():
    rng = np.random.default_rng(0)
    X = np.maximum(rng.standard_normal((5000, 4)), 0).astype(np.float32)
    X[:, 3] = 2.0
    codes = quantile_codes(X)
    for j in range(4):
        order = np.argsort(X[:, j], kind="stable")
        assert (np.diff(codes[order, j].astype(int)) >= 0).all()
        assert len(np.unique(codes[X[:, j] == 0, j])) <= 1
    shares = np.bincount(codes[:, 0], minlength=BINS) / 5000
    assert shares.max() == pytest.approx(0.5, abs=0.07)


def test_a_neuron_that_is_silent_but_for_a_few_examples_is_read():
    """It fires on one example in 25, all of them positive: every quantile edge is 0."""
    rng = np.random.default_rng(0)
    y = rng.random(1000) < 0.2
    X = rng.standard_normal((1000, 10)).astype(np.float32)
    X[:, 6] = np.where(y & (rng.random(1000) < 0.2), rng.random(1000), 0)
    assert 0 < (X[:, 6] > 0).mean() < 1 / 16
    assert np.unique(quantile_codes(X)[X[:, 6] == 0, 6]).size == 1
    scores = MutualInformation().scores(Problem.of(X, y))
    assert scores.argmax() == 6
    fires = mutual_info_score(X[:, 6] > 0, y)
    assert scores[6] == pytest.approx(fires - 1 / 2000)


def test_histograms_count_each_class(layer):
    codes = quantile_codes(layer.X)
    counted = class_histograms(codes, layer.labels)
    for f in range(2):
        for value in (0, 1):
            for j in (0, 31, 60):
                expected = np.bincount(codes[layer.labels[:, f] == value, j], minlength=BINS)
                assert counted[f, value, j].tolist() == expected.tolist()


def test_coefficients_of_l1_are_few_and_the_rest_follows_by_mean_difference(problem):
    chosen = np.flatnonzero(L1().scores(problem))
    assert 0 < len(chosen) < 30
    k = len(chosen) + 5
    support = L1().path(problem, [k])[0].support
    assert set(chosen) < set(support)
    others = np.setdiff1d(np.arange(problem.width), chosen)
    best = others[np.argsort(-np.abs(problem.mean_difference[others]), kind="stable")[:5]]
    assert set(support) == set(chosen) | set(best)


def test_svm_ranks_all_columns_one_by_one(problem):
    """The reference code sorted a (1, d) array along the wrong axis and so never cut."""
    scores = SVM().scores(problem)
    assert scores.shape == (problem.width,)
    assert len(SVM().path(problem, [3])[0].support) == 3


def test_a_layer_in_which_nothing_varies_has_coefficients_of_zero():
    for X in (np.full((6, 3), 2.0, np.float32), sparse.csr_array((6, 3), dtype=np.float32)):
        silent = Problem(TrainingLayer(X, np.array([[0], [1]] * 3, np.int8)))
        assert SVM().scores(silent).tolist() == [0.0, 0.0, 0.0]
        assert SVM().path(silent, [2])[0].support.tolist() == [0, 1]


def test_random_neurons_are_keyed_by_the_problem(layer):
    def chosen(**changes):
        settings = {"feature": 0, "seed": 5, "name": ("f", 0), **changes}
        return Random().path(Problem(layer, **settings), [10])[0].support.tolist()

    assert chosen() == chosen()
    assert chosen() == chosen(feature=1)
    assert chosen() != chosen(seed=6)
    assert chosen() != chosen(name=("f", 1))
