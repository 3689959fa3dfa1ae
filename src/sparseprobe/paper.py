"""What `preset="paper"` means: the settings of "Finding Neurons in a Haystack" (arXiv 2305.01610), all in one place.

Splits: one random split by example, 70 % for training, 30 % for test, seed 42; no validation split. If a dataset has
one, its examples are used for training. Scaling: each neuron by 1 / (10 max(std, 0.001)), not centred, in both presets.
Both classes have the same weight, in both presets.

Selections: `adaptive` descends through the requested k (by default through one fixed ladder of k);
`optimal` is given the 50 neurons of the largest mean difference (by default all); `mutual_information` is the estimate
from 3 nearest neighbours (by default from 16 quantile bins). All others are the same in both presets.

Probes: on the neurons of adaptive thresholding the elastic net of its descent, on any other neurons an L2 logistic
regression with C = 1 (by default an L2 logistic regression with C = 10 on all of them). Single neurons are ranked by F1
on training examples (by default by log loss on training and validation examples).

The features, texts and balances of the ten collections stand with each collection.
"""

from __future__ import annotations

import numpy as np

K = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256)
"""The numbers of neurons, used up to the width of the layer; also the rungs of adaptive thresholding."""
SHARES = {"train": 0.7, "test": 0.3}
SPLIT_SEED = 42
SPREAD, LEAST_DEVIATION = 10.0, 1e-3
"""A neuron is scaled by 1 / (SPREAD max(std, LEAST_DEVIATION))."""
C = 1.0
"""Of the logistic regression on chosen neurons: scikit-learn's default."""
L1_C = 0.1
"""Of the L1 logistic regression whose coefficients rank neurons."""
NEIGHBOURS = 3
"""Of the estimate of mutual information: scikit-learn's default."""
OPTIMAL_CANDIDATES = 50
"""Neurons that optimal sparse probing and pruning are given: those of the largest mean difference, or F statistic."""
COMPARED_CANDIDATES = 512
"""Neurons that the comparison of selections is given: those of the largest mean difference."""
PRUNING_K, PRUNING_STEPS = 5, 10
BASIS_TRIALS = 5
"""Random bases of the rotation baseline."""


def elastic_net_settings(k: int) -> tuple[float, float]:
    """C and the L1 share of the elastic net of adaptive thresholding on k neurons.

    >>> elastic_net_settings(20)
    (1.0, 0.36787944117144233)
    """
    return k / 20, float(np.clip(np.exp(-k / 20), 0.1, 0.9))
