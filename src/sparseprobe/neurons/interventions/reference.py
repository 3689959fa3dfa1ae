"""What neurons do on a reference text: the means that ablations put in their place, and neurons that are like them.

Neurons that are ablated for comparison must be as active as those in question, or the comparison shows no more than
that active neurons matter. A matched set has, for each neuron, a random one of the `NEAREST` in mean activation of its
layer.
Cost: one pass over the reference text up to the last layer; memory of d_mlp * (3 * 8 + POOL * 4) bytes a layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.keyed_random import generator
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.interventions.values import ClassMean
from sparseprobe.neurons.neuron_sets import NeuronSet, name_of
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, stream_text
from sparseprobe.progress import Progress

if TYPE_CHECKING:
    from sparseprobe.neurons.interventions.values import Value

POOL = 1024
"""Tokens that are resampled from."""
NEAREST = 20
"""Among how many neurons of similar mean activation a matched one is drawn."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics over the tokens of a reference text, for some layers."""

    mean: Mapping[int, NDArray[np.float64]]
    """For each layer (d_mlp,)."""
    class_mean: Mapping[int, NDArray[np.float64]]
    """For each layer (d_mlp,) over the tokens of one class; empty if no class was asked for."""
    pool: Mapping[int, NDArray[np.float32]]
    """For each layer (at most POOL, d_mlp): activations at random tokens."""

    @property
    def n_pool(self) -> int:
        """Tokens in the pool."""
        return len(next(iter(self.pool.values())))


def read_reference(
    model: LanguageModel,
    data: ProbingDataset,
    layers: Sequence[int],
    *,
    value: Value | None = None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Reference:
    """Read the neurons of some layers over all tokens of `data`.

    Raises `UnknownNameError` or `InputError` if `value` is the mean of a class that the text does not have.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> reference = read_reference(planted_model(), planted_text(4), [0])
    >>> reference.mean[0].shape, reference.pool[0].shape
    ((24,), (96, 24))
    """
    in_class = class_tokens(data, value.feature, value.label) if isinstance(value, ClassMean) else None
    n_pool = min(POOL, data.n_tokens)
    slot = np.full(data.n_tokens, -1)
    slot[generator(seed, "pool").permutation(data.n_tokens)[:n_pool]] = np.arange(n_pool)
    widths = {layer: model.width("mlp", layer) for layer in layers}
    sums = {layer: np.zeros((2, width)) for layer, width in widths.items()}
    pool = {layer: np.zeros((n_pool, width), np.float32) for layer, width in widths.items()}
    filled = np.zeros(n_pool, bool)
    counts = np.zeros(2)
    for places, values in stream_text(model, data, layers=layers, batch_tokens=batch_tokens, progress=progress):
        here = np.ones(len(places), bool) if in_class is None else in_class[places]
        counts += (len(places), here.sum())
        drawn = slot[places] >= 0
        filled[slot[places[drawn]]] = True
        for layer, activations in values.items():
            sums[layer] += activations.sum(0, dtype=np.float64), activations[here].sum(0, dtype=np.float64)
            pool[layer][slot[places[drawn]]] = activations[drawn]
    if not counts.all():
        raise InputError(f"the reference text of {data.name} has no token to take the mean over ({value})")
    return Reference(
        mean={layer: total[0] / counts[0] for layer, total in sums.items()},
        class_mean={layer: total[1] / counts[1] for layer, total in sums.items()} if in_class is not None else {},
        pool={layer: rows[filled] for layer, rows in pool.items()},
    )


def class_tokens(data: ProbingDataset, feature: str, label: int) -> NDArray[np.bool_]:
    """Which tokens of the dataset lie in an example with a label of a feature, (n_tokens,)."""
    if feature not in data.labels.columns:
        raise UnknownNameError("feature", feature, data.labels.columns)
    chosen = data.examples[(data.labels[feature] == label).to_numpy()]
    begin = data.sequences.offsets[chosen["sequence"].to_numpy()]
    edges = np.zeros(data.n_tokens + 1, np.int64)
    np.add.at(edges, begin + chosen["start"].to_numpy(), 1)
    np.add.at(edges, begin + chosen["stop"].to_numpy(), -1)
    return np.cumsum(edges[:-1]) > 0


def matched_sets(
    chosen: NeuronSet,
    reference: Reference,
    n: int,
    *,
    without: Iterable[Neuron] = (),
    seed: int = 0,
) -> list[NeuronSet]:
    """`n` random sets that are, neuron by neuron, of the same layer and of similar mean activation.

    They hold none of `chosen` and none of `without`. Raises `InputError` if a layer has too few neurons for that.
    """
    taken = set(chosen) | set(without)
    sets = []
    for number in range(n):
        draw = generator(seed, "matched", name_of(chosen), number)
        matched: list[Neuron] = []
        for neuron in chosen:
            means = reference.mean[neuron.layer]
            order = np.argsort(np.abs(means - means[neuron.index]), kind="stable")
            used = {other.index for other in (*taken, *matched) if other.layer == neuron.layer}
            near = [int(index) for index in order[: NEAREST + len(used)] if int(index) not in used][:NEAREST]
            if not near:
                raise InputError(
                    f"layer {neuron.layer} has no {len(chosen)} other neurons to compare {name_of(chosen)} with: "
                    "ablate fewer neurons at once, or pass controls=0"
                )
            matched.append(Neuron(neuron.layer, int(draw.choice(near))))
        sets.append(tuple(sorted(matched)))
    return sets
