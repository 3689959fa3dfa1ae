"""Run a model once, and then again only from the block in which something is changed.

The output of the block before the changed one is kept from the first pass; in the second, all blocks up to it hand that
output on instead of computing, so every later step (mask, positions, blocks, final norm, head) is the model's own code.
Cost of an intervention in layer l: blocks l to the last and the head. Logits are made for some rows of hidden states at
a time, so memory is that of a plain forward pass and `LOGIT_BYTES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import Batch, LanguageModel, pad
from sparseprobe.models.forward_pass import StopForward, call_trunk, tensor_of

LOGIT_BYTES = 64 * 2**20
"""At most so much is taken by logits at once."""


@dataclass(frozen=True, eq=False)
class Edit:
    """What is done to some neurons of one layer: a -> factor * a + shift."""

    layer: int
    columns: Tensor
    """(m,) int64, the neurons."""
    factor: float
    shift: Tensor
    """(m,), or (n_sequences, width, m) for a value of its own at each token of a batch."""


@dataclass(frozen=True, eq=False)
class FirstPass:
    """A pass over a batch with nothing changed, and what the passes after it reuse."""

    batch: Batch
    hidden: Tensor
    """(n_sequences, width, d), what enters the unembedding."""
    before: Mapping[int, Any]
    """For each layer above 0 that passes may start from: what the block before it gave back."""


def first_pass(model: LanguageModel, batch: Batch, *, starts: Sequence[int]) -> FirstPass:
    """Run all of `model` over `batch`, keeping what passes that start at the layers `starts` need.

    Raises `UnsupportedModelError` for models that predict no next token.
    """
    kept: dict[int, Any] = {}
    with ExitStack() as hooks:
        for start in {start for start in starts if start > 0}:

            def keep(_: nn.Module, __: tuple[Any, ...], output: Any, start: int = start) -> None:
                kept[start] = output

            hooks.callback(_block(model, start - 1).register_forward_hook(keep).remove)
        hidden = _enter_head(model, batch)
    return FirstPass(batch, hidden, kept)


def changed_pass(model: LanguageModel, first: FirstPass, edits: Sequence[Edit]) -> Tensor:
    """Hidden states (n_sequences, width, d) before the unembedding with some neurons changed.

    The first edited layer must be one of the `starts` of the first pass. At most one edit a layer.
    """
    start = min(edit.layer for edit in edits)
    with ExitStack() as hooks:
        if start > 0:
            hooks.enter_context(_handed_on([_block(model, layer) for layer in range(start)], first.before[start]))
        for edit in edits:
            hooks.enter_context(_edited(model, edit))
        return _enter_head(model, first.batch)


def logits(model: LanguageModel, hidden: Tensor) -> Tensor:
    """Logits (n, n_vocabulary) of hidden states (n, d) that enter the unembedding.

    The model is called on one token with the head's input exchanged, so that whatever it does to its logits after the
    head (caps, scales) is done here too.
    """

    def exchange(_: nn.Module, __: tuple[Any, ...]) -> tuple[Tensor]:
        return (hidden[None],)

    def keep(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        given.append(output.logits)

    given: list[Tensor] = []
    with ExitStack() as hooks:
        hooks.callback(_head(model).register_forward_pre_hook(exchange).remove)
        hooks.callback(model.module.register_forward_hook(keep).remove)
        _call(model, pad([_ONE_TOKEN]))
    return given[0][0]


def next_token_losses(model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """-log p(target) in nats, (n,), float64 on the CPU, for hidden states (n, d) and the tokens (n,) that follow."""
    rows = max(1, LOGIT_BYTES // (4 * _head(model).weight.shape[0]))
    losses = torch.empty(len(targets), dtype=torch.float64)
    with torch.inference_mode():
        for begin in range(0, len(targets), rows):
            part = slice(begin, begin + rows)
            scores = logits(model, hidden[part])
            scores = scores if scores.dtype == torch.float64 else scores.float()
            wanted = targets[part].to(scores.device)
            losses[part] = torch.nn.functional.cross_entropy(scores, wanted, reduction="none").to("cpu", torch.float64)
    return losses


_ONE_TOKEN = np.zeros(1, np.int32)


def _block(model: LanguageModel, layer: int) -> nn.Module:
    return model.module.get_submodule(model.layers[layer].block)


def _head(model: LanguageModel) -> nn.Linear:
    if model.unembedding is None or model.kind != "causal":
        raise UnsupportedModelError(
            f"{model.name} predicts no next token ({model.kind} without an unembedding), so there is no loss to "
            "change: use a causal language model"
        )
    return model.unembedding


def _call(model: LanguageModel, batch: Batch) -> None:
    call_trunk(model.module, batch, device=model.device, numbering=model.numbering)


def _enter_head(model: LanguageModel, batch: Batch) -> Tensor:
    """Run the model until its unembedding is called, and hand back what it is called with."""
    given: list[Tensor] = []

    def take(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        given.append(tensor_of(arguments))
        raise StopForward

    handle = _head(model).register_forward_pre_hook(take)
    try:
        _call(model, batch)
    finally:
        handle.remove()
    return given[0]


@contextmanager
def _handed_on(blocks: Sequence[nn.Module], output: Any) -> Iterator[None]:
    """Inside, these blocks compute nothing and give back `output`."""
    own = [block.__dict__.get("forward") for block in blocks]
    try:
        for block in blocks:
            block.__dict__["forward"] = lambda *_, **__: output
        yield
    finally:
        for block, forward in zip(blocks, own, strict=True):
            if forward is None:
                del block.__dict__["forward"]
            else:
                block.__dict__["forward"] = forward


@contextmanager
def _edited(model: LanguageModel, edit: Edit) -> Iterator[None]:
    """Inside, the neurons that enter the layer's output projection are changed."""

    def change(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        neurons = tensor_of(arguments)
        columns = edit.columns.to(neurons.device)
        changed = neurons.clone()
        shift = edit.shift.to(neurons)
        if shift.ndim > 1 and neurons.ndim == 2:  # some blocks put all tokens in one row
            shift = shift.reshape(-1, shift.shape[-1])
        changed[..., columns] = edit.factor * neurons[..., columns] + shift
        return (changed, *arguments[1:])

    handle = model.module.get_submodule(model.layers[edit.layer].mlp_out).register_forward_pre_hook(change)
    try:
        yield
    finally:
        handle.remove()
