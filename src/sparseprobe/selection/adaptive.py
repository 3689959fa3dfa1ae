"""Adaptive thresholding, the paper's main selection (section 4; "telescopic" in its code).

Start with the neurons of the largest mean difference. Going down a list of k, fit an elastic net on the current neurons
and keep, for the next smaller k, those of the largest coefficients: C = k / 20, l1 ratio = clip(exp(-k / 20), 0.1,
0.9). Neurons that are redundant given others are dropped, which a ranking of single neurons cannot do.

The paper descends through the requested list of k, so that the neurons for k = 4 depend on which other k are in it.
By default we descend one fixed ladder (256 128 64 32 16 12 10 8 7 ... 1), and the result for a k does not depend on the
other k; a k between two rungs takes the largest coefficients of the rung above it. For a k above 256 the descent starts
at 256 doubled until it is at least k; smaller k do not use that rung.

Cost: 15 elastic nets that share columns and Grams (module `solvers.elastic_net`): n 256^2 a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sparseprobe import paper
from sparseprobe.selection.contract import Choice, best_first
from sparseprobe.selection.registry import register_selection
from sparseprobe.solvers.linear_fit import LinearFit

if TYPE_CHECKING:
    from sparseprobe.selection.problem import Problem


@dataclass(frozen=True)
class AdaptiveThresholding:
    """Selection by elastic nets on fewer and fewer neurons.

    >>> from sparseprobe.selection import Problem
    >>> X = np.random.default_rng(0).standard_normal((300, 40)); y = X[:, 3] + X[:, 8] > 1
    >>> [choice.support.tolist() for choice in AdaptiveThresholding().path(Problem.of(X, y), [1, 2])]
    [[3], [3, 8]]
    """

    name: str = "adaptive"
    rungs: Literal["fixed", "asked"] = "fixed"
    """The k of the descent: one fixed ladder, or those that were asked for (as in the paper)."""
    tolerance: float = 1e-8
    """Relative duality gap of each elastic net."""

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:
        """The neurons for each k, with the elastic net on them where k is a rung that was fitted."""
        starts = [max(ks) if self.rungs == "asked" else _start(k, problem.width) for k in ks]
        found: dict[int, Choice] = {}
        for start in sorted(set(starts)):
            own = [k for k, its_start in zip(ks, starts, strict=True) if its_start == start]
            found |= self._descent(problem, own, self._rungs(own, start))
        return [found[k] for k in ks]

    def _rungs(self, ks: Sequence[int], start: int) -> list[int]:
        """The k of the descent, descending; the neurons of the first are chosen by mean difference."""
        if self.rungs == "asked":
            return sorted(ks, reverse=True)
        return [start, *(rung for rung in reversed(paper.K) if min(ks) <= rung < start)]

    def _descent(self, problem: Problem, ks: Sequence[int], rungs: Sequence[int]) -> dict[int, Choice]:
        """The neurons for each rung, and for each k on the way down."""
        first = best_first(np.abs(problem.mean_difference))[: rungs[0]]
        problem.fits.hold(first)
        current, start = first, None  # in this order, so that of coefficients of 0 the larger mean difference stays
        found: dict[int, Choice] = {}
        for rung, following in zip(rungs, [*rungs[1:], 0], strict=True):
            C, l1_ratio = paper.elastic_net_settings(rung)
            fit: LinearFit = problem.fits.fit(current, C=C, l1_ratio=l1_ratio, start=start, tolerance=self.tolerance)
            order = np.argsort(current)
            found[rung] = Choice(current[order], fit.take(order), elastic_net=True)
            ranking = best_first(np.abs(fit.coef))
            between = [k for k in ks if following < k < rung]
            found |= {k: Choice(np.sort(current[ranking[:k]]), elastic_net=True) for k in between}
            kept = np.sort(ranking[:following])
            current, start = current[kept], fit.take(kept)
        return found


def _start(k: int, width: int) -> int:
    """The rung from which the descent to k begins: 256, doubled until it is at least k, at most the width."""
    start = paper.K[-1]
    while start < k:
        start *= 2
    return min(start, width)


register_selection(AdaptiveThresholding())
register_selection(AdaptiveThresholding(rungs="asked"), preset="paper")
