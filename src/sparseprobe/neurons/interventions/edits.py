"""What an intervention does to the neurons of one layer: a -> factor * a + shift, on both sides of 0 or on one.

Several neurons of a set are resampled from the same token, so what they do together stays. A neuron of which one side
is named (`L5.N701+`) is changed where it is on that side, and left as it is on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparseprobe.keyed_random import generator
from sparseprobe.neurons.interventions.reference_text import Reference
from sparseprobe.neurons.interventions.replacement import ClassMean, Fixed, Resampled, Scaled, Value
from sparseprobe.neurons.neuron_sets import NeuronSet


@dataclass(frozen=True, eq=False)
class Edit:
    """What is done to some neurons of one layer: a -> factor * a + shift."""

    layer: int
    columns: Tensor
    """(m,) int64, the neurons."""
    factor: float
    shift: Tensor
    """(m,), or (n_sequences, width, m) for a value of its own at each token of a batch."""
    side: Tensor | None = None
    """(m,) 1 or -1 where a neuron is changed on one side of 0 only, else 0; None where all are changed on both."""

    def apply(self, neurons: Tensor) -> None:
        """Change the neurons of a batch in place, (n_sequences * width, d_mlp)."""
        columns = self.columns.to(neurons.device)
        before, shift = neurons[:, columns], self.shift.to(neurons)
        after = self.factor * before + shift.reshape(-1, len(columns))
        if self.side is not None:
            side = self.side.to(neurons.device)
            after = torch.where((side == 0) | (before.sign() == side), after, before)
        neurons[:, columns] = after

    def within(self, first: int, width: int, tokens: Tensor) -> Edit | None:
        """The part of it for `width` columns from `first` on and for some tokens; None where there is none."""
        inside = (self.columns >= first) & (self.columns < first + width)
        if not inside.any():
            return None
        shift = self.shift[..., inside]
        return replace(
            self,
            columns=self.columns[inside] - first,
            shift=shift if shift.ndim == 1 else shift.reshape(-1, shift.shape[-1])[tokens.cpu()],
            side=None if self.side is None else self.side[inside],
        )


def edits(
    chosen: NeuronSet, value: Value, reference: Reference | None, draws: NDArray[np.int64] | None = None
) -> list[Edit]:
    """One edit for each layer of a set; `draws` (n_sequences, width) names tokens of the reference to resample."""
    found = []
    for layer in sorted({neuron.layer for neuron in chosen}):
        here = [neuron for neuron in chosen if neuron.layer == layer]
        index = np.array([neuron.index for neuron in here])
        factor, shift = 0.0, np.zeros(len(index))
        if isinstance(value, Fixed):
            shift = np.full(len(index), value.value)
        elif isinstance(value, Scaled):
            factor = value.factor
        elif reference is not None and isinstance(value, Resampled) and draws is not None:
            shift = reference.pool[layer][draws[..., None], index]
        elif reference is not None:
            means = reference.class_mean if isinstance(value, ClassMean) else reference.mean
            shift = means[layer][index]
        sides = torch.tensor([{"": 0, "+": 1, "-": -1}[neuron.sign] for neuron in here])
        found.append(
            Edit(
                layer,
                torch.from_numpy(index),
                factor,
                torch.from_numpy(np.asarray(shift)),
                sides if sides.any() else None,
            )
        )
    return found


def resampling_draws(
    value: Value, rows: NDArray[np.int64], width: int, n_pool: int, seed: int
) -> NDArray[np.int64] | None:
    """Which reference token each token of a batch is given, (n_sequences, width), keyed by sequence and position."""
    if not isinstance(value, Resampled):
        return None
    return np.stack([generator(seed, "resampled", int(row)).integers(n_pool, size=width) for row in rows])
