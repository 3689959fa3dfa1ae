"""Optimal supports on planted problems, beside the paper's outer approximation on HiGHS: `python -m benchmarks.exact`.

The problems are those of `planted_problem` (GELU of correlated heavy-tailed Gaussians, 20 % positives, 2 % label
noise), scaled by 1 / (10 std), gamma = 1 / sqrt(n). Printed per problem: wall and CPU seconds, objective, gap, nodes;
then what outer approximation (a mixed-integer master over the support with a cut from every support tried, solved anew
by HiGHS, the convex problem on each support by our own solver) reaches on the same problem within its limit. Trust
ratios within one run, not absolute times: machines are shared. `--quick` runs 50 columns at n = 5,000 only.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from sparseprobe.experiments.planted import planted_problem
from sparseprobe.solvers import optimal_support
from sparseprobe.solvers.optimal.branch_and_bound import top_mean_difference
from sparseprobe.solvers.optimal.certificate import certify
from sparseprobe.solvers.optimal.column_store import ColumnStore
from sparseprobe.solvers.optimal.problem import SupportProblem, pose
from sparseprobe.solvers.optimal.restricted import solve_restricted


@dataclass(frozen=True)
class Case:
    """A problem to solve: n examples, d columns, k chosen, `informative` planted."""

    n: int
    d: int
    k: int
    loss: str = "hinge"
    informative: int = 8


@dataclass(frozen=True)
class Outcome:
    """What a method reached."""

    wall: float
    cpu: float
    objective: float
    gap: float
    work: int
    """Nodes, or cuts of the outer approximation."""

    def __str__(self) -> str:
        proven = "proven" if self.gap <= 1e-4 else "open  "
        return f"{self.wall:7.2f} {self.cpu:7.2f}  {self.objective:11.4f}  {self.gap:8.1e} {proven} {self.work:5d}"


QUICK = [Case(5_000, 50, k) for k in range(1, 9)]
REQUIRED = [
    *QUICK,
    *(Case(20_000, 50, k) for k in range(1, 9)),
    Case(20_000, 2_000, 8),
    Case(5_000, 8_192, 4),
]
OTHER_LOSSES = [
    Case(n, d, k, loss)
    for loss in ("squared_hinge", "logistic")
    for n, d, k in [(5_000, 50, 4), (5_000, 50, 8), (20_000, 50, 8), (5_000, 2_000, 4), (5_000, 8_192, 4)]
]


def ours(X: np.ndarray, y: np.ndarray, case: Case) -> Outcome:
    wall, cpu = time.perf_counter(), time.process_time()
    best = optimal_support(X, y, case.k, loss=case.loss, time_limit=60)
    return Outcome(time.perf_counter() - wall, time.process_time() - cpu, best.objective, best.gap, best.nodes)


def outer_approximation(problem: SupportProblem, k: int, *, limit: float, tolerance: float = 1e-4) -> Outcome:
    """The paper's algorithm: min eta over s in {0, 1}^d, sum s = k, eta >= c(S) - sum_j cost_j (s_j - 1[j in S])."""
    wall, cpu = time.perf_counter(), time.process_time()
    store = ColumnStore(problem)
    support = top_mean_difference(problem, k)
    rows, levels, least, bound = [], [], np.inf, -np.inf
    choose = np.append(np.ones(problem.d), 0.0)
    while (left := limit - (time.perf_counter() - wall)) > 0:
        fit = solve_restricted(problem, store, support)
        least = min(least, fit.objective)
        certificate = certify(problem, problem.X, problem.column_norms, fit.dual, least)
        rows.append(np.append(certificate.costs, 1.0))
        levels.append(certificate.value)
        if least - bound <= tolerance * least:
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            master = milp(
                np.append(np.zeros(problem.d), 1.0),
                integrality=np.append(np.ones(problem.d), 0),
                bounds=Bounds(np.append(np.zeros(problem.d), 0.0), np.append(np.ones(problem.d), np.inf)),
                constraints=[LinearConstraint(np.array(rows), lb=levels), LinearConstraint(choose[None], k, k)],
                options={"time_limit": max(left, 0.1)},
            )
        bound = max(bound, master.mip_dual_bound if master.mip_dual_bound is not None else -np.inf)
        if master.x is None or least - bound <= tolerance * least:
            break
        support = np.sort(np.argsort(-master.x[: problem.d])[:k])
    gap = (least - max(bound, 0.0)) / least
    return Outcome(time.perf_counter() - wall, time.process_time() - cpu, least, gap, len(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 columns, n = 5,000, hinge only")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds for each outer approximation, 0 for none")
    asked = parser.parse_args()
    warm = planted_problem(300, 20, 2)
    for loss in ("hinge", "squared_hinge", "logistic"):
        optimal_support(warm.X / (10 * warm.X.std(axis=0)), warm.y, 2, loss=loss)  # compiles
    heads = "wall s", "cpu s", "objective", "gap"
    titles = "{:>7} {:>7}  {:>11}  {:>8}".format(*heads)
    print(f"{'n':>6} {'d':>5} {'k':>2} {'loss':13}  {titles} {'':6} nodes or cuts")
    for case in QUICK if asked.quick else REQUIRED + OTHER_LOSSES:
        planted = planted_problem(case.n, case.d, case.informative, seed=case.informative)
        X = planted.X / (10 * planted.X.std(axis=0))
        title = f"{case.n:6d} {case.d:5d} {case.k:2d} {case.loss:13}"
        print(f"{title}  {ours(X, planted.y, case)}", flush=True)
        if asked.limit and case.loss == "hinge":
            problem = pose(X, planted.y, loss="hinge", gamma=None, class_weight="balanced", sample_weight=None)
            outcome = outer_approximation(problem, case.k, limit=asked.limit)
            print(f"{'outer approximation, HiGHS':>{len(title)}}  {outcome}", flush=True)


if __name__ == "__main__":
    main()
