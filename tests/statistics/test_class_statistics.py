"""Class statistics against scikit-learn, NumPy and themselves in another order."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import f_classif

from sparseprobe.errors import InputError
from sparseprobe.statistics.class_statistics import ClassStatisticsAccumulator, class_statistics


@pytest.fixture(scope="module")
def planted():
    """3,000 examples of 40 heavy-tailed neurons, some far from zero; labels of 5 features, some not labelled."""
    draw = np.random.default_rng(0)
    Y = draw.choice([-1, 0, 1], p=[0.1, 0.6, 0.3], size=(3000, 5)).astype(np.int8)
    Y[:, 0] = np.abs(Y[:, 0])
    X = draw.standard_t(4, size=(3000, 40)) + (Y[:, :1] == 1) * np.linspace(-1, 1, 40)
    X[:, 5] += 1000.0
    X[:, 6] = 2.5
    return X.astype(np.float32), pd.DataFrame(Y, columns=list("abcde"))


def test_moments_are_those_of_each_class(planted):
    X, Y = planted
    statistics = class_statistics(X, Y)
    for f, name in enumerate(Y):
        for value in (0, 1):
            rows = X[Y[name] == value].astype(np.float64)
            assert statistics.count[f, value] == len(rows)
            np.testing.assert_allclose(statistics.mean[f, value], rows.mean(0), rtol=1e-6, atol=1e-6)
        classes = [X[Y[name] == value].astype(np.float64) for value in (0, 1)]
        within = sum(((rows - rows.mean(0)) ** 2).sum(0) for rows in classes)
        np.testing.assert_allclose(statistics.scatter[f], within, rtol=1e-5, atol=1e-6)


def test_f_is_that_of_scikit_learn(planted):
    X, Y = planted
    ours = class_statistics(X, Y).f_statistic()
    varying = np.arange(40) != 6
    for f, name in enumerate(Y):
        labelled = Y[name] >= 0
        expected, _ = f_classif(X[labelled][:, varying].astype(np.float64), Y[name][labelled])
        np.testing.assert_allclose(ours[f, varying], expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(np.argsort(-ours[f, varying])[:5], np.argsort(-expected)[:5])
    assert (ours[:, 6] == 0).all()


def test_mean_difference_has_the_sign_of_the_positive_class(planted):
    X, Y = planted
    difference = class_statistics(X, Y).mean_difference()
    assert difference[0, 0] < -0.7
    assert difference[0, 39] > 0.7


@pytest.mark.parametrize("rows_per_portion", [1, 17, 3000])
def test_order_and_portions_do_not_matter(planted, rows_per_portion):
    X, Y = planted
    whole = class_statistics(X[:300], Y[:300])
    accumulator = ClassStatisticsAccumulator(Y[:300], 40)
    order = np.random.default_rng(1).permutation(300)
    for start in range(0, 300, rows_per_portion):
        rows = order[start : start + rows_per_portion]
        accumulator.add(rows, X[rows])
    streamed = accumulator.result()
    np.testing.assert_array_equal(streamed.count, whole.count)
    np.testing.assert_allclose(streamed.mean, whole.mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(streamed.f_statistic(), whole.f_statistic(), rtol=1e-2, atol=1e-3)


def test_rows_that_are_left_out_do_not_count(planted):
    X, Y = planted
    train = np.arange(3000) < 2000
    poisoned = X.copy()
    poisoned[2000:] = 1e6
    some = class_statistics(poisoned, Y, rows=train)
    alone = class_statistics(X[:2000], Y[:2000])
    np.testing.assert_array_equal(some.count, alone.count)
    np.testing.assert_allclose(some.f_statistic(), alone.f_statistic(), rtol=1e-3, atol=1e-4)
    by_number = class_statistics(poisoned, Y, rows=np.flatnonzero(train))
    np.testing.assert_array_equal(by_number.mean, some.mean)


def test_neurons_that_tell_nothing_or_everything():
    X = np.array([[1.0, 3.0, 0.0], [1.0, 3.0, 1.0], [1.0, 4.0, 0.0], [1.0, 4.0, 1.0]], np.float32)
    f = class_statistics(X, np.array([[0], [0], [1], [1]], np.int8)).f_statistic()
    assert f[0].tolist() == [0.0, np.inf, 0.0]


def test_float16_activations_are_summed_without_overflow():
    X = np.full((4000, 1), 60_000.0, np.float16)
    statistics = class_statistics(X, np.tile([0, 1], 2000)[:, None])
    assert statistics.mean.ravel().tolist() == [59_999.99999999999] * 2 or np.allclose(statistics.mean, 60_000.0)
    assert statistics.scatter.max() == 0.0


def test_labels_of_one_class():
    statistics = class_statistics(np.zeros((3, 2)), pd.DataFrame({"fr": [1, 1, -1], "de": [0, 1, 0]}))
    assert np.isnan(statistics.mean[0, 0]).all()
    for ask in (statistics.mean_difference, statistics.f_statistic):
        with pytest.raises(InputError, match="labels of one class: fr; two classes are needed"):
            ask()


def test_labels_that_are_not_classes():
    with pytest.raises(InputError, match="labels of position are not of two classes: write 1, 0, and -1"):
        class_statistics(np.zeros((2, 2)), pd.DataFrame({"position": [0.5, 1.0]}))
    with pytest.raises(InputError, match="3 rows of labels for 2 examples"):
        class_statistics(np.zeros((2, 2)), np.zeros((3, 1), np.int8))
    with pytest.raises(InputError, match="2 rows of activations for 1 examples"):
        ClassStatisticsAccumulator(np.zeros((3, 1), np.int8), 2).add(slice(0, 1), np.zeros((2, 2)))
