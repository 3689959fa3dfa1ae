"""Ablation: what the loss of the model is without some neurons, on a feature's text, on other text and on all text.

    change  =  mean over groups of  mean over tokens of  [ -log p'(x[t+1]) + log p(x[t+1]) ]      in nats per token

p' is the model with the neurons set to `value` at every token (the paper, case study 2, sets them to 0). Intervals are
Student's t over groups (documents) of the change, which is paired: the same tokens with and without it. Whether text of
one label loses more than text of the other is Welch's t of the difference. Each set is compared with random
sets of the same layers and similar mean activation, since any ablation raises the loss a little.

Cost for m sets and c controls: one pass over the text and m (1 + c) passes of the layers from the changed one on, with
the head; memory of one batch and 16 (m + 1) bytes an example. The loss shows that neurons matter, not what they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.datasets.loading import as_dataset
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel, as_model
from sparseprobe.neurons.interventions.loss_stream import LossPortion, Watch, reference_for, stream_losses
from sparseprobe.neurons.interventions.reference_text import Reference, matched_sets
from sparseprobe.neurons.interventions.replacement import Value, parse_value
from sparseprobe.neurons.neuron_sets import Neurons, NeuronSet, neuron_sets
from sparseprobe.neurons.on_text.followed_spans import measured_features
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, split_text
from sparseprobe.progress import Progress
from sparseprobe.statistics.t_intervals import difference_interval, mean_interval
from sparseprobe.tables import ABLATION, make_table


def ablate(
    model: LanguageModel | str | Path,
    data: ProbingDataset | str | Path,
    neurons: Neurons,
    *,
    value: str | float | Value = 0.0,
    together: bool | None = None,
    features: Sequence[str] | None = None,
    splits: Sequence[str] | None = ("test",),
    reference: ProbingDataset | None = None,
    controls: int = 4,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """How next-token loss changes when neurons are set to `value`, for each label of each feature and for all text.

    - `neurons`: names, sets of names (lists in the list, or `L3.N609+L4.N2`), or a table of neurons; each entry is a
      change of its own, and with `together` (the default for a list) all of them at once is one more.
    - `value`: a number, "mean", "mean(FEATURE=0)", "resampled" or "x0.5"; see `interventions.replacement`.
    - `features`: by default all binary ones whose spans are followed by a token.
    - `splits`: the part of the text to measure on, None for all of it.
    - `reference`: the text of means, resampling and matching; by default the training part of `data`.
    - `controls`: matched random sets for each set; their mean change stands in the same row.
    - `cache`: a folder that keeps what was read of the reference text, for the next call.

    Returns a table with the columns of `sparseprobe.tables.ABLATION`, a row per set, feature and label. Raises
    `InputError` for neurons, values or features that are not there or have no loss, `UnsupportedModelError` for
    encoders.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> table = ablate(planted_model(), planted_text(), "L0.N0", features=["b_after_a"], controls=2)
    >>> table["label"].tolist(), table["n_tokens"].tolist()
    ([<NA>, 1, 0], [276, 9, 255])
    """
    model = as_model(model)
    data = as_dataset(data, model.tokenizer)
    asked = parse_value(value)
    sets = _with_all(neuron_sets(neurons, model), neurons, together)
    names = measured_features(data, features, splits)
    if controls < 0:
        raise InputError(f"controls={controls}: give 0 or more controls")
    statistics = reference_for(
        model,
        data,
        sets,
        asked,
        reference=reference,
        seed=seed,
        batch_tokens=batch_tokens,
        needed=controls > 0,
        cache=None if cache is None else Path(cache),
        progress=progress,
    )
    task = AblationTask(sets, asked, tuple(names), splits, controls, seed)
    return task.measure(model, data, statistics, batch_tokens=batch_tokens, progress=progress)


@dataclass(frozen=True)
class AblationTask:
    """An ablation of which everything is resolved and checked; fields as the arguments of `ablate`."""

    sets: Sequence[NeuronSet]
    value: Value
    features: Sequence[str]
    splits: Sequence[str] | None
    controls: int
    seed: int

    def measure(
        self,
        model: LanguageModel,
        data: ProbingDataset,
        statistics: Reference | None,
        *,
        batch_tokens: int = BATCH_TOKENS,
        watch: Watch | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Run the passes and make the table; `statistics` are those of the reference text, for what needs them."""
        text = split_text(data, self.splits, "the ablation").subset()  # a sequence without an example has no document
        passes = list(self.sets)
        if statistics is not None:
            wanted = {neuron for chosen in self.sets for neuron in chosen}
            for chosen in self.sets:
                passes += matched_sets(chosen, statistics, self.controls, without=wanted, seed=self.seed)
        sums = _LossSums(text, len(self.sets), self.controls)
        given: dict[str, Any] = {"value": self.value, "reference": statistics, "seed": self.seed}
        for portion in stream_losses(
            model, text, passes, **given, batch_tokens=batch_tokens, watch=watch, progress=progress
        ):
            sums.add(portion)
        rows = [_rows(sums.of_sequences(), None, None)]
        for feature in self.features:
            positive, negative = (sums.of_examples(feature, label) for label in (1, 0))
            rows += [_rows(positive, feature, 1, negative), _rows(negative, feature, 0, positive)]
        about = {"model": model.name, "collection": data.name, "value": str(self.value), "seed": self.seed}
        ordered = [part[number] for number in range(len(self.sets)) for part in rows if part]
        return _table(ordered, self.sets, about | {"n_controls": self.controls})


