"""Hard two-class problems that every solver must get through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from sparseprobe.statistics.class_weights import balanced_weights


@dataclass(frozen=True)
class HardProblem:
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def loss(self, coef: np.ndarray, intercept: float) -> float:
        signs = np.where(self.y == 1, 1.0, -1.0)
        return float(self.weights @ np.logaddexp(0, -signs * (self.X @ coef + intercept)))


def _make(kind: str) -> HardProblem:
    rng = np.random.default_rng(sum(map(ord, kind)))
    n, k = 300, 6
    X = rng.standard_normal((n, k)) * 0.3
    y = (X[:, 0] + 0.5 * X[:, 1] + 0.3 * rng.standard_normal(n) > 0.1).astype(int)
    if kind == "one to fifty":
        y = (np.argsort(np.argsort(X[:, 0] + 0.3 * rng.standard_normal(n))) >= n - n // 51).astype(int)
    elif kind == "collinear":
        X[:, 3] = X[:, 0]
        X[:, 4] = X[:, 0] - 2 * X[:, 1]
    elif kind == "constant column":
        X[:, 2] = 7.0
        X[:, 5] = 0.0
    elif kind == "separable":
        y = (X[:, 0] > 0).astype(int)
    elif kind == "far from zero":
        X += 50.0
    elif kind == "fewer rows than columns":
        X, y = rng.standard_normal((20, 40)), np.arange(20) % 2
    weights = balanced_weights(y)
    if kind == "own weights":
        weights = rng.choice([0.0, 0.5, 1.0, 20.0], n)
    return HardProblem(X, y, weights)


@pytest.fixture(
    params=[
        "plain", "one to fifty", "collinear", "constant column", "separable", "far from zero", "own weights",
        "fewer rows than columns",
    ]
)  # fmt: skip
def hard_problem(request: pytest.FixtureRequest) -> HardProblem:
    return _make(request.param)
