"""Planted probing problems: activations of which it is known which neurons carry the feature.

Pre-activations are correlated through shared heavy-tailed factors, half of the neurons have heavy-tailed noise of their
own; the planted neurons are shifted for positive examples, some others a little (decoys); GELU is applied, 20 % of the
examples are positive, and 2 % of the labels are flipped. The total shift is spread over the planted neurons, so that
the problem is about as hard for one neuron as for many.

The grid of the paper's comparison of selections (section 4: n 500-30,000, d 400-6,400, support 2-19, shift 0.05-5,
positives 1-50 %) is within its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator

_FACTORS = 32


@dataclass(frozen=True)
class Planted:
    """A planted problem."""

    X: NDArray[np.float32]
    """(n, d) activations."""
    y: NDArray[np.int8]
    """(n,) labels in {0, 1}, some of them flipped."""
    support: NDArray[np.int64]
    """The planted neurons, ascending."""


def planted_problem(
    n: int,
    d: int,
    informative: int,
    *,
    shift: float = 3.5,
    positive: float = 0.2,
    noise: float = 0.02,
    decoys: float = 0.05,
    seed: int = 0,
) -> Planted:
    """Draw a problem of n examples and d neurons of which `informative` carry the feature.

    `shift` is the total shift of the planted neurons in standard deviations, `positive` the share of positive examples,
    `noise` the share of flipped labels, `decoys` the share of neurons with a weak shift of their own. Raises
    `InputError` for more planted neurons than neurons.

    >>> problem = planted_problem(200, 50, 3)
    >>> problem.X.shape, len(problem.support), 0.1 < float(problem.y.mean()) < 0.3
    ((200, 50), 3, True)
    """
    if not 1 <= informative <= d or n < 2:
        raise InputError(f"cannot plant {informative} of {d} neurons in {n} examples: ask for 1 to {d}, n at least 2")
    draw = generator(seed, "planted", n, d, informative)
    true = np.zeros(n, bool)
    true[draw.permutation(n)[: max(1, round(positive * n))]] = True
    loadings = draw.standard_t(3, (_FACTORS, d)).astype(np.float32) * np.float32(0.5 / np.sqrt(_FACTORS))
    X = draw.standard_normal((n, _FACTORS), np.float32) @ loadings
    own = draw.standard_normal((n, d), np.float32)
    heavy = draw.random(d) < 0.5
    own[:, heavy] /= np.sqrt(draw.chisquare(4, (n, int(heavy.sum()))).astype(np.float32) / 2)
    X += own
    move = np.where(draw.random(d) < decoys, draw.uniform(-0.35, 0.35, d), 0.0)
    support = np.sort(draw.choice(d, informative, replace=False))
    move[support] = shift / np.sqrt(informative) * draw.uniform(0.8, 1.2, informative)
    X[true] += (move * X.std(axis=0)).astype(np.float32)
    X *= draw.lognormal(-0.3, 0.5, d).astype(np.float32)
    X -= draw.uniform(0.0, 1.5, d).astype(np.float32)
    y = true ^ (draw.random(n) < noise)
    return Planted((X * ndtr(X)).astype(np.float32), y.astype(np.int8), support)


def planted_experiment(
    n: int = 600,
    width: int = 64,
    informative: int = 3,
    *,
    n_features: int = 1,
    n_layers: int = 1,
    per_group: int = 1,
    shift: float = 3.5,
    seed: int = 0,
) -> tuple[Activations, ProbingDataset]:
    """Activations and a dataset with planted features f0, f1, ... to try experiments on, without a model.

    Each feature is a problem of its own in a stretch of `width` neurons; a layer holds the stretches of all features,
    so it is n_features x width wide, and layer l sees the shift of layer 0 times 2^-l. Groups of `per_group` examples
    are split 60 / 20 / 20. `shift=0` gives labels that carry no information. The planted neurons stand in
    `data.settings`.

    >>> acts, data = planted_experiment(n=100, width=8, n_features=2, n_layers=2)
    >>> acts.layers, acts.width(0), list(data.labels.columns), len(data.settings["planted"]["f1"])
    ((0, 1), 16, ['f0', 'f1'], 3)
    """
    names = [f"f{number}" for number in range(n_features)]
    arrays: dict[int, NDArray[np.float32]] = {}
    labels, planted = {}, {}
    for layer in range(n_layers):
        strength = shift * 0.5**layer
        problems = [planted_problem(n, width, informative, shift=strength, seed=seed + i) for i in range(n_features)]
        arrays[layer] = np.concatenate([problem.X for problem in problems], axis=1)
        labels = {name: problem.y for name, problem in zip(names, problems, strict=True)}
        planted = {
            name: (p.support + i * width).tolist() for i, (name, p) in enumerate(zip(names, problems, strict=True))
        }
    group = np.arange(n) // per_group
    place = generator(seed, "planted split").permutation(group.max() + 1)[group] / (group.max() + 1)
    table = pd.DataFrame(
        {
            "sequence": np.arange(n),
            "start": 0,
            "stop": 1,
            "group": [f"g{number}" for number in group],
            "split": np.select([place < 0.6, place < 0.8], ["train", "validation"], "test"),
        }
    )
    described = {"name": names, "description": "planted", "category": "planted", "kind": "binary"}
    data = ProbingDataset(
        name="planted",
        sequences=Sequences.of([[0]] * n),
        examples=table,
        labels=pd.DataFrame(labels),
        features=pd.DataFrame(described),
        tokenizer=TokenizerRecord(name="none", fingerprint="none", bos="none", bos_id=None),
        settings={"planted": planted, "seed": seed},
    )
    return Activations.from_arrays(arrays, model_name="planted"), data
