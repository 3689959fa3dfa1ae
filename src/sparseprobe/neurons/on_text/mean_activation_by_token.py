"""Mean activation by token, by class and by context, of a few neurons on every token of a text.

All activations of the chosen neurons are kept, 4 bytes per token and neuron (ten neurons on a million tokens: 40 MB;
checked before), so everything here is exact and a plain function of arrays: activation by token, by class, and the same
token in and out of a context (the paper's disambiguation figure, case study 2: the token is the same, only its context
differs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations.budget import require_memory
from sparseprobe.datasets import ProbingDataset, TokenizerRecord
from sparseprobe.datasets.vocabulary import readable_texts
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.neuron_sets import Neurons, named_neurons
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, class_tokens, columns_of, stream_text
from sparseprobe.progress import Progress
from sparseprobe.tables import BY_CLASS, BY_TOKEN, DISAMBIGUATION, QUANTILES, make_table


@dataclass(frozen=True, eq=False)
class TokenActivations:
    """Activations of m neurons at every token of a dataset."""

    neurons: tuple[Neuron, ...]
    data: ProbingDataset
    matrix: NDArray[np.float32]
    """(n_tokens, m) in the order of `data.sequences.tokens`, NaN at special tokens."""

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n_tokens,) tokens that are not special."""
        return ~np.isnan(self.matrix[:, 0])

    def side(self, sign: Literal["+", "-"]) -> TokenActivations:
        """One side of every neuron as sizes: max(a, 0), or for "-" max(-a, 0)."""
        sized = self.matrix if sign == "+" else -self.matrix
        chosen = tuple(neuron.side(sign) for neuron in self.neurons)
        return TokenActivations(chosen, self.data, np.maximum(sized, 0, dtype=np.float32))


def read_tokens(
    model: LanguageModel,
    data: ProbingDataset,
    neurons: Neurons,
    *,
    batch_tokens: int = BATCH_TOKENS,
    memory: int | str | None = None,
    progress: Progress | None = None,
) -> TokenActivations:
    """Activations of chosen neurons at all tokens of `data`; of one side of a neuron (`L5.N701-`) its size there.

    Raises `InputError` for neurons that are not there, `ResourceError` if they do not fit into memory.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> read_tokens(planted_model(), planted_text(4), ["L0.N0", "L0.N3"]).matrix.shape
    (96, 2)
    """
    chosen = named_neurons(model, neurons)
    require_memory(4 * data.n_tokens * len(chosen), memory)
    values = np.full((data.n_tokens, len(chosen)), np.nan, np.float32)
    layers = sorted({neuron.layer for neuron in chosen})
    for places, found in stream_text(model, data, layers=layers, batch_tokens=batch_tokens, progress=progress):
        values[places] = columns_of(found, chosen)
    return TokenActivations(chosen, data, values)


def by_token(activations: TokenActivations, *, least: int = 1) -> pd.DataFrame:
    """Activation by token, for tokens that occur at least `least` times; columns of `BY_TOKEN`, largest mean first."""
    known = activations.known
    tokens = activations.data.sequences.tokens[known].astype(np.int64)
    texts = texts_of(activations.data.tokenizer, int(tokens.max(initial=0)) + 1)
    parts = []
    for column, neuron in enumerate(activations.neurons):
        values = pd.Series(activations.matrix[known, column].astype(np.float64))
        grouped = values.groupby(tokens)
        table = grouped.agg(["count", "mean", "min", "max"])
        table["std"] = grouped.std(ddof=0)
        for name, share in (("q25", 0.25), ("q50", 0.5), ("q75", 0.75)):
            table[name] = grouped.quantile(share)
        table = table[table["count"] >= least].sort_values("mean", ascending=False, kind="stable")
        table = table.reset_index(names="token")
        table["neuron"], table["text"] = str(neuron), [texts[token] for token in table["token"]]
        parts.append(table)
    return make_table(pd.concat(parts, ignore_index=True), BY_TOKEN)


def by_class(activations: TokenActivations) -> pd.DataFrame:
    """Activation at the tokens of positive and of negative examples of each binary feature; columns of `BY_CLASS`."""
    data = activations.data
    rows: list[dict[str, Any]] = []
    for feature in (str(name) for name in data.labels.columns if data.labels[name].dtype == np.int8):
        for label in (1, 0):
            here = class_tokens(data, feature, label) & activations.known
            if not here.any():
                continue
            values = activations.matrix[here].astype(np.float64)
            quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
            rows += [
                {
                    "neuron": str(neuron),
                    "feature": feature,
                    "label": label,
                    "count": len(values),
                    "mean": values[:, column].mean(),
                    "std": values[:, column].std(),
                    "above_zero": (values[:, column] > 0).mean(),
                    **dict(zip(QUANTILES, quantiles[:, column], strict=True)),
                    "max": values[:, column].max(),
                }
                for column, neuron in enumerate(activations.neurons)
            ]
    return make_table(rows, BY_CLASS)


def disambiguation(activations: TokenActivations, feature: str, *, least: int = 5) -> pd.DataFrame:
    """The same token inside and outside of a feature's text, for tokens with `least` occurrences on both sides.

    Columns of `DISAMBIGUATION`, the largest difference first. Raises `InputError` if no token is on both sides.
    """
    data, tokens = activations.data, activations.data.sequences.tokens
    size = int(tokens.max()) + 1
    sides = [class_tokens(data, feature, label) & activations.known for label in (1, 0)]
    counts = [np.bincount(tokens[side], minlength=size) for side in sides]
    shared = np.flatnonzero((counts[0] >= least) & (counts[1] >= least))
    if not len(shared):
        raise InputError(f"no token occurs {least} times both inside and outside of {feature!r}: lower least")
    texts = texts_of(data.tokenizer, size)
    parts = []
    for column, neuron in enumerate(activations.neurons):
        inside, outside = (
            np.bincount(tokens[side], weights=activations.matrix[side, column], minlength=size)[shared] / n[shared]
            for side, n in zip(sides, counts, strict=True)
        )
        table = pd.DataFrame(
            {
                "neuron": str(neuron),
                "token": shared,
                "text": [texts[token] for token in shared],
                "n_inside": counts[0][shared],
                "n_outside": counts[1][shared],
                "mean_inside": inside,
                "mean_outside": outside,
                "difference": inside - outside,
            }
        )
        parts.append(table.sort_values("difference", ascending=False, kind="stable"))
    return make_table(pd.concat(parts, ignore_index=True), DISAMBIGUATION)


def texts_of(tokenizer: TokenizerRecord, size: int) -> list[str]:
    """The text of the ids 0 to `size` - 1, or the id where there is none."""
    known = readable_texts(tokenizer)
    return [known[token] if token < len(known) and known[token] else str(token) for token in range(size)]
