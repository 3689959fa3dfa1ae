"""What is scored, checked at the door: labels, what probes say of them, and what each example weighs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.statistics.confusion import yes_or_no


def scored_examples(
    positive: object, decision: object, weights: object = None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64] | None]:
    """Labels (n,), decisions (n,) or (n, m), and weights (n,), or with decisions (n,) also (r, n), as arrays.

    Raises `InputError` for labels other than True and False, or 1 and 0, for shapes that do not match, and for
    decisions that are not finite.

    >>> scored_examples([1, 0], [2, -1], [1, 3])
    (array([ True, False]), array([ 2., -1.]), array([1., 3.]))
    """
    truth, said = yes_or_no(positive), np.asarray(decision, np.float64)
    if said.ndim not in (1, 2) or truth.shape != said.shape[:1]:
        raise InputError(
            f"decisions must be (n,) or (n, m) for labels (n,), but labels are {truth.shape} and decisions are "
            f"{said.shape}: give both for the same examples"
        )
    bad = int(said.size - np.isfinite(said).sum())
    if bad:
        raise InputError(f"decisions must be finite numbers, and {bad} are not: leave out what cannot be scored")
    if weights is None:
        return truth, said, None
    shares = np.asarray(weights, np.float64)
    if shares.shape[-1:] != truth.shape or shares.ndim + said.ndim > 3:
        raise InputError(
            f"weights must be (n,), or (r, n) for decisions (n,), but they are {shares.shape} for decisions "
            f"{said.shape}: give one weight for each example"
        )
    return truth, said, shares
