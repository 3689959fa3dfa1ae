"""The perspective relaxation of one branch: its bound, and the shares that say where to round and where to branch.

Maximising the bound of certificate.py over the dual point is, in the primal, the problem with the squared k-support
norm (k_support.py). It is solved on a small working set of columns; each solution is priced on all columns at once,
which gives a bound that holds for all of them, and the columns whose cost beats the last seat join the working set.
The hinge's smoothing falls only as far as this branch needs: a branch is left as soon as its bound passes the cut-off,
or as soon as the primal value shows that it never will. Cost: a few Newton steps on 20-100 columns and a few prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import clock
from sparseprobe.solvers.optimal.certificate import DualCertificate, certify
from sparseprobe.solvers.optimal.k_support import Mask, Seats, penalty, seat_shares
from sparseprobe.solvers.optimal.losses import SmoothLoss, Vector, total_loss
from sparseprobe.solvers.optimal.proximal_newton import Examples, minimise, predict_margins

if TYPE_CHECKING:
    from sparseprobe.matrix import Matrix
    from sparseprobe.solvers.optimal.column_store import ColumnStore
    from sparseprobe.solvers.optimal.problem import SupportProblem

NEWTON_STEPS = 40
FIRST_SMOOTHING, SMOOTHING_FALL = 0.02, 0.3
ALL_AT_ONCE = 40  # so few columns need no working set
JOINING = 24  # columns that join the working set in one round
HOPELESS = 0.1  # stop when the bound could rise by no more than this share of what is missing to the cut-off


@dataclass(frozen=True)
class CandidateColumns:
    """The columns still in play: all of X at the root, what screening left after it."""

    matrix: Matrix
    """(n, m) their values; X itself or a copy of some of its columns."""
    index: NDArray[np.int64]
    """(m,) their numbers in X."""
    norms: Vector
    """(m,) their Euclidean norms."""


@dataclass(frozen=True)
class WarmStart:
    """A sparse primal point of the relaxation; positions count within the candidate columns."""

    positions: NDArray[np.int64]
    """(p,) columns with a share."""
    w: Vector
    """(p,) weights."""
    shares: Vector
    """(p,) shares s_j of a seat."""
    b: float
    """Intercept."""


@dataclass(frozen=True)
class Branch:
    """A part of the search: some columns forced in, some out."""

    forced: Mask
    """(m,) columns that every support of this branch has."""
    free: Mask
    """(m,) columns that it may have."""
    bound: float
    """No support of this branch has an objective below it."""
    start: WarmStart
    """Where its relaxation begins."""


@dataclass(frozen=True)
class Relaxed:
    """What the relaxation of a branch gave."""

    bound: float
    """The best certified bound of the branch."""
    certificate: DualCertificate
    """The dual point that gave it."""
    start: WarmStart
    """The primal point, for rounding, for branching, and for the branches below."""


def relax(
    problem: SupportProblem,
    store: ColumnStore,
    candidates: CandidateColumns,
    branch: Branch,
    k: int,
    *,
    prices: Vector,
    objective: float,
    cutoff: float,
    deadline: float,
) -> Relaxed:
    """Bound `branch` for supports of k columns; `prices` (m,) are earlier costs that suggest a working set.

    `objective` is that of the best known solution, `cutoff` the bound from which a branch is of no interest, `deadline`
    a time of `clock` after which no further round starts.
    """
    free_seats = k - int(branch.forced.sum())
    working = _working_set(branch, free_seats, prices)
    w = np.zeros(branch.free.size)
    w[branch.start.positions] = branch.start.w
    started = candidates.index[branch.start.positions]
    store.slots(started)
    b = branch.start.b + float(branch.start.w @ store.means[started])  # the columns of the store are centred
    dual, margins = np.empty(problem.n), np.empty(problem.n)
    delta, tolerance = FIRST_SMOOTHING, 0.01 * (objective - max(branch.bound, 0.9 * objective))
    best: DualCertificate | None = None
    bound = -np.inf
    while True:
        slots = store.slots(candidates.index[working])
        data = Examples(store.columns, slots, problem.y, problem.weights)
        seats = Seats(branch.forced[working], free_seats, problem.gamma)
        part = w[working]
        b = minimise(data, SmoothLoss(problem.loss, delta), seats, part, b, dual, tolerance, NEWTON_STEPS)
        w[working] = part
        predict_margins(data, part, b, margins)
        primal = total_loss(problem.loss, margins, problem.weights) + penalty(part, seats)
        certificate = certify(problem, candidates.matrix, candidates.norms, dual, objective)
        proved = certificate.bound(branch.forced, branch.free, free_seats)
        rise = proved - bound
        if best is None or rise > 0:
            bound, best = proved, certificate
        hopeless = primal < cutoff and primal - bound <= HOPELESS * (objective - primal)
        if bound >= cutoff or hopeless or clock() > deadline:
            break
        joining = _violators(certificate.costs, branch.free, working, free_seats)
        if joining.size:
            working = np.concatenate([working, joining])
        elif primal - bound <= 0.02 * (objective - cutoff) or rise < 0.2 * (primal - bound):
            break
        else:
            delta *= SMOOTHING_FALL
            tolerance = max(0.2 * tolerance, 1e-15 * objective)
    intercept = float(b - part @ store.means[candidates.index[working]])
    return Relaxed(bound, best, WarmStart(working, part, seat_shares(part, seats), intercept))


def _working_set(branch: Branch, seats: int, prices: Vector) -> NDArray[np.int64]:
    """Positions of the columns to begin with: the forced, those that had a share, and the dearest of the free."""
    inside = branch.forced.copy()
    if seats > 0:
        free = np.flatnonzero(branch.free)
        if free.size <= ALL_AT_ONCE:
            inside[free] = True
        else:
            inside[branch.start.positions[branch.start.w != 0]] = True
            dearest = np.argpartition(-prices[free], min(seats + 8, free.size - 1))[: seats + 8]
            inside[free[dearest]] = True
    return np.flatnonzero(inside & (branch.free | branch.forced))


def _violators(costs: Vector, free: Mask, working: NDArray[np.int64], seats: int) -> NDArray[np.int64]:
    """Free columns outside the working set that would take one of the k seats at these costs, the dearest first."""
    if seats == 0:
        return np.empty(0, dtype=np.int64)
    outside = free.copy()
    outside[working] = False
    inside = np.sort(costs[working[free[working]]])[::-1]
    last_seat = inside[seats - 1] if inside.size >= seats else 0.0
    found = np.flatnonzero(outside & (costs > last_seat))
    return found[np.argsort(-costs[found], kind="stable")[:JOINING]]