@dataclass(frozen=True, eq=False)
class _Documents:
    """Losses of a part of the text, added up over its groups."""

    n_tokens: int
    """Positions with a loss."""
    loss: NDArray[np.float64]
    """(n_groups,) mean over the tokens of each."""
    change: NDArray[np.float64]
    """(2 m, n_groups): mean change for each set, then that of its controls."""


class _LossSums:
    """Adds portions of losses up for every example and every sequence."""

    def __init__(self, data: ProbingDataset, n_sets: int, controls: int) -> None:
        self._data, self._n_sets, self._controls = data, n_sets, controls
        examples = data.examples
        self._by_sequence = np.argsort(examples["sequence"].to_numpy(), kind="stable")
        self._bounds = np.searchsorted(
            examples["sequence"].to_numpy()[self._by_sequence], np.arange(len(data.sequences) + 1)
        )
        self._of_examples = np.zeros((2 + 2 * n_sets, len(examples)))
        self._of_sequences = np.zeros((2 + 2 * n_sets, len(data.sequences)))

    def add(self, portion: LossPortion) -> None:
        """Add the losses of a batch."""
        change = portion.changed - portion.loss
        controls = change[self._n_sets :].reshape(self._n_sets, self._controls, *portion.loss.shape)
        parts = [portion.counted[None].astype(np.float64), portion.loss[None], change[: self._n_sets]]
        parts.append(controls.mean(axis=1) if self._controls else np.full_like(parts[-1], np.nan))
        running = np.cumsum(np.pad(np.concatenate(parts), ((0, 0), (0, 0), (1, 0))), axis=2)
        self._of_sequences[:, portion.rows] = running[:, :, -1]
        rows = portion.rows
        chosen = [self._by_sequence[self._bounds[row] : self._bounds[row + 1]] for row in rows]
        row = np.repeat(np.arange(len(rows)), [len(part) for part in chosen])
        example = np.concatenate(chosen)
        start, stop = (self._data.examples[name].to_numpy()[example] for name in ("start", "stop"))
        self._of_examples[:, example] = running[:, row, stop] - running[:, row, start]

    def of_sequences(self) -> _Documents:
        """All text; a sequence belongs to the group of its first example."""
        first = self._by_sequence[self._bounds[:-1]]
        return self._documents(self._of_sequences, self._data.examples["group"].to_numpy()[first])

    def of_examples(self, feature: str, label: int) -> _Documents:
        """The text of the examples with a label of a feature."""
        chosen = (self._data.labels[feature] == label).to_numpy()
        return self._documents(self._of_examples[:, chosen], self._data.examples["group"].to_numpy()[chosen])

    def _documents(self, sums: NDArray[np.float64], groups: NDArray[Any]) -> _Documents:
        kept = sums[0] > 0
        names, member = np.unique(groups[kept], return_inverse=True)
        totals = np.zeros((len(sums), len(names)))
        np.add.at(totals.T, member, sums[:, kept].T)
        means = totals[1:] / totals[0]
        return _Documents(int(totals[0].sum()), means[0], means[1:])


def _rows(
    text: _Documents, feature: str | None, label: int | None, other: _Documents | None = None
) -> list[dict[str, Any]]:
    """One row for each set, with the difference from text of the `other` label; none if there is no such text."""
    if not text.n_tokens:
        return []
    loss, change = text.loss.mean(), text.change.mean(axis=1)
    low, high = mean_interval(text.change)
    difference = difference_low = difference_high = np.full(len(change), np.nan)
    if other is not None and other.n_tokens:
        difference = change - other.change.mean(axis=1)
        difference_low, difference_high = difference_interval(text.change, other.change)
    m = len(change) // 2
    return [
        {
            "feature": feature,
            "label": label,
            "n_groups": len(text.loss),
            "n_tokens": text.n_tokens,
            "loss": loss,
            "loss_ablated": loss + change[own],
            "change": change[own],
            "change_low": low[own],
            "change_high": high[own],
            "difference": difference[own],
            "difference_low": difference_low[own],
            "difference_high": difference_high[own],
            "control_change": change[control],
            "control_low": low[control],
            "control_high": high[control],
            "control_difference": difference[control],
            "control_difference_low": difference_low[control],
            "control_difference_high": difference_high[control],
        }
        for own, control in zip(range(m), range(m, 2 * m), strict=True)
    ]


def _table(rows: list[dict[str, Any]], sets: Sequence[NeuronSet], about: dict[str, Any]) -> pd.DataFrame:
    n_rows = len(rows) // len(sets)
    named = [
        {**about, **row, "neurons": [str(neuron) for neuron in sets[number // n_rows]]}
        for number, row in enumerate(rows)
    ]
    return make_table(named, ABLATION)


def _with_all(sets: tuple[NeuronSet, ...], neurons: Neurons, together: bool | None) -> tuple[NeuronSet, ...]:
    wanted = not isinstance(neurons, pd.DataFrame) if together is None else together
    everything = tuple(sorted({neuron for chosen in sets for neuron in chosen}))
    return (*sets, everything) if wanted and everything not in sets else sets
