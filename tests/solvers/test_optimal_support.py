"""The exact choice of k columns against enumeration, its promises at the time limit, and what it refuses."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.keyed_random import generator
from sparseprobe.solvers import optimal_path, optimal_support
from sparseprobe.solvers.optimal.column_store import ColumnStore
from sparseprobe.solvers.optimal.losses import LOSSES
from sparseprobe.solvers.optimal.problem import pose
from sparseprobe.solvers.optimal.restricted import solve_restricted

SHARED = Path(__file__).parents[2] / ".." / "shared" / "baselines"
KINDS = ("plain", "copies", "constant and collinear", "ties", "one to fifty")


def random_problem(seed: int) -> tuple[np.ndarray, np.ndarray, int, dict]:
    """X, y, k and settings; every loss, every kind of degeneracy and three ridges come up."""
    rng = generator(seed, "enumeration")
    kind, n, d = KINDS[seed % 5], int(rng.integers(20, 60)), int(rng.integers(3, 15))
    k = int(rng.integers(1, 5))
    while seed % 20 and math.comb(d, k) > 60:  # ten problems keep up to 1,001 supports
        d, k = (d - 1, k) if d > 9 else (d, k - 1)
    n = 102 if kind == "one to fifty" else n
    X = rng.normal(size=(n, d))
    y = X @ (rng.normal(size=d) * (rng.random(d) < 0.4)) + rng.normal(size=n) > 0
    if kind == "copies":
        X[:, 1], X[:, 2] = X[:, 0], -X[:, 0]
    elif kind == "constant and collinear":
        X[:, 0], X[:, 2] = 3.0, X[:, 1] + X[:, -1]
    elif kind == "ties":
        X = np.round(X)
    elif kind == "one to fifty":
        y = np.arange(n) < 2
        X[y] += 1.0
    y[0] = y[0] if 0 < y.sum() < n else not y[0]
    X = X.astype(np.float32) if seed % 4 == 0 else X
    return X, y, k, {"loss": LOSSES[seed % 3], "gamma": (None, 1.0, 0.01)[seed % 7 % 3]}


@pytest.mark.parametrize("block", range(10))
def test_equals_enumeration_of_all_supports(block):
    """200 problems: the same objective within 1e-7, proven, and the bound never above the true optimum."""
    for seed in range(block, 200, 10):
        X, y, k, settings = random_problem(seed)
        problem = pose(X, y, class_weight="balanced", sample_weight=None, **settings)
        store = ColumnStore(problem)
        supports = itertools.combinations(range(X.shape[1]), min(k, X.shape[1]))
        fits = [solve_restricted(problem, store, np.array(support)) for support in supports]
        least = min(fit.objective for fit in fits)
        assert max((fit.objective - fit.bound) / fit.objective for fit in fits) < 2e-9
        best = optimal_support(X, y, k, tolerance=1e-8, **settings)
        assert abs(best.objective - least) <= 1e-7 * least, (seed, settings)
        assert best.proven
        assert best.bound <= min(best.objective, least * (1 + 1e-12))


def test_the_coefficients_are_those_of_the_support():
    X, y, k, settings = random_problem(20)
    best = optimal_support(X, y, k, gamma=0.3, loss="hinge")
    signs = np.where(y, 1.0, -1.0)
    weights = y.size / (2 * np.where(y, y.sum(), (~y).sum()))
    margins = signs * (X[:, best.support] @ best.coef + best.intercept)
    objective = weights @ np.maximum(0, 1 - margins) + best.coef @ best.coef / 0.6
    assert objective == pytest.approx(best.objective, rel=1e-10)
    assert settings["loss"] in LOSSES
    assert best.support.size == k
    assert (np.diff(best.support) > 0).all()


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """800 x 120, five planted columns and correlated others: (X, y, planted support)."""
    rng = generator(3, "planted columns")
    factors = rng.normal(size=(800, 6))
    X = factors @ rng.normal(size=(6, 120)) * 0.3 + rng.normal(size=(800, 120))
    support = np.sort(rng.choice(120, 5, replace=False))
    y = rng.random(800) < 0.2
    X[np.ix_(y, support)] += 1.5
    return X.astype(np.float32) / np.float32(10), y, support


@pytest.mark.parametrize("loss", LOSSES)
def test_finds_what_was_planted(planted, loss):
    X, y, support = planted
    best = optimal_support(X, y, 5, loss=loss)
    assert best.proven
    assert best.gap <= 1e-4
    np.testing.assert_array_equal(best.support, support)


def test_labels_without_information_fit_worse(planted):
    """The other direction: on shuffled labels no support comes near what the planted columns reach."""
    X, y, _ = planted
    informed = optimal_support(X, y, 3, time_limit=5)
    shuffled = optimal_support(X, generator(0, "shuffle").permutation(y), 3, time_limit=5)
    assert shuffled.bound > informed.objective


def test_path_agrees_with_single_searches_and_never_rises(planted):
    X, y, _ = planted
    path = optimal_path(X, y, 4)
    assert [best.support.size for best in path] == [1, 2, 3, 4]
    for best in path:
        alone = optimal_support(X, y, best.support.size)
        assert best.objective == pytest.approx(alone.objective, rel=2e-4)
    assert all(later.bound < earlier.objective for earlier, later in itertools.pairwise(path))
    assert [best.support.size for best in optimal_path(X, y, [3, 1])] == [3, 1]


def test_at_the_time_limit_the_bound_is_true_and_nothing_is_claimed():
    """A weak ridge on 60 columns without signal: no proof in a moment, and a bound that a longer search confirms."""
    rng = generator(0, "hard")
    X, y = rng.normal(size=(150, 60)), rng.random(150) < 0.5
    quick = optimal_support(X, y, 8, gamma=1.0, time_limit=0.2)
    longer = optimal_support(X, y, 8, gamma=1.0, time_limit=2.0)
    assert not quick.proven
    assert quick.gap > 1e-4
    assert quick.bound <= longer.objective <= quick.objective
    assert quick.gap == pytest.approx((quick.objective - quick.bound) / quick.objective)


def test_below_margin_one_the_optimum_is_the_top_of_the_mean_difference(planted):
    X, y, _ = planted
    strong = optimal_support(X, y, 4, gamma=10 / 800 * 0.01)
    difference = np.abs(X[y].mean(0, dtype=float) - X[~y].mean(0, dtype=float))
    assert strong.top_mean_difference
    np.testing.assert_array_equal(strong.support, np.sort(np.argsort(-difference)[:4]))
    assert not optimal_support(X, y, 4, gamma=10.0, time_limit=1).top_mean_difference


def test_margins_below_one_alone_do_not_make_the_top_of_the_mean_difference():
    """One example of each class far out: its column leads by mean difference, and another one reads the labels."""
    y = np.repeat([-1, 1], 50)
    far = np.zeros(100)
    far[0], far[-1] = -6, 6
    best = optimal_support(np.column_stack([far, 0.1 * y]), y, k=1, gamma=0.05)
    assert best.support.tolist() == [1]
    assert not best.top_mean_difference
    tied = optimal_support(np.column_stack([0.1 * y, 0.1 * y, far / 100]), y, k=1, gamma=0.05)
    assert tied.top_mean_difference


@pytest.mark.parametrize(("factor", "offset", "gamma"), [(1, 1e4, None), (1e5, 0, None), (1, 0, 1e8), (1e4, 1e7, 1e-6)])
def test_columns_of_any_scale_are_solved(factor, offset, gamma):
    """Far from 0, large, under almost no ridge: the pair that makes the labels, with a bound that is true."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20))
    y = X[:, 7] + X[:, 12] + 0.02 * rng.normal(size=500) > 0
    X = (factor * X + offset)[:, [0, 3, 7, 12, 15]]
    best = optimal_support(X, y, 2, gamma=gamma)
    assert best.support.tolist() == [2, 3]
    assert best.proven
    assert best.bound <= best.objective
    margins = np.where(y, 1.0, -1.0) * (X[:, best.support] @ best.coef + best.intercept)
    weights = y.size / (2 * np.where(y, y.sum(), (~y).sum()))
    ridge = best.coef @ best.coef / (2 * (gamma or 500**-0.5))
    assert weights @ np.maximum(0, 1 - margins) + ridge == pytest.approx(best.objective, rel=1e-6)


