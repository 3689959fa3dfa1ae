"""Read one site of some layers while the model runs over a batch.

A hook at each wanted place takes the labelled rows, aggregates them, rounds them to the stored precision and drops
the rest, so the memory of a batch is that of a plain forward pass. After the last wanted layer the pass is stopped: the
layers above it and the output head are never computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from sparseprobe.activations.aggregation import Spans, aggregate
from sparseprobe.activations.precision import STORED
from sparseprobe.choices import Aggregation, Precision, Site
from sparseprobe.errors import ResourceError
from sparseprobe.models import LanguageModel, Layer
from sparseprobe.models.experts import RoutedNeurons, Watching, watch_experts
from sparseprobe.models.forward_pass import Batch, StopForward, tensor_of

EXPERT_SITES = ("mlp", "mlp_weighted")
_TORCH = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def read_site(
    model: LanguageModel,
    batch: Batch,
    spans: Spans,
    *,
    layers: Sequence[int],
    site: Site,
    how: Aggregation,
    precision: Precision,
) -> dict[int, NDArray[Any]]:
    """Activations of the examples in a batch: for each layer (n_examples, width), in the dtype of storage.

    Raises `ResourceError` if memory runs out.
    """
    taken: dict[int, Tensor] = {}
    n_sequences, width = batch.tokens.shape

    def experts_taker(layer: Layer) -> Callable[[RoutedNeurons], None]:
        """Of the many columns of all experts, only rows of labelled tokens are laid out."""
        tokens, compact = spans.compact(width)

        def take(routed: RoutedNeurons) -> None:
            hidden = routed.rows(torch.from_numpy(tokens))[None]
            taken[layer.index] = aggregate(hidden, compact, how).to(_TORCH[precision])
            if len(taken) == len(layers):
                raise StopForward

        return take

    def taker(layer: Layer, columns: slice) -> Callable[[object], None]:
        def take(value: object) -> None:
            hidden = tensor_of(value)
            hidden = hidden.reshape(n_sequences, width, hidden.shape[-1])[..., columns]
            taken[layer.index] = aggregate(hidden, spans, how).to(_TORCH[precision])
            if len(taken) == len(layers):
                raise StopForward

        return take

    handles: list[RemovableHandle | Watching] = []
    try:
        for index in layers:
            layer = model.layers[index]
            if layer.experts is not None and site in EXPERT_SITES:
                weighted = site == "mlp_weighted"
                handles.append(watch_experts(model.module, layer.experts, experts_taker(layer), weighted=weighted))
                continue
            handles.append(hook_place(model, index, site, taker(layer, place_of(layer, site)[2])))
        model.run(batch)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        raise ResourceError(
            f"memory ran out on a batch of {n_sequences} x {width} tokens: set memory (--memory on the command line) "
            "lower, or take a smaller model, shorter texts or another device"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return {index: _to_numpy(taken[index], precision) for index in layers}


def place_of(layer: Layer, site: Site) -> tuple[str, str, slice]:
    """Where a site is read: a module's name, its "input" or its "output", and which columns of that.

    >>> from sparseprobe.models import Layer
    >>> layer = Layer(0, "h.0", "h.0.down", "h.0.up", "h.0.gate", "h.0.o", d_model=8, d_mlp=32, d_attention=8)
    >>> place_of(layer, "mlp")[:2], place_of(layer, "mlp_pre")[:2]
    (('h.0.down', 'input'), ('h.0.gate', 'output'))
    """
    everything = slice(None)
    if site == "mlp":
        return layer.mlp_out, "input", everything
    if site == "residual":
        return layer.block, "output", everything
    if site == "attention" and layer.attention_out is not None:
        return layer.attention_out, "input", everything
    if site != "mlp_up" and layer.mlp_gate is not None:
        return layer.mlp_gate, "output", layer.gate_columns
    return layer.mlp_in, "output", layer.in_columns


def hook_place(
    model: LanguageModel, layer: int, site: Site, take: Callable[[object], None]
) -> RemovableHandle | Watching:
    """Call `take` with what goes in or comes out where a site is read, every time that the model runs."""
    experts = model.layers[layer].experts
    if experts is not None and site in EXPERT_SITES:
        weighted = site == "mlp_weighted"
        return watch_experts(model.module, experts, lambda routed: take(routed.dense()), weighted=weighted)
    name, side, _ = place_of(model.layers[layer], site)
    module = model.module.get_submodule(name)
    if side == "input":
        return module.register_forward_pre_hook(lambda _, arguments: take(arguments))
    return module.register_forward_hook(lambda _, __, output: take(output))


def _out_of_memory(error: Exception) -> bool:
    """Whether this says that there is no memory left; on a CPU torch says so in a plain `RuntimeError`."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)


def _to_numpy(rows: Tensor, precision: Precision) -> NDArray[Any]:
    rows = rows.to("cpu").contiguous()
    if precision == "bfloat16":
        rows = rows.view(torch.int16)
    values: NDArray[Any] = rows.numpy().view(STORED[precision])
    return np.ascontiguousarray(values)
