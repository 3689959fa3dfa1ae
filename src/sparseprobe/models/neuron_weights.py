"""Weights of a layer's neurons, one row per neuron, whatever the layout of the checkpoint.

Neuron j of a plain MLP is  a_j = sigma(W_in[j] . x + b_in[j])  and adds  a_j W_out[j]  to the MLP's output; of a gated
one sigma(W_gate[j] . x + b_gate[j]) * (W_in[j] . x + b_in[j]). x is the normalised residual stream. The output of the
MLP is added to the residual stream, in some models after a factor or a norm of its own (see `Layer`). All are views of
the model's own weights: an in-place change changes the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models.anatomy import projection_widths
from sparseprobe.models.layer import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class NeuronWeights:
    """Input and output weights of d_mlp neurons."""

    W_in: Tensor
    """(d_mlp, d_model); in a gated MLP the linear factor's ("up")."""
    b_in: Tensor | None
    """(d_mlp,), None where the model has no such bias."""
    W_out: Tensor
    """(d_mlp, d_model), what one unit of each neuron adds to the MLP's output."""
    b_out: Tensor | None
    """(d_model,), added once."""
    W_gate: Tensor | None = None
    """(d_mlp, d_model), None in a plain MLP."""
    b_gate: Tensor | None = None
    """(d_mlp,)."""


def read_neuron_weights(module: nn.Module, layer: Layer) -> NeuronWeights:
    """The weights of one layer's neurons, detached views.

    Raises `UnsupportedModelError` where the checkpoint does not hold them as plain matrices (quantised, off-loaded).
    """
    W_in, b_in = _matrix(module, layer.mlp_in)
    W_out, b_out = _matrix(module, layer.mlp_out)
    rows = layer.in_columns
    plain = NeuronWeights(W_in[rows], None if b_in is None else b_in[rows], W_out.T, b_out)
    if layer.mlp_gate is None:
        return plain
    W_gate, b_gate = _matrix(module, layer.mlp_gate)
    rows = layer.gate_columns
    bias = None if b_gate is None else b_gate[rows]
    return NeuronWeights(plain.W_in, plain.b_in, plain.W_out, plain.b_out, W_gate[rows], bias)


def _matrix(module: nn.Module, name: str) -> tuple[Tensor, Tensor | None]:
    """Weight (outputs, inputs) and bias (outputs,) of a linear map."""
    projection = module.get_submodule(name)
    weight, bias = projection.get_parameter("weight").detach(), getattr(projection, "bias", None)
    inputs, outputs = projection_widths(projection) or (0, 0)
    matrix = weight.T if hasattr(projection, "nx") else weight
    if weight.is_meta or matrix.shape != (outputs, inputs) or not matrix.is_floating_point():
        raise UnsupportedModelError(
            f"the weights of {name} are quantised or off-loaded, so they cannot be read: load the model in full "
            "precision"
        )
    return matrix, None if bias is None else bias.detach()
