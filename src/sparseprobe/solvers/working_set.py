"""The elastic net over all columns of a layer, by fits on a growing working set.

Under an L1 penalty most coefficients are 0. The fit on a few columns is the fit on all of them as soon as every other
column's gradient stays within the penalty, |C x_j'r| <= rho; one matrix-vector product checks that for the whole layer.
The columns that violate it most join the working set until the duality gap of the whole problem is small.

Cost: two passes over X (n, d) per round, three to six rounds, and elastic nets on the working set. Not worth it where
rho is near 0 and hence nothing is 0.
"""

from __future__ import annotations

import numpy as np

from sparseprobe.solvers.elastic_net import NestedFits
from sparseprobe.solvers.linear_fit import LinearFit
from sparseprobe.solvers.penalised_loss import PenalisedLoss
from sparseprobe.solvers.two_class_data import TwoClassData

_FIRST = 64


def elastic_net_over_layer(
    data: TwoClassData, *, C: float, l1_ratio: float = 1.0, tolerance: float = 1e-4, max_rounds: int = 30
) -> LinearFit:
    """Fit the elastic net of `elastic_net` on all columns of `data` (n, d), dense or CSR; `coef` is (d,).

    >>> from sparseprobe.solvers.two_class_data import TwoClassData
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 500)); y = X[:, 7] > 0
    >>> fit = elastic_net_over_layer(TwoClassData.of(X, y), C=0.05)
    >>> fit.converged, np.flatnonzero(fit.coef)
    (True, array([7]))
    """
    whole = PenalisedLoss(data, data.X, C, l1_ratio, 1 - l1_ratio)
    nested = NestedFits.of(data)
    fit, iterations = LinearFit(np.zeros(data.X.shape[1]), 0.0, np.inf, np.inf, 0, converged=False), 0
    for round_number in range(max_rounds + 1):
        here = whole.start(fit)
        gradient = whole.gradient(here)
        gap = whole.gap(here, gradient)
        if gap <= tolerance or round_number == max_rounds:
            break
        working = np.flatnonzero(fit.coef)
        outside = np.where(fit.coef == 0, np.abs(gradient), -np.inf)
        joining = np.argsort(-outside, kind="stable")[: max(_FIRST, len(working))]
        working = np.union1d(working, joining[outside[joining] > l1_ratio])
        part = nested.fit(working, C=C, l1_ratio=l1_ratio, start=fit.take(working), tolerance=tolerance / 10)
        iterations += part.iterations
        coef = np.zeros(data.X.shape[1])
        coef[working] = part.coef
        fit = LinearFit(coef, part.intercept, part.objective, part.gap, iterations, part.converged)
    return whole.fit(here, gap, iterations, tolerance)
