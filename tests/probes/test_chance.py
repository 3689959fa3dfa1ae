"""On labels that carry no information every estimator gives chance, within the interval of its score."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sparseprobe.keyed_random import generator
from sparseprobe.probes import GroupBootstrap, NeuronSelector, SparsePath, SparseProbe, SparseRegressor
from sparseprobe.statistics.regression_scores import r2_interval

SELECTIONS = ("adaptive", "f_statistic", "l1", "mean_difference", "mutual_information", "optimal", "random", "svm")
REPEATS = 8


def noise(repeat: int) -> tuple[np.ndarray, np.ndarray]:
    """600 rows of 40 columns that know nothing of the labels; each third row is positive or so."""
    draw = generator(repeat, "noise")
    return draw.standard_normal((600, 40)), (draw.random(600) < 0.35).astype(int)


@pytest.mark.parametrize(
    "estimator",
    [
        *(SparseProbe(k=4, selection=selection) for selection in SELECTIONS),
        SparseProbe(k=4, loss="hinge"),
        SparseProbe(k=4, preset="paper"),
        SparsePath(k=[1, 4, 16]),
        make_pipeline(NeuronSelector(k=4), LogisticRegression(class_weight="balanced")),
    ],
    ids=repr,
)
def test_a_classifier_is_a_coin(estimator):
    """Intervals of 95 % may miss once or twice in eight, on either side; the mean may not miss."""
    found, missed = [], 0
    for repeat in range(REPEATS):
        X, y = noise(repeat)
        probe = clone(estimator).fit(X[:300], y[:300])
        truth, decision = y[300:] == 1, probe.decision_function(X[300:])
        bootstrap = GroupBootstrap.draw(np.arange(300), generator(repeat, "resamples"), resamples=300)
        low, high = bootstrap.intervals(truth, decision, "balanced_accuracy")
        missed += not low <= 0.5 <= high
        found.append(0.5 * np.mean(decision[truth] > 0) + 0.5 * np.mean(decision[~truth] <= 0))
    assert missed <= 2
    assert np.mean(found) == pytest.approx(0.5, abs=4 * 0.03 / np.sqrt(REPEATS))


def test_cross_validated_scores_of_a_path_are_those_of_a_coin():
    X, y = noise(0)
    path = SparsePath(k=[1, 4, 16], metric="roc_auc").fit(X, y, groups=np.arange(600) // 3)
    assert path.cv_scores_.mean(axis=0) == pytest.approx(0.5, abs=0.08)
    assert path.best_k_ == 1  # no more neurons than the scores ask for


@pytest.mark.parametrize("selection", ["matching_pursuit", "correlation"])
def test_a_regression_explains_nothing(selection):
    for repeat in range(REPEATS):
        X = noise(repeat)[0]
        target = generator(repeat, "target").standard_normal(600)
        probe = SparseRegressor(k=4, selection=selection).fit(X[:300], target[:300])
        bootstrap = GroupBootstrap.draw(np.arange(300), generator(repeat, "resamples"), resamples=300)
        low, _ = r2_interval(target[300:], probe.predict(X[300:]), bootstrap)
        assert low < 0
