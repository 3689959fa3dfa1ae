"""Scores of a ranking of the examples: ROC AUC, PR AUC and average precision from one sort; the curve itself.

Walking down the ranking with tied scores as one step gives the hits and false alarms at every threshold; the three
areas are sums over these steps. ROC AUC and PR AUC by trapezoids, average precision by rectangles, as scikit-learn's
`roc_auc_score`, `auc(recall, precision)` and `average_precision_score`. Cost: a sort of n and one pass per weighting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from sparseprobe.compiled import compiled
from sparseprobe.errors import InputError
from sparseprobe.statistics.confusion import scored_examples

RANKING_SCORES = ("roc_auc", "pr_auc", "average_precision")


def ranking_scores(
    positive: np.ndarray, decision: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The three areas, NaN where a class has no weight.

    positive (n,) bool; decision (n,), or (n, m) for m rankings of the same examples; weights (n,), or with decision
    (n,) (r, n) for r weightings. The result has shape (), (m,) or (r,).

    >>> found = ranking_scores(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    >>> {name: round(float(value), 3) for name, value in found.items()}
    {'roc_auc': 0.75, 'pr_auc': 0.792, 'average_precision': 0.833}
    """
    rankings = np.atleast_2d(decision.T)
    shares = np.ones((1, len(positive))) if weights is None else np.atleast_2d(weights).astype(np.float64)
    order = np.argsort(-rankings, axis=1, kind="stable")
    ranked = np.take_along_axis(rankings, order, axis=1)
    last = np.ones(ranked.shape, bool)
    last[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    areas = np.empty((max(len(rankings), len(shares)), 3))
    _areas(positive, order, last, shares, areas)
    single = decision.ndim == 1 and (weights is None or weights.ndim == 1)
    values = areas[0] if single else areas.T
    return dict(zip(RANKING_SCORES, values, strict=True))


def precision_recall_curve(
    positive: np.ndarray, decision: np.ndarray, weights: np.ndarray | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and threshold where yes is a decision at or above the threshold, as scikit-learn has them.

    positive (n,) bool, or 1 and 0; decision (n,); weights (n,). Thresholds (t,) rise through the different decisions;
    precision and recall (t + 1,) end with the point 1, 0 of a threshold above all. Raises `InputError` for other labels
    or shapes, decisions that are not finite, and where no positive example has weight.

    >>> precision, recall, threshold = precision_recall_curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.2]))
    >>> precision.round(3), recall, threshold
    (array([0.667, 0.5  , 1.   , 1.   ]), array([1. , 0.5, 0.5, 0. ]), array([0.2, 0.5, 0.9]))
    """
    truth, said, shares = scored_examples(positive, decision, weights)
    if said.ndim != 1 or (shares is not None and shares.ndim != 1):
        raise InputError(f"a curve is that of one probe: give decisions and weights (n,), got decisions {said.shape}")
    if not (truth if shares is None else shares[truth]).any():
        raise InputError("a precision-recall curve needs a positive example with weight, and there is none: give one")
    precision, recall, threshold = metrics.precision_recall_curve(truth, said, sample_weight=shares)
    return precision, recall, threshold


@compiled()
def _areas(
    positive: NDArray[np.bool_],
    order: NDArray[np.int64],
    last: NDArray[np.bool_],
    weights: NDArray[np.float64],
    areas: NDArray[np.float64],
) -> None:
    """Fill a row of `areas` (ROC, PR, average precision) for each ranking or weighting; the other count is 1."""
    for row in range(areas.shape[0]):
        ranking = row if order.shape[0] > 1 else 0
        share = weights[row if weights.shape[0] > 1 else 0]
        up, down = 0.0, 0.0
        for i in range(positive.size):
            if positive[i]:
                up += share[i]
            else:
                down += share[i]
        if up == 0.0 or down == 0.0:
            areas[row, :] = np.nan
            continue
        tp, fp, tp_before, fp_before, precision_before = 0.0, 0.0, 0.0, 0.0, 1.0
        roc, trapezoids, rectangles = 0.0, 0.0, 0.0
        for place in range(positive.size):
            i = order[ranking, place]
            if positive[i]:
                tp += share[i]
            else:
                fp += share[i]
            if last[ranking, place] and tp + fp > 0.0:
                precision = tp / (tp + fp)
                roc += (fp - fp_before) * (tp + tp_before)
                trapezoids += (tp - tp_before) * (precision + precision_before)
                rectangles += (tp - tp_before) * precision
                tp_before, fp_before, precision_before = tp, fp, precision
        areas[row, 0] = 0.5 * roc / (up * down)
        areas[row, 1] = 0.5 * trapezoids / up
        areas[row, 2] = rectangles / up
