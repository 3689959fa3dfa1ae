"""Where one layer of a transformer keeps its neurons: the names of the modules to read, and their widths.

In the paper's notation (section 3, equation 2) a block adds  W_proj sigma(W_fc LN(h) + b_fc) + b_proj  to the residual
stream, and its neurons are the input of W_proj. That is also the definition here, so gated blocks, where the input of
the output projection is  sigma(W_gate x) * (W_up x),  need no special case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sparseprobe.models.experts import Experts


@dataclass(frozen=True)
class Layer:
    """One transformer block: module names inside the whole model, and widths."""

    index: int
    """Position of the block, from 0."""
    block: str
    """The block; its output is the residual stream."""
    mlp_out: str
    """The MLP's output projection; its input are the neurons."""
    mlp_in: str
    """The projection from the residual stream to the neurons; in a gated MLP the linear one ("up")."""
    mlp_gate: str | None
    """The projection that enters the nonlinearity of a gated MLP, else None. Equal to `mlp_in` where both are fused."""
    attention_out: str | None
    """Attention's output projection, whose input are the heads' outputs; None where there is none to be found."""
    d_model: int
    """Width of the residual stream."""
    d_mlp: int
    """Number of neurons."""
    d_attention: int
    """Width of the heads' outputs together; 0 without attention."""
    gate_is_first: bool = True
    """In a fused gated projection: whether its first d_mlp outputs are the gate."""
    mlp_norm: str | None = None
    """The norm that the MLP's output goes through before it joins the residual stream (Gemma 2, OLMo 2), else None."""
    mlp_factor: float | None = 1.0
    """How many times it is added there (Granite); None where it is not just added, as where the sum is normalised."""
    experts: Experts | None = None
    """The experts of a mixture, whose neurons are the layer's; None in a layer with one MLP."""

    @property
    def gated(self) -> bool:
        """Whether a neuron is a product sigma(gate) * up."""
        return self.mlp_gate is not None

    @property
    def fused(self) -> bool:
        """Whether gate and up are the two halves of one projection."""
        return self.mlp_gate == self.mlp_in

    @property
    def in_columns(self) -> slice:
        """Outputs of `mlp_in` that belong to the neurons, in order."""
        return self._half(first=not self.gate_is_first) if self.fused else slice(0, self.d_mlp)

    @property
    def gate_columns(self) -> slice:
        """Outputs of `mlp_gate` that belong to the neurons, in order."""
        return self._half(first=self.gate_is_first) if self.fused else slice(0, self.d_mlp)

    def under(self, prefix: str) -> Layer:
        """The same layer with all names below `prefix`; an empty prefix or name stays out."""

        def below(name: str) -> str:
            return f"{prefix}.{name}".strip(".")

        return replace(
            self,
            block=below(self.block),
            mlp_out=below(self.mlp_out),
            mlp_in=below(self.mlp_in),
            mlp_gate=None if self.mlp_gate is None else below(self.mlp_gate),
            attention_out=None if self.attention_out is None else below(self.attention_out),
            mlp_norm=None if self.mlp_norm is None else below(self.mlp_norm),
            experts=self.experts
            and replace(
                self.experts,
                module=below(self.experts.module),
                shared_out=self.experts.shared_out and below(self.experts.shared_out),
            ),
        )

    def _half(self, *, first: bool) -> slice:
        return slice(0, self.d_mlp) if first else slice(self.d_mlp, 2 * self.d_mlp)
