"""Which n-grams drive a neuron, found from text: the token, and the one to three tokens before it that it needs.

The threshold is half of the neuron's maximum on the text. A driver is the shortest n-gram (the token at which it
fires, with 0 to 3 tokens before it) that occurs `least` times with a median activation above the threshold: if the
token alone does it, longer ones say nothing new. The neuron's *polysemanticity* is the number of unrelated drivers:
those that share a token, up to case and spaces, count once (the paper, case study 1, shows one early neuron to fire on
dozens of unrelated strings). Cost: sorting the n-grams of the tokens that reach the threshold once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.neuron_sets import Neurons, one_neuron
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations, texts_of
from sparseprobe.tables import STIMULI, make_table

LONGEST_PREFIX = 3


@dataclass(frozen=True, eq=False)
class Stimuli:
    """The n-grams that drive one neuron."""

    neuron: Neuron
    threshold: float
    """Half of the maximum activation on the text."""
    table: pd.DataFrame
    """One row a driver, columns of `sparseprobe.tables.STIMULI`, the largest median first."""
    explained: float
    """Share of the activations above the threshold that a driver stands at."""

    @property
    def polysemanticity(self) -> int:
        """How many unrelated n-grams drive the neuron."""
        return int(self.table["meaning"].nunique())


def stimuli(activations: TokenActivations, neuron: Neurons | None = None, *, least: int = 2) -> Stimuli:
    """The drivers of one neuron of `activations` (the only one, unless it is named).

    An n-gram must occur `least` times. Raises `InputError` for a neuron that was not read.

    >>> from sparseprobe.neurons import read_tokens
    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> found = stimuli(read_tokens(planted_model(), planted_text(), "L0.N0"))
    >>> found.table["text"].tolist(), found.polysemanticity
    (['A|B'], 1)
    """
    if least < 1:
        raise InputError(f"least={least}: an n-gram must occur at least once")
    chosen, column = _column(activations, neuron)
    values = activations.matrix[:, column].astype(np.float64)
    threshold = float(np.nanmax(values)) / 2
    if not threshold > 0:
        return Stimuli(chosen, threshold, make_table([], STIMULI), 0.0)
    tokens = activations.data.sequences.tokens.astype(np.int64)
    offsets = activations.data.sequences.offsets
    position = np.arange(len(tokens)) - np.repeat(offsets[:-1], np.diff(offsets))
    fires = np.nan_to_num(values, nan=-np.inf) >= threshold
    open_places = np.flatnonzero(np.isin(tokens, tokens[fires]) & activations.known)
    texts = texts_of(activations.data.tokenizer, int(tokens.max()) + 1)
    rows, explained = [], np.zeros(len(tokens), bool)
    for length in range(LONGEST_PREFIX + 1):
        open_places = open_places[position[open_places] >= length]
        if not len(open_places):
            break
        ngrams = tokens[open_places[:, None] + np.arange(-length, 1)]
        found = _groups(ngrams, least)
        for members in found:
            places = open_places[members]
            median = float(np.median(values[places]))
            if median >= threshold:
                explained[places] = True
                rows.append(_row(chosen, tokens[places[0] - length : places[0] + 1], texts, values[places], median))
        # an n-gram that drives the neuron needs no longer prefix, and one that never fires will not with more
        grown = [
            members for members in found if not explained[open_places[members[0]]] and fires[open_places[members]].any()
        ]
        open_places = open_places[np.concatenate(grown)] if grown else open_places[:0]
    rows.sort(key=lambda row: -row["median"])
    meanings = _related([{_plain(texts[int(token)]) for token in row["tokens"]} for row in rows])
    table = make_table([{**row, "meaning": meaning} for row, meaning in zip(rows, meanings, strict=True)], STIMULI)
    return Stimuli(chosen, threshold, table, float(explained[fires].mean()))


def _column(activations: TokenActivations, neuron: Neurons | None) -> tuple[Neuron, int]:
    names = ", ".join(map(str, activations.neurons))
    if neuron is None:
        if len(activations.neurons) > 1:
            raise InputError(f"say which neuron is meant, of {names}")
        return activations.neurons[0], 0
    chosen = one_neuron(neuron)
    if chosen not in activations.neurons:
        raise InputError(f"{chosen} was not read; the activations are of {names}")
    return chosen, activations.neurons.index(chosen)


def _groups(ngrams: NDArray[np.int64], least: int) -> list[NDArray[np.int64]]:
    """The rows of each n-gram that occurs at least `least` times."""
    _, which, counts = np.unique(ngrams, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(which.ravel(), kind="stable")
    groups = np.split(order, np.cumsum(counts)[:-1])
    return [group for group in groups if len(group) >= least]


def _row(
    neuron: Neuron, ngram: NDArray[np.int64], texts: list[str], values: NDArray[np.float64], median: float
) -> dict[str, Any]:
    return {
        "neuron": str(neuron),
        "tokens": ngram.tolist(),
        "text": "|".join(texts[int(token)] for token in ngram),
        "prefix": len(ngram) - 1,
        "count": len(values),
        "median": median,
        "max": float(values.max()),
    }


def _plain(text: str) -> str:
    return text.strip().casefold() or text


def _related(sets: list[set[str]]) -> list[int]:
    """Number sets so that those that share an element, directly or through others, have the same number."""
    meanings: list[tuple[set[str], list[int]]] = []
    for number, members in enumerate(sets):
        joined, rows = set(members), [number]
        for other in [meaning for meaning in meanings if meaning[0] & members]:
            joined |= other[0]
            rows += other[1]
            meanings.remove(other)
        meanings.append((joined, rows))
    numbers = [0] * len(sets)
    for number, (_, rows) in enumerate(sorted(meanings, key=lambda meaning: min(meaning[1]))):
        for row in rows:
            numbers[row] = number
    return numbers
