from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sparseprobe.statistics.best_threshold import best_thresholds


@pytest.mark.parametrize("kind", ["plain", "ties", "one positive", "all positive", "constant"])
@pytest.mark.parametrize("upwards", [True, False])
def test_no_cut_is_better(kind, upwards):
    rng = np.random.default_rng(len(kind))
    X, y = rng.standard_normal((30, 3)), rng.random(30) < 0.3
    if kind == "ties":
        X = np.round(X)
    elif kind == "one positive":
        y = np.arange(30) == 3
    elif kind == "all positive":
        y[:] = True
    elif kind == "constant":
        X[:] = 2.0
    thresholds, f1 = best_thresholds(X, y, np.full(3, upwards))
    for j in range(3):
        values = np.unique(X[:, j])
        cuts = np.concatenate([[values[0] - 1], 0.5 * (values[1:] + values[:-1]), [values[-1] + 1]])
        brute = max(f1_score(y, X[:, j] > cut if upwards else X[:, j] < cut, zero_division=0) for cut in cuts)
        said = X[:, j] > thresholds[j] if upwards else X[:, j] < thresholds[j]
        assert f1[j] == pytest.approx(brute)
        assert f1_score(y, said) == pytest.approx(brute)


def test_each_neuron_has_its_own_direction():
    X = np.array([[1.0, 4.0], [2.0, 3.0], [3.0, 2.0], [4.0, 1.0]])
    thresholds, f1 = best_thresholds(X, np.array([False, False, True, True]), np.array([True, False]))
    assert thresholds.tolist() == [2.5, 2.5]
    assert f1.tolist() == [1.0, 1.0]
