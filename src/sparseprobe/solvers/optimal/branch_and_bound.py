"""Best-first branch and bound over supports, with a bound that is valid at every moment.

1. Incumbent: the top k by mean difference (and any supports given), improved by swaps. 2. Root relaxation over all
columns; its rounding, improved by swaps. 3. Screening: columns that the certificate decides leave the problem. 4. Tree:
the branch of the least bound is relaxed, screened, rounded; its most divided column is forced in and forced out.

Whatever is given up (a branch, a screened column, a support solved) leaves its bound in `given_up`; the bound of the
whole is the least of these and of the open branches, so that it holds when the time runs out in the middle.
Cost: exponential in the worst case; the root alone decides most planted problems at gamma = 1/sqrt(n).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import clock
from sparseprobe.matrix import column_sums, is_sparse
from sparseprobe.solvers.optimal.certificate import DualCertificate, certify
from sparseprobe.solvers.optimal.local_search import swap_search
from sparseprobe.solvers.optimal.relaxation import Branch, CandidateColumns, Relaxed, WarmStart, relax
from sparseprobe.solvers.optimal.restricted import Restricted, solve_restricted

if TYPE_CHECKING:
    from sparseprobe.solvers.optimal.column_store import ColumnStore
    from sparseprobe.solvers.optimal.losses import Vector
    from sparseprobe.solvers.optimal.problem import SupportProblem

POOL_ENTRIES = 200_000  # prices kept to bound new branches before they are relaxed
SEEN_LIMIT = 200_000  # supports remembered
TIED = 1e-9  # mean differences that differ by no more than this share are equal


@dataclass(frozen=True)
class SearchResult:
    """The best support found and what is proven about it."""

    best: Restricted
    """Its fit."""
    bound: float
    """No support of k columns has an objective below it."""
    nodes: int
    """Branches relaxed, the root among them."""


class SupportSearch:
    """One search for one k; its state is the incumbent, the open branches and the bound of what was given up."""

    def __init__(
        self, problem: SupportProblem, store: ColumnStore, k: int, *, tolerance: float, deadline: float
    ) -> None:
        self.problem, self.store, self.k = problem, store, min(k, problem.d)
        self.tolerance, self.deadline = tolerance, deadline
        self.best = solve_restricted(problem, store, top_mean_difference(problem, self.k))
        self.given_up = np.inf
        self.nodes = 0
        self._seen: set[bytes] = {self.best.support.tobytes()}
        self._pool: list[DualCertificate] = []

    @property
    def objective(self) -> float:
        """The best objective so far."""
        return self.best.objective

    @property
    def cutoff(self) -> float:
        """A branch with such a bound holds nothing better by more than the tolerance."""
        return self.objective * (1 - 0.99 * self.tolerance)

    def run(self, starts: Iterable[NDArray[np.int64]] = ()) -> SearchResult:
        """Search from the mean difference and from the supports in `starts`."""
        d = self.problem.d
        self._improve(self.best)
        for support in starts:
            self._improve(self._fit(self._completed(support)))
        if self.k == d:
            return SearchResult(self.best, self.best.bound, self.nodes)
        candidates = CandidateColumns(self.problem.X, np.arange(d), self.problem.column_norms)
        start = WarmStart(self.best.support, self.best.w, np.ones(self.k), self.best.b)
        root = Branch(np.zeros(d, dtype=np.bool_), np.ones(d, dtype=np.bool_), -np.inf, start)
        relaxed = self._relax(root, candidates, self._price(self.best))
        if not self._closed(relaxed.bound):
            self._round(root, candidates, relaxed, polish=True)
        if self._closed(relaxed.bound):
            return SearchResult(self.best, min(relaxed.bound, self.objective), self.nodes)
        root = self._screen(root, relaxed)
        return self._search_tree(*narrow(candidates, root, relaxed.certificate))

    def _closed(self, bound: float) -> bool:
        return bound >= self.cutoff

    # -- supports ---------------------------------------------------------------------------------------------------

    def _completed(self, support: NDArray[np.int64]) -> NDArray[np.int64]:
        """A given support, filled up to k columns with those that cost most at its dual point (k,)."""
        fit = solve_restricted(self.problem, self.store, np.sort(support), gap=1e-4)
        costs = self._price(fit)
        costs[support] = np.inf
        return np.sort(np.argsort(-costs, kind="stable")[: self.k])

    def _fit(
        self,
        support: NDArray[np.int64],
        start: tuple[Vector, float] | None = None,
        give_up_above: float = np.inf,
        gap: float = 1e-9,
    ) -> Restricted:
        """Fit a support and keep it if it is the best."""
        fit = solve_restricted(self.problem, self.store, support, start=start, gap=gap, give_up_above=give_up_above)
        if len(self._seen) < SEEN_LIMIT:
            self._seen.add(support.tobytes())
        if fit.objective < self.objective:
            self.best = fit
        return fit

    def _price(self, fit: Restricted) -> Vector:
        """Costs of all columns of X at the dual point of a fit (d,)."""
        certificate = certify(self.problem, self.problem.X, self.problem.column_norms, fit.dual, self.objective)
        return certificate.costs

    def _improve(self, fit: Restricted) -> None:
        swap_search(fit, self._fit, self._price, self.deadline)

    def _round(self, branch: Branch, candidates: CandidateColumns, relaxed: Relaxed, *, polish: bool = False) -> None:
        """Fit the forced columns and the free ones of the largest shares."""
        shares = np.zeros(branch.free.size)
        shares[relaxed.start.positions] = relaxed.start.shares
        shares += 1e-9 * relaxed.certificate.costs / (relaxed.certificate.costs.max() + 1e-300)
        shares[branch.forced] = np.inf
        shares[~(branch.forced | branch.free)] = -np.inf
        chosen = np.argsort(-shares, kind="stable")[: self.k]
        support = np.sort(candidates.index[chosen])
        if support.tobytes() in self._seen:
            return
        before = self.objective
        fit = self._fit(support, give_up_above=np.inf if polish else before)
        if polish or fit.objective < before:
            self._improve(fit)

    # -- the tree ---------------------------------------------------------------------------------------------------

    def _relax(self, branch: Branch, candidates: CandidateColumns, prices: Vector) -> Relaxed:
        self.nodes += 1
        return relax(
            self.problem, self.store, candidates, branch, self.k,
            prices=prices, objective=self.objective, cutoff=self.cutoff, deadline=self.deadline,
        )  # fmt: skip

    def _search_tree(self, candidates: CandidateColumns, root: Branch, certificate: DualCertificate) -> SearchResult:
        self._pool = [certificate]
        counter = itertools.count()
        heap = [(root.bound, next(counter), root)]
        while heap and not self._closed(heap[0][0]) and clock() < self.deadline:
            branch = heapq.heappop(heap)[2]
            if self._settle_leaf(branch, candidates):
                continue
            for child in self._explore(branch, candidates):
                heapq.heappush(heap, (child.bound, next(counter), child))
        bound = min(self.given_up, self.objective, heap[0][0] if heap else np.inf)
        return SearchResult(self.best, bound, self.nodes)

    def _explore(self, branch: Branch, candidates: CandidateColumns) -> list[Branch]:
        """Relax, round, screen and divide a branch; what is not in the branches returned is given up."""
        relaxed = self._relax(branch, candidates, self._pool[-1].costs)
        self._remember(relaxed.certificate)
        bound = max(branch.bound, relaxed.bound)
        if self._closed(bound):
            self.given_up = min(self.given_up, bound)
            return []
        self._round(branch, candidates, relaxed)
        return self._divide(self._screen(branch, relaxed), relaxed)

    def _settle_leaf(self, branch: Branch, candidates: CandidateColumns) -> bool:
        """Whether one support is all that is left of a branch; if so it is solved."""
        seats = self.k - int(branch.forced.sum())
        if seats > 0 and int(branch.free.sum()) > seats:
            return False
        chosen = branch.forced | branch.free if seats > 0 else branch.forced
        fit = self._fit(candidates.index[chosen], give_up_above=self.objective)
        self.given_up = min(self.given_up, fit.bound)
        return True

    def _screen(self, branch: Branch, relaxed: Relaxed) -> Branch:
        """Decide free columns for good where the certificate allows it."""
        seats = self.k - int(branch.forced.sum())
        enter, leave, lost = relaxed.certificate.screen(branch.forced, branch.free, seats, self.cutoff)
        self.given_up = min(self.given_up, lost)
        bound = max(branch.bound, relaxed.bound)
        return Branch(branch.forced | enter, branch.free & ~enter & ~leave, bound, relaxed.start)

    def _remember(self, certificate: DualCertificate) -> None:
        self._pool.append(certificate)
        if len(self._pool) > max(4, POOL_ENTRIES // certificate.costs.size):
            self._pool.pop(0)

    def _divide(self, branch: Branch, relaxed: Relaxed) -> list[Branch]:
        """Two branches: the most divided free column forced in, and forced out."""
        seats = self.k - int(branch.forced.sum())
        if seats == 0 or int(branch.free.sum()) <= seats:
            return [branch]
        column = _most_divided(branch, relaxed)
        children = []
        for inside in (True, False):
            forced, free = branch.forced.copy(), branch.free.copy()
            free[column], forced[column] = False, inside
            bound = max(branch.bound, *(known.bound(forced, free, seats - inside) for known in self._pool))
            if self._closed(bound):
                self.given_up = min(self.given_up, bound)
            else:
                children.append(Branch(forced, free, bound, branch.start))
        return children


def top_mean_difference(problem: SupportProblem, k: int) -> NDArray[np.int64]:
    """The k columns of the largest weighted mean difference between the classes, ascending (k,)."""
    return np.sort(np.argsort(-_mean_difference(problem), kind="stable")[:k])


def leads_by_mean_difference(problem: SupportProblem, support: NDArray[np.int64]) -> bool:
    """Whether no column outside `support` (k,) has a larger mean difference than one inside, but for rounding."""
    difference = _mean_difference(problem)
    outside = np.delete(difference, support)
    return bool(outside.max(initial=0.0) <= difference[support].min() * (1 + TIED))


def _mean_difference(problem: SupportProblem) -> Vector:
    """Absolute weighted mean difference between the classes of every column (d,)."""
    weights, y = problem.weights, problem.y
    totals = np.where(y > 0, weights[y > 0].sum(), weights[y < 0].sum())
    difference: Vector = np.abs(column_sums(problem.X, weights * y / totals))
    return difference


def _most_divided(branch: Branch, relaxed: Relaxed) -> int:
    """The free column whose share is nearest to one half; if all are whole, the one of the highest cost."""
    shares = np.zeros(branch.free.size)
    shares[relaxed.start.positions] = relaxed.start.shares
    division = np.where(branch.free, np.minimum(shares, 1 - shares), -1.0)
    column = int(division.argmax())
    if division[column] > 1e-3:
        return column
    return int(np.where(branch.free, relaxed.certificate.costs, -1.0).argmax())


def narrow(
    candidates: CandidateColumns, branch: Branch, certificate: DualCertificate
) -> tuple[CandidateColumns, Branch, DualCertificate]:
    """Drop the columns that are excluded for good by copying the others, if these are less than half."""
    kept = np.flatnonzero(branch.forced | branch.free)
    if 2 * kept.size >= candidates.index.size:
        return candidates, branch, certificate
    place = np.full(candidates.index.size, -1, dtype=np.int64)
    place[kept] = np.arange(kept.size)
    start = branch.start
    held = place[start.positions] >= 0
    start = WarmStart(place[start.positions[held]], start.w[held], start.shares[held], start.b)
    matrix = candidates.matrix[:, kept]
    matrix = matrix if is_sparse(matrix) else np.ascontiguousarray(matrix)
    return (
        CandidateColumns(matrix, candidates.index[kept], candidates.norms[kept]),
        Branch(branch.forced[kept], branch.free[kept], branch.bound, start),
        DualCertificate(certificate.value, certificate.costs[kept]),
    )
