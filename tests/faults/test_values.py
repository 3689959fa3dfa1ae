"""NaN, infinity and numbers whose squares overflow are told wherever activations come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import sparseprobe as sp
from sparseprobe.experiments import planted_experiment
from sparseprobe.probes import NeuronSelector, SparsePath, SparseProbe, SparseRegressor
from sparseprobe.selection.problem import Problem

ACTS, DATA = planted_experiment(n=100, width=5)
X = ACTS.layer(0)[:]
Y = DATA.labels["f0"].to_numpy()
ENTRIES: dict[str, Callable[[np.ndarray], object]] = {
    "from_arrays and sweep": lambda X: sp.sweep(sp.Activations.from_arrays({0: X}, model_name="m"), DATA, k=[1]),
    "SparseProbe": lambda X: SparseProbe(k=1).fit(X, Y),
    "SparsePath": lambda X: SparsePath(k=[1]).fit(X, Y),
    "NeuronSelector": lambda X: NeuronSelector(k=1).fit(X, Y),
    "SparseRegressor": lambda X: SparseRegressor(k=1).fit(X, Y.astype(float)),
    "Problem": lambda X: Problem.of(X, Y),
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e19])
@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_tells_them(entry: str, value: float) -> None:
    spoilt = X.copy()
    spoilt[3, 2] = value
    with pytest.raises(ValueError, match=r"not finite|NaN|infinity|overflow"):
        ENTRIES[entry](spoilt)
