"""What the normalisation before the unembedding does once its scale is held fixed: a linear map, found by behaviour.

    LayerNorm  N(x) = gain * (x - mean(x)) / s(x) + bias       RMSNorm  N(x) = gain * x / s(x)

With the scale s frozen, a change v of the residual stream changes N by  gain * (v - mean(v)) / s  (without the mean for
RMSNorm). The gain is read off by calling a float64 copy of the module on a long vector of mean 0 and on its mirror
image, so that norms that keep their weight as 1 + w, or that have none, need no case of their own. Exact to float64,
or to float32 where a norm itself computes in float32.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.neurons.text_stream import BATCH_TOKENS, stream_text

if TYPE_CHECKING:
    from torch import Tensor

    from sparseprobe.datasets import ProbingDataset
    from sparseprobe.models import LanguageModel

LONG = 1e6
"""Root mean square of the probing vectors: the norm's epsilon is then below float64's rounding."""


@dataclass(frozen=True, eq=False)
class FoldedNorm:
    """The linear part of the final norm."""

    gain: Tensor
    """(d_model,) float64."""
    centred: bool
    """Whether the mean over the residual stream is taken away first."""

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
    d_model = model.d_model
    if model.final_norm is None:
        return FoldedNorm(torch.ones(d_model, dtype=torch.float64), centred=False)
    norm = copy.deepcopy(model.final_norm).to("cpu", torch.float64)
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
        f"the final norm of {model.name} ({type(model.final_norm).__name__}) is neither a LayerNorm nor an RMSNorm, so "
        "its scale cannot be frozen"
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
