"""Intervals by resampling whole groups, for every score and every resample at once.

Examples of one document are not independent, so documents are drawn, with replacement, as many as there are; a resample
is then an integer for each group, and a weighted score is the score of the resample. Scores that are functions of
the confusion table need only each group's counts: one (resamples x groups) by (groups x probes) product for all probes.
Percentile intervals (Efron and Tibshirani 1993, chapter 13), 95 %. Only F1 has an interval in closed form in their
place (module `f1_interval`), since resamples of a few positive groups cover it badly.

Resamples without a positive or without a negative example have no score and are left out. Fewer than two groups tell
nothing about the spread: the interval is then NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.statistics.confusion import CONFUSION_SCORES, Confusion, yes_or_no
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores

RESAMPLES = 1000
_TAILS = (2.5, 97.5)
_BLOCK = 4_000_000  # weights in memory at once


@dataclass(frozen=True)
class GroupBootstrap:
    """Resamples of the groups of a set of examples."""

    member: NDArray[np.int64]
    """(n,) the group of each example, 0 to n_groups - 1."""
    times: NDArray[np.float32]
    """(resamples, n_groups) how often each group was drawn."""

    @classmethod
    def draw(cls, groups: np.ndarray, generator: np.random.Generator, *, resamples: int = RESAMPLES) -> GroupBootstrap:
        """Draw resamples of the groups that the examples (n,) belong to. Raises `InputError` for fewer than one.

        >>> drawn = GroupBootstrap.draw(np.array(["a", "a", "b"]), np.random.default_rng(0), resamples=5)
        >>> drawn.times.shape, drawn.times.sum(axis=1)
        ((5, 2), array([2., 2., 2., 2., 2.], dtype=float32))
        """
        if resamples < 1:
            raise InputError(f"an interval needs at least 1 bootstrap resample (1,000 are usual), got {resamples}")
        names, member = np.unique(groups, return_inverse=True)
        times = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
        return cls(member, times.astype(np.float32))

    def intervals(
        self, positive: np.ndarray, decision: np.ndarray, name: str = "f1", *, weights: np.ndarray | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of the interval of a score of `METRICS`; of F1 in closed form, without the resamples.

        positive (n,) bool, or 1 and 0; decision (n,), or for scores of the confusion table also (n, m); weights (n,).
        Shapes () or (m,). Raises `InputError` for other labels.
        """
        positive, decision = yes_or_no(positive), np.asarray(decision)
        if name == "f1":
            return f1_interval(positive, decision > 0, self.member, weights)
        shape = decision.shape[1:]
        if self.times.shape[1] < 2:
            return np.full(shape, np.nan), np.full(shape, np.nan)
        if name in CONFUSION_SCORES:
            table = self._tables(positive, decision > 0, weights)
            drawn = CONFUSION_SCORES[name](table)
            drawn[(table.tp + table.fn == 0) | (table.fp + table.tn == 0)] = np.nan
        else:
            drawn = self._one_by_one(positive, decision, name, weights)
        kept = drawn if np.isnan(drawn).any() else None
        low, high = np.percentile(drawn, _TAILS, axis=0) if kept is None else np.nanpercentile(drawn, _TAILS, axis=0)
        return low, high

    def sums(self, values: np.ndarray) -> NDArray[np.float64]:
        """(resamples, m) sums of values (n, m) over each resample's examples."""
        by_group = np.zeros((self.times.shape[1], values.shape[1]))
        np.add.at(by_group, self.member, values)
        return self.times @ by_group

    def _tables(self, positive: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> Confusion:
        """Confusion tables (resamples, ...) from the counts of each group."""
        flat = predicted.reshape(len(positive), -1)
        up = positive[:, None]
        counted = np.concatenate([flat & up, flat & ~up, up, ~up], axis=1)
        summed = self.sums(counted if weights is None else counted * weights[:, None])
        m = flat.shape[1]
        tp, fp = summed[:, :m], summed[:, m : 2 * m]
        table = (tp, fp, summed[:, -2:-1] - tp, summed[:, -1:] - fp)
        return Confusion(*(part.reshape(len(self.times), *predicted.shape[1:]) for part in table))

    def _one_by_one(
        self, positive: np.ndarray, decision: np.ndarray, name: str, weights: np.ndarray | None
    ) -> NDArray[np.float64]:
        """A score (resamples,) from weights of the single examples, some resamples at a time."""
        step = max(1, _BLOCK // len(positive))
        own = 1.0 if weights is None else weights
        with np.errstate(invalid="ignore"):
            parts = [
                scores(positive, decision, weights=own * self.times[first : first + step, self.member], names=(name,))
                for first in range(0, len(self.times), step)
            ]
        return np.concatenate([part[name] for part in parts])
