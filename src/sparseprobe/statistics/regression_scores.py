"""Scores of a prediction of a continuous feature, and the interval of R2 from resamples of whole groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sparseprobe.statistics.group_bootstrap import GroupBootstrap


def regression_scores(truth: NDArray[np.floating], predicted: NDArray[np.floating]) -> dict[str, float]:
    """R2, root mean squared and mean absolute error, Spearman's rank correlation (0 where it does not exist); NaN
    without examples.

    >>> found = regression_scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'r2': 0.5, 'rmse': 0.577, 'mae': 0.333, 'spearman': 1.0}
    """
    if not len(truth):
        return dict.fromkeys(("r2", "rmse", "mae", "spearman"), np.nan)
    error = truth - predicted
    spread = float(np.sum((truth - truth.mean()) ** 2))
    varied = np.ptp(truth) > 0  # the spread of equal numbers may be rounding noise
    ranked = varied and np.ptp(predicted) > 0
    return {
        "r2": 1 - float(error @ error) / spread if varied and spread > 0 else np.nan,
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "spearman": float(spearmanr(truth, predicted).statistic) if ranked else 0.0,
    }


def r2_interval(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], bootstrap: GroupBootstrap
) -> tuple[float, float]:
    """The 95 % interval of R2; NaN for fewer than two groups.

    Resamples in which all values are equal have no R2 and are left out.

    >>> from sparseprobe.statistics.group_bootstrap import GroupBootstrap
    >>> drawn = GroupBootstrap.draw(np.arange(50), np.random.default_rng(0))
    >>> low, high = r2_interval(np.arange(50.0), np.arange(50.0) + np.sin(np.arange(50)), drawn)
    >>> 0.99 < low < high < 1
    True
    """
    if bootstrap.times.shape[1] < 2:
        return np.nan, np.nan
    centred = truth - truth.mean()  # sums of squares of numbers far from 0 would cancel
    sums = bootstrap.sums(np.stack([np.ones(len(truth)), centred, centred**2, (truth - predicted) ** 2], axis=1))
    spread = sums[:, 2] - sums[:, 1] ** 2 / sums[:, 0]
    varied = spread > 1e-12 * sums[:, 2]  # of equal values the difference leaves rounding noise
    r2 = np.where(varied, 1 - sums[:, 3] / np.where(varied, spread, 1.0), np.nan)
    low, high = np.nanpercentile(r2, (2.5, 97.5))
    return float(low), float(high)