def test_scales_out_of_reach_are_said():
    X, y = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2
    with pytest.raises(InputError, match="column 0 of X has values too large to be squared: scale X"):
        optimal_support(X * 1e160, y, 1)
    with pytest.raises(InputError, match="too large for this gamma to be solved in float64: scale X"):
        optimal_support(X * 1e100, y, 1, time_limit=0.1)


def test_what_changes_nothing_changes_nothing(planted):
    """The spelling of labels, the order of columns, float64, Fortran order, repeated rows against weights."""
    X, y, _ = planted
    X = X[:, :40]
    best = optimal_support(X, y, 3)
    order = generator(0, "order").permutation(40)
    assert optimal_support(X[:, order], y, 3).objective == pytest.approx(best.objective, rel=1e-4)
    for same in (np.where(y, 1, -1), y.astype(float), y.tolist()):
        np.testing.assert_array_equal(optimal_support(np.asfortranarray(X), same, 3).support, best.support)
    twice = generator(1, "twice").integers(1, 3, y.size)
    repeated = optimal_support(np.repeat(X, twice, axis=0), np.repeat(y, twice), 3, gamma=0.05)
    weighted = optimal_support(X, y, 3, gamma=0.05, sample_weight=twice)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-7)
    np.testing.assert_array_equal(weighted.support, repeated.support)
    given = {False: y.size / (2 * (~y).sum()), True: y.size / (2 * y.sum())}
    assert optimal_support(X, y, 3, class_weight=given).objective == pytest.approx(best.objective, rel=1e-9)


