"""One layer with all labels, real and control, and how an experiment goes from layer to layer.

An experiment is a plan: what is asked is checked when the plan is made, from the examples and the widths of the layers
alone, before there are any activations; then it makes its rows of one layer after the other. So one layer is in memory
at a time, and where several plans are carried out they can share each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.matrix import require_usable
from sparseprobe.neuron import ExpertColumns
from sparseprobe.progress import Progress
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.statistics.control_labels import class_share_weights
from sparseprobe.tables import Column, make_table, name_neurons
from sparseprobe.threads import single_threaded_algebra


@dataclass(frozen=True, eq=False)
class ProbedLayer:
    """One layer: all examples' activations, real labels beside control labels."""

    layer: int
    X: NDArray[np.float32]
    """(n, d) as the model gave them."""
    examples: LabelledExamples
    where: Mapping[str, Any]
    """What each row of a table says of the model and the site."""
    experts: ExpertColumns | None = None
    """Which columns belong to which expert, in a mixture."""

    @classmethod
    def read(cls, acts: Activations, layer: int, examples: LabelledExamples) -> ProbedLayer:
        """Read a layer; raises `InputError` for values that are not finite or too large."""
        X = np.ascontiguousarray(acts.layer(layer)[:], dtype=np.float32)
        require_usable(X, f"layer {layer}")
        where = {"model": acts.model_name, "site": acts.site, "aggregation": acts.aggregate}
        return cls(layer, X, examples, where, acts.experts.get(layer))

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of this layer with the names of their neurons."""
        return name_neurons(table, self.where["site"], {self.layer: self.experts} if self.experts else {})

    def name(self, column: int) -> str:
        """The name of the neuron in a column."""
        return str(self.named(pd.DataFrame({"layer": [self.layer], "index": [column]}))["neuron"].iloc[0])

    @property
    def n_features(self) -> int:
        """Number of features; column f + n_features of `labels` is the control of column f."""
        return len(self.examples.features)

    @cached_property
    def labels(self) -> NDArray[Any]:
        """(n, 2 n_features): the real labels, then the control's."""
        return np.concatenate([self.examples.labels, self.examples.control(self.layer)], axis=1)

    @cached_property
    def training(self) -> TrainingLayer:
        """The training examples of binary features, for real and control labels at once."""
        train = np.flatnonzero(self.examples.splits == "train")
        return TrainingLayer(self.X[train], self.labels[train])

    def problem(self, feature: int, *, control: bool = False) -> Problem:
        """What a selection is given; with `control` the permuted labels."""
        key = (self.examples.features[feature], self.layer, "control" if control else "real")
        return Problem(self.training, feature + control * self.n_features, self.examples.seed, key)

    def truth(self, feature: int, *splits: str, control: bool = False) -> NDArray[np.bool_]:
        """(n,) whether the labelled examples of one or several splits are positive."""
        rows = self.examples.rows(feature, *splits)
        positive: NDArray[np.bool_] = self.labels[rows, feature + control * self.n_features] == 1
        return positive

    def score_weights(self, feature: int, *splits: str, control: bool = False) -> NDArray[np.float64] | None:
        """(n,) what the labelled examples of these splits weigh in scores, so that permuted labels have the class
        shares of the real ones; None where all weigh the same.
        """
        rows = self.examples.rows(feature, *splits)
        real = self.examples.labels if self.examples.real is None else self.examples.real
        return class_share_weights(self.truth(feature, *splits, control=control), real[rows, feature] == 1)


@dataclass(frozen=True)
class LayerPlan:
    """An experiment that was checked and can be done, layer by layer."""

    name: str
    columns: tuple[Column, ...]
    pieces: Callable[[ProbedLayer], Iterator[list[dict[str, Any]] | dict[str, Any]]]
    """The rows of a layer, or columns of them, in pieces: one for each feature, or `per_layer` in all."""
    per_layer: int | None = None
    optional: tuple[Column, ...] = ()
    """Columns that stand behind the others where the rows have them."""

    def table(self, layers: Iterable[ProbedLayer], step: Callable[[float], None] = lambda _: None) -> pd.DataFrame:
        """The rows of these layers; `step` is called after each piece."""
        tables = []
        with single_threaded_algebra():
            for layer in layers:
                shared = {"collection": layer.examples.collection, "seed": layer.examples.seed, **layer.where}
                for piece in self.pieces(layer):
                    tables.append(layer.named(pd.DataFrame(piece).assign(**shared)))
                    step(1)
        table = pd.concat(tables, ignore_index=True)
        there = self.optional if all(column.name in table for column in self.optional) else ()
        return make_table(table, self.columns + there)


class Plan(Protocol):
    """An experiment that was checked: how it makes its table from layers."""

    @property
    def name(self) -> str:
        """Of the experiment."""

    @property
    def per_layer(self) -> int | None:
        """Steps that it takes for a layer; None: one for each feature."""

    def table(self, layers: Iterable[ProbedLayer], step: Callable[[float], None] = ...) -> pd.DataFrame:
        """The rows of these layers; `step` is called after each step."""


def table_of(
    plan: Plan, acts: Activations, examples: LabelledExamples, layers: Iterable[int], progress: Progress
) -> pd.DataFrame:
    """The table of a plan, reading one layer after the other."""
    chosen = list(layers)
    total = len(chosen) * (plan.per_layer or len(examples.features))
    with progress.task(plan.name, total=total, unit="probes") as step:
        return plan.table((ProbedLayer.read(acts, layer, examples) for layer in chosen), step)


def chosen_layers(acts: Activations, data: ProbingDataset, layers: Iterable[int] | int | None = None) -> dict[int, int]:
    """The layers to work on, all by default, with their widths.

    Raises `InputError` where activations and dataset do not match, and for no layer or one that is not there.
    """
    n = len(data.examples)
    if acts.n_examples != n:
        raise InputError(f"{acts.n_examples} rows of activations for {n} examples: extract them from this dataset")
    read = acts.manifest.get("settings", {})
    if read.get("spans_hash", own := data.spans_hash()) != own:
        raise InputError(
            f"the activations are those of other texts or spans ({read['dataset']}) than the dataset's ({data.name}): "
            "extract them from this dataset"
        )
    known = ", ".join(map(str, acts.layers))
    named = acts.layers if layers is None else [layers] if isinstance(layers, int | np.integer) else layers
    chosen = list(dict.fromkeys(named))
    if not chosen:
        raise InputError(f"layers={layers!r} names no layer: the activations have {known}")
    for layer in chosen:
        if layer not in acts.layers:
            raise InputError(f"no layer {layer!r} among the activations: they have {known}")
    return {layer: acts.width(layer) for layer in chosen}
