from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.errors import InputError
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.group_bootstrap import GroupBootstrap
from sparseprobe.statistics.metrics import METRICS, scores


def drawn(n=120, n_groups=30, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.array([f"g{i}" for i in rng.integers(0, n_groups, n)])
    y = rng.random(n) < 0.4
    return groups, y, rng.standard_normal(n) + 1.5 * y - 0.75


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"f1"}))
def test_each_resample_is_the_score_of_the_drawn_groups(name):
    """The slow twin: rows of the drawn groups put together one by one."""
    groups, y, f = drawn()
    bootstrap = GroupBootstrap.draw(groups, np.random.default_rng(1), resamples=60)
    names = np.unique(groups)
    slow = []
    for times in bootstrap.times:
        rows = np.concatenate(
            [np.flatnonzero(groups == g) for g, t in zip(names, times, strict=True) for _ in range(int(t))]
        )
        slow.append(float(scores(y[rows], f[rows], names=(name,))[name]))
    low, high = bootstrap.intervals(y, f, name)
    np.testing.assert_allclose([low, high], np.percentile(slow, (2.5, 97.5)), rtol=1e-6)
    assert low <= scores(y, f, names=(name,))[name] <= high


def test_f1_has_the_closed_interval():
    groups, y, f = drawn()
    bootstrap = GroupBootstrap.draw(groups, np.random.default_rng(1), resamples=60)
    assert bootstrap.intervals(y, f) == f1_interval(y, f > 0, groups)


def test_many_probes_at_once_equal_one_by_one():
    groups, y, f = drawn()
    many = np.stack([f, -f, f**3 - 1], axis=1)
    bootstrap = GroupBootstrap.draw(groups, np.random.default_rng(1))
    low, high = bootstrap.intervals(y, many)
    for j in range(3):
        np.testing.assert_allclose(bootstrap.intervals(y, many[:, j]), (low[j], high[j]))


@pytest.mark.parametrize("name", ["f1", "roc_auc", "log_loss"])
def test_labels_of_ones_and_zeros_are_those_of_yes_and_no(name):
    groups, y, f = drawn()
    bootstrap = GroupBootstrap.draw(groups, np.random.default_rng(1), resamples=30)
    assert bootstrap.intervals(y.astype(int), f, name) == bootstrap.intervals(y, f, name)
    with pytest.raises(InputError, match="labels must be True and False, or 1 and 0, got -1 among them"):
        bootstrap.intervals(np.where(y, 1, -1), f, name)


@pytest.mark.parametrize("name", ["f1", "roc_auc"])
def test_an_example_of_weight_two_is_two_examples(name):
    groups, y, f = drawn()
    times = np.random.default_rng(2).integers(1, 4, len(y))
    draw = [GroupBootstrap.draw(one, np.random.default_rng(1), resamples=50) for one in (groups, groups.repeat(times))]
    weighted = draw[0].intervals(y, f, name, weights=times.astype(float))
    np.testing.assert_allclose(weighted, draw[1].intervals(y.repeat(times), f.repeat(times), name))


def test_no_resamples_are_refused():
    with pytest.raises(InputError, match=r"at least 1 bootstrap resample .*, got 0"):
        GroupBootstrap.draw(np.arange(4), np.random.default_rng(0), resamples=0)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Dependent examples: groups of ten share their error. Resampling examples would be far too sure."""
    rng = np.random.default_rng(0)
    inside = {"group": 0, "example": 0}
    for trial in range(100):
        groups = np.repeat(np.arange(60), 10)
        wrong = np.repeat(rng.random(60) < 0.25, 10)
        y = rng.random(600) < 0.5
        f = np.where(y ^ wrong, 1.0, -1.0)
        for unit, member in (("group", groups), ("example", np.arange(600))):
            draw = GroupBootstrap.draw(member, np.random.default_rng(trial), resamples=200)
            low, high = draw.intervals(y, f, "accuracy")
            inside[unit] += bool(low <= 0.75 <= high)
    assert inside["group"] >= 0.88 * 100
    assert inside["example"] <= 0.75 * 100


def test_one_group_has_no_interval():
    bootstrap = GroupBootstrap.draw(np.array(["a", "a"]), np.random.default_rng(0))
    low, high = bootstrap.intervals(np.array([True, False]), np.array([1.0, -1.0]))
    assert np.isnan(low)
    assert np.isnan(high)


def test_resamples_without_a_class_are_left_out():
    groups, y = np.arange(4), np.array([True, False, False, False])
    bootstrap = GroupBootstrap.draw(groups, np.random.default_rng(0), resamples=400)
    assert (bootstrap.times[:, 0] == 0).any()
    assert bootstrap.intervals(y, np.where(y, 1.0, -1.0), "f2") == (1.0, 1.0)
    assert bootstrap.intervals(y, np.where(y, 1.0, -1.0), "roc_auc") == (1.0, 1.0)
