"""Significance: which neurons are related to a feature beyond chance, given how many are tested.

The statistic is the correlation of activation and label. Groups exchange their labels again and again (module
`probes.control_labels`), and all neurons are correlated with all permutations as one matrix product. Only groups of
similar size exchange theirs (their numbers of examples lie between the same powers of two): where labels go with the
length of documents, exchanges between long and short ones would make neurons without information look significant.
Long documents that all have one label keep it, which costs power; where all groups of every size do, each p is 1.
Between groups that differ in size the share of positives changes, so every permutation is standardised by itself. From
that:

    p          of each neuron: the share of permutations with as large a |correlation|
    p_family   the share of permutations in which the largest |correlation| of all neurons of all layers is as large:
               below 0.05, the chance of even one false neuron in the list is below 5 % (Westfall and Young 1993)
    q          the false share of a list: neurons that permuted labels put above a threshold, on average, over those
               that the real ones do (Storey and Tibshirani 2003, all neurons taken for null: on the safe side)

`confirm` tests neurons that were chosen before, on examples that did not choose them.
Cost: a product of (permutations x n) by (n x d) for each feature and layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import ProbedLayer, chosen_layers, table_of
from sparseprobe.keyed_random import generator
from sparseprobe.neuron import ExpertColumns, Neuron, signs_of
from sparseprobe.progress import SILENT, Progress
from sparseprobe.statistics.control_labels import GroupLayout, size_strata
from sparseprobe.tables import SIGNIFICANCE, make_table, name_neurons

SPLITS = ("train", "validation", "test")
PARTS = (*SPLITS, "all")


def neuron_significance(
    acts: Activations,
    data: ProbingDataset,
    *,
    part: str = "test",
    permutations: int = 1000,
    seed: int = 0,
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """A row for each feature, layer and neuron, by p_family, then |correlation|; columns as in `tables.SIGNIFICANCE`.

    Raises `UnknownNameError` for an unknown part or feature, `InputError` for fewer than 20 permutations.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=400, width=20, informative=1)
    >>> table = neuron_significance(acts, data, permutations=200)
    >>> table["index"].tolist()[:1] == data.settings["planted"]["f0"], bool(table["p_family"].iloc[0] < 0.05)
    (True, True)
    """
    chosen = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed)
    plan = plan_significance(examples, chosen, part=part, permutations=permutations)
    return table_of(plan, acts, examples, chosen, progress)


def plan_significance(
    examples: LabelledExamples,
    widths: Mapping[int, int],  # noqa: ARG001 - layers of any width can be tested
    *,
    part: str = "test",
    permutations: int = 1000,
) -> SignificancePlan:
    """The tests of all neurons; raises `UnknownNameError` or `InputError` for what cannot be done."""
    if part not in PARTS:
        raise UnknownNameError("part", part, PARTS)
    if permutations < 20:
        raise InputError(f"permutations must be at least 20 for a p-value of 0.05, got {permutations}")
    return SignificancePlan(examples, part, permutations)


@dataclass(frozen=True)
class SignificancePlan:
    """Tests that were checked and can be done, of all layers at once: the largest of all of them decides p_family."""

    examples: LabelledExamples
    part: str
    permutations: int
    name: str = "significance"
    per_layer: None = None

    def table(self, layers: Iterable[ProbedLayer], step: Callable[[float], None] = lambda _: None) -> pd.DataFrame:
        """The rows of these layers; `step` is called after each feature of a layer."""
        features = self.examples.features
        shuffles = [_Shuffle.draw(self.examples, one, self.part, self.permutations) for one in range(len(features))]
        found: dict[tuple[int, int], _Tested] = {}
        experts: dict[int, ExpertColumns] = {}
        where: dict[str, Any] = {"collection": self.examples.collection, "seed": self.examples.seed}
        where |= {"part": self.part, "permutations": self.permutations}
        for layer in layers:
            where |= layer.where
            experts |= {layer.layer: layer.experts} if layer.experts else {}
            for feature, shuffle in enumerate(shuffles):
                found[feature, layer.layer] = shuffle.test(layer.X)
                step(1)
        tables = []
        for feature, name in enumerate(features):
            own = {layer: tested for (its_feature, layer), tested in found.items() if its_feature == feature}
            largest = np.max([tested.largest for tested in own.values()], axis=0)
            about = where | {"feature": name, "n": len(shuffles[feature].rows)}
            tables += [pd.DataFrame(about | {"layer": one} | tested.columns(largest)) for one, tested in own.items()]
        table = name_neurons(pd.concat(tables, ignore_index=True), where["site"], experts)
        order = table.assign(size=-table["correlation"].abs(), place=table["feature"].map(features.index))
        order = order.sort_values(["place", "p_family", "size", "layer", "index"], kind="stable")
        return make_table(table.loc[order.index].reset_index(drop=True), SIGNIFICANCE)


def confirm(
    acts: Activations,
    data: ProbingDataset,
    neurons: pd.DataFrame,
    *,
    part: str = "test",
    permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Test chosen neurons (rows with feature and neuron) on a part that did not choose them.

    The rows are returned with `correlation`, `p` (permuted labels) and `p_holm`, which controls the chance of any false
    row (Holm 1979). Arguments and errors as those of `neuron_significance`; `InputError` also for a table without rows
    and for a neuron that is not there, since its missing p-value would count among the tests.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=400, width=20, informative=1)
    >>> bool(confirm(acts, data, single_neurons(acts, data, keep=1))["p_holm"].iloc[0] < 0.01)
    True
    """
    if neurons.empty:
        raise InputError(
            "confirm needs a table with at least one neuron, got one without rows: choose neurons first, for example "
            "with single_neurons(..., keep=1)"
        )
    lacking = [name for name in ("feature", "neuron") if name not in neurons]
    if lacking:
        raise InputError(f"confirm needs the columns feature and neuron, and the table lacks {lacking[0]!r}")
    asked = neurons[["feature", "neuron"]].reset_index(drop=True)
    named = [Neuron.parse(name) for name in asked["neuron"]]
    layers = chosen_layers(acts, data, sorted({neuron.layer for neuron in named}))
    for neuron in named:
        if neuron.index >= layers[neuron.layer]:
            raise InputError(f"no neuron {neuron}: layer {neuron.layer} has neurons 0 to {layers[neuron.layer] - 1}")
    table = neuron_significance(
        acts,
        data,
        part=part,
        permutations=permutations,
        seed=seed,
        features=list(dict.fromkeys(asked["feature"])),
        layers=layers,
    )
    found = asked.merge(table[["feature", "neuron", "sign", "correlation", "p"]], how="left")
    p = found["p"].to_numpy()
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0))
    return found.assign(p_holm=stepped[np.argsort(order)])


