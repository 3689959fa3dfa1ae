"""Next-token loss of every token of a text, as the model is and with sets of neurons changed, batch after batch.

The loss at position t is -log p(x[t+1] | x[0..t]), in nats; a position counts if a token follows it that is no special
token. For each batch the model is run once, and from the first changed layer on once more for each set (in small
batches for several sets at once).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparseprobe.activations.extract import require_fit
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.interventions.edits import edits, resampling_draws
from sparseprobe.neurons.interventions.reference_text import Reference, read_reference
from sparseprobe.neurons.interventions.replacement import Fixed, Scaled, Value, parse_value
from sparseprobe.neurons.interventions.suffix_pass import (
    FirstPass,
    Place,
    changed_pass,
    first_pass,
    logits,
    logits_of,
    next_token_losses,
)
from sparseprobe.neurons.neuron_sets import Neurons, NeuronSet, neuron_sets
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, split_text, text_batches
from sparseprobe.progress import SILENT, Progress


@dataclass(frozen=True, eq=False)
class LossPortion:
    """Losses of one batch of sequences."""

    rows: NDArray[np.int64]
    """(n_sequences,) their numbers in the dataset."""
    counted: NDArray[np.bool_]
    """(n_sequences, width) positions that have a loss."""
    loss: NDArray[np.float64]
    """(n_sequences, width) nats, 0 where none is counted."""
    changed: NDArray[np.float64]
    """(n_sets, n_sequences, width) with each set changed."""


@dataclass(frozen=True, eq=False)
class Watch:
    """Who else looks at the unchanged pass over the text, so that it is run once."""

    places: tuple[Place, ...]
    """Layers and sites that are read."""
    see: Callable[[NDArray[np.int64], FirstPass], None]
    """Called with the numbers of the sequences of a batch, and its pass."""


@dataclass(frozen=True, eq=False)
class TokenLosses:
    """Losses of all positions of a text, in the order of the text."""

    places: NDArray[np.int64]
    """(n,) each position's place in `data.sequences.tokens`."""
    loss: NDArray[np.float64]
    """(n,) nats."""
    changed: NDArray[np.float64]
    """(n_sets, n) with each set of neurons changed."""


