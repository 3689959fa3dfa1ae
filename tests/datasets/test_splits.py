from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprobe.datasets.splits import GROUP_SHARES, split_by_example, split_by_group
from sparseprobe.errors import InputError


def novels(n_groups: int, seed: int = 0, features: int = 5) -> tuple[list[str], np.ndarray]:
    """Groups of very different sizes, each mostly of one class, as novels and help pages in several languages are."""
    rng = np.random.default_rng(seed)
    groups, labels = [], []
    for group in range(n_groups):
        size = int(rng.pareto(1.2) * 3) + 1
        groups += [f"document {group}"] * size
        labels += [np.eye(features, dtype=np.int8)[group % features]] * size
    return groups, np.array(labels)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_every_class_is_in_each_about_by_its_share(seed: int) -> None:
    groups, labels = novels(400, seed)
    parts = split_by_group(groups, labels, seed=seed)
    assert len(set(zip(groups, parts, strict=True))) == len(set(groups))
    for feature in range(labels.shape[1]):
        positives = labels[:, feature] == 1
        _, sizes = np.unique(np.array(groups)[positives], return_counts=True)
        largest = sizes.max() / positives.sum()
        for part, share in GROUP_SHARES.items():
            assert abs((parts[positives] == part).mean() - share) <= largest + 0.02


def test_classes_of_single_documents_are_shared_out_evenly() -> None:
    """Nine classes of 60 one-example documents: 36, 12 and 12 of each, whichever class is shared out first."""
    labels = np.tile(np.eye(9, dtype=np.int8), (60, 1))
    parts = split_by_group([f"document {i}" for i in range(len(labels))], labels, seed=3)
    for part, expected in (("train", 36), ("validation", 12), ("test", 12)):
        np.testing.assert_array_equal(labels[parts == part].sum(axis=0), np.full(9, expected))


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_class_that_three_groups_have_is_in_all_three_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_groups = int(rng.integers(6, 30))
    codes = np.repeat(np.arange(n_groups), rng.integers(1, 9, n_groups))
    labels = (rng.random((len(codes), 4)) < rng.choice([0.02, 0.2, 0.5], 4)).astype(np.int8)
    for feature in range(4):
        for value in (0, 1):
            chosen = rng.choice(n_groups, 3, replace=False)
            for group in chosen:
                labels[np.flatnonzero(codes == group)[:1], feature] = value
    counts = [len(set(codes[labels[:, f] == value])) for f in range(4) for value in (0, 1)]
    if min(counts) < 3:
        with pytest.raises(InputError, match="each class must be in at least 3 documents"):
            split_by_group(codes, labels, seed=seed)
        return
    parts = split_by_group(codes, labels, seed=seed)
    lacking = [
        (feature, value) for feature in range(4) for value in (0, 1) if len(set(parts[labels[:, feature] == value])) < 3
    ]
    assert not lacking


def test_the_order_of_the_file_does_not_matter_but_the_seed_does() -> None:
    groups, labels = novels(60)
    parts = split_by_group(groups, labels, seed=1)
    order = np.random.default_rng(0).permutation(len(groups))
    shuffled = split_by_group(np.array(groups)[order], labels[order], seed=1)
    assert dict(zip(groups, parts, strict=True)) == dict(zip(np.array(groups)[order], shuffled, strict=True))
    assert (parts != split_by_group(groups, labels, seed=2)).any()


def test_unlabelled_examples_are_split_too() -> None:
    groups = [f"d{n}" for n in range(30)]
    labels = np.array([[1, -1]] * 10 + [[0, 1]] * 10 + [[-1, 0]] * 10, dtype=np.int8)
    parts = split_by_group(groups, labels)
    assert set(parts) == set(GROUP_SHARES)
    assert {part: int((parts[:10] == part).sum()) for part in GROUP_SHARES} == {"train": 6, "validation": 2, "test": 2}


def test_too_few_documents_of_a_class_are_said() -> None:
    with pytest.raises(InputError, match="column 0 has positive examples in only 2 documents"):
        split_by_group(["a", "a", "b", "c", "d", "e"], np.array([[1], [1], [1], [0], [0], [0]]))
    with pytest.raises(InputError, match="column 0 has no negative example"):
        split_by_group(["a", "b", "c"], np.ones((3, 1)))


def test_the_papers_split_is_70_to_30_by_example() -> None:
    parts = split_by_example(1000)
    assert {part: int((parts == part).sum()) for part in ("train", "test")} == {"train": 700, "test": 300}
    assert (parts == split_by_example(1000)).all()
    assert len(set(split_by_example(3))) == 2


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.4}, {"train": 1.2, "test": -0.2}, {}])
def test_shares_must_add_up(shares: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be positive and add up to 1"):
        split_by_example(9, shares=shares)
