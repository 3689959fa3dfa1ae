"""Every score against scikit-learn's, on rankings with ties, weights and degenerate answers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.probes import precision_recall_curve
from sparseprobe.statistics.confusion import CONFUSION_SCORES, Confusion
from sparseprobe.statistics.metrics import METRICS, scores

ORACLES = {
    "precision": lambda y, f, w: theirs.precision_score(y, f > 0, sample_weight=w, zero_division=0),
    "recall": lambda y, f, w: theirs.recall_score(y, f > 0, sample_weight=w, zero_division=0),
    "f1": lambda y, f, w: theirs.f1_score(y, f > 0, sample_weight=w, zero_division=0),
    "f_half": lambda y, f, w: theirs.fbeta_score(y, f > 0, beta=0.5, sample_weight=w, zero_division=0),
    "f2": lambda y, f, w: theirs.fbeta_score(y, f > 0, beta=2, sample_weight=w, zero_division=0),
    "mcc": lambda y, f, w: theirs.matthews_corrcoef(y, f > 0, sample_weight=w),
    "kappa": lambda y, f, w: theirs.cohen_kappa_score(y, f > 0, sample_weight=w),
    "fowlkes_mallows": lambda y, f, w: theirs.fowlkes_mallows_score(y, f > 0),
    "accuracy": lambda y, f, w: theirs.accuracy_score(y, f > 0, sample_weight=w),
    "balanced_accuracy": lambda y, f, w: theirs.balanced_accuracy_score(y, f > 0, sample_weight=w),
    "roc_auc": lambda y, f, w: theirs.roc_auc_score(y, f, sample_weight=w),
    "pr_auc": lambda y, f, w: theirs.auc(*theirs.precision_recall_curve(y, f, sample_weight=w)[1::-1]),
    "average_precision": lambda y, f, w: theirs.average_precision_score(y, f, sample_weight=w),
    "log_loss": lambda y, f, w: theirs.log_loss(y, 1 / (1 + np.exp(-f)), sample_weight=w),
}


def drawn(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(kind))
    y = rng.random(200) < 0.2
    f = rng.standard_normal(200) + y - 0.5
    if kind == "ties":
        f = np.round(f)
    elif kind == "all the same":
        f = np.full(200, 0.3)
    elif kind == "never yes":
        f -= 10
    elif kind == "perfect":
        f = np.where(y, 2.0, -2.0) + 0.1 * f
    elif kind == "upside down":
        f = -np.where(y, 2.0, -2.0)
    elif kind == "one positive":
        y = np.arange(200) == 17
    return y, f


KINDS = ("plain", "ties", "all the same", "never yes", "perfect", "upside down", "one positive")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_scores_equal_scikit_learns(name, kind, weighted):
    y, f = drawn(kind)
    w = np.random.default_rng(0).random(200) + 0.1 if weighted else None
    assert set(ORACLES) == set(METRICS)
    if name == "fowlkes_mallows" and weighted:
        w = np.random.default_rng(0).integers(1, 4, 200).astype(float)
        y_repeated, f_repeated = np.repeat(y, w.astype(int)), np.repeat(f, w.astype(int))
        assert float(scores(y, f, weights=w)[name]) == pytest.approx(ORACLES[name](y_repeated, f_repeated, None))
        return
    assert float(scores(y, f, weights=w)[name]) == pytest.approx(ORACLES[name](y, f, w), abs=1e-12)


def test_many_probes_at_once_equal_one_by_one():
    y, _ = drawn("plain")
    many = np.stack([drawn(kind)[1] for kind in KINDS[:5]], axis=1)
    together = scores(y, many)
    for name in METRICS:
        alone = [float(scores(y, many[:, j])[name]) for j in range(5)]
        np.testing.assert_allclose(together[name], alone, rtol=1e-12)


def test_many_weightings_at_once_equal_one_by_one():
    y, f = drawn("ties")
    weights = np.random.default_rng(3).integers(0, 3, (6, 200)).astype(float)
    together = scores(y, f, weights=weights)
    for name in METRICS:
        alone = [float(scores(y, f, weights=row)[name]) for row in weights]
        np.testing.assert_allclose(together[name], alone, rtol=1e-12)
        repeated = np.repeat(np.arange(200), weights[0].astype(int))
        assert together[name][0] == pytest.approx(float(scores(y[repeated], f[repeated])[name]), rel=1e-10)


def test_a_ranking_of_one_class_has_no_area():
    y, f = drawn("plain")
    found = scores(y, f, weights=y.astype(float), names=("roc_auc", "f1"))
    assert np.isnan(found["roc_auc"])
    assert found["f1"] > 0


def test_confusion_counts_by_hand():
    y = np.array([True, True, True, False, False])
    table = Confusion.of(y, np.array([True, False, True, True, False]))
    assert [float(part) for part in (table.tp, table.fp, table.fn, table.tn)] == [2, 1, 1, 1]
    assert set(CONFUSION_SCORES) < set(METRICS)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, float, object, list])
def test_labels_of_ones_and_zeros_are_those_of_yes_and_no(dtype):
    y, f = drawn("plain")
    given = y.astype(int).tolist() if dtype is list else y.astype(dtype)
    assert scores(given, f) == scores(y, f)
    assert Confusion.of(given, f > 0).f1() == Confusion.of(y, (f > 0).astype(int)).f1()


@pytest.mark.parametrize("other", [-1, 2, np.nan, "yes"])
def test_other_labels_are_refused(other):
    y, f = np.array([1, 0, other], object), np.array([1.0, -1.0, 1.0])
    with pytest.raises(InputError, match=rf"labels must be True and False, or 1 and 0, got {other!r} among them"):
        scores(y, f)
    with pytest.raises(InputError, match="labels must be True and False, or 1 and 0"):
        Confusion.of(y, f > 0)


@pytest.mark.parametrize(
    ("decision", "weights", "message"),
    [
        ([1.0, -1.0], None, r"labels are \(3,\) and decisions are \(2,\): give both for the same examples"),
        ([[[1.0]]] * 3, None, r"decisions must be \(n,\) or \(n, m\)"),
        ([1.0, np.nan, np.inf], None, "decisions must be finite numbers, and 2 are not"),
        ([1.0, -1.0, 1.0], [1, 2], r"weights must be \(n,\).* they are \(2,\).*: give one weight for each example"),
        ([1.0, -1.0, 1.0], 2.0, r"weights must be \(n,\)"),
        (np.ones((3, 2)), np.ones((4, 3)), r"weights must be \(n,\)"),
    ],
)
def test_what_does_not_match_or_is_not_finite_is_refused(decision, weights, message):
    for score in (scores, precision_recall_curve):
        with pytest.raises(InputError, match=message):
            score(np.array([True, False, True]), decision, weights=weights)


def test_weights_may_be_any_numbers():
    y, f = drawn("plain")
    times = np.random.default_rng(0).integers(1, 4, 200)
    assert scores(y, f, weights=times.tolist()) == scores(y, f, weights=times.astype(float))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_areas_are_those_under_the_curve(weighted):
    y, f = drawn("ties")
    w = np.random.default_rng(0).random(200) if weighted else None
    precision, recall, threshold = precision_recall_curve(y, f, w)
    found = scores(y, f, weights=w, names=("pr_auc", "average_precision"))
    assert -np.trapezoid(precision, recall) == pytest.approx(float(found["pr_auc"]))
    assert -np.diff(recall) @ precision[:-1] == pytest.approx(float(found["average_precision"]))
    assert threshold.tolist() == sorted(set(f))
    for bad, shares in ((np.zeros(200), w), (y, np.where(y, 0.0, 1.0))):
        with pytest.raises(InputError, match="needs a positive example with weight"):
            precision_recall_curve(bad, f, shares)
    with pytest.raises(InputError, match="a curve is that of one probe"):
        precision_recall_curve(y, np.stack([f, f], axis=1))


def test_unknown_metrics_are_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"unknown metric 'auc'.*roc_auc"):
        scores(np.array([True, False]), np.array([1.0, -1.0]), names=("auc",))
