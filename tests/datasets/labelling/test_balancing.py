from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.datasets.labelling.balancing import draw
from sparseprobe.errors import InputError


def labels(positives: int, negatives: int, unknown: int = 0) -> np.ndarray:
    values = np.array([1] * positives + [0] * negatives + [-1] * unknown, dtype=np.int8)
    return np.random.default_rng(0).permutation(values)


@pytest.mark.parametrize(
    ("positives", "negatives", "n", "share", "expected"),
    [
        (3000, 90_000, 10_000, 0.2, (2000, 8000)),  # raised to a fifth
        (700, 90_000, 10_000, 0.2, (700, 9300)),  # fewer than a fifth: all of them
        (60_000, 40_000, 10_000, 0.2, (6000, 4000)),  # more than a fifth by nature: as they come
        (3000, 5000, 10_000, 0.2, (3000, 5000)),  # fewer than asked for: all
        (100, 900, None, 0.5, (100, 100)),  # no number: as many negatives as the share allows
        (100, 900, 100, None, (10, 90)),
        (100, 900, None, None, (100, 900)),
        (0, 900, 100, 0.5, (0, 100)),
    ],
)
def test_how_many_of_each_class(positives, negatives, n, share, expected) -> None:
    values = labels(positives, negatives, unknown=500)
    rows = draw(values, n=n, positive_share=share, rng=np.random.default_rng(1))
    assert (int((values[rows] == 1).sum()), int((values[rows] == 0).sum())) == expected
    assert (np.diff(rows) > 0).all()
    assert (values[rows] != -1).all()


def test_kinds_of_negatives_come_in_equal_parts_and_fill_up_for_each_other() -> None:
    values = labels(100, 900)
    kinds = np.arange(1000, dtype=np.int8) % 2
    rows = draw(values, n=400, positive_share=0.25, rng=np.random.default_rng(1), kinds=kinds)
    negatives = rows[values[rows] == 0]
    assert np.bincount(kinds[negatives]).tolist() == [150, 150]
    few = np.zeros(1000, dtype=np.int8)
    few[np.flatnonzero(values == 0)[:20]] = 1
    rows = draw(values, n=400, positive_share=0.25, rng=np.random.default_rng(1), kinds=few)
    negatives = rows[values[rows] == 0]
    assert np.bincount(few[negatives]).tolist() == [280, 20]


def test_a_draw_is_uniform_over_the_rows_of_a_class() -> None:
    values = labels(20, 80)
    hits = np.zeros(100)
    for seed in range(3000):
        hits[draw(values, n=20, positive_share=0.5, rng=np.random.default_rng(seed))] += 1
    for value, expected in ((1, 1500), (0, 375)):
        deviation = (hits[values == value] - expected) / np.sqrt(expected)
        assert np.abs(deviation).max() < 5


@pytest.mark.parametrize(("n", "share"), [(1, None), (None, 0.0), (None, 1.0)])
def test_settings_that_cannot_be_met_are_refused(n, share) -> None:
    with pytest.raises(InputError, match=r"n_examples is 1|positive_share is"):
        draw(labels(5, 5), n=n, positive_share=share, rng=np.random.default_rng(0))


def test_equal_kinds_give_up_negatives_rather_than_balance() -> None:
    labels = np.array([1] * 10 + [0] * 90, dtype=np.int8)
    kinds = np.array([0] * 10 + [0] * 80 + [1] * 10, dtype=np.int8)
    arguments = {"n": 60, "positive_share": 0.1, "kinds": kinds}
    filled = draw(labels, rng=np.random.default_rng(0), **arguments)
    equal = draw(labels, rng=np.random.default_rng(0), equal_kinds=True, **arguments)
    assert [int((kinds[filled[labels[filled] == 0]] == kind).sum()) for kind in (0, 1)] == [44, 10]
    assert [int((kinds[equal[labels[equal] == 0]] == kind).sum()) for kind in (0, 1)] == [10, 10]
    assert labels[equal].sum() == labels[filled].sum()
