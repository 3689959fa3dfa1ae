"""Every score of a probe on a set of examples, at once.

The decision is the probe's log odds: above 0 means yes, its order is the ranking, its logistic function the
probability. One table of four counts and one sort give all scores (module `confusion`, `ranking_scores`); weights that
come in rows, one row a resample, give each score for every resample.
"""

from __future__ import annotations

import numpy as np

from sparseprobe.errors import UnknownNameError
from sparseprobe.statistics.confusion import CONFUSION_SCORES, Confusion, scored_examples
from sparseprobe.statistics.ranking_scores import RANKING_SCORES, ranking_scores

METRICS = (*CONFUSION_SCORES, *RANKING_SCORES, "log_loss")


def scores(
    positive: np.ndarray,
    decision: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    names: tuple[str, ...] = METRICS,
) -> dict[str, np.ndarray]:
    """Scores by name.

    positive (n,) bool, or 1 and 0; decision (n,), or (n, m) for m probes; weights (n,), or with decision (n,) also
    (r, n). Values have shape (), (m,) or (r,); log loss in nats. Raises `UnknownNameError` for a name that is not in
    `METRICS`, `InputError` for other labels, shapes that do not match, and decisions that are not finite.

    >>> found = scores(np.array([True, False, False]), np.array([2.0, -1.0, 0.5]), names=("f1", "roc_auc", "log_loss"))
    >>> {name: round(float(value), 3) for name, value in found.items()}
    {'f1': 0.667, 'roc_auc': 1.0, 'log_loss': 0.471}
    """
    for name in names:
        if name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
    positive, decision, weights = scored_examples(positive, decision, weights)
    found: dict[str, np.ndarray] = {}
    if any(name in CONFUSION_SCORES for name in names):
        table = Confusion.of(positive, decision > 0, weights)
        found |= {name: CONFUSION_SCORES[name](table) for name in names if name in CONFUSION_SCORES}
    if any(name in RANKING_SCORES for name in names):
        found |= ranking_scores(positive, decision, weights)
    if "log_loss" in names:
        found["log_loss"] = log_loss(positive, decision, weights)
    return {name: found[name] for name in names}


def log_loss(positive: np.ndarray, decision: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean negative log probability of the truth, nats; shapes as in `scores`."""
    sign = np.where(positive, -1.0, 1.0)
    losses = np.logaddexp(0.0, (sign * decision.T).T)
    share = np.ones(len(positive)) if weights is None else weights
    mean: np.ndarray = (share @ losses) / share.sum(axis=-1)
    return mean
