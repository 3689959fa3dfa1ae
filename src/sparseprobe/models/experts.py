"""The experts of a layer whose weights are stacked in one module: what enters their output projections, and its change.

transformers keeps the experts of a mixture as weights of three dimensions and multiplies one slice of them after the
other with the tokens that are routed there. While such a module runs, a `TorchFunctionMode` sees which slice of the
output weights is taken and what it is multiplied with: these are the neurons of this expert, one row per routed token.
Names of classes and weights are not used. The module runs its plain loop over experts meanwhile, whichever
faster way it is set to otherwise; cost and memory are those of the tokens that are routed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.neuron import ExpertColumns

Visit = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Of expert, tokens (n,), their router weights (n,) and neurons (n, width): the neurons to go on with."""


@dataclass(frozen=True)
class Experts:
    """Where a layer keeps its experts; module names as in `Layer`."""

    module: str
    """The module with the stacked weights of the routed experts."""
    weight: str
    """Its parameter with their output projections."""
    shared_out: str | None
    """The output projection of the shared expert, which all tokens pass; None where there is none."""
    columns: ExpertColumns
    """Which columns of the layer belong to which expert."""


@dataclass(frozen=True, eq=False)
class RoutedNeurons:
    """The neurons of all experts for the tokens of a batch; what is not here is 0."""

    columns: ExpertColumns
    n_tokens: int
    pieces: list[tuple[int, Tensor, Tensor]]
    """Expert, its tokens (n,), and their neurons (n, width)."""
    shared: Tensor | None
    """(n_tokens, shared width)."""

    def rows(self, tokens: Tensor) -> Tensor:
        """(n, n_columns) neurons of some tokens, each named once."""
        like = self.shared if self.shared is not None else self.pieces[0][2]
        found = like.new_zeros(len(tokens), self.columns.total)
        place = torch.full((self.n_tokens,), -1, device=like.device)
        place[tokens.to(like.device)] = torch.arange(len(tokens), device=like.device)
        for expert, routed, neurons in self.pieces:
            wanted = place[routed] >= 0
            begin = expert * self.columns.width
            found[place[routed][wanted], begin : begin + self.columns.width] = neurons[wanted]
        if self.shared is not None:
            found[:, self.columns.n_experts * self.columns.width :] = self.shared[tokens.to(like.device)]
        return found

    def dense(self) -> Tensor:
        """(n_tokens, n_columns)."""
        return self.rows(torch.arange(self.n_tokens))


class Watching:
    """Something to undo by `remove`, as a hook of torch."""

    def __init__(self, *undo: Callable[[], object]) -> None:
        self._undo = undo

    def remove(self) -> None:
        """Undo it."""
        for each in self._undo:
            each()


