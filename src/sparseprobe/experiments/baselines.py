"""Baselines of a sweep in one table: permuted labels, random neurons, and the rotation baseline of random bases.

    neurons           the sweep itself
    permuted_labels   the same procedure on labels permuted over groups, scored with the class shares of the real ones:
                      what score does noise reach?
    random_neurons    k neurons drawn at random: does the choice matter?
    gaussian_basis    the same procedure after a random Gaussian d x d map: is the neuron basis special?
    orthonormal       k random orthonormal directions, round(16 / sqrt(k)) trials

The last two are the paper's (section 5). Each trial has its own draw, keyed by arm, layer and trial. Selectivity is the
score of the neurons minus that of an arm (Hewitt and Liang 2019). Gaussian basis: n d^2 operations per layer and trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import selection_rows
from sparseprobe.experiments.sweep import checked_ks, refuse_more_than_candidates
from sparseprobe.keyed_random import generator
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Choice, Selection
from sparseprobe.selection.problem import Problem
from sparseprobe.selection.random_neurons import Random
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import BASELINES

ARMS = ("neurons", "permuted_labels", "random_neurons", "gaussian_basis", "orthonormal")
RANDOM_BASES = ("gaussian_basis", "orthonormal")
"""Arms whose columns are directions, which have no names."""
_KEY = ["model", "collection", "feature", "site", "layer", "aggregation", "k"]


def baselines(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = paper.K,
    arms: Sequence[str] = ARMS,
    trials: int = paper.BASIS_TRIALS,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer, k, arm and trial; columns as in `tables.BASELINES`, other arguments as those of
    `sweep`.

    `control_f1` is NaN: the arm `permuted_labels` stands in its place, with intervals. Support and coefficients of an
    arm with another basis are those of its directions. Raises `UnknownNameError` for an unknown arm.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=30, informative=2)
    >>> table = baselines(acts, data, k=[2], trials=2, arms=["neurons", "random_neurons"])
    >>> bool(selectivity(table, "random_neurons")["selectivity"].iloc[0] > 0.3)
    True
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    plan = plan_baselines(examples, widths, selection=selection, k=k, arms=arms, trials=trials)
    return table_of(plan, acts, examples, widths, progress)


def plan_baselines(
    examples: LabelledExamples,
    widths: Mapping[int, int],
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = paper.K,
    arms: Sequence[str] = ARMS,
    trials: int = paper.BASIS_TRIALS,
) -> LayerPlan:
    """The baselines of layers of these widths; raises `InputError` for what cannot be done."""
    if not arms:
        raise InputError(f"arms names no arm: give some of {', '.join(ARMS)}")
    for arm in arms:
        if arm not in ARMS:
            raise UnknownNameError("arm", arm, ARMS)
    if trials < 1:
        raise InputError(f"trials must be at least 1, got {trials}")
    method, ks = selection_named(selection, preset=examples.preset), checked_ks(k, widths)
    refuse_more_than_candidates(method, ks)

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for arm in arms:
            rows: list[dict[str, Any]] = []
            names: dict[str, Any] = {"neurons": []} if arm in RANDOM_BASES else {}
            for trial, seen, its_method, its_ks in _trials(arm, layer, method, ks[layer.layer], trials):
                for feature in range(layer.n_features):
                    found = selection_rows(seen, feature, its_method, its_ks, control=False)
                    rows += [row | {"arm": arm, "trial": trial} | names for row in found]
            yield rows

    return LayerPlan("baselines", BASELINES, pieces, per_layer=len(arms))


def selectivity(table: pd.DataFrame, against: str = "permuted_labels") -> pd.DataFrame:
    """F1 of the neurons, mean F1 of an arm over its trials, and their difference, for each feature, layer and k.

    Raises `InputError` where the table lacks one of both.
    """
    for arm in ("neurons", against):
        if arm not in set(table["arm"]):
            raise InputError(f"the table has no rows of the arm {arm!r}: run the baselines with it")
    real = table[table["arm"] == "neurons"][[*_KEY, "f1"]]
    beside = table[table["arm"] == against].groupby(_KEY)["f1"].mean().rename(against)
    both = real.merge(beside.reset_index(), on=_KEY)
    return both.assign(selectivity=both["f1"] - both[against])


def _trials(
    arm: str, layer: ProbedLayer, method: Selection, ks: list[int], trials: int
) -> Iterator[tuple[int, ProbedLayer, Selection, list[int]]]:
    """For each trial of an arm: its number, the layer as the arm sees it, how neurons are chosen, for which k."""
    examples, d = layer.examples, layer.X.shape[1]
    if arm == "neurons":
        yield 0, layer, method, ks
    elif arm == "permuted_labels":
        for trial in range(trials):
            permuted = replace(examples, labels=examples.control(layer.layer, trial), real=examples.labels)
            yield trial, replace(layer, examples=permuted), method, ks
    elif arm == "random_neurons":
        for trial in range(trials):
            yield trial, layer, Random(trial=trial), ks
    elif arm == "gaussian_basis":
        for trial in range(trials):
            draw = generator(examples.seed, arm, layer.layer, trial)
            basis = draw.standard_normal((d, d), np.float32) / np.float32(np.sqrt(d))
            yield trial, replace(layer, X=layer.X @ basis), method, ks
    else:
        for k in ks:
            for trial in range(max(1, round(16 / np.sqrt(k)))):
                draw = generator(examples.seed, arm, layer.layer, k, trial)
                directions = np.linalg.qr(draw.standard_normal((d, k)))[0].astype(np.float32)
                yield trial, replace(layer, X=layer.X @ directions), _Everything(), [k]


@dataclass(frozen=True)
class _Everything:
    """All columns that there are."""

    name: str = "all"

    def path(self, problem: Problem, ks: Sequence[int]) -> list[Choice]:  # noqa: ARG002
        return [Choice(np.arange(problem.width))]
