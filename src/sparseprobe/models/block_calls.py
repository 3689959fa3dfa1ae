"""Observe how a model calls its blocks: one forward pass over five tokens, up to the last block that differs in build.

This gives `anatomy` an input for each kind of block, and answers two questions about the whole model by
behaviour: which list of modules are its blocks, and which norm comes after them. What the whole trunk does with
positions and padding is seen in `trunk_behaviour`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models.anatomy import N_POSITIONS, BlockCall, find_layer, mixes_positions
from sparseprobe.models.forward_pass import Batch, StopForward, call_trunk, pad
from sparseprobe.models.layer import Layer
from sparseprobe.models.trunk_behaviour import TrunkBehaviour, observe_trunk, probe_tokens


@dataclass(frozen=True)
class TrunkAnatomy:
    """The anatomy of a trunk, with all names relative to it."""

    layers: tuple[Layer, ...]
    """One record a block."""
    final_norm: str | None
    """The normalisation after the last block, None if there is none (encoders with norms inside the block)."""
    behaviour: TrunkBehaviour
    """How it numbers positions, and what tokens and padding do to each other."""


def examine_trunk(trunk: nn.Module, embedding: nn.Embedding) -> TrunkAnatomy:
    """Find the blocks of a trunk and, in each, the neurons.

    Raises `UnsupportedModelError` if there is no list of blocks, or the structure of a block is not known.
    """
    blocks_name, blocks = find_blocks(trunk)
    first_of_build: dict[tuple[object, ...], int] = {}
    builds = [_build(block) for block in blocks]
    for index, build in enumerate(builds):
        first_of_build.setdefault(build, index)
    batch = pad([np.array(probe_tokens(trunk, embedding, N_POSITIONS), np.int32)])
    calls, early = _watch_blocks(trunk, blocks, batch, embedding.weight.device, stop_at=max(first_of_build.values()))
    kinds = {build: find_layer(blocks[index], calls[index]) for build, index in first_of_build.items()}
    behaviour = observe_trunk(trunk, blocks, embedding)
    if behaviour.mixes and not any(mixes_positions(blocks[index], calls[index]) for index in first_of_build.values()):
        raise UnsupportedModelError(
            f"{type(trunk).__name__} attends outside {blocks_name}, the list of its MLPs, so it has no blocks of "
            "attention and MLP to read"
        )
    if [_build(block) for block in blocks] != builds:
        raise UnsupportedModelError(
            f"{type(trunk).__name__} exchanges its attention when it is given a short text, so a text is read "
            "otherwise alone than beside longer ones: load it with full attention (attention_type='original_full')"
        )
    return TrunkAnatomy(
        layers=tuple(
            replace(kinds[build].under(f"{blocks_name}.{index}"), index=index) for index, build in enumerate(builds)
        ),
        final_norm=_final_norm(trunk, blocks_name, calls[0].hidden.shape[-1], early),
        behaviour=behaviour,
    )


def find_blocks(trunk: nn.Module) -> tuple[str, list[nn.Module]]:
    """The name and the members of the trunk's list of blocks: the outermost list of modules with the most weights."""
    lists = {
        name: module for name, module in trunk.named_modules() if isinstance(module, nn.ModuleList) and len(module)
    }
    outer = [name for name in lists if not any(name.startswith(other + ".") for other in lists)]
    if not outer:
        raise UnsupportedModelError(
            f"{type(trunk).__name__} has no list of blocks, so it is not a transformer of a known structure"
        )
    name = max(outer, key=lambda name: sum(weight.numel() for weight in lists[name].parameters()))
    return name, list(lists[name])


def _build(block: nn.Module) -> tuple[object, ...]:
    """What two blocks share when they are built alike: names, types and shapes."""
    modules = tuple((name, type(module)) for name, module in block.named_modules())
    return modules, tuple((name, weight.shape) for name, weight in block.named_parameters())


def _watch_blocks(
    trunk: nn.Module, blocks: list[nn.Module], batch: Batch, device: torch.device, *, stop_at: int
) -> tuple[dict[int, BlockCall], set[str]]:
    """How each block up to `stop_at` is called, and which modules outside the blocks ran before them."""
    calls: dict[int, BlockCall] = {}
    early: set[str] = set()
    handles: list[RemovableHandle] = []

    def watch_block(index: int) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def hook(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            calls[index] = _block_call(blocks[index], arguments, keywords)

        return hook

    def watch_outside(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(_: nn.Module, __: tuple[Any, ...]) -> None:
            if not calls:
                early.add(name)

        return hook

    def stop(_: nn.Module, __: tuple[Any, ...], ___: Any) -> None:
        raise StopForward

    try:
        handles += [
            blocks[index].register_forward_pre_hook(watch_block(index), with_kwargs=True)
            for index in range(stop_at + 1)
        ]
        handles += [module.register_forward_pre_hook(watch_outside(name)) for name, module in trunk.named_modules()]
        handles.append(blocks[stop_at].register_forward_hook(stop))
        call_trunk(trunk, batch, device=device, numbering="own")
    finally:
        for handle in handles:
            handle.remove()
    if len(calls) <= stop_at:
        raise UnsupportedModelError(f"{type(trunk).__name__} does not call its blocks one after the other")
    return calls, early


def _block_call(block: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> BlockCall:
    rest = dict(keywords)
    hidden = arguments[0] if arguments else rest.pop("hidden_states", None)
    if not isinstance(hidden, Tensor) or hidden.ndim != 3 or hidden.shape[:2] != (1, N_POSITIONS):
        raise UnsupportedModelError(
            f"{type(block).__name__} is not called on one row of hidden states per token, so its neurons "
            "cannot be found"
        )
    return BlockCall(hidden.clone(), arguments[1:], rest)


def _final_norm(trunk: nn.Module, blocks_name: str, d_model: int, early: set[str]) -> str | None:
    """The one norm outside the blocks that did not run before them."""

    def is_norm(module: nn.Module) -> bool:
        shapes = [tuple(weight.shape) for weight in module.parameters(recurse=False)]
        return all(shape == (d_model,) for shape in shapes) and (
            bool(shapes) or "norm" in type(module).__name__.lower()
        )

    names = [
        name
        for name, module in trunk.named_modules()
        if name and not name.startswith(f"{blocks_name}.") and name not in early
        if not list(module.children()) and is_norm(module)
    ]
    return names[0] if len(names) == 1 else None
