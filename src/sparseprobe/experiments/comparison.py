"""Ways to choose neurons, side by side: on real activations, and where it is known which neurons carry the feature.

On real activations all selections choose among the same candidates (the 512 of the largest mean difference, as in the
paper, section 4) and are judged by the same probe on the same test examples. On planted problems (module `planted`)
they are judged by the share of the planted neurons that they find, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.compiled import clock
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.planted import planted_problem
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import selection_rows
from sparseprobe.experiments.sweep import checked_ks
from sparseprobe.keyed_random import generator
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.problem import Problem
from sparseprobe.selection.registry import selection_named, selection_names
from sparseprobe.statistics.metrics import scores
from sparseprobe.tables import PLANTED, SWEEP, make_table
from sparseprobe.threads import single_threaded_algebra

Selections = Sequence["str | Selection"]
PAPER_SELECTIONS = (
    "mean_difference", "f_statistic", "mutual_information", "l1", "svm", "random", "adaptive", "optimal",
)  # fmt: skip


@dataclass(frozen=True)
class PlantedSetting:
    """One point of a grid of planted problems."""

    n: int
    d: int
    informative: int
    shift: float = 3.5
    positive: float = 0.2


def paper_grid(points: int = 200, *, seed: int = 0) -> list[PlantedSetting]:
    """Settings drawn log-uniformly from the ranges of the paper's comparison.

    n 500 to 30,000; d 400 to 6,400; 2 to 19 planted neurons; shift of each neuron 0.05 to 5 standard deviations (here
    given as the total, root of the number times as much); positives 1 to 50 %.

    >>> [setting.informative for setting in paper_grid(3)] == [setting.informative for setting in paper_grid(5)][:3]
    True
    """
    settings = []
    for point in range(points):
        draw = generator(seed, "paper grid", point)
        low, high = np.log([500, 400, 2, 0.05, 0.01]), np.log([30_000, 6_400, 19, 5.0, 0.5])
        n, d, informative, shift, positive = np.exp(draw.uniform(low, high))
        count = round(informative)
        settings.append(PlantedSetting(round(n), round(d), count, float(shift * np.sqrt(count)), float(positive)))
    return settings


def compare_selections(
    acts: Activations,
    data: ProbingDataset,
    *,
    selections: Selections = PAPER_SELECTIONS,
    k: Sequence[int] | int = (1, 2, 4, 8),
    candidates: int = paper.COMPARED_CANDIDATES,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer, selection and k; columns as in `tables.SWEEP`, arguments as those of `sweep`.

    `control_f1` is NaN: `baselines` tells what chance gives.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=30, informative=2)
    >>> compare_selections(acts, data, selections=["random", "adaptive"], k=[2])[["selection", "k"]].values.tolist()
    [['random', 2], ['adaptive', 2]]
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    plan = plan_comparison(examples, widths, selections=selections, k=k, candidates=candidates)
    return table_of(plan, acts, examples, widths, progress)


def plan_comparison(
    examples: LabelledExamples,
    widths: Mapping[int, int],
    *,
    selections: Selections = PAPER_SELECTIONS,
    k: Sequence[int] | int = (1, 2, 4, 8),
    candidates: int = paper.COMPARED_CANDIDATES,
) -> LayerPlan:
    """The comparison on layers of these widths; raises `InputError` for what cannot be done."""
    _require_some(selections)
    methods = [Prefiltered(selection_named(one, preset=examples.preset), candidates) for one in selections]
    ks = checked_ks(k, {layer: min(width, candidates) for layer, width in widths.items()})

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            found = [selection_rows(layer, feature, one, ks[layer.layer], control=False) for one in methods]
            yield [row for rows in found for row in rows]

    return LayerPlan("comparison", SWEEP, pieces)


def compare_on_planted(
    settings: Sequence[PlantedSetting],
    *,
    selections: Selections = PAPER_SELECTIONS,
    k: Sequence[int] | int | None = None,
    trials: int = 1,
    seed: int = 0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each setting, trial, selection and k (by default the number of planted neurons); schema `PLANTED`.

    70 % of the examples are for training. Raises `InputError` where no settings or no trials are asked for, and for a k
    that is not an integer from 1 to the number of neurons.

    >>> table = compare_on_planted([PlantedSetting(300, 40, 2, shift=6.0)], selections=["mean_difference", "l1"])
    >>> table[["selection", "share"]].values.tolist()
    [['mean_difference', 1.0], ['l1', 1.0]]
    """
    if not settings:
        raise InputError("give at least one PlantedSetting, such as PlantedSetting(n=1000, d=400, informative=4)")
    _require_some(selections)
    if trials < 1:
        raise InputError(f"trials must be at least 1, got {trials}")
    sizes = [[one.informative] if k is None else checked_ks(k, {0: one.d})[0] for one in settings]
    rows: list[dict[str, Any]] = []
    total = len(settings) * trials
    with single_threaded_algebra(), progress.task("planted", total=total, unit="problems") as step:
        for setting, ks in zip(settings, sizes, strict=True):
            for trial in range(trials):
                rows += _planted_rows(setting, trial, selections, ks, seed)
                step(1)
    return make_table(rows, PLANTED)


def _require_some(selections: Selections) -> None:
    if not selections:
        raise InputError(f"selections names no selection: give some of {', '.join(selection_names())}")


def _planted_rows(
    setting: PlantedSetting, trial: int, selections: Selections, ks: list[int], seed: int
) -> list[dict[str, Any]]:
    key = int(generator(seed, "comparison", *asdict(setting).values(), trial).integers(2**31))
    planted = planted_problem(**asdict(setting), seed=key)
    order = generator(key, "split").permutation(setting.n)
    train, test = order[: round(0.7 * setting.n)], order[round(0.7 * setting.n) :]
    problem = Problem.of(planted.X[train], planted.y[train], seed=key)
    rows = []
    for selection in selections:
        method = selection_named(selection)
        started = clock()
        probes = fit_supports(problem, choose(method, problem, ks))
        seconds = (clock() - started) / len(ks)
        for size, probe in zip(ks, probes, strict=True):
            found = scores(planted.y[test] == 1, probe.decision(planted.X[test]), names=("f1", "roc_auc"))
            share = len(np.intersect1d(probe.support, planted.support)) / min(size, setting.informative)
            row = asdict(setting) | {"trial": trial, "seed": seed, "selection": method.name, "k": size}
            rows.append(row | {"share": share, "seconds": seconds} | {name: float(v) for name, v in found.items()})
    return rows
