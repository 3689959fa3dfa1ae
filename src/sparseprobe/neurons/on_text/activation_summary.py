"""What every neuron does on a text, from one pass: moments, histogram, extremes, and examples at quantiles.

    mean, std, skewness, kurtosis (excess), share above zero, quantiles, the largest and smallest with their tokens

Portions are merged exactly (sums of powers about the first portion's mean, in float64), the extremes are those of a
full sort, and histogram bins do not depend on the text, so streaming gives what one array would. Memory a neuron: about
3 KB for the histogram, 32 bytes for each extreme, 4 bytes for each of `SAMPLE` random tokens that examples at quantiles
are taken from; half a million neurons take 3 GB, so name `layers` for a large model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations.layer_choice import LayerChoice, choose_layers
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, stream_text
from sparseprobe.progress import Progress
from sparseprobe.statistics import histogram
from sparseprobe.statistics.moments import moments_of_powers
from sparseprobe.tables import SUMMARY, make_table, name_neurons

SAMPLE = 512
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """Summary of the d neurons of one layer."""

    count: int
    """Tokens that were read."""
    mean: NDArray[np.float64]
    """(d,)"""
    std: NDArray[np.float64]
    """(d,) of the population."""
    skewness: NDArray[np.float64]
    """(d,) NaN for a neuron that never changes."""
    kurtosis: NDArray[np.float64]
    """(d,) fourth standardised moment less 3."""
    above_zero: NDArray[np.float64]
    """(d,) share of tokens."""
    histogram: NDArray[np.int64]
    """(d, histogram.N_BINS), with the edges histogram.EDGES."""
    largest: NDArray[np.float32]
    """(d, k) largest first; `largest_places` (d, k) are places in the dataset's tokens."""
    largest_places: NDArray[np.int64]
    smallest: NDArray[np.float32]
    """(d, k) smallest first."""
    smallest_places: NDArray[np.int64]
    sample: NDArray[np.float32]
    """(n_sample, d) at random tokens, the same for all neurons."""
    sample_places: NDArray[np.int64]

    def quantiles(self, shares: tuple[float, ...] = QUANTILES) -> NDArray[np.float64]:
        """Quantiles (d, n_shares), within a histogram bin."""
        low, high = self.smallest[:, 0].astype(np.float64), self.largest[:, 0].astype(np.float64)
        return histogram.quantiles(self.histogram, np.asarray(shares), low, high)

    def examples_at(self, index: int, shares: tuple[float, ...] = QUANTILES) -> list[tuple[int, float]]:
        """Place and activation of a sampled token near each quantile of a neuron."""
        order = np.argsort(self.sample[:, index], kind="stable")
        chosen = order[np.round(np.asarray(shares) * (len(order) - 1)).astype(int)]
        return [(int(self.sample_places[row]), float(self.sample[row, index])) for row in chosen]


@dataclass(frozen=True, eq=False)
class ActivationSummary:
    """Summaries of some layers over one text."""

    layers: Mapping[int, LayerSummary]

    def table(self) -> pd.DataFrame:
        """One row per neuron, columns of `sparseprobe.tables.SUMMARY`."""
        parts = []
        for layer, summary in self.layers.items():
            columns = {
                "layer": np.int64(layer),
                "index": np.arange(len(summary.mean)),
                "n_tokens": np.int64(summary.count),
                "mean": summary.mean,
                "std": summary.std,
                "skewness": summary.skewness,
                "kurtosis": summary.kurtosis,
                "above_zero": summary.above_zero,
                "min": summary.smallest[:, 0].astype(np.float64),
                "max": summary.largest[:, 0].astype(np.float64),
            }
            names = ("q01", "q25", "q50", "q75", "q99")
            parts.append(pd.DataFrame(columns | dict(zip(names, summary.quantiles().T, strict=True))))
        return make_table(name_neurons(pd.concat(parts, ignore_index=True), "mlp"), SUMMARY)


