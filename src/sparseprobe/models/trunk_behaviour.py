"""How a whole trunk treats positions and padding, found by running it.

A short and a longer text are run a few times, and the outputs of all blocks are compared:

- **causal**: another last token changes no earlier position in any block.
- **numbering**: positions 0, 1, 2, ... handed in give what the trunk gives without them.
- **padding**: on which sides padded places change nothing. Attention with a mask hides them, a Fourier transform or a
  convolution over the text (FNet, ConvBERT) does not. On the right, other tokens at the padded places may change a text
  by no more than rounding, and on both sides a padded text must be what it is alone. Left padding also asks that the
  trunk takes position ids and that nothing recurrent reads the padding.

Runs that are compared have the same shapes, so rounding is the same and equality exact, except for a text alone beside
a padded one. There rounding is little more than the precision eps of the model and a wrong position or a padded token
that is seen changes the leading digits: sqrt(eps), half the digits, lies between. Cost: four or five passes over at
most 18 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models.forward_pass import Batch, Numbering, Side, StopForward, call_trunk, pad, pad_id_of, tensor_of

N_LONG, N_SHORT = 6, 3
#: Rounding of a text whose neighbours in the batch differ, in units of eps; not 0 because experts share their work.
ROUNDING = 128


@dataclass(frozen=True)
class TrunkBehaviour:
    """The observed behaviour of a trunk."""

    numbering: Numbering
    """`explicit`: positions 0, 1, 2, ... may be handed in; `own`: the model takes none, or counts otherwise."""
    causal: bool
    """Whether a token only sees those before it."""
    mixes: bool
    """Whether any token sees another."""
    padding: tuple[Side, ...]
    """The sides on which padding changes nothing; none: only texts of one length may share a batch."""


def observe_trunk(trunk: nn.Module, blocks: Sequence[nn.Module], embedding: nn.Embedding) -> TrunkBehaviour:
    """Run a trunk on a few tokens. Raises `UnsupportedModelError` if a text depends on the others of its batch."""
    device, pad_id = embedding.weight.device, pad_id_of(trunk, embedding.num_embeddings)
    first, last, other, *rest = probe_tokens(trunk, embedding, N_LONG + 2)
    text = np.array([first, *rest, last][:N_LONG], np.int32)
    short = text[:N_SHORT]
    numbering = _numbering(trunk, blocks[0], pad([text]), device)

    def outputs(batch: Batch) -> list[Tensor]:
        return _block_outputs(trunk, blocks, batch, device, numbering)

    batch = pad([text, text, short], pad_id=pad_id)
    tokens = batch.tokens.clone()
    tokens[0, -1] = tokens[1, 0] = tokens[2, N_SHORT:] = other
    plain, changed = outputs(batch), outputs(replace(batch, tokens=tokens))
    alone = outputs(pad([short]))
    left = outputs(pad([short, text], side="left", pad_id=pad_id))
    eps = torch.finfo(alone[0].dtype).eps
    half, rounding = eps**0.5, min(ROUNDING * eps, eps**0.5)

    def same(one: list[Tensor], two: list[Tensor], row: int, places: slice, tolerance: float) -> bool:
        return all(_close(a[row, places], b[row, places], tolerance) for a, b in zip(one, two, strict=True))

    hidden_right = same(plain, changed, 2, slice(N_SHORT), rounding) and all(
        _close(padded[2, :N_SHORT], text[0], half) for padded, text in zip(plain, alone, strict=True)
    )
    hidden_left = all(_close(padded[0, -N_SHORT:], text[0], half) for padded, text in zip(left, alone, strict=True))
    if not hidden_right and not same(alone, outputs(pad([short, text[-N_SHORT:]])), 0, slice(None), half):
        raise UnsupportedModelError(
            f"{type(trunk).__name__} gives a text different activations each time, or beside another text, so its "
            "activations are not those of the text"
        )
    causal = same(plain, changed, 0, slice(-1), rounding)
    sides: dict[Side, bool] = {"right": hidden_right, "left": hidden_left}
    return TrunkBehaviour(
        numbering=numbering,
        causal=causal,
        mixes=not causal or not same(plain, changed, 1, slice(1, None), rounding),
        padding=tuple(side for side, hidden in sides.items() if hidden),
    )


def probe_tokens(trunk: nn.Module, embedding: nn.Embedding, n: int) -> list[int]:
    """`n` tokens of the vocabulary, none of them the padding, different where it is large enough."""
    padding = pad_id_of(trunk, embedding.num_embeddings)
    tokens = [token for token in range(min(embedding.num_embeddings, 2 * n)) if token != padding]
    return [int(token) for token in np.resize(np.array(tokens), n)]


def _close(one: Tensor, two: Tensor, tolerance: float) -> bool:
    """Whether no position (n, d) differs by more than `tolerance` of its length; NaN equals NaN."""
    one, two = one.double().nan_to_num(), two.double().nan_to_num()
    difference = torch.linalg.vector_norm(one - two, dim=-1)
    return bool((difference <= tolerance * torch.linalg.vector_norm(two, dim=-1)).all())


def _block_outputs(
    trunk: nn.Module, blocks: Sequence[nn.Module], batch: Batch, device: torch.device, numbering: Numbering
) -> list[Tensor]:
    """The output of each of `blocks`, (n_sequences, width, d_model); the pass ends with the last of them."""
    kept: list[Tensor] = []

    def keep(block: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        hidden = tensor_of(output)
        if hidden.shape[:2] != batch.tokens.shape:
            raise UnsupportedModelError(f"{type(block).__name__} does not give one row of hidden states per token")
        kept.append(hidden.clone())
        if len(kept) == len(blocks):
            raise StopForward

    handles = [block.register_forward_hook(keep) for block in blocks]
    try:
        call_trunk(trunk, batch, device=device, numbering=numbering)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _numbering(trunk: nn.Module, block: nn.Module, batch: Batch, device: torch.device) -> Numbering:
    """Whether positions 0, 1, 2, ... may be handed in: the first block must then give what it gives without them."""
    own = _block_outputs(trunk, [block], batch, device, "own")
    try:
        explicit = _block_outputs(trunk, [block], batch, device, "explicit")
    except TypeError:  # the trunk takes no position ids
        return "own"
    return "explicit" if torch.equal(own[0], explicit[0]) else "own"
