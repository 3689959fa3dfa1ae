"""Iterative pruning: remove the best neuron and probe again, to distinguish superposition from redundancy.

At each step the remaining neurons are filtered by their F statistic, k of them are chosen and probed, and the best
single one is removed. Where the feature is spread over many neurons (redundancy), scores fall slowly; where a few carry
it, they fall immediately (paper, section 5: optimal sparse probing, k = 5, ten steps). The best single neuron does not
depend on k, so the same neurons are removed for every k.

The control of a step repeats filter, choice and probe on permuted labels, among the neurons that remain for the real
labels: it lacks the best neurons of the real labels, not its own. So it shows the score of noise among that step's
neurons, not the result of pruning noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import selection_rows
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.f_statistic import FStatistic
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import PRUNING


def pruning(
    acts: Activations,
    data: ProbingDataset,
    *,
    k: Sequence[int] | int = paper.PRUNING_K,
    steps: int = paper.PRUNING_STEPS,
    candidates: int = paper.OPTIMAL_CANDIDATES,
    selection: str | Selection = "optimal",
    control: bool = True,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer, step and k; columns as in `tables.PRUNING`, other arguments as those of `sweep`.

    Raises `InputError` where a k is above the candidates, or the steps leave fewer than k neurons.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = pruning(acts, data, k=2, steps=3, selection="adaptive")
    >>> table["removed"].nunique(), bool(table["f1"].iloc[0] > table["f1"].iloc[-1])
    (3, True)
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    asked: dict[str, Any] = {"k": k, "steps": steps, "candidates": candidates, "selection": selection}
    return table_of(plan_pruning(examples, widths, **asked, control=control), acts, examples, widths, progress)


def plan_pruning(
    examples: LabelledExamples,
    widths: Mapping[int, int],
    *,
    k: Sequence[int] | int = paper.PRUNING_K,
    steps: int = paper.PRUNING_STEPS,
    candidates: int = paper.OPTIMAL_CANDIDATES,
    selection: str | Selection = "optimal",
    control: bool = True,
) -> LayerPlan:
    """The pruning of layers of these widths; raises `InputError` for what cannot be done."""
    ks = pruned_ks(k, widths, steps=steps, candidates=candidates)
    among = Prefiltered(selection_named(selection, preset=examples.preset), candidates, FStatistic())

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            removed: list[int] = []
            rows: list[dict[str, Any]] = []
            for step in range(steps):
                method = replace(among, without=frozenset(removed))
                found = selection_rows(layer, feature, method, ks, control=control)
                removed.append(int(choose(method, layer.problem(feature), [1])[0].support[0]))
                rows += [row | {"step": step, "removed": layer.name(removed[-1])} for row in found]
            yield rows

    return LayerPlan("pruning", PRUNING, pieces)


def pruned_ks(
    k: Sequence[int] | int,
    widths: Mapping[int, int],
    *,
    steps: int = paper.PRUNING_STEPS,
    candidates: int = paper.OPTIMAL_CANDIDATES,
) -> list[int]:
    """The ascending k of a pruning of layers of these widths; raises `InputError`.

    >>> pruned_ks([4, 2], {0: 20})
    [2, 4]
    """
    asked = np.atleast_1d(np.asarray(k, object)).tolist()
    whole = bool(asked) and all(isinstance(one, int | np.integer) and not isinstance(one, bool) for one in asked)
    narrowest = min(widths.values())
    if not whole or not 1 <= min(asked) <= max(asked) <= candidates or steps < 1 or narrowest < max(asked) + steps - 1:
        raise InputError(
            f"pruning needs 1 <= k <= candidates and k neurons left after {steps - 1} removals of {narrowest}, "
            f"got k = {k}, candidates = {candidates}, steps = {steps}"
        )
    return sorted({int(one) for one in asked})
