"""How often a neuron is chosen when other documents are seen: a neuron that comes and goes is not a finding.

Half of the training groups are drawn again and again, and neurons are chosen on each draw. The frequency of a neuron is
the share of the draws that chose it (Meinshausen and Buehlmann 2010); the stability of a k is the agreement of all
draws, corrected for chance (Nogueira, Sechidis and Brown 2018, equation 4): 1 the same neurons always, 0 as if at
random.
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
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import STABILITY


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

    `share` of the training groups is drawn without replacement. Raises `InputError` for fewer than two resamples, a
    share that is not between 0 and 1, or groups so few that a draw has labels of one class.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=400, width=20, informative=1, shift=5.0)
    >>> selection_stability(acts, data, k=[1], resamples=5)[["frequency", "stability"]].values.tolist()
    [[1.0, 1.0]]
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset, resamples=1)
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
        sizes = ks[layer.layer]
        for feature, name in enumerate(examples.features):
            chosen = np.zeros((len(sizes), resamples, layer.X.shape[1]), bool)
            for draw in range(resamples):
                for i, choice in enumerate(choose(method, _part(layer, feature, draw, share), sizes)):
                    chosen[i, draw, choice.support] = True
            signs = signs_of(layer.problem(feature).mean_difference)
            where = {"feature": name, "layer": layer.layer, "selection": method.name, "resamples": resamples}
            yield [
                where | {"k": size, "stability": agreement(times)} | row
                for size, times in zip(sizes, chosen, strict=True)
                for row in _frequencies(times, signs)
            ]

    return LayerPlan("stability", STABILITY, pieces)


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


def _part(layer: ProbedLayer, feature: int, draw: int, share: float) -> Problem:
    """The problem of a feature on part of its training groups."""
    examples, key = layer.examples, layer.problem(feature).name
    name = examples.features[feature]
    rows = examples.rows(feature, "train")
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
