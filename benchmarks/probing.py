"""Probing one feature on one layer, beside scikit-learn doing the same job: trust the ratios, not the times.

    python benchmarks/probing.py [--n 3000 --d 2048 --repeats 3]

Planted activations (module `experiments.planted`), 70 % of them for training, scaled as in the paper. "paper's sweep"
is adaptive thresholding with saga (at most 1,000 iterations) and fifteen scores from scikit-learn for each k, as the
paper describes it. Last: the share of the planted neurons that both find for each k, and F1 on test.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn import metrics
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression

from sparseprobe.experiments import PAPER_K, planted_problem
from sparseprobe.paper import elastic_net_settings
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.selection import L1, AdaptiveThresholding, FStatistic, MeanDifference, MutualInformation, Problem
from sparseprobe.solvers.logistic import newton
from sparseprobe.solvers.one_column import one_column_logistic
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores

PLANTED = 16


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of some runs, after one that does not count."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def sizes(width: int) -> list[int]:
    """The paper's k that a layer is wide enough for."""
    return [k for k in PAPER_K if k <= width]


def paper_sweep(
    train: np.ndarray, y: np.ndarray, test: np.ndarray, y_test: np.ndarray
) -> dict[int, tuple[list[int], float]]:
    """Adaptive thresholding by saga with scikit-learn's scores: support and test F1 for each k."""
    difference = np.abs(train[y].mean(axis=0) - train[~y].mean(axis=0))
    ks = sizes(train.shape[1])
    current = np.argsort(-difference)[: ks[-1]]
    found = {}
    for k, following in zip(ks[::-1], [*ks[-2::-1], 0], strict=True):
        C, l1_ratio = elastic_net_settings(k)
        model = LogisticRegression(C=C, l1_ratio=l1_ratio, solver="saga", class_weight="balanced", max_iter=1000)
        model.fit(train[:, current], y)
        said, decision = model.predict(test[:, current]), model.decision_function(test[:, current])
        found[k] = (current.tolist(), metrics.f1_score(y_test, said))
        for score in (
            metrics.precision_score,
            metrics.recall_score,
            metrics.matthews_corrcoef,
            metrics.cohen_kappa_score,
        ):
            score(y_test, said)
        for score in (metrics.fowlkes_mallows_score, metrics.accuracy_score, metrics.balanced_accuracy_score):
            score(y_test, said)
        for score in (metrics.roc_auc_score, metrics.average_precision_score, metrics.precision_recall_curve):
            score(y_test, decision)
        metrics.log_loss(y_test, model.predict_proba(test[:, current])[:, 1])
        current = current[np.argsort(-np.abs(model.coef_[0]))[:following]]
    return found


def our_sweep(problem: Problem, test: np.ndarray, y_test: np.ndarray) -> dict[int, tuple[list[int], float]]:
    """The same with this library."""
    ks = sizes(problem.width)
    choices = AdaptiveThresholding().path(problem, ks)
    found = {}
    for k, choice, probe in zip(ks, choices, fit_supports(problem, choices), strict=True):
        found[k] = (choice.support.tolist(), float(scores(y_test, probe.decision(test))["f1"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("n", 3000), ("d", 2048), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    for expected in (ConvergenceWarning, UndefinedMetricWarning):
        warnings.simplefilter("ignore", expected)
    planted = planted_problem(asked.n, asked.d, PLANTED)
    draw = np.random.default_rng(0).permutation(asked.n)
    train, test = draw[: int(0.7 * asked.n)], draw[int(0.7 * asked.n) :]
    y, y_test = planted.y[train] == 1, planted.y[test] == 1
    X = planted.X[train]

    def problem() -> Problem:
        return Problem.of(X, y)

    ready = problem()
    scaled, scale = ready.matrix(), ready.scale
    scaled_test = planted.X[test] * scale.astype(np.float32)
    columns = np.ascontiguousarray(X.T)
    top = np.argsort(-np.abs(ready.mean_difference))
    decision = fit_supports(ready, AdaptiveThresholding().path(ready, [8]))[0].decision(planted.X[test])

    def theirs(k: int, **settings: object) -> LogisticRegression:
        return LogisticRegression(class_weight="balanced", **settings).fit(scaled[:, top[:k]].astype(np.float64), y)

    lines: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("mean difference", lambda: MeanDifference().scores(problem()), None),
        ("F statistic", lambda: FStatistic().scores(problem()), lambda: f_classif(scaled, y)),
        (
            "mutual information (ours binned, all; theirs 64 neurons)",
            lambda: MutualInformation().scores(problem()),
            lambda: mutual_info_classif(scaled[:, :64], y, random_state=0),
        ),
        (
            "L1 over the layer, C = 0.1",
            lambda: L1().scores(ready),
            lambda: LogisticRegression(C=0.1, l1_ratio=1.0, solver="saga", class_weight="balanced").fit(scaled, y),
        ),
        *(
            (
                f"L2 fit, k = {k}",
                lambda k=k: newton(ready.data(top[:k]), C=1.0),
                lambda k=k: theirs(k, solver="newton-cholesky", tol=1e-8),
            )
            for k in (1, 16, 64, 256)
            if k <= asked.d
        ),
        (
            f"single neurons (ours all {asked.d}, theirs 30)",
            lambda: one_column_logistic(columns, y[None], ready.weights[None], scale[None]),
            lambda: [theirs_one.fit(scaled[:, [j]], y) for j in top[:30] for theirs_one in [LogisticRegression()]],
        ),
        ("all scores of one probe", lambda: scores(y_test, decision), None),
        ("interval of F1", lambda: f1_interval(y_test, decision > 0, np.arange(len(test))), None),
        (
            f"adaptive sweep, {len(sizes(asked.d))} k, with scores (theirs: the paper's)",
            lambda: our_sweep(problem(), planted.X[test], y_test),
            lambda: paper_sweep(scaled, y, scaled_test, y_test),
        ),
    ]
    print(f"n = {asked.n} ({len(train)} train), d = {asked.d}, one feature, seconds\n")
    print(f"{'':68}{'ours':>9}{'theirs':>9}{'ratio':>8}")
    for name, ours, other in lines:
        mine = seconds(ours, asked.repeats)
        if other is None:
            print(f"{name:68}{mine:9.4f}{'-':>9}{'-':>8}")
            continue
        yours = seconds(other, 1)
        print(f"{name:68}{mine:9.4f}{yours:9.3f}{yours / mine:8.1f}")
    found, published = our_sweep(problem(), planted.X[test], y_test), paper_sweep(scaled, y, scaled_test, y_test)
    print(f"\nshare of the {PLANTED} planted neurons among the k, and F1 on test: ours, the paper's procedure")
    for k in found:
        shares = [len(set(support) & set(planted.support)) / min(k, PLANTED) for support, _ in (found[k], published[k])]
        print(f"k = {k:3}   {shares[0]:.2f} {shares[1]:.2f}   {found[k][1]:.3f} {published[k][1]:.3f}")


if __name__ == "__main__":
    main()