def visit_experts(module: nn.Module, weight: str, visit: Visit) -> Watching:
    """Until it is removed, `visit` sees, and may change, what enters the output projection of each expert."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        hidden, index, weights = _routing((*args, *kwargs.values()))

        def routed(expert: int, tokens: Tensor, neurons: Tensor) -> Tensor:
            given = torch.where(index[tokens] == expert, weights[tokens], 0).sum(-1)
            return visit(expert, tokens, given, neurons)

        with _ExpertCalls(hidden, module.get_parameter(weight), routed):
            return inspect.unwrap(type(module).forward)(module, *args, **kwargs)

    module.__dict__["forward"] = forward
    return Watching(lambda: module.__dict__.pop("forward"))


def watch_experts(
    trunk: nn.Module, experts: Experts, take: Callable[[RoutedNeurons], None], *, weighted: bool = False
) -> Watching:
    """Until it is removed, `take` is given the neurons of all experts each time that they ran.

    With `weighted` those of routed experts are times the router's weight.
    """
    pieces: list[tuple[int, Tensor, Tensor]] = []
    seen: dict[str, Any] = {}

    def visit(expert: int, tokens: Tensor, given: Tensor, neurons: Tensor) -> Tensor:
        pieces.append((expert, tokens, neurons * given[:, None].to(neurons) if weighted else neurons))
        return neurons

    def finish() -> None:
        if "n_tokens" in seen and (experts.shared_out is None or "shared" in seen):
            routed = RoutedNeurons(experts.columns, seen["n_tokens"], list(pieces), seen.get("shared"))
            seen.clear()
            pieces.clear()
            take(routed)

    def routed_done(_: nn.Module, arguments: tuple[Any, ...], __: Any) -> None:
        seen["n_tokens"] = len(arguments[0])
        finish()

    def shared_done(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen["shared"] = arguments[0].reshape(-1, arguments[0].shape[-1])
        finish()

    module = trunk.get_submodule(experts.module)
    undo = [visit_experts(module, experts.weight, visit).remove, module.register_forward_hook(routed_done).remove]
    if experts.shared_out is not None:
        undo.append(trunk.get_submodule(experts.shared_out).register_forward_pre_hook(shared_done).remove)
    return Watching(*undo)


def find_stacked(block: nn.Module, outside: Callable[[str], bool]) -> str | None:
    """The module of a block, outside attention, with several stacked weights of several experts; None if none has.

    Raises `UnsupportedModelError` for weights of three dimensions that are not such a stack.
    """
    stacked = [name for name, weight in block.named_parameters() if weight.ndim > 2 and outside(name)]
    modules = sorted({name.rpartition(".")[0] for name in stacked})
    if not stacked:
        return None
    if len(modules) != 1 or len(stacked) < 2 or any(len(block.get_parameter(name)) < 2 for name in stacked):
        raise UnsupportedModelError(
            f"cannot find the neurons of {type(block).__name__}: weights outside attention are not linear maps of one "
            "token, nor one stack of experts"
        )
    return modules[0]


def find_output_weight(block: nn.Module, name: str, run: Callable[[], object]) -> tuple[str, int]:
    """The parameter of a module of experts that projects out of them, and the number of an expert's neurons.

    `run` calls the block. The other stacked weights are multiplied with the module's own input.
    """
    module = block.get_submodule(name)
    found = []
    for weight, values in module.named_parameters(recurse=False):
        if values.ndim != 3:
            continue
        given: list[Tensor] = []
        inputs: list[Tensor] = []

        def visit(
            _: int, tokens: Tensor, __: Tensor, neurons: Tensor, given: list[Tensor] = given, inputs: Any = inputs
        ) -> Tensor:
            given.append(neurons)
            inputs.append(tokens)
            return neurons

        hidden: list[Tensor] = []
        keep = module.register_forward_pre_hook(lambda _, arguments, hidden=hidden: hidden.append(arguments[0]))
        watching = visit_experts(module, weight, visit)
        try:
            run()
        finally:
            watching.remove()
            keep.remove()
        if given and not _are_rows_of(hidden[0], inputs, given):
            found.append((weight, given[0].shape[-1]))
    if len(found) != 1:
        raise UnsupportedModelError(
            f"cannot find the neurons of {type(block).__name__}: it is a mixture of experts, and its {name} "
            "does not multiply the tokens of each expert with a slice of its stacked weights"
        )
    return found[0]


def _are_rows_of(hidden: Tensor, tokens: Iterable[Tensor], given: Iterable[Tensor]) -> bool:
    return all(
        rows.shape[-1] == hidden.shape[-1] and torch.equal(hidden[places], rows)
        for places, rows in zip(tokens, given, strict=True)
    )


def _routing(arguments: tuple[Any, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states (n, d), and for each token the experts (n, top k) and their weights, whatever their order."""
    tensors = [one for one in arguments if isinstance(one, Tensor)]
    index = next((one for one in tensors if not one.is_floating_point()), None)
    weights = [one for one in tensors[1:] if index is not None and one.is_floating_point() and one.shape == index.shape]
    if index is None or not weights:
        raise UnsupportedModelError("its experts are not called on tokens, the experts of each and their weights")
    return tensors[0], index, weights[0]


class _ExpertCalls(TorchFunctionMode):
    """Sees `stacked[expert]`, and the product of that slice with the tokens last taken from `hidden`."""

    def __init__(self, hidden: Tensor, stacked: Tensor, visit: Callable[[int, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._hidden, self._stacked, self._visit = hidden, stacked, visit
        self._tokens: Tensor | None = None
        self._slice: tuple[int, Tensor] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        takes = func is Tensor.__getitem__
        if takes and args[0] is self._hidden:
            self._tokens = args[1]
        if self._slice is not None and self._tokens is not None and any(one is self._slice[1] for one in args[1:]):
            args = (self._visit(self._slice[0], self._tokens, args[0]), *args[1:])
            self._slice = None
        result = func(*args, **(kwargs or {}))
        if takes and args[0] is self._stacked and (isinstance(args[1], int) or getattr(args[1], "ndim", 1) == 0):
            self._slice = int(args[1]), result
        return result
