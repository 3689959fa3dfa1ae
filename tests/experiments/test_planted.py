from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.errors import InputError
from sparseprobe.experiments import planted_experiment, planted_problem


def test_the_problem_is_what_it_says():
    problem = planted_problem(4000, 300, 7)
    assert problem.X.dtype == np.float32
    assert problem.y.mean() == pytest.approx(0.2 * 0.98 + 0.8 * 0.02, abs=0.02)
    difference = problem.X[problem.y == 1].mean(axis=0) - problem.X[problem.y == 0].mean(axis=0)
    effect = difference / problem.X.std(axis=0)
    others = np.setdiff1d(np.arange(300), problem.support)
    assert np.abs(effect[problem.support]).min() > 0.5  # GELU falls before it rises: some go down
    assert (np.abs(effect[others]) > 0.15).mean() == pytest.approx(0.04, abs=0.03)  # decoys
    assert problem.X.min() > -0.2  # GELU
    X = problem.X / (10 * problem.X.std(axis=0))
    np.testing.assert_allclose(X.std(axis=0), 0.1, rtol=1e-3)


def test_neurons_are_correlated_and_heavy_tailed():
    problem = planted_problem(6000, 200, 2)
    correlation = np.corrcoef(problem.X.T)[np.triu_indices(200, 1)]
    assert np.abs(correlation).max() > 0.4
    standard = (problem.X - problem.X.mean(axis=0)) / problem.X.std(axis=0)
    assert np.median((standard**4).mean(axis=0)) > 4


def test_draws_are_keyed():
    assert np.array_equal(planted_problem(50, 10, 2, seed=1).X, planted_problem(50, 10, 2, seed=1).X)
    assert not np.array_equal(planted_problem(50, 10, 2, seed=1).X, planted_problem(50, 10, 2, seed=2).X)


def test_the_shift_spreads_over_the_planted_neurons():
    few, many = planted_problem(8000, 64, 1, decoys=0), planted_problem(8000, 64, 16, decoys=0)
    for problem in (few, many):
        X = (problem.X / (10 * problem.X.std(axis=0)))[:, problem.support].astype(np.float64)
        y = problem.y == 1
        gap = X[y].mean(axis=0) - X[~y].mean(axis=0)
        within = np.cov(X[y].T) + np.cov(X[~y].T) if X.shape[1] > 1 else np.atleast_2d(X[y].var() + X[~y].var())
        distance = float(np.sqrt(gap @ np.linalg.solve(within / 2, gap)))
        assert 1.5 < distance < 4.5


def test_more_planted_neurons_than_neurons_are_refused():
    with pytest.raises(InputError, match="cannot plant 6 of 5 neurons"):
        planted_problem(10, 5, 6)


def test_experiments_have_groups_in_one_part_only():
    acts, data = planted_experiment(n=90, width=5, n_features=2, n_layers=2, per_group=3)
    assert acts.width(1) == 10
    assert (data.examples.groupby("group")["split"].nunique() == 1).all()
    assert set(data.examples["split"]) == {"train", "validation", "test"}
    shares = data.examples["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.6, abs=0.05)
