"""A layer with two planted features, unlabelled rows, ties and constant neurons."""

from __future__ import annotations

import numpy as np
import pytest

from sparseprobe.experiments import planted_problem
from sparseprobe.selection import Problem, TrainingLayer


@pytest.fixture(scope="session")
def layer() -> TrainingLayer:
    first, second = planted_problem(400, 30, 3, seed=1), planted_problem(400, 30, 2, seed=2)
    X = np.concatenate([first.X, second.X, np.zeros((400, 1), np.float32), np.ones((400, 1), np.float32)], axis=1)
    labels = np.stack([first.y, second.y], axis=1)
    labels[np.random.default_rng(0).random(400) < 0.2, 1] = -1
    return TrainingLayer(X, labels)


@pytest.fixture(params=[0, 1])
def problem(layer: TrainingLayer, request: pytest.FixtureRequest) -> Problem:
    return Problem(layer, request.param, seed=5, name=("f", 0))
