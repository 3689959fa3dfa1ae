"""Run a model once, and then again only from the block in which something is changed.

The output of the block before the changed one is kept from the first pass; in the second, all blocks up to it hand that
output on instead of computing, so every later step (mask, positions, blocks, final norm, head) is the model's own code.
Changes that start at the same block go through the model together, side by side along the batch. Cost of an
intervention in layer l: blocks l to the last, and the head where a loss is asked for. Logits are made for some rows of
hidden states at a time, so memory is that of a plain forward pass and `LOGIT_BYTES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparseprobe.activations.site_reader import hook_place, place_of
from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import Batch, LanguageModel, Site, pad
from sparseprobe.models.experts import Experts, visit_experts
from sparseprobe.models.forward_pass import StopForward, call_trunk, tensor_of
from sparseprobe.neurons.interventions.edits import Edit

Place = tuple[int, Site]
"""A layer and a site of it."""
LOGIT_BYTES = 24 * 2**20
"""Bytes of logits that are held at once, at most."""
LARGE_LOGIT = 100.0
"""Logits that every cap in use would change."""


@dataclass(frozen=True, eq=False)
class FirstPass:
    """A pass over a batch with nothing changed, and what the passes after it reuse."""

    batch: Batch
    hidden: Tensor
    """(n_sequences, width, d), what enters the unembedding."""
    before: Mapping[int, Any]
    """For each layer above 0 that passes may start from: what the block before it gave back."""
    read: Mapping[Place, Tensor]
    """What was asked for beside: for each layer and site (n_sequences, width, d_site)."""


def first_pass(
    model: LanguageModel, batch: Batch, *, starts: Sequence[int] = (), read: Sequence[Place] = ()
) -> FirstPass:
    """Run all of `model` over `batch`; keep what passes that start at the layers `starts` need, and the sites `read`.

    Raises `UnsupportedModelError` for models that predict no next token.
    """
    kept: dict[int, Any] = {}
    found: dict[Place, Tensor] = {}
    with ExitStack() as hooks:
        for start in {start for start in starts if start > 0}:

            def keep(_: nn.Module, __: tuple[Any, ...], output: Any, start: int = start) -> None:
                kept[start] = output

            hooks.callback(_block(model, start - 1).register_forward_hook(keep).remove)
        for place in read:

            def take(value: object, place: Place = place) -> None:
                hidden = tensor_of(value)
                columns = place_of(model.layers[place[0]], place[1])[2]
                found[place] = hidden.reshape(*batch.tokens.shape, hidden.shape[-1])[..., columns]

            hooks.callback(hook_place(model, *place, take).remove)
        hidden = _enter_head(model, batch)
    return FirstPass(batch, hidden, kept, found)


def changed_pass(model: LanguageModel, first: FirstPass, changes: Sequence[Sequence[Edit]]) -> Tensor:
    """Hidden states (n_changes, n_sequences, width, d) before the unembedding, one change of some neurons each.

    All changes have the same first edited layer, which must be one of the `starts` of the first pass. At most one edit
    per layer and change.
    """
    (start,) = {min(edit.layer for edit in edits) for edits in changes}
    n = len(changes)
    by_layer: dict[int, dict[int, Edit]] = {}
    for number, edits in enumerate(changes):
        for edit in edits:
            by_layer.setdefault(edit.layer, {})[number] = edit
    with ExitStack() as hooks:
        if start > 0:
            output = _repeated(first.before[start], n)
            hooks.enter_context(_handed_on([_block(model, layer) for layer in range(start)], output))
        for layer, of_layer in by_layer.items():
            hooks.enter_context(_edited(model, layer, of_layer, n))
        batch = first.batch
        stacked = Batch(batch.tokens.repeat(n, 1), batch.mask.repeat(n, 1), np.tile(batch.first, n))
        hidden = _enter_head(model, stacked)
    return hidden.reshape(n, -1, *hidden.shape[1:])


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


def logits_of(model: LanguageModel) -> Callable[[Tensor], Tensor]:
    """A fast `logits` for many calls: the unembedding alone, where the model does nothing to its logits after it.

    That is tried on hidden states that give large logits, which a cap or a factor would change.
    """
    head = _head(model)
    with torch.inference_mode():
        longest = head.weight[head.weight.norm(dim=1).argmax()]
        hidden = LARGE_LOGIT * torch.stack([longest, -longest]) / longest.square().sum()
        if torch.equal(head(hidden[None])[0], logits(model, hidden)):
            return head
    return partial(logits, model)


def next_token_losses(
    model: LanguageModel,
    hidden: Tensor,
    targets: Tensor,
    *,
    read: Callable[[Tensor], Tensor] | None = None,
    logit_bytes: int = LOGIT_BYTES,
) -> Tensor:
    """-log p(target) in nats, (n,), float64 on the CPU, for hidden states (n, d) and the tokens (n,) that follow.

    `read` is what `logits_of` gave for the model, which saves finding it again.
    """
    read = read or logits_of(model)
    rows = max(1, logit_bytes // (4 * _head(model).weight.shape[0]))
    losses = torch.empty(len(targets), dtype=torch.float64)
    with torch.inference_mode():
        for begin in range(0, len(targets), rows):
            part = slice(begin, begin + rows)
            scores = read(hidden[part])
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
    """Run the model until its unembedding is called, and return its input."""
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
    """Inside, these blocks compute nothing and return `output`."""
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


def _repeated(output: Any, n: int) -> Any:
    """The output of a block for a batch, repeated `n` times along the batch."""
    if isinstance(output, Tensor):
        return output.repeat(n, *[1] * (output.ndim - 1))
    return tuple(_repeated(part, n) for part in output) if isinstance(output, tuple | list) else output


@contextmanager
def _edited(model: LanguageModel, layer: int, by_change: Mapping[int, Edit], n: int) -> Iterator[None]:
    """Inside, the neurons that enter the layer's output projection are changed; `n` changes stand along the batch."""

    def change(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        neurons = tensor_of(arguments).clone()
        parts = neurons.view(n, -1, neurons.shape[-1])  # some blocks put all tokens in one row
        for number, edit in by_change.items():
            edit.apply(parts[number])
        return (neurons, *arguments[1:])

    experts = model.layers[layer].experts
    if experts is not None:
        with _edited_experts(model, experts, by_change, n):
            yield
        return
    handle = model.module.get_submodule(model.layers[layer].mlp_out).register_forward_pre_hook(change)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _edited_experts(model: LanguageModel, experts: Experts, by_change: Mapping[int, Edit], n: int) -> Iterator[None]:
    """Inside, neurons of experts are changed where a token is routed to them; for other tokens they do not exist."""
    columns, tokens_of_change = experts.columns, 0

    def see_tokens(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        nonlocal tokens_of_change
        tokens_of_change = len(arguments[0]) // n

    def change(expert: int, tokens: Tensor, _: Tensor, neurons: Tensor) -> Tensor:
        changed = neurons.clone()
        for number, edit in by_change.items():
            here = (tokens // tokens_of_change == number).nonzero().flatten()
            part = edit.within(expert * columns.width, columns.width, tokens[here] % tokens_of_change)
            if part is not None and len(here):
                rows = changed[here]
                part.apply(rows)
                changed[here] = rows
        return changed

    def change_shared(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        changed = arguments[0].clone()
        parts = changed.view(n, -1, changed.shape[-1])
        for number, edit in by_change.items():
            everywhere = torch.arange(parts.shape[1])
            part = edit.within(columns.n_experts * columns.width, columns.shared_width, everywhere)
            if part is not None:
                part.apply(parts[number])
        return (changed, *arguments[1:])

    with ExitStack() as undo:
        module = model.module.get_submodule(experts.module)
        undo.callback(module.register_forward_pre_hook(see_tokens).remove)
        undo.callback(visit_experts(module, experts.weight, change).remove)
        if experts.shared_out is not None:
            shared = model.module.get_submodule(experts.shared_out)
            undo.callback(shared.register_forward_pre_hook(change_shared).remove)
        yield
