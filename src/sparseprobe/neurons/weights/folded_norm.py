"""The linear map of a normalisation whose scale is held fixed, found from its behaviour.

Two are on the path from a neuron to the logits: the one before the unembedding, and in some models one that the MLP's
output goes through before it joins the residual stream (Gemma 2 and 3, OLMo 2).

    LayerNorm  N(x) = gain * (x - mean(x)) / s(x) + bias       RMSNorm  N(x) = gain * x / s(x)

With the scale s frozen, a change v of the residual stream changes N by  gain * (v - mean(v)) / s  (without the mean for
RMSNorm). The gain is read off by calling a float64 copy of the module on a long vector of mean 0 and on its mirror
image, so that norms that keep their weight as 1 + w, or that have none, need no case of their own. Exact to float64,
or to float32 where a norm itself computes in float32.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, stream_text

LONG = 1e6
"""Root mean square of the probing vectors: the norm's epsilon is then below float64's rounding."""


@dataclass(frozen=True, eq=False)
class FoldedNorm:
    """The linear part of a norm."""

    gain: Tensor
    """(d_model,) float64."""
    centred: bool
    """Whether the mean over the residual stream is subtracted first."""

    def __call__(self, change: Tensor) -> Tensor:
        """What a change (n, d_model) of the residual stream is after the norm, times the frozen scale s."""
        change = change.to(self.gain)
        return self.gain * (change - change.mean(-1, keepdim=True) if self.centred else change)

    def scale(self, residual: Tensor) -> Tensor:
        """S of residual streams (n, d_model), epsilon left out: (n,)."""
        centred = residual - residual.mean(-1, keepdim=True) if self.centred else residual
        return centred.square().mean(-1).sqrt()


def folded_norm(model: LanguageModel) -> FoldedNorm:
    """The final norm's linear part; the identity for a model without one.

    Raises `UnsupportedModelError` if it is neither a LayerNorm nor an RMSNorm by what it does.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> norm = folded_norm(planted_model())
    >>> norm.centred, norm.gain.shape
    (True, torch.Size([56]))
    """
    return _linear_part(model.final_norm, model.d_model, f"the final norm of {model.name}")


def folded_mlp_norm(model: LanguageModel, layer: int) -> FoldedNorm:
    """The linear part of the norm that the output of a layer's MLP goes through alone; the identity without one.

    Raises `UnsupportedModelError` if it is neither a LayerNorm nor an RMSNorm by what it does.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> bool((folded_mlp_norm(planted_model(), 0).gain == 1).all())
    True
    """
    name = model.layers[layer].mlp_norm
    module = None if name is None else model.module.get_submodule(name)
    return _linear_part(module, model.d_model, f"the norm of the MLP's output in layer {layer} of {model.name}")


def _linear_part(module: nn.Module | None, d_model: int, what: str) -> FoldedNorm:
    if module is None:
        return FoldedNorm(torch.ones(d_model, dtype=torch.float64), centred=False)
    norm = copy.deepcopy(module).to("cpu", torch.float64)
    pattern = _unit_pattern(d_model)
    level = torch.ones(d_model, dtype=torch.float64)
    with torch.inference_mode():
        plus, minus = norm(LONG * pattern), norm(-LONG * pattern)
        gain = ((plus - minus) / 2 / pattern).clone()
        lifted = norm(LONG * (pattern + level))
        bias = (plus + minus) / 2
    expected = {True: gain * pattern + bias, False: gain * (pattern + level) / 2**0.5 + bias}
    for centred, value in expected.items():
        if torch.allclose(lifted.to(value), value, rtol=1e-4, atol=1e-4):
            return FoldedNorm(gain, centred)
    raise UnsupportedModelError(
        f"{what} ({type(module).__name__}) is neither a LayerNorm nor an RMSNorm, so its scale cannot be frozen"
    )


def mean_inverse_scale(model: LanguageModel, data: ProbingDataset, *, batch_tokens: int = BATCH_TOKENS) -> float:
    """Mean over all tokens of 1 / s before the unembedding: what turns effects at scale 1 into logits on this text."""
    norm = folded_norm(model)
    if model.final_norm is None:
        return 1.0
    last = model.n_layers - 1
    total, count = 0.0, 0
    for places, values in stream_text(model, data, layers=[last], site="residual", batch_tokens=batch_tokens):
        total += float((1 / norm.scale(torch.from_numpy(values[last]).double())).sum())
        count += len(places)
    return total / count


def _unit_pattern(n: int) -> Tensor:
    """Mean 0, root mean square 1, no zeros: signs in turn, and 1 1 -2 at the end of an odd number."""
    values = np.resize([1.0, -1.0], n)
    if n % 2:
        values[-3:] = (1, 1, -2)
    return torch.from_numpy(values / np.sqrt(np.mean(values**2)))
