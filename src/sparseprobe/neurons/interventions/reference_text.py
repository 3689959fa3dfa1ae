"""What neurons do on a reference text: the means that ablations put in their place, and neurons that are like them.

Neurons that are ablated for comparison must be as active as those in question, or the comparison shows no more than
that active neurons matter. A matched set has, for each neuron, a random one of the `NEAREST` in mean activation of its
layer.
Cost: one pass over the reference text up to the last layer; memory of d_mlp * (3 * 8 + POOL * 4) bytes per layer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.artefacts import whole_file
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.keyed_random import generator
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.interventions.replacement import ClassMean, Value
from sparseprobe.neurons.neuron_sets import NeuronSet, name_of
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, class_tokens, stream_text
from sparseprobe.progress import Progress

POOL = 1024
"""Tokens that are resampled from."""
NEAREST = 20
"""Among how many neurons of similar mean activation a matched one is drawn."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Statistics over the tokens of a reference text, for some layers."""

    mean: dict[int, NDArray[np.float64]]
    """For each layer (d_mlp,)."""
    class_mean: dict[int, NDArray[np.float64]]
    """For each layer (d_mlp,) over the tokens of one class; empty if no class was asked for."""
    pool: dict[int, NDArray[np.float32]]
    """For each layer (at most POOL, d_mlp): activations at random tokens."""

    @property
    def n_pool(self) -> int:
        """Tokens in the pool."""
        return len(next(iter(self.pool.values())))

    @classmethod
    def load(cls, files: Mapping[int, Path]) -> Reference:
        """What `save` wrote for each layer."""
        parts: dict[str, dict[int, Any]] = {"mean": {}, "class_mean": {}, "pool": {}}
        for layer, file in files.items():
            with np.load(file, allow_pickle=False) as saved:
                for name in saved.files:
                    parts[name][layer] = saved[name]
        return cls(**parts)

    def save(self, layer: int, file: Path) -> None:
        """Write the statistics of one layer, whole or not at all."""
        arrays = {name: part[layer] for name, part in vars(self).items() if layer in part}
        with whole_file(file) as partial, partial.open("wb") as opened:
            np.savez(opened, **arrays)


def read_reference(
    model: LanguageModel,
    data: ProbingDataset,
    layers: Sequence[int],
    *,
    value: Value | None = None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Reference:
    """Read the neurons of some layers over all tokens of `data`; layers that `cache` holds already are not read again.

    A file of the folder `cache` is named by all that its numbers depend on: model, text, class, seed and layer. Raises
    `UnknownNameError` or `InputError` if `value` is the mean of a class that the text does not have.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> reference = read_reference(planted_model(), planted_text(4), [0])
    >>> reference.mean[0].shape, reference.pool[0].shape
    ((24,), (96, 24))
    """
    of_class = str(value) if isinstance(value, ClassMean) else ""
    key = hashlib.sha256(f"{model.fingerprint} {model.dtype} {data.hash()} {of_class} {seed} {POOL}".encode())
    files = {layer: cache / f"{key.hexdigest()[:16]}-layer-{layer}.npz" for layer in layers} if cache else {}
    missing = [layer for layer in layers if layer not in files or not files[layer].is_file()]
    known = Reference.load({layer: files[layer] for layer in layers if layer not in missing})
    if not missing:
        return known
    sums = ReferenceSums(model, data, missing, value=value, seed=seed)
    for places, values in stream_text(model, data, layers=missing, batch_tokens=batch_tokens, progress=progress):
        sums.add(places, values)
    read = sums.result()
    for layer in missing if files else ():
        read.save(layer, files[layer])
    return Reference(known.mean | read.mean, known.class_mean | read.class_mean, known.pool | read.pool)


class ReferenceSums:
    """Adds up what the neurons of some layers do on a text, portion after portion."""

    def __init__(
        self,
        model: LanguageModel,
        data: ProbingDataset,
        layers: Sequence[int],
        *,
        value: Value | None = None,
        seed: int = 0,
    ) -> None:
        self._text = f"the reference text of {data.name} has no token to take the mean over ({value})"
        self._in_class = class_tokens(data, value.feature, value.label) if isinstance(value, ClassMean) else None
        n_pool = min(POOL, data.n_tokens)
        self._slot = np.full(data.n_tokens, -1)
        self._slot[generator(seed, "pool").permutation(data.n_tokens)[:n_pool]] = np.arange(n_pool)
        self._filled = np.zeros(n_pool, bool)
        self._counts = np.zeros(2)
        widths = {layer: model.width("mlp", layer) for layer in layers}
        self._sums = {layer: np.zeros((2, width)) for layer, width in widths.items()}
        self._pool = {layer: np.zeros((n_pool, width), np.float32) for layer, width in widths.items()}

    def add(self, places: NDArray[np.int64], values: Mapping[int, NDArray[np.float32]]) -> None:
        """Take activations (n, width) of each layer at `places` (n,) in the text."""
        here = None if self._in_class is None else self._in_class[places]
        self._counts += len(places), len(places) if here is None else here.sum()
        drawn = self._slot[places] >= 0
        slots = self._slot[places[drawn]]
        self._filled[slots] = True
        for layer, activations in values.items():
            self._sums[layer][0] += activations.sum(0, dtype=np.float64)
            if here is not None:
                self._sums[layer][1] += activations[here].sum(0, dtype=np.float64)
            self._pool[layer][slots] = activations[drawn]

    def result(self) -> Reference:
        """The means and the pool; raises `InputError` if there was no token."""
        if not self._counts.all():
            raise InputError(self._text)
        (count, count_in_class), sums = self._counts, self._sums
        in_class = {layer: total[1] / count_in_class for layer, total in sums.items()}
        return Reference(
            mean={layer: total[0] / count for layer, total in sums.items()},
            class_mean={} if self._in_class is None else in_class,
            pool={layer: rows[self._filled] for layer, rows in self._pool.items()},
        )


def matched_sets(
    chosen: NeuronSet,
    reference: Reference,
    n: int,
    *,
    without: Iterable[Neuron] = (),
    seed: int = 0,
    nearest: int = NEAREST,
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
            near = [int(index) for index in order[: nearest + len(used)] if int(index) not in used][:nearest]
            if not near:
                raise InputError(
                    f"layer {neuron.layer} has no {len(chosen)} other neurons to compare {name_of(chosen)} with: "
                    "ablate fewer neurons at once, or pass controls=0"
                )
            matched.append(Neuron(neuron.layer, int(draw.choice(near)), sign=neuron.sign))
        sets.append(tuple(sorted(matched)))
    return sets
