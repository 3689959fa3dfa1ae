"""Stability: how often a neuron is chosen if other documents are drawn for training.

Half of the training groups are drawn again and again, and neurons are chosen on each draw: by the selection that was
asked for, and by `every`, k = 1, which chooses the neurons of the table of single neurons and, as it does, sees
validation groups too. The frequency of a neuron is
the share of the draws that chose it (Meinshausen and Buehlmann 2010); the stability of a k is the agreement of all
draws, corrected for chance (Nogueira, Sechidis and Brown 2018, equation 4): 1 if always the same neurons, 0 as
expected at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.sweep import checked_ks, refuse_more_than_candidates
from sparseprobe.keyed_random import generator
from sparseprobe.neuron import signs_of
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.every_neuron import EveryNeuron
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import STABILITY

_SHOWN = EveryNeuron()
"""What chooses the neurons of the table of single neurons."""


def selection_stability(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = (1, 2, 4, 8),
    resamples: int = 20,
    share: float = 0.5,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer, k and neuron that was chosen at least once; columns as in `tables.STABILITY`.

    Rows of `selection` "every" are about the neurons of the table of single neurons. `share` of the groups is drawn
    without replacement. Raises `InputError` for fewer than two resamples, a share that is not between 0 and 1, or
    groups so few that a draw has labels of one class.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=400, width=20, informative=1, shift=5.0)
    >>> table = selection_stability(acts, data, k=[1], resamples=5)
    >>> table[["selection", "frequency", "stability"]].values.tolist()
    [['adaptive', 1.0, 1.0], ['every', 1.0, 1.0]]
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    plan = plan_stability(examples, widths, selection=selection, k=k, resamples=resamples, share=share)
    return table_of(plan, acts, examples, widths, progress)


def plan_stability(
    examples: LabelledExamples,
    widths: Mapping[int, int],
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = (1, 2, 4, 8),
    resamples: int = 20,
    share: float = 0.5,
) -> LayerPlan:
    """The stability of choices on layers of these widths; raises `InputError` for what cannot be done."""
    if resamples < 2 or not 0 < share < 1:
        raise InputError(f"stability needs 2 resamples or more and 0 < share < 1, got {resamples} and {share}")
    method, ks = selection_named(selection, preset=examples.preset), checked_ks(k, widths)
    refuse_more_than_candidates(method, ks)

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature, name in enumerate(examples.features):
            signs = signs_of(layer.problem(feature).mean_difference)
            where = {"feature": name, "layer": layer.layer, "resamples": resamples}
            rows = []
            for one, sizes in ((method, ks[layer.layer]), (_SHOWN, [1])):
                if one is _SHOWN and method.name == _SHOWN.name and 1 in ks[layer.layer]:
                    continue
                chosen = _chosen(layer, feature, one, sizes, (resamples, share))
                rows += [
                    where | {"selection": one.name, "k": size, "stability": agreement(times)} | row
                    for size, times in zip(sizes, chosen, strict=True)
                    for row in _frequencies(times, signs)
                ]
            yield rows

    return LayerPlan("stability", STABILITY, pieces)


def _chosen(
    layer: ProbedLayer, feature: int, method: Selection, sizes: Sequence[int], draws: tuple[int, float]
) -> NDArray[np.bool_]:
    """(n_sizes, resamples, d) which neurons each of (resamples, share) draws chose."""
    resamples, share = draws
    chosen = np.zeros((len(sizes), resamples, layer.X.shape[1]), bool)
    splits = ("train", "validation") if method.name == _SHOWN.name else ("train",)
    for draw in range(resamples):
        for i, choice in enumerate(choose(method, _part(layer, feature, splits, draw, share), sizes)):
            chosen[i, draw, choice.support] = True
    return chosen


def _frequencies(chosen: NDArray[np.bool_], signs: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each neuron that one of the choices (resamples, d) took, the most frequent first."""
    frequency = chosen.mean(axis=0)
    order = np.argsort(-frequency, kind="stable")[: np.count_nonzero(frequency)]
    return [{"index": int(j), "sign": signs[j], "frequency": float(frequency[j])} for j in order]


def agreement(chosen: NDArray[np.bool_]) -> float:
    """Stability of choices (resamples, d), as above; 1 where everything or nothing is chosen always.

    >>> agreement(np.array([[True, False], [True, False]])), agreement(np.array([[True, False], [False, True]]))
    (1.0, -1.0)
    """
    m, d = chosen.shape
    frequency = chosen.mean(axis=0)
    expected = frequency.sum() / d * (1 - frequency.sum() / d)
    if expected == 0:
        return 1.0
    variance = m / (m - 1) * frequency * (1 - frequency)
    return float(1 - variance.mean() / expected)


def _part(layer: ProbedLayer, feature: int, splits: Sequence[str], draw: int, share: float) -> Problem:
    """The problem of a feature on part of the groups of these splits."""
    examples, key = layer.examples, layer.problem(feature).name
    name = examples.features[feature]
    rows = examples.rows(feature, *splits)
    groups = np.unique(examples.groups[rows])
    order = generator(examples.seed, "stability", name, draw).permutation(len(groups))
    kept = np.isin(examples.groups[rows], groups[order[: max(1, round(share * len(groups)))]])
    labels = examples.labels[rows[kept], feature]
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"a draw of {share:.0%} of the training groups of {name!r} has labels of one class: "
            "raise the share, or omit the feature"
        )
    return Problem(TrainingLayer(layer.X[rows[kept]], labels[:, None]), 0, examples.seed, (*key, draw))
