"""Find the neurons of a transformer by what its modules do, so that no list of model names is needed.

Every block is run on five hidden states, once as they are and once with the first of them changed:

- **attention** is the part that carries information between positions: its input at the later positions is the same in
  both runs, its output is not. Its output projection is the linear map inside it whose *input* already differs.
- **the MLP's output projection** is, among the other linear maps to the residual stream, the widest one, called last.
- **the MLP's input projections** map the residual stream to that width, or to twice that width where gate and up are
  fused. Of two, the linear one ("up") is the one whose output times -2 makes every neuron -2 times as large.
- **the MLP's own norm**, where it has one, is given what the output projection gave; how many times its output is added
  to the residual stream is read off by adding something to it.

The method is ours. It needs no tolerance for attention, since a row of a matrix product depends on no other row. Cost:
four to eight runs of each kind of block over five positions; most models have one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models.experts import Experts, find_output_weight, find_stacked
from sparseprobe.models.forward_pass import tensor_of
from sparseprobe.models.layer import Layer
from sparseprobe.neuron import ExpertColumns

N_POSITIONS = 5


@dataclass(frozen=True)
class BlockCall:
    """What a block is called with in a forward pass over `N_POSITIONS` tokens."""

    hidden: Tensor
    """(1, N_POSITIONS, d_model)."""
    arguments: tuple[Any, ...]
    """Positional arguments after the hidden states."""
    keywords: Mapping[str, Any]
    """Keyword arguments other than the hidden states."""


@dataclass(frozen=True)
class _Seen:
    """What went into and came out of a submodule, at the later positions, and when it was called."""

    order: int
    given: Tensor
    gave: Tensor


def find_layer(block: nn.Module, call: BlockCall) -> Layer:
    """The anatomy of one block, with module names relative to it (`index` 0, `block` empty).

    Raises `UnsupportedModelError` if the structure of its MLP or its experts is not known.
    """
    before = _watch(block, call, call.hidden)
    after = _watch(block, call, _change(call.hidden, 0))
    mixers = [name for name in before if _mixes(before[name], after[name])]
    mixers = [name for name in mixers if not any(name.startswith(other + ".") for other in mixers)]

    def in_attention(name: str) -> bool:
        return any(name == mixer or name.startswith(mixer + ".") for mixer in mixers)

    stacked = find_stacked(block, lambda name: not in_attention(name))
    d_model = call.hidden.shape[-1]
    widths = {name: projection_widths(block.get_submodule(name)) for name in before}
    linear = {name: width for name, width in widths.items() if width is not None}
    heads = [
        name
        for name, (_, out) in linear.items()
        if in_attention(name) and out == d_model and not torch.equal(before[name].given, after[name].given)
    ]
    attention: dict[str, Any] = {
        "attention_out": heads[0] if len(heads) == 1 else None,
        "d_attention": linear[heads[0]][0] if len(heads) == 1 else 0,
    }
    mlp = {name: width for name, width in linear.items() if not in_attention(name)}
    if stacked is not None:
        return _mixture(block, call, stacked, mlp, attention)
    outs = [name for name, (_, out) in mlp.items() if out == d_model]
    if not outs:
        raise UnsupportedModelError(_no_mlp(block, "no linear map outside attention leads to the residual stream"))
    mlp_out = max(outs, key=lambda name: (mlp[name][0], before[name].order))
    d_mlp = mlp[mlp_out][0]
    norm = _own_norm(block, before, mlp_out, in_attention)
    layer = Layer(
        index=0,
        block="",
        mlp_out=mlp_out,
        mlp_in="",
        mlp_gate=None,
        d_model=d_model,
        d_mlp=d_mlp,
        **attention,
        mlp_norm=norm,
        mlp_factor=_times_added(block, call, norm or mlp_out),
    )
    ins = [name for name in mlp if name != mlp_out and before[name].order < before[mlp_out].order]
    ins = sorted((name for name in ins if mlp[name][0] == d_model), key=lambda name: before[name].order)
    plain = [name for name in ins if mlp[name][1] == d_mlp]
    fused = [name for name in ins if mlp[name][1] == 2 * d_mlp]
    if len(plain) == 1:
        return replace(layer, mlp_in=plain[0])
    if len(plain) == 2:
        return _name_gate(block, call, layer, plain)
    if len(fused) == 1:
        return _name_fused_halves(block, call, layer, fused[0])
    reason = f"{len(ins)} linear maps lead from the residual stream to its {d_mlp} neurons"
    raise UnsupportedModelError(_no_mlp(block, reason))


def mixes_positions(block: nn.Module, call: BlockCall) -> bool:
    """Whether a position of the block's output depends on another position of its input."""
    plain = _output(block, call, call.hidden)
    later = _output(block, call, _change(call.hidden, 0))[:, 1:]
    earlier = _output(block, call, _change(call.hidden, -1))[:, :-1]
    return not (torch.equal(plain[:, 1:], later) and torch.equal(plain[:, :-1], earlier))


