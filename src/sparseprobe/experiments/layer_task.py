"""One layer's share of an experiment: its activations cut into training, validation and test, with labels and controls.

What is asked for is checked before any work is done: features, layers, k, labels of two classes in training and test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.keyed_random import generator
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.selection.registry import PRESETS
from sparseprobe.statistics.control_labels import class_share_weights, permuted_over_groups
from sparseprobe.statistics.group_bootstrap import GroupBootstrap


@dataclass(frozen=True, eq=False)
class Examples:
    """Which examples train, validate and test, and what they are labelled with; the same for all layers."""

    features: tuple[str, ...]
    labels: NDArray[np.int8]
    """(n, n_features) in {1, 0, -1}."""
    groups: NDArray[Any]
    """(n,) the document of each example."""
    parts: NDArray[Any]
    """(n,) train, validation or test."""
    seed: int
    real: NDArray[np.int8] | None = None
    """(n, n_features) the labels that `labels` are a permutation of; None where they are the real ones themselves."""

    @classmethod
    def of(cls, data: ProbingDataset, features: Iterable[str] | None, *, seed: int, preset: str) -> Examples:
        """Take the binary features of a dataset, or those that are named.

        `preset="paper"` has a single split: validation examples train. Raises `UnknownNameError` for an unknown feature
        or preset, `InputError` for one that is continuous or has labels of one class in training or test.
        """
        if preset not in PRESETS:
            raise UnknownNameError("preset", preset, PRESETS)
        kinds = dict(zip(data.features["name"], data.features["kind"], strict=True))
        names = tuple(name for name, kind in kinds.items() if kind == "binary") if features is None else tuple(features)
        if isinstance(features, str) or not names:
            raise InputError(f"features must be a list of names, got {features!r}; known: {', '.join(kinds)}")
        for name in names:
            if name not in kinds:
                raise UnknownNameError("feature", name, kinds)
            if kinds[name] != "binary":
                raise InputError(f"feature {name!r} is continuous: probe it with the regression experiment")
        parts = data.examples["split"].to_numpy(str)
        if preset == "paper":
            parts = np.where(parts == "validation", "train", parts)
        labels = np.stack([data.labels[name].to_numpy(np.int8) for name in names], axis=1)
        examples = cls(names, labels, data.examples["group"].to_numpy(str), parts, seed)
        for feature, name in enumerate(names):
            for part in ("train", "test"):
                there = np.unique(labels[examples.rows(feature, part), feature])
                if len(there) < 2:
                    found = {0: "only 0", 1: "only 1"}[int(there[0])] if len(there) else "none"
                    raise InputError(
                        f"feature {name!r} needs labels 0 and 1 among its {part} examples, and there are {found}: "
                        "leave it out with features=[...], or give more examples"
                    )
        return examples

    def rows(self, feature: int, part: str) -> NDArray[np.int64]:
        """Examples of a part that carry a label of a feature."""
        return np.flatnonzero((self.parts == part) & (self.labels[:, feature] >= 0))

    def control(self, layer: int, trial: int = 0) -> NDArray[np.int8]:
        """(n, n_features) the labels permuted over groups, anew for each feature, layer and trial: within each part,
        or, where groups lie in several parts, over whole groups.
        """
        permuted = self.labels.copy()
        for feature, name in enumerate(self.features):
            rows = np.flatnonzero(self.labels[:, feature] >= 0)
            draw = generator(self.seed, "control", name, layer, trial)
            permuted[rows, feature] = permuted_over_groups(
                self.labels[rows, feature], self.groups[rows], draw, parts=self.parts[rows]
            )
        return permuted

    def bootstrap(self, feature: int, resamples: int) -> GroupBootstrap:
        """Resamples of the test groups of a feature, the same for all layers and k."""
        draw = generator(self.seed, "bootstrap", self.features[feature])
        return GroupBootstrap.draw(self.groups[self.rows(feature, "test")], draw, resamples=resamples)


@dataclass(frozen=True, eq=False)
class LayerTask:
    """One layer: all examples' activations, real labels beside control labels."""

    layer: int
    X: NDArray[np.float32]
    """(n, d) as the model gave them."""
    examples: Examples

    @classmethod
    def read(cls, acts: Activations, layer: int, examples: Examples) -> LayerTask:
        """Read a layer; raises `InputError` for values that are not finite."""
        return cls(layer, finite_layer(acts, layer), examples)

    @property
    def n_features(self) -> int:
        """Number of features; column f + n_features of `labels` is the control of column f."""
        return len(self.examples.features)

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """(n, 2 n_features): the real labels, then the control's."""
        return np.concatenate([self.examples.labels, self.examples.control(self.layer)], axis=1)

    @cached_property
    def training(self) -> TrainingLayer:
        """The training examples, for real and control labels at once."""
        train = np.flatnonzero(self.examples.parts == "train")
        return TrainingLayer(self.X[train], self.labels[train])

    def problem(self, feature: int, *, control: bool) -> Problem:
        """What a selection is given."""
        name = self.examples.features[feature]
        key = (name, self.layer, "control" if control else "real")
        return Problem(self.training, feature + control * self.n_features, self.examples.seed, key)

    def positive(self, feature: int, rows: NDArray[np.int64], *, control: bool) -> NDArray[np.bool_]:
        """(n,) labels of some examples."""
        positive: NDArray[np.bool_] = self.labels[rows, feature + control * self.n_features] == 1
        return positive

    def score_weights(self, feature: int, rows: NDArray[np.int64], *, control: bool) -> NDArray[np.float64] | None:
        """(n,) what some examples weigh in scores, so that permuted labels have the class shares of the real ones; None
        where all weigh the same.
        """
        real = self.examples.labels if self.examples.real is None else self.examples.real
        return class_share_weights(self.positive(feature, rows, control=control), real[rows, feature] == 1)


