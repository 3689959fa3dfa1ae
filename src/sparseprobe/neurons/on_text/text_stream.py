"""Read neurons on all tokens of a text, batch after batch.

Unlike `extract`, which keeps labelled tokens, this looks at every token and keeps nothing. Sequences are run longest
first in batches of at most `batch_tokens` padded tokens; a token is known by its place in `Sequences.tokens`. Special
tokens are left out by id, never by position: a BOS token carries activations far from all others and means nothing.
Cost: one forward pass up to the last wanted layer; memory of one batch, batch_tokens * widths * 4 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.activations.aggregation import Spans
from sparseprobe.activations.extract import require_fit
from sparseprobe.activations.site_reader import read_site
from sparseprobe.choices import Site
from sparseprobe.datasets import ProbingDataset
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.models import Batch, LanguageModel, pad
from sparseprobe.models.forward_pass import rows_by_length
from sparseprobe.neuron import Neuron
from sparseprobe.progress import SILENT, Progress

BATCH_TOKENS = 4096
"""Padded tokens in a batch, if nothing else is asked for."""


def stream_text(
    model: LanguageModel,
    data: ProbingDataset,
    *,
    layers: Sequence[int],
    site: Site = "mlp",
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Iterator[tuple[NDArray[np.int64], dict[int, NDArray[np.float32]]]]:
    """Portions of the text: places (n,) in `data.sequences.tokens`, and for each layer activations (n, width).

    Raises `InputError` and `TokenizerMismatchError` where the text is not for this model.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> data = planted_text(3)
    >>> sum(len(places) for places, _ in stream_text(planted_model(), data, layers=[0])) == data.n_tokens
    True
    """
    require_fit(model, data)
    special = np.array(data.tokenizer.special_ids, np.int64)
    with (progress or SILENT).task("neurons", total=data.n_tokens, unit="tokens") as step:
        for chosen, batch in text_batches(model, data.sequences, batch_tokens):
            row, column = (places.numpy() for places in batch.mask.nonzero(as_tuple=True))
            places = data.sequences.offsets[chosen[row]] + column
            kept = ~np.isin(data.sequences.tokens[places], special)
            spans = Spans(row[kept], column[kept], column[kept] + 1)
            yield (
                places[kept],
                read_site(model, batch, spans, layers=layers, site=site, how="none", precision="float32"),
            )
            step(len(places))


def text_batches(
    model: LanguageModel, sequences: Sequences, batch_tokens: int
) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Row numbers (n_sequences,) and the batch of them, longest first; empty sequences are omitted."""
    if batch_tokens < 1:
        raise InputError(f"batch_tokens={batch_tokens} is too small: a batch has at least one token")
    one_length = "right" not in model.padding
    for chosen in rows_by_length(sequences.lengths, batch_tokens, one_length=one_length):
        yield chosen, pad([sequences[int(row)] for row in chosen], pad_id=model.pad_id)


def split_text(data: ProbingDataset, splits: Sequence[str] | None, purpose: str) -> ProbingDataset:
    """The sequences of some splits of the dataset; None is all of it. Raises `InputError` if there are none."""
    if splits is None:
        return data
    present = sorted(set(data.examples["split"]))
    if not set(splits) & set(present):
        raise InputError(
            f"{data.name} has no examples in {' or '.join(splits)} for {purpose}: it has {', '.join(present)}; name "
            "other splits, or None for all"
        )
    return data.subset(splits=splits)


def class_tokens(data: ProbingDataset, feature: str, label: int) -> NDArray[np.bool_]:
    """Which tokens of the dataset lie in an example with a label of a feature, (n_tokens,)."""
    if feature not in data.labels.columns:
        raise UnknownNameError("feature", feature, data.labels.columns)
    chosen = data.examples[(data.labels[feature] == label).to_numpy()]
    begin = data.sequences.offsets[chosen["sequence"].to_numpy()]
    edges = np.zeros(data.n_tokens + 1, np.int64)
    np.add.at(edges, begin + chosen["start"].to_numpy(), 1)
    np.add.at(edges, begin + chosen["stop"].to_numpy(), -1)
    return np.cumsum(edges[:-1]) > 0


def columns_of(layers: Mapping[int, NDArray[Any]], neurons: Sequence[Neuron]) -> NDArray[np.float32]:
    """The activations (n, m) of neurons; of one side of a neuron its size there, 0 on the other side."""
    columns = []
    for neuron in neurons:
        values = layers[neuron.layer][:, neuron.index].astype(np.float32)
        columns.append(np.maximum(-values if neuron.sign == "-" else values, 0) if neuron.sign else values)
    return np.stack(columns, axis=1)


def sequences_of(data: ProbingDataset, splits: Sequence[str] | None) -> NDArray[np.int64]:
    """Numbers of the sequences with an example in some splits (None: in any), the rows of `data.subset(splits=...)`."""
    examples = data.examples if splits is None else data.examples[data.examples["split"].isin(list(splits))]
    return np.unique(examples["sequence"].to_numpy(np.int64))
