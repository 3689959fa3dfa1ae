"""Balanced class weights: each example counts inversely to the frequency of its class, unless weights are given.

Source: the paper, section 4; King and Zeng 2001.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparseprobe.errors import InputError

ClassWeight = Mapping[Any, float] | str | None
"""`"balanced"`, None for the same weight, or a weight for each class."""


def balanced_weights(y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weights inverse to class frequency, n / (2 n_class), so that both classes weigh n / 2; y (n,) in {0, 1}.

    If the examples have `weights` (n,) already, class frequencies are weighted by them, and the result is the product.

    >>> balanced_weights(np.array([1, 0, 0, 0]))
    array([2.        , 0.66666667, 0.66666667, 0.66666667])
    """
    positive = np.asarray(y).astype(bool)
    own = np.ones(len(positive)) if weights is None else weights
    up, down = float(own[positive].sum()), float(own[~positive].sum())
    if up == 0 or down == 0:
        raise InputError("labels of one class cannot be balanced: give at least one positive and one negative example")
    return own * np.where(positive, (up + down) / (2 * up), (up + down) / (2 * down))
