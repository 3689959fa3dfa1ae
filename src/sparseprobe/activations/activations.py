"""Activations of labelled examples: for each layer an (n_examples, width) array, in memory or on disk.

Row i belongs to row i of `ProbingDataset.examples` and `.labels`. On disk it is a Zarr v3 group with one array per
layer and a `manifest.json` that records their model, site, dataset and precision. Nothing is read before it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sparseprobe.activations.layer_activations import ROWS, LayerActivations
from sparseprobe.activations.precision import READ
from sparseprobe.activations.store import open_layers, read_manifest, require_complete
from sparseprobe.choices import PRECISIONS
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.neuron import ExpertColumns
from sparseprobe.printable import html_record


@dataclass(frozen=True, eq=False)
class Activations:
    """Activations of labelled examples, all that the probing side of the library needs of a model.

    >>> acts = Activations.from_arrays({3: np.eye(4, dtype=np.float32)}, model_name="mine")
    >>> acts.layers, acts.n_examples, acts.width(3), acts.columns(3, [0, 2]).shape
    ((3,), 4, 4, (4, 2))
    """

    by_layer: Mapping[int, LayerActivations]
    """The layers that were read."""
    site: str
    """Where in a layer: mlp, mlp_pre, residual, ..."""
    aggregate: str
    """How the tokens of a span became one row: none, mean, max, last."""
    model_name: str
    manifest: dict[str, Any] = field(default_factory=dict)
    """Everything that is recorded of how they were made; empty for arrays that came from elsewhere."""

    @classmethod
    def open(cls, folder: str | Path) -> Activations:
        """Open activations that `extract(..., out=folder)` wrote.

        Raises `StorageError` if the folder holds none, or an extraction that was stopped before its end.
        """
        manifest = read_manifest(folder)
        require_complete(folder, manifest)
        settings = manifest["settings"]
        return cls(
            by_layer=open_layers(folder, manifest),
            site=settings["site"],
            aggregate=settings["aggregate"],
            model_name=settings["model"],
            manifest=manifest,
        )

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[int, ArrayLike | torch.Tensor],
        *,
        model_name: str,
        site: str = "mlp",
        aggregate: str = "none",
    ) -> Activations:
        """Take activations from any other source, (n_examples, width) for each layer; float arrays are not copied.

        Arrays of any library that NumPy reads, and tensors of torch, wherever they are and whatever made them.

        Raises `InputError` unless all have the same number of rows and two dimensions, and all values are finite.
        """
        if not arrays:
            raise InputError("no activations given: pass for example {3: X} with X of shape (n_examples, width)")
        layers = {}
        for layer, values in sorted(arrays.items()):
            array = _array(values)
            with np.errstate(over="ignore"):  # what does not fit is told below
                array = array if array.dtype in set(READ.values()) else array.astype(np.float32)
            if array.ndim != 2:
                raise InputError(f"layer {layer} has shape {array.shape}: activations are (n_examples, width)")
            if not all(np.isfinite(array[start : start + ROWS]).all() for start in range(0, len(array), ROWS)):
                raise InputError(
                    f"layer {layer} holds values that are not finite, or beyond float32: replace or drop them first"
                )
            name = next(name for name in PRECISIONS if name == array.dtype.name)
            layers[int(layer)] = LayerActivations(array, name)
        counts = {layer: len(values) for layer, values in layers.items()}
        if len(set(counts.values())) > 1:
            raise InputError(f"layers differ in their number of examples: {counts}")
        return cls(layers, site=site, aggregate=aggregate, model_name=model_name)

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were read, ascending."""
        return tuple(sorted(self.by_layer))

    @property
    def experts(self) -> dict[int, ExpertColumns]:
        """For each layer that is a mixture of experts, which columns belong to which expert."""
        recorded: dict[str, list[int]] = self.manifest.get("settings", {}).get("experts", {})
        return {int(layer): ExpertColumns(*columns) for layer, columns in recorded.items()}

    @property
    def n_examples(self) -> int:
        """Number of rows, the same in every layer."""
        return len(next(iter(self.by_layer.values())))

    def layer(self, layer: int) -> LayerActivations:
        """One layer, to be sliced; `acts.layer(3)[:]` is all of it. Raises `UnknownNameError` if it was not read."""
        if layer not in self.by_layer:
            raise UnknownNameError("layer", layer, map(str, self.layers))
        return self.by_layer[layer]

    def __getitem__(self, layer: int) -> LayerActivations:
        """The same as `layer`."""
        return self.layer(layer)

    def __iter__(self) -> Iterator[int]:
        """The layers, ascending."""
        return iter(self.layers)

    def _repr_html_(self) -> str:
        widths = sorted({self.width(layer) for layer in self.layers})
        return html_record(
            f"activations of {self.model_name}",
            {
                "examples": f"{self.n_examples:,}",
                "layers": ", ".join(map(str, self.layers)),
                "width": ", ".join(f"{width:,}" for width in widths),
                "site": self.site,
                "aggregation": self.aggregate,
                "dtype": self.layer(self.layers[0]).dtype,
            },
        )

    def width(self, layer: int) -> int:
        """Number of activations in a row of a layer."""
        return self.layer(layer).shape[1]

    def columns(self, layer: int, index: ArrayLike) -> NDArray[Any]:
        """Chosen neurons of all examples, (n_examples, n_chosen); one chunk of rows is in memory at a time."""
        chosen = np.asarray(index)
        width = self.width(layer)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= width):
            raise InputError(f"layer {layer} has neurons 0 to {width - 1}, asked for {chosen.min()} to {chosen.max()}")
        blocks = [block[:, chosen] for block in self.layer(layer).blocks()]
        return np.concatenate(blocks)

    def __repr__(self) -> str:
        return (
            f"Activations({self.model_name!r}, site={self.site!r}, aggregate={self.aggregate!r}, "
            f"{self.n_examples} examples, layers {self.layers})"
        )


def _array(values: ArrayLike | torch.Tensor) -> NDArray[Any]:
    """What was given as a NumPy array, which has no gradients, no device and no bfloat16 (it is exact in float32)."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    return np.asarray(values)