def stream_losses(
    model: LanguageModel,
    data: ProbingDataset,
    sets: Sequence[NeuronSet],
    *,
    value: Value,
    reference: Reference | None = None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    watch: Watch | None = None,
    progress: Progress | None = None,
) -> Iterator[LossPortion]:
    """Losses of all of `data`, one batch after the other; `sets` and `value` as `ablate` resolved them.

    The unchanged pass is shared by all sets; `watch` sees it. Sets that start at one layer are run together as far as
    `batch_tokens` tokens go.
    """
    require_fit(model, data)
    special = torch.from_numpy(np.array(data.tokenizer.special_ids, np.int64))
    starts = [chosen[0].layer for chosen in sets]
    read = logits_of(model)
    with (progress or SILENT).task("losses", total=data.n_tokens, unit="tokens") as step:
        for rows, batch in text_batches(model, data.sequences, batch_tokens):
            follows = torch.roll(batch.tokens, -1, dims=1)
            counted = batch.mask.bool() & torch.roll(batch.mask, -1, dims=1).bool() & ~torch.isin(follows, special)
            counted[:, -1] = False
            first = first_pass(model, batch, starts=starts, read=watch.places if watch else ())
            if watch:
                watch.see(rows, first)
            draws = resampling_draws(value, rows, batch.tokens.shape[1], reference.n_pool if reference else 0, seed)
            changes = [edits(chosen, value, reference, draws) for chosen in sets]
            changed = np.zeros((len(sets), *counted.shape))
            for stack in _stacks(starts, max(1, batch_tokens // batch.tokens.numel())):
                hidden = changed_pass(model, first, [changes[number] for number in stack])
                changed[stack] = _losses(model, hidden, follows, counted, read)
            loss = _losses(model, first.hidden[None], follows, counted, read)[0]
            yield LossPortion(rows, counted.numpy(), loss, changed)
            step(int(batch.mask.sum()))


def _stacks(starts: Sequence[int], most: int) -> Iterator[list[int]]:
    """The numbers of sets that start at the same layer, at most `most` at a time."""
    for start in sorted(set(starts)):
        numbers = [number for number, own in enumerate(starts) if own == start]
        yield from (numbers[begin : begin + most] for begin in range(0, len(numbers), most))


def _losses(
    model: LanguageModel, hidden: Tensor, follows: Tensor, counted: Tensor, read: Callable[[Tensor], Tensor]
) -> NDArray[np.float64]:
    """(n, n_sequences, width) nats, 0 where none is counted, for hidden states (n, n_sequences, width, d)."""
    targets = follows[counted].repeat(len(hidden))
    found = next_token_losses(model, hidden[:, counted].flatten(0, 1), targets, read=read)
    losses = np.zeros((len(hidden), *counted.shape))
    losses[:, counted.numpy()] = found.reshape(len(hidden), -1).numpy()
    return losses


def token_losses(
    model: LanguageModel,
    data: ProbingDataset,
    neurons: Neurons,
    *,
    value: str | float | Value = 0.0,
    reference: ProbingDataset | None = None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> TokenLosses:
    """The next-token loss of every position, with and without a change of each set of `neurons`.

    Takes 8 bytes per token and set. Settings are those of `ablate`.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> found = token_losses(planted_model(), planted_text(4), "L0.N0")
    >>> found.loss.shape, found.changed.shape
    ((92,), (1, 92))
    """
    sets, asked = neuron_sets(neurons, model), parse_value(value)
    statistics = reference_for(model, data, sets, asked, reference=reference, seed=seed, batch_tokens=batch_tokens)
    losses = np.zeros((1 + len(sets), data.n_tokens))
    counted = np.zeros(data.n_tokens, bool)
    stream = stream_losses(
        model,
        data,
        sets,
        value=asked,
        reference=statistics,
        seed=seed,
        batch_tokens=batch_tokens,
        progress=progress,
    )
    for portion in stream:
        row, column = np.nonzero(portion.counted)
        places = data.sequences.offsets[portion.rows[row]] + column
        counted[places] = True
        losses[0, places] = portion.loss[row, column]
        losses[1:, places] = portion.changed[:, row, column]
    places = np.flatnonzero(counted)
    return TokenLosses(places, losses[0, places], losses[1:, places])


def changed_logits(
    model: LanguageModel,
    data: ProbingDataset,
    neurons: Neurons,
    positions: Sequence[tuple[int, int]],
    *,
    value: str | float | Value = 0.0,
    reference: ProbingDataset | None = None,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits at chosen positions, given as (sequence, token) pairs, without and with a change of each set of neurons.

    Returns (n_positions, n_vocabulary) and (n_sets, n_positions, n_vocabulary). Raises `InputError` for a position that
    is not in the text.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> before, after = changed_logits(planted_model(), planted_text(4), "L0.N0", [(0, 5)])
    >>> before.shape, after.shape
    ((1, 16), (1, 1, 16))
    """
    require_fit(model, data)
    sets, asked = neuron_sets(neurons, model), parse_value(value)
    statistics = reference_for(model, data, sets, asked, reference=reference, seed=seed)
    wanted = np.asarray(positions, np.int64).reshape(-1, 2)
    for sequence, token in wanted:
        if not (0 <= sequence < len(data.sequences) and 0 <= token < data.sequences.lengths[sequence]):
            raise InputError(f"position ({sequence}, {token}) is not in {data.name}: give pairs (sequence, token)")
    found = np.zeros((1 + len(sets), len(wanted), model.embedding.num_embeddings))
    chosen_rows = np.unique(wanted[:, 0])
    for rows, batch in text_batches(model, data.sequences.take(chosen_rows), BATCH_TOKENS):
        at = {int(chosen_rows[row]): place for place, row in enumerate(rows)}
        here = np.flatnonzero(np.isin(wanted[:, 0], list(at)))
        places = ([at[int(sequence)] for sequence in wanted[here, 0]], wanted[here, 1])
        first = first_pass(model, batch, starts=[chosen[0].layer for chosen in sets])
        width, n_pool = batch.tokens.shape[1], statistics.n_pool if statistics else 0
        draws = resampling_draws(asked, chosen_rows[rows], width, n_pool, seed)
        changed = (changed_pass(model, first, [edits(chosen, asked, statistics, draws)])[0] for chosen in sets)
        for number, hidden in enumerate((first.hidden, *changed)):
            found[number, here] = logits(model, hidden[places]).cpu().to(torch.float64).numpy()
    return found[0], found[1:]


def reference_for(
    model: LanguageModel,
    data: ProbingDataset,
    sets: Sequence[NeuronSet],
    value: Value,
    *,
    reference: ProbingDataset | None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    needed: bool = False,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Reference | None:
    """Statistics of the reference text (by default the training part of `data`), None where nothing needs them."""
    if isinstance(value, Fixed | Scaled) and not needed:
        return None
    splits = ("train",) if reference is None and "train" in set(data.examples["split"]) else None
    text = split_text(data if reference is None else reference, splits, "the reference text")
    layers = sorted({neuron.layer for chosen in sets for neuron in chosen})
    return read_reference(
        model, text, layers, value=value, seed=seed, batch_tokens=batch_tokens, cache=cache, progress=progress
    )
