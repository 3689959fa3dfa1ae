from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.errors import InputError
from sparseprobe.statistics.control_labels import GroupLayout, permuted_over_groups


def spelled(labels, groups, group):
    return "".join(map(str, labels[groups == group]))


def test_groups_exchange_whole_patterns_begun_at_a_random_place():
    labels = np.array([1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    groups = np.array(list("abcabcabcabc"))  # interleaved: a = 1 1 0 0, b = 0 1 0 0, c = 0 1 0 0
    turned = {"a": "1100", "b": "0100"}
    given_to_a, seen = set(), set()
    for seed in range(60):
        permuted = permuted_over_groups(labels, groups, np.random.default_rng(seed))
        patterns = [spelled(permuted, groups, g) for g in "abc"]
        assert sorted(pattern in 2 * turned["a"] for pattern in patterns) == [False, False, True]
        assert sum(pattern in 2 * turned["b"] for pattern in patterns) == 2
        given_to_a.add(patterns[0] in 2 * turned["a"])
        seen.update(patterns)
    assert given_to_a == {True, False}
    assert seen == {"1100", "1001", "0011", "0110", "1000", "0100", "0010", "0001"}


def test_patterns_are_repeated_or_cut_to_the_length_of_the_group():
    labels, groups = np.array([1, 0, 0, 0, 0, 1, 1]), np.array(list("aabbbbb"))
    exchanged = set()
    for seed in range(40):
        permuted = permuted_over_groups(labels, groups, np.random.default_rng(seed))
        exchanged.add((spelled(permuted, groups, "a"), spelled(permuted, groups, "b")))
    kept = {(a, b) for a, b in exchanged if b.count("1") == 2 and b in 2 * "00011"}
    assert {b for _, b in exchanged - kept} == {"10101", "01010"}
    assert {a for a, _ in exchanged - kept} <= {"00", "01", "11", "10"}
    assert len(kept) > 1


def test_every_draw_equals_its_slow_twin():
    """The rule written out, one example after the other, with the same random numbers."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(25), rng.integers(1, 12, 25)))
    labels = rng.integers(0, 2, len(groups))
    layout = GroupLayout.of(groups)
    names = list(dict.fromkeys(groups.tolist()))
    patterns = [labels[groups == name].tolist() for name in names]
    for seed in range(20):
        draw = np.random.default_rng(seed)
        givers = [patterns[i] for i in draw.permutation(25)]
        begins = draw.integers([len(giver) for giver in givers])
        slow = labels.copy()
        for name, giver, begin in zip(names, givers, begins, strict=True):
            for place, row in enumerate(np.flatnonzero(groups == name)):
                slow[row] = giver[(begin + place) % len(giver)]
        assert layout.permuted(labels, np.random.default_rng(seed)).tolist() == slow.tolist()
        assert permuted_over_groups(labels, groups, np.random.default_rng(seed)).tolist() == slow.tolist()


def test_single_examples_are_a_permutation_of_labels():
    labels = np.arange(50)
    permuted = permuted_over_groups(labels, np.arange(50)[::-1], np.random.default_rng(0))
    assert sorted(permuted) == sorted(labels)
    assert (permuted == labels).mean() < 0.2


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=60))
def test_every_part_keeps_its_classes(rows):
    labels, groups, parts = (np.array(column) for column in zip(*rows, strict=True))
    within = permuted_over_groups(labels, 3 * groups + parts, np.random.default_rng(1), parts=parts)
    across = permuted_over_groups(labels, groups, np.random.default_rng(1), parts=parts)
    assert within.dtype == across.dtype == labels.dtype
    for part in range(3):
        classes = set(labels[parts == part])
        assert set(within[parts == part]) == classes
        assert len(classes) < 2 or set(across[parts == part]) == classes


def test_a_group_in_several_parts_has_one_pattern_in_all_of_them():
    groups, parts = np.repeat(np.arange(16), 25), np.random.default_rng(0).random(400) < 0.3
    for seed in range(10):
        permuted = permuted_over_groups(groups % 2, groups, np.random.default_rng(seed), parts=parts)
        assert all(len(set(permuted[groups == group])) == 1 for group in range(16))
        assert permuted.tolist() == permuted_over_groups(groups % 2, groups, np.random.default_rng(seed)).tolist()


def test_a_class_that_lives_in_one_of_many_groups_is_not_lost():
    """Its one label seldom meets the border of a shorter group; patterns laid across borders then use every label."""
    labels = np.zeros(1000 + 300, int)
    labels[7] = 1
    groups = np.concatenate([np.zeros(1000, int), np.arange(1, 301)])
    places = [
        np.flatnonzero(permuted_over_groups(labels, groups, np.random.default_rng(seed))).tolist() for seed in range(30)
    ]
    assert all(places)
    assert sum(len(place) == 1 for place in places) > 15
    assert len({tuple(place) for place in places}) > 15


def test_labels_that_are_constant_in_groups_stay_so_whatever_the_sizes():
    sizes = np.random.default_rng(0).integers(1, 30, 40)
    groups = np.repeat(np.arange(40), sizes)
    labels = np.repeat(np.arange(40) % 2, sizes)
    for seed in range(10):
        permuted = permuted_over_groups(labels, groups, np.random.default_rng(seed))
        by_group = [set(permuted[groups == group].tolist()) for group in range(40)]
        assert [len(values) for values in by_group] == [1] * 40
        assert sum(by_group[group] == {1} for group in range(40)) == 20


def test_labels_that_follow_the_place_in_a_group_are_set_apart_from_it():
    """Each group's correlation with itself turned has standard deviation 0.45, so 100 groups have 0.045."""
    groups, labels = np.repeat(np.arange(100), 50), np.tile(np.arange(50), 100)
    for seed in range(10):
        permuted = permuted_over_groups(labels, groups, np.random.default_rng(seed))
        assert abs(np.corrcoef(permuted, labels)[0, 1]) < 0.2


def test_tables_that_do_not_match_are_refused():
    with pytest.raises(InputError, match="must match row by row, got 2 and 3 rows"):
        permuted_over_groups(np.zeros(2), np.zeros(3), np.random.default_rng(0))