def test_all_columns_are_a_support_too(planted):
    X, y, _ = planted
    best = optimal_support(X[:, :4], y, 9)
    np.testing.assert_array_equal(best.support, np.arange(4))
    assert best.proven
    assert best.nodes == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": np.ones(6)}, "one class only"),
        ({"y": [0, 1, 2, 0, 1, 2]}, "give labels in"),
        ({"y": [0, 1]}, "one label for each of the 6 rows"),
        ({"X": np.full((6, 2), np.nan)}, "column 0 of X has values that are not finite"),
        ({"X": np.ones(6)}, "give a matrix"),
        ({"X": np.full((6, 2), "a")}, "give real numbers"),
        ({"k": 0}, "give an integer of columns"),
        ({"k": 1.5}, "give an integer of columns"),
        ({"gamma": -1.0}, "give a positive number"),
        ({"time_limit": 0}, "give a positive number of seconds"),
        ({"tolerance": 1e-12}, "give a relative gap"),
        ({"class_weight": "even"}, "'balanced', None, or a weight for each label"),
        ({"class_weight": {0: 1.0}}, "no weight for the label 1"),
        ({"sample_weight": [1, 1, 1, 1, 1, -1]}, "not negative"),
        ({"sample_weight": [0, 1, 0, 1, 0, 1]}, "add up to nothing"),
    ],
)
def test_what_cannot_be_used_is_named_in_a_sentence(change, sentence):
    given = {"X": np.arange(12.0).reshape(6, 2), "y": [0, 1, 0, 1, 0, 1], "k": 1} | change
    with pytest.raises(InputError, match=sentence):
        optimal_support(given.pop("X"), given.pop("y"), given.pop("k"), **given)


def test_an_unknown_loss_is_answered_with_the_known():
    with pytest.raises(UnknownNameError, match="did you mean 'logistic'"):
        optimal_support(np.eye(4), [0, 1, 0, 1], 1, loss="logistc")
    with pytest.raises(InputError, match="k is empty"):
        optimal_path(np.eye(4), [0, 1, 0, 1], [])
    assert len(optimal_path(np.eye(4), [0, 1, 0, 1], np.int64(2))) == 2


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    ["n140_k4_half_3", "n140_k16_third_2", "n500_k4_half_5", "n500_k16_half_8", "n1500_k4_third_1", "n1500_k16_half_8"],
)  # fmt: skip
def test_stored_optima_are_reproduced(name):
    if not (SHARED / "exact_instances.npz").exists():
        pytest.skip("the stored instances are not beside the checkout")
    stored = np.load(SHARED / "exact_instances.npz")
    shape, (ridge, k) = "_".join(name.split("_")[:2]), name.split("_")[2:]
    X, y, weights = (stored[f"{shape}_{part}"] for part in ("A", "y", "w"))
    gamma = {"half": y.size**-0.5, "third": y.size ** (-1 / 3)}[ridge]
    best = optimal_support(X, y, int(k), gamma=gamma, class_weight=None, sample_weight=weights)
    assert best.proven
    np.testing.assert_array_equal(best.support, np.sort(stored[f"{name}_S"]))
    assert best.objective == pytest.approx(stored[f"{name}_obj"][0], rel=3e-5)