@dataclass(frozen=True, eq=False)
class _Tested:
    """What permutations say of each neuron of a layer."""

    correlation: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    largest: NDArray[np.float64]
    """(permutations,) the largest |correlation| of the layer under each."""

    def columns(self, largest: NDArray[np.float64]) -> dict[str, Any]:
        """The columns of the table, given the largest |correlation| of all layers."""
        ranked = np.sort(largest)
        as_large = len(ranked) - np.searchsorted(ranked, np.abs(self.correlation) - _SLACK)
        return {
            "index": np.arange(len(self.correlation)),
            "sign": signs_of(self.correlation),
            "correlation": self.correlation,
            "p": self.p,
            "p_family": (1 + as_large) / (1 + len(ranked)),
            "q": self.q,
        }


_SLACK = 1e-6  # of float32 products: a permutation that is the labels themselves counts as as large


@dataclass(frozen=True, eq=False)
class _Shuffle:
    """The labels of a feature on a part, real (first) and permuted over groups of similar size, each row
    standardised.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.float32]
    """(1 + permutations, n)."""

    @classmethod
    def draw(cls, examples: LabelledExamples, feature: int, part: str, permutations: int) -> _Shuffle:
        """Permutations keyed by feature and number, the same for all layers: so the largest of all layers has a
        meaning.
        """
        rows = examples.rows(feature, *(SPLITS if part == "all" else (part,)))
        real, groups, name = examples.labels[rows, feature], examples.groups[rows], examples.features[feature]
        if len(np.unique(real)) < 2:
            raise InputError(f"feature {name!r} has labels of one class among its {part} examples")
        layout = GroupLayout.of(groups, parts=size_strata(groups))
        draws = [
            layout.permuted(real, generator(examples.seed, "significance", name, number))
            for number in range(permutations)
        ]
        labels = np.stack([real, *draws]).astype(np.float32)
        labels -= labels.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        labels /= labels.std(axis=1, keepdims=True) * np.float32(len(rows))
        return cls(rows, labels)

    def test(self, X: NDArray[np.float32]) -> _Tested:
        """Correlate all neurons with all permutations."""
        own = X[self.rows].astype(np.float64)
        own -= own.mean(axis=0)
        deviation = own.std(axis=0)
        own /= np.where(deviation > 0, deviation, 1.0)
        correlations = self.labels @ own.astype(np.float32)
        real, permuted = correlations[0].astype(np.float64), np.abs(correlations[1:])
        size = np.abs(real)
        p = (1 + (permuted >= size - _SLACK).sum(axis=0)) / (1 + len(permuted))
        return _Tested(real, p, _false_share(size, permuted), permuted.max(axis=1).astype(np.float64))


def _false_share(size: NDArray[np.float64], permuted: NDArray[np.float32]) -> NDArray[np.float64]:
    """(d,) for each neuron: permuted over real neurons at or above its size, made monotone."""
    order = np.argsort(-size, kind="stable")
    everything = np.sort(permuted, axis=None)
    above = (len(everything) - np.searchsorted(everything, size[order] - _SLACK)) / len(permuted)
    share = np.minimum(above / np.arange(1, len(size) + 1), 1.0)
    falling = np.minimum.accumulate(share[::-1])[::-1]
    q = np.empty(len(size))
    q[order] = falling
    return q
