"""Intervals by Student's t against SciPy, and whether they cover."""

import numpy as np
import pytest
from scipy import stats

from sparseprobe.statistics.t_intervals import difference_interval, mean_interval


def test_they_are_scipys():
    draw = np.random.default_rng(0)
    one, other = draw.normal(1, 2, size=(5, 7)), draw.exponential(size=(5, 12))
    own = stats.ttest_1samp(one, 0, axis=1).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval(one), (own.low, own.high))
    welch = stats.ttest_ind(one, other, axis=1, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(difference_interval(one, other), (welch.low, welch.high))


def test_one_unit_says_nothing_of_the_spread_and_equal_ones_have_none():
    assert np.isnan(mean_interval(np.ones((2, 1)))).all()
    assert np.isnan(difference_interval(np.ones((2, 1)), np.ones((2, 4)))).all()
    assert np.array_equal(mean_interval(np.ones((1, 4))), [[1], [1]])
    assert np.array_equal(difference_interval(np.full((1, 4), 3.0), np.ones((1, 2))), [[2], [2]])


@pytest.mark.parametrize("n", [8, 16, 48])
def test_intervals_cover_at_their_level_where_documents_are_few(n):
    """Heavy-tailed changes of loss; 0.95 within three standard errors of 4,000 draws, and what a skew takes away."""
    draw = np.random.default_rng(n)
    values, other = draw.standard_t(4, size=(4000, n)), 3 * draw.standard_t(4, size=(4000, 2 * n))
    for low, high in (mean_interval(values), difference_interval(values, other)):
        assert 0.94 < np.mean((low < 0) & (high > 0)) < 0.97
