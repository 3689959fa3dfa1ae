"""The closed interval of F1: its special cases, what it must not depend on, and that it covers."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sparseprobe.errors import InputError
from sparseprobe.statistics.confusion import Confusion
from sparseprobe.statistics.f1_interval import f1_interval


def drawn(seed: int = 0, groups: int = 60, size: int = 4):
    """Labels that go with groups, answers that err in whole groups now and then."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(groups), size)
    positive = np.repeat(rng.random(groups) < 0.3, size)
    wrong = np.repeat(rng.random(groups) < 0.1, size) | (rng.random(groups * size) < 0.1)
    return positive, positive ^ wrong, member


def test_of_independent_examples_without_an_error_it_is_wilsons_interval():
    for n in (6, 16, 50):
        truth = np.arange(3 * n) < n
        low, high = f1_interval(truth, truth, np.arange(3 * n))
        share = binomtest(n, n).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((2 * share.low / (1 + share.low), 1.0))
        low, high = f1_interval(truth, ~truth, np.arange(3 * n))
        assert low == 0
        assert high < 0.4


def test_a_document_without_an_error_counts_once_whatever_its_length():
    truth = np.arange(30) < 6
    alone = f1_interval(truth, truth, np.arange(30))
    longer = f1_interval(truth.repeat(5), truth.repeat(5), np.arange(30).repeat(5))
    np.testing.assert_allclose(longer, alone)


def test_it_holds_f1_and_is_wider_for_grouped_examples():
    positive, said, member = drawn()
    f1 = Confusion.of(positive, said).f1()
    low, high = f1_interval(positive, said, member)
    narrow_low, narrow_high = f1_interval(positive, said, np.arange(len(member)))
    assert low < narrow_low < f1 < narrow_high < high


def test_several_probes_at_once_are_those_one_by_one():
    positive, said, member = drawn()
    many = np.stack([said, ~said, positive, np.zeros_like(positive)], axis=1)
    low, high = f1_interval(positive, many, member)
    for column in range(4):
        assert (low[column], high[column]) == f1_interval(positive, many[:, column], member)


def test_the_unit_of_weights_does_not_matter_and_equal_weights_change_nothing():
    positive, said, member = drawn()
    plain = f1_interval(positive, said, member)
    np.testing.assert_allclose(f1_interval(positive, said, member, np.full(len(member), 3.7)), plain)
    weights = np.random.default_rng(1).uniform(0.2, 2, len(member))
    own = f1_interval(positive, said, member, weights)
    np.testing.assert_allclose(f1_interval(positive, said, member, 100 * weights), own)
    assert not np.allclose(own, plain)


def test_one_group_has_no_interval_and_wrong_labels_are_refused():
    assert np.isnan(f1_interval([1, 0], [1, 0], np.zeros(2))).all()
    with pytest.raises(InputError, match="labels must be"):
        f1_interval([2, 0], [1, 0], np.arange(2))


@pytest.mark.parametrize(
    ("positive_groups", "size", "recall", "correlation"),
    [(6, 1, 0.95, 0.0), (16, 1, 0.95, 0.0), (4, 4, 0.5, 0.5), (12, 4, 0.9, 0.5), (40, 4, 0.95, 0.3)],
)
def test_it_covers_where_a_bootstrap_does_not(positive_groups, size, recall, correlation):
    """Share of 400 draws whose interval holds the true F1; 0.93 is nominal less two standard errors (0.011 each).

    The bootstrap's shares in such cases are 0.45 to 0.91 (`make bench-statistics`).
    """
    rng = np.random.default_rng(0)
    negative_groups = 5 * positive_groups
    truth = np.repeat(np.arange(positive_groups + negative_groups) < positive_groups, size)
    groups = np.arange(len(truth)) // size
    alarm = 0.02
    f1 = 2 * recall / (1 + recall + alarm * negative_groups / positive_groups)
    covered = 0
    for _ in range(400):
        said = np.where(truth, _yes(rng, groups, recall, correlation), _yes(rng, groups, alarm, correlation))
        low, high = f1_interval(truth, said, groups)
        covered += bool(low <= f1 <= high)
    assert covered / 400 >= 0.93


def _yes(rng: np.random.Generator, groups: np.ndarray, share: float, correlation: float) -> np.ndarray:
    """Answers (n,) that are yes in a share of cases, alike within groups (beta-binomial)."""
    n_groups = groups.max() + 1
    scale = np.inf if correlation == 0 else (1 - correlation) / correlation
    own = np.full(n_groups, share) if np.isinf(scale) else rng.beta(share * scale, (1 - share) * scale, n_groups)
    return rng.random(len(groups)) < own[groups]
