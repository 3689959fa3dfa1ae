from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.errors import InputError
from sparseprobe.probes.control_labels import permuted_over_groups


def test_groups_of_equal_size_swap_whole_patterns():
    labels = np.array([1, 0, 0, 1, 1, 1, 0, 0, 0])
    groups = np.array(list("abcabcabc"))  # interleaved: a = 1 1 0, b = 0 1 0, c = 0 1 0
    patterns = {"".join(map(str, labels[groups == g])) for g in "abc"}
    for seed in range(10):
        permuted = permuted_over_groups(labels, groups, np.random.default_rng(seed))
        assert {"".join(map(str, permuted[groups == g])) for g in "abc"} == patterns


def test_single_examples_are_a_permutation_of_labels():
    labels = np.arange(50)
    permuted = permuted_over_groups(labels, np.arange(50)[::-1], np.random.default_rng(0))
    assert sorted(permuted) == sorted(labels)
    assert (permuted == labels).mean() < 0.2


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=60))
def test_every_part_keeps_its_labels(rows):
    labels, groups, parts = (np.array(column) for column in zip(*rows, strict=True))
    permuted = permuted_over_groups(labels, groups, np.random.default_rng(1), parts=parts)
    assert permuted.dtype == labels.dtype
    for part in range(3):
        assert permuted[parts == part].sum() == labels[parts == part].sum()


def test_runs_stay_runs_where_groups_differ_in_size():
    sizes = np.random.default_rng(0).integers(1, 30, 40)
    groups = np.repeat(np.arange(40), sizes)
    labels = np.repeat(np.arange(40) % 2, sizes)
    permuted = permuted_over_groups(labels, groups, np.random.default_rng(2))
    assert permuted.sum() == labels.sum()
    assert (np.diff(permuted) != 0).sum() <= 40
    assert abs(np.corrcoef(permuted, labels)[0, 1]) < 0.4


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(InputError, match="must match row by row, got 2 and 3 rows"):
        permuted_over_groups(np.zeros(2), np.zeros(3), np.random.default_rng(0))