def projection_widths(module: nn.Module) -> tuple[int, int] | None:
    """(inputs, outputs) of a linear map, in either of the ways in which Hugging Face models write one, else None."""
    if isinstance(getattr(module, "in_features", None), int) and isinstance(getattr(module, "out_features", None), int):
        return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]
    if isinstance(getattr(module, "nx", None), int) and isinstance(getattr(module, "nf", None), int):
        return int(module.nx), int(module.nf)  # type: ignore[arg-type] # GPT-2's Conv1D
    return None


# ---------------------------------------------------------------- running a block


def _output(block: nn.Module, call: BlockCall, hidden: Tensor) -> Tensor:
    with torch.inference_mode():
        return tensor_of(block(hidden, *call.arguments, **call.keywords)).clone()


def _change(hidden: Tensor, position: int) -> Tensor:
    """`hidden` with one position mirrored, which no normalisation undoes."""
    changed = hidden.clone()
    changed[:, position] = hidden[:, position].flip(-1)
    return changed


def _watch(block: nn.Module, call: BlockCall, hidden: Tensor) -> dict[str, _Seen]:
    """Inputs and outputs of every submodule that works on one row per position."""
    seen: dict[str, _Seen] = {}
    handles: list[RemovableHandle] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def hook(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            given = _rows((*arguments, *keywords.values()))
            gave = _rows(output if isinstance(output, tuple | list) else (output,))
            if given is not None and gave is not None:
                seen.setdefault(name, _Seen(len(seen), given, gave))

        return hook

    try:
        for name, module in block.named_modules():
            if name:
                handles.append(module.register_forward_hook(watch(name), with_kwargs=True))
        _output(block, call, hidden)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _rows(values: tuple[Any, ...] | list[Any]) -> Tensor | None:
    """The later positions of the first tensor with one row per position, (N_POSITIONS - 1, width), else None."""
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point():
            if value.ndim == 3 and value.shape[:2] == (1, N_POSITIONS):
                return value[0, 1:].clone()
            if value.ndim == 2 and value.shape[0] == N_POSITIONS:
                return value[1:].clone()
    return None


def _mixes(before: _Seen, after: _Seen) -> bool:
    return torch.equal(before.given, after.given) and not torch.equal(before.gave, after.gave)


# ---------------------------------------------------------------- the way to the residual stream


def _own_norm(
    block: nn.Module, seen: Mapping[str, _Seen], mlp_out: str, in_attention: Callable[[str], bool]
) -> str | None:
    """The module that does something to the MLP's output before it is added to anything."""
    written = seen[mlp_out]
    for name, one in seen.items():
        if one.order < written.order or in_attention(name) or list(block.get_submodule(name).children()):
            continue
        if torch.equal(one.given, written.gave) and not torch.equal(one.gave, one.given):
            return name
    return None


def _times_added(block: nn.Module, call: BlockCall, name: str) -> float | None:
    """The c for which the block gives c * d more when the output of a submodule is larger by d; None if there is none.

    d is of the size of the block's output, so the rounding of that output is all that c can be off by.
    """
    plain = _output(block, call, call.hidden)
    size = float(plain.abs().max()) or 1.0
    more = size * torch.cos(torch.arange(plain.numel(), device=plain.device)).reshape(plain.shape).to(plain.dtype)

    def add(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output + more.reshape(output.shape).to(output)

    handle = block.get_submodule(name).register_forward_hook(add)
    try:
        change = (_output(block, call, call.hidden) - plain).double()
    finally:
        handle.remove()
    step, rounding = more.double(), 4 * torch.finfo(plain.dtype).eps
    factor = float((change * step).sum() / step.square().sum())
    if (change - factor * step).abs().max() > rounding * (1 + abs(factor)) * size:
        return None
    return 1.0 if abs(factor - 1) <= rounding else factor


# ---------------------------------------------------------------- gates and experts


def _name_gate(block: nn.Module, call: BlockCall, layer: Layer, names: list[str]) -> Layer:
    """Distinguish gate from up. Where both are linear (or the block is all zero) the one called first is the gate."""
    for gate, up in (names, names[::-1]):
        candidate = replace(layer, mlp_in=up, mlp_gate=gate)
        if _up_is_linear(block, call, candidate):
            return candidate
    raise UnsupportedModelError(_no_mlp(block, "its two input projections are not gate and up"))


def _name_fused_halves(block: nn.Module, call: BlockCall, layer: Layer, name: str) -> Layer:
    for gate_is_first in (True, False):
        candidate = replace(layer, mlp_in=name, mlp_gate=name, gate_is_first=gate_is_first)
        if _up_is_linear(block, call, candidate):
            return candidate
    raise UnsupportedModelError(_no_mlp(block, "the halves of its fused input projection are not gate and up"))


def _up_is_linear(block: nn.Module, call: BlockCall, layer: Layer) -> bool:
    """Whether neurons become -2 times as large when the output of `mlp_in` does; a ReLU passes +2 but not -2."""
    plain, scaled = _neurons(block, call, layer, 1.0), _neurons(block, call, layer, -2.0)
    return bool((scaled + 2 * plain).abs().max() <= 0.01 * plain.abs().max())


def _neurons(block: nn.Module, call: BlockCall, layer: Layer, factor: float) -> Tensor:
    """The neurons with the outputs of `mlp_in` times `factor`, in float32.

    Gate and up are first brought to the size of 4, where no nonlinearity looks linear and no half precision rounds away
    what is to be seen.
    """

    def brought_to_size(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output * (4 / output.abs().max().clamp(min=torch.finfo(output.dtype).tiny))

    def scaled(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        output = output.clone()
        output[..., layer.in_columns] *= factor
        return output

    names = {layer.mlp_in, layer.mlp_gate or layer.mlp_in}
    handles = [block.get_submodule(name).register_forward_hook(brought_to_size) for name in names]
    handles.append(block.get_submodule(layer.mlp_in).register_forward_hook(scaled))
    try:
        return _watch(block, call, call.hidden)[layer.mlp_out].given.float()
    finally:
        for handle in handles:
            handle.remove()


def _mixture(
    block: nn.Module,
    call: BlockCall,
    stacked: str,
    linear: Mapping[str, tuple[int, int]],
    attention: Mapping[str, Any],
) -> Layer:
    """A layer of experts: the stacked ones, and the widest linear map back to the residual stream as a shared one's."""
    d_model = call.hidden.shape[-1]
    weight, width = find_output_weight(block, stacked, lambda: _output(block, call, call.hidden))
    shared = [name for name, (_, out) in linear.items() if out == d_model]
    shared_out = max(shared, key=lambda name: linear[name][0]) if shared else None
    columns = ExpertColumns(
        n_experts=len(block.get_submodule(stacked).get_parameter(weight)),
        width=width,
        shared_width=linear[shared_out][0] if shared_out else 0,
    )
    return Layer(
        index=0,
        block="",
        mlp_out=stacked,
        mlp_in=stacked,
        mlp_gate=None,
        d_model=d_model,
        d_mlp=columns.total,
        mlp_factor=None,
        experts=Experts(stacked, weight, shared_out, columns),
        **attention,
    )


def _no_mlp(block: nn.Module, reason: str) -> str:
    return (
        f"cannot find the neurons of {type(block).__name__}: {reason}; supported are transformer blocks with "
        "one plain or gated MLP"
    )