def finite_layer(acts: Activations, layer: int) -> NDArray[np.float32]:
    """(n, d) the activations of a layer; raises `InputError` for values that are not finite."""
    X = np.ascontiguousarray(acts.layer(layer)[:], dtype=np.float32)
    bad = int(X.size - np.isfinite(X).sum())
    if bad:
        raise InputError(
            f"layer {layer} holds {bad} values that are not finite: extract it with dtype bfloat16 or float32"
        )
    return X


def chosen_layers(acts: Activations, data: ProbingDataset, layers: Iterable[int] | int | None) -> list[int]:
    """The layers to work on, all by default; raises `InputError` where activations and dataset do not match, and for
    no layer or one that is not there.
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
    named = [layers] if isinstance(layers, int | np.integer) else layers
    chosen = list(acts.layers) if named is None else list(dict.fromkeys(named))
    if not chosen:
        raise InputError(f"layers={layers!r} names no layer: the activations have {', '.join(map(str, acts.layers))}")
    for layer in chosen:
        if layer not in acts.layers:
            raise InputError(f"no layer {layer!r} among the activations: they have {', '.join(map(str, acts.layers))}")
    return chosen


def checked_ks(k: Sequence[int] | int, widths: dict[int, int], paper: tuple[int, ...]) -> dict[int, list[int]]:
    """The ascending k for each layer; the paper's list goes up to the width, any other k above it is an error."""
    asked = [k] if isinstance(k, int | np.integer) else list(k)
    if not asked or not all(isinstance(one, int | np.integer) and one >= 1 for one in asked):
        raise InputError(f"k must be positive whole numbers such as [1, 2, 4, 8], got {k!r}")
    ks = sorted({int(one) for one in asked})
    for layer, width in widths.items():
        if ks[-1] > width and tuple(asked) != paper:
            raise InputError(f"k = {ks[-1]} is larger than the width {width} of layer {layer}: ask for at most {width}")
    return {layer: [one for one in ks if one <= width] for layer, width in widths.items()}
