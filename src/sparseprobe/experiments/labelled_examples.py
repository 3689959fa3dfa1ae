"""Which examples train, validate and test, and how they are labelled: all that the layers of an experiment share.

What is asked for is checked here before any work is done: features of the right kind, two classes (or two values) of
each in training and test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.choices import PRESETS
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.keyed_random import generator
from sparseprobe.statistics.control_labels import permuted_over_groups
from sparseprobe.statistics.group_bootstrap import RESAMPLES, GroupBootstrap

_PROBED_WITH = {"binary": "probe it with the sweep", "continuous": "probe it with the regression experiment"}


@dataclass(frozen=True, eq=False)
class LabelledExamples:
    """The examples of a dataset with the labels of some features, all binary or all continuous."""

    collection: str
    features: tuple[str, ...]
    labels: NDArray[Any]
    """(n, n_features): int8 in {1, 0, -1 = not labelled}, or of continuous features float64 with NaN = not labelled."""
    groups: NDArray[Any]
    """(n,) the document of each example."""
    splits: NDArray[Any]
    """(n,) train, validation or test."""
    seed: int
    preset: str
    bootstraps: tuple[GroupBootstrap, ...]
    """For each continuous feature, resamples of its test groups, the same for all layers and k; none for binary ones,
    whose F1 has its interval in closed form."""
    real: NDArray[Any] | None = None
    """(n, n_features) the labels that `labels` are a permutation of; None where they are the real ones themselves."""

    @classmethod
    def of(
        cls,
        data: ProbingDataset,
        features: Iterable[str] | None = None,
        *,
        kind: str = "binary",
        seed: int = 0,
        preset: str = "default",
        resamples: int = RESAMPLES,
    ) -> LabelledExamples:
        """Take the features of a kind, or those of them that are named.

        `preset="paper"` has a single split: validation examples train. Raises `UnknownNameError` for an unknown feature
        or preset, `InputError` for a feature of the other kind or with too few different labels in training or test.

        >>> from sparseprobe.experiments import planted_experiment
        >>> examples = LabelledExamples.of(planted_experiment(n=100, width=5)[1])
        >>> examples.features, examples.rows(0, "test").shape
        (('f0',), (20,))
        """
        if preset not in PRESETS:
            raise UnknownNameError("preset", preset, PRESETS)
        names = _names(data, features, kind)
        splits = data.examples["split"].to_numpy(str)
        if preset == "paper":
            splits = np.where(splits == "validation", "train", splits)
        dtype = np.int8 if kind == "binary" else np.float64
        labels = np.stack([data.labels[name].to_numpy(dtype) for name in names], axis=1)
        groups = data.examples["group"].to_numpy(str)
        bootstraps = []
        for name, column in zip(names, labels.T, strict=True):
            for split in ("train", "test"):
                _require_two(name, column[(splits == split) & _is_known(column)], split, kind)
            if kind == "continuous":
                tested = groups[(splits == "test") & _is_known(column)]
                bootstraps.append(GroupBootstrap.draw(tested, generator(seed, "bootstrap", name), resamples=resamples))
        return cls(data.name, names, labels, groups, splits, seed, preset, tuple(bootstraps))

    def rows(self, feature: int, *splits: str) -> NDArray[np.int64]:
        """Examples of one or several splits that carry a label of a feature."""
        return np.flatnonzero(np.isin(self.splits, splits) & _is_known(self.labels[:, feature]))

    def control(self, layer: int, trial: int = 0) -> NDArray[Any]:
        """(n, n_features) the labels permuted over groups, anew for each feature, layer and trial: within each split,
        or, where groups lie in several splits, over whole groups.
        """
        permuted = self.labels.copy()
        for feature, name in enumerate(self.features):
            rows = np.flatnonzero(_is_known(self.labels[:, feature]))
            key = (name, layer, trial) if self.labels.dtype == np.int8 else (name, layer)
            permuted[rows, feature] = permuted_over_groups(
                self.labels[rows, feature],
                self.groups[rows],
                generator(self.seed, "control", *key),
                parts=self.splits[rows],
            )
        return permuted


def _is_known(labels: NDArray[Any]) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = labels >= 0 if labels.dtype == np.int8 else np.isfinite(labels)
    return known


def _names(data: ProbingDataset, features: Iterable[str] | None, kind: str) -> tuple[str, ...]:
    kinds = dict(zip(data.features["name"], data.features["kind"], strict=True))
    if features is None:
        names = tuple(name for name, its_kind in kinds.items() if its_kind == kind)
        if not names:
            (other,) = _PROBED_WITH.keys() - {kind}
            raise InputError(
                f"{data.name} has no {kind} features: for a feature that is {other}, {_PROBED_WITH[other]}"
            )
        return names
    names = (features,) if isinstance(features, str) else tuple(features)
    if not names:
        raise InputError(f"features must be a list of names, got {features!r}; known: {', '.join(kinds)}")
    for name in names:
        if name not in kinds:
            raise UnknownNameError("feature", name, kinds)
        if kinds[name] != kind:
            raise InputError(f"feature {name!r} is {kinds[name]}: {_PROBED_WITH[kinds[name]]}")
    return names


def _require_two(name: str, labels: NDArray[Any], split: str, kind: str) -> None:
    """Check that the labels of a split, all of them known, are not all the same."""
    there = np.unique(labels)
    if len(there) > 1:
        return
    if kind == "continuous":
        raise InputError(f"feature {name!r} needs at least two different values among its {split} examples")
    found = f"only {there[0]}" if len(there) else "none"
    raise InputError(
        f"feature {name!r} needs labels 0 and 1 among its {split} examples, and there are {found}: "
        "omit it with features=[...], or give more examples"
    )