def summarise(
    model: LanguageModel,
    data: ProbingDataset,
    *,
    layers: LayerChoice = "all",
    examples: int = 10,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> ActivationSummary:
    """Summaries of every neuron of some layers over all tokens of `data`, with `examples` largest and smallest.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> found = summarise(planted_model(), planted_text(10), examples=2)
    >>> found.layers[0].largest[1].round(3).tolist(), found.layers[0].count
    ([1.0, 1.0], 240)
    """
    if examples < 1:
        raise InputError(f"examples={examples} keeps none: give at least 1")
    chosen = choose_layers(layers, model.n_layers)
    accumulators = {layer: _Accumulator(model.width("mlp", layer), examples, data.n_tokens, seed) for layer in chosen}
    for places, values in stream_text(model, data, layers=chosen, batch_tokens=batch_tokens, progress=progress):
        for layer, activations in values.items():
            accumulators[layer].add(places, activations)
    return ActivationSummary({layer: accumulator.result() for layer, accumulator in accumulators.items()})


class _Accumulator:
    """One layer, portion after portion."""

    def __init__(self, d: int, k: int, n_tokens: int, seed: int) -> None:
        self._pivot: NDArray[np.float64] | None = None
        self._powers = np.zeros((4, d))
        self._count = 0
        self._above = np.zeros(d, np.int64)
        self._bins = np.zeros((d, histogram.N_BINS), np.int64)
        self._largest, self._smallest = LargestActivations(d, k), LargestActivations(d, k)
        self._sampled = np.zeros(n_tokens, bool)
        self._sampled[generator(seed, "sample").permutation(n_tokens)[:SAMPLE]] = True
        self._sample: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []

    def add(self, places: NDArray[np.int64], activations: NDArray[np.float32]) -> None:
        if not len(places):
            return
        if self._pivot is None:
            self._pivot = activations.mean(0, dtype=np.float64)
        for start in range(0, len(places), 256):
            centred = activations[start : start + 256] - self._pivot
            power = centred.copy()
            for exponent in range(4):
                self._powers[exponent] += power.sum(0)
                power *= centred
        self._count += len(places)
        self._above += (activations > 0).sum(0)
        self._bins += histogram.count(activations)
        self._largest.add(places, activations)
        self._smallest.add(places, -activations)
        here = self._sampled[places]
        self._sample.append((places[here], activations[here]))

    def result(self) -> LayerSummary:
        n = max(1, self._count)
        pivot = np.zeros(self._powers.shape[1]) if self._pivot is None else self._pivot
        found = moments_of_powers(self._powers / n, pivot)
        places = np.concatenate([part[0] for part in self._sample])
        order = np.argsort(places)
        return LayerSummary(
            count=self._count,
            mean=found["mean"],
            std=np.sqrt(found["variance"]),
            skewness=found["skewness"],
            kurtosis=found["kurtosis"],
            above_zero=self._above / n,
            histogram=self._bins,
            largest=self._largest.activations,
            largest_places=self._largest.places,
            smallest=-self._smallest.activations,
            smallest_places=self._smallest.places,
            sample=np.concatenate([part[1] for part in self._sample])[order],
            sample_places=places[order],
        )


class LargestActivations:
    """The k largest activations of d neurons, largest first, kept while text streams by.

    Portions may come in any order, and the result is that of sorting everything; equal activations are ordered by their
    position in the text, the earlier first. After the first portions almost nothing passes the k-th largest so far, so
    a portion costs one comparison per activation.

    >>> largest = LargestActivations(d=1, k=2)
    >>> largest.add(np.arange(4), np.array([[1.0], [5.0], [2.0], [5.0]], np.float32))
    >>> largest.activations.tolist(), largest.places.tolist()
    ([[5.0, 5.0]], [[1, 3]])
    """

    def __init__(self, d: int, k: int) -> None:
        self.activations = np.full((d, k), -np.inf, np.float32)
        """(d, k), -inf where fewer were seen."""
        self.places = np.full((d, k), np.iinfo(np.int64).max)
        """(d, k) places in the text."""

    def add(self, places: NDArray[np.int64], activations: NDArray[np.float32]) -> None:
        """Take activations (n, d) of the tokens at `places` (n,)."""
        least, least_place = self.activations[:, -1], self.places[:, -1]
        passing = (activations > least) | ((activations == least) & (places[:, None] < least_place))
        row, column = np.nonzero(passing)
        if not len(row):
            return
        kept = np.unique(column)
        k = self.activations.shape[1]
        neuron = np.concatenate([column, np.repeat(kept, k)])
        value = np.concatenate([activations[row, column], self.activations[kept].ravel()])
        place = np.concatenate([places[row], self.places[kept].ravel()])
        order = np.lexsort((place, -value, neuron))
        first = np.searchsorted(neuron[order], kept)
        best = order[first[:, None] + np.arange(k)]
        self.activations[kept], self.places[kept] = value[best], place[best]
