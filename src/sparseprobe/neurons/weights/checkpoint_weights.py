"""Read the weights of a checkpoint's neurons in blocks, without loading the model.

Where a checkpoint keeps its neurons is found on a stand-in: the same architecture and width with one block, a
vocabulary of 64 and random weights in bfloat16. Then slices of the safetensors files are read, a number of neurons at a
time, and each file is closed after each slice, so that pages of it do not pile up. Memory: the stand-in while it is
looked at, then one block of rows (`peak_bytes`). Checkpoints whose blocks differ in build are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from sparseprobe.errors import DataError
from sparseprobe.models import LanguageModel, Layer, NeuronWeights, checkpoint_folder
from sparseprobe.models.anatomy import projection_widths

NEURONS_PER_BLOCK = 1024
STAND_IN_VOCABULARY = 64
INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A folder of safetensors files in which the neurons have been found."""

    folder: Path
    files: Mapping[str, str]
    """For each weight the file that holds it."""
    layers: tuple[Layer, ...]
    transposed: frozenset[str]
    """Projections of layer 0 whose weight is kept as (inputs, outputs)."""
    peak_bytes: int
    """About what reading it holds at once: the stand-in, or one block of rows in float64 four times over."""

    @classmethod
    def open(cls, name_or_folder: str | Path, *, neurons_per_block: int = NEURONS_PER_BLOCK) -> Checkpoint:
        """Find the neurons of a shipped model, a local folder, or a model of the hub, which is downloaded first.

        Raises `InputError` if there is no such model, `DataError` if it holds no safetensors or other weights than its
        config says, `UnsupportedModelError` if its neurons cannot be found.
        """
        folder = checkpoint_folder(name_or_folder)
        files = _files(folder)
        config = AutoConfig.from_pretrained(folder)
        n_layers = int(config.num_hidden_layers)
        stand_in, size = _stand_in(config)
        layer = stand_in.layers[0]
        projections = sorted({layer.mlp_in, layer.mlp_out, layer.mlp_gate or layer.mlp_in})
        transposed = frozenset(name for name in projections if hasattr(stand_in.module.get_submodule(name), "nx"))
        widths = {name: projection_widths(stand_in.module.get_submodule(name)) for name in projections}
        checkpoint = cls(
            folder=folder,
            files=files,
            layers=tuple(_at(layer, index) for index in range(n_layers)),
            transposed=transposed,
            peak_bytes=max(size, 4 * 8 * neurons_per_block * layer.d_model),
        )
        for index in range(n_layers):
            for name, (inputs, outputs) in ((name, widths[name] or (0, 0)) for name in projections):
                checkpoint.require_shape(_name_at(layer, name, index), inputs, outputs, transposed=name in transposed)
        return checkpoint

    def blocks(self, layer: int, *, neurons_per_block: int = NEURONS_PER_BLOCK) -> Iterator[tuple[int, NeuronWeights]]:
        """The weights of a layer's neurons, some at a time: the first one's index and the weights, float64."""
        record, first = self.layers[layer], self.layers[0]
        for start in range(0, record.d_mlp, neurons_per_block):
            rows = slice(start, min(start + neurons_per_block, record.d_mlp))
            W_in, b_in = self._rows(record.mlp_in, first.mlp_in, _shift(rows, record.in_columns))
            W_out = self._columns(record.mlp_out, first.mlp_out, rows)
            gate: tuple[Tensor | None, Tensor | None] = (None, None)
            if record.mlp_gate is not None and first.mlp_gate is not None:
                gate = self._rows(record.mlp_gate, first.mlp_gate, _shift(rows, record.gate_columns))
            yield start, NeuronWeights(W_in, b_in, W_out, None, *gate)

    def require_shape(self, name: str, inputs: int, outputs: int, *, transposed: bool) -> None:
        """Raise `DataError` unless the checkpoint holds this projection in this shape."""
        wanted = [inputs, outputs] if transposed else [outputs, inputs]
        key = self._key(f"{name}.weight")
        if key is None:
            raise DataError(f"{self.folder} lacks the weight {name}.weight: its blocks are not built like its first")
        with safe_open(self.folder / self.files[key], "pt") as file:
            shape = list(file.get_slice(key).get_shape())
        if shape != wanted:
            raise DataError(f"{key} in {self.folder} has the shape {shape}, its config says {wanted}")

    def _key(self, name: str) -> str | None:
        """A weight's name in the files, which may lack the name of the trunk (`transformer.`) in front."""
        for candidate in (name, name.split(".", 1)[-1]):
            if candidate in self.files:
                return candidate
        return None

    def _rows(self, name: str, of_first: str, rows: slice) -> tuple[Tensor, Tensor | None]:
        """Rows (n, inputs) of a projection and the biases (n,) of them."""
        weight = self._read(f"{name}.weight", rows, dimension=1 if of_first in self.transposed else 0)
        bias = self._read(f"{name}.bias", rows, dimension=0) if self._key(f"{name}.bias") else None
        return (weight.T if of_first in self.transposed else weight), bias

    def _columns(self, name: str, of_first: str, columns: slice) -> Tensor:
        """Columns of a projection, as rows (n, outputs)."""
        weight = self._read(f"{name}.weight", columns, dimension=0 if of_first in self.transposed else 1)
        return weight if of_first in self.transposed else weight.T

    def _read(self, name: str, part: slice, *, dimension: int) -> Tensor:
        key = self._key(name) or name
        with safe_open(self.folder / self.files[key], "pt") as file:
            stored = file.get_slice(key)
            values: Tensor = stored[part] if dimension == 0 else stored[:, part]
            return values.to(torch.float64)


def _files(folder: Path) -> dict[str, str]:
    if (folder / INDEX).is_file():
        files: dict[str, str] = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        missing = sorted({name for name in files.values() if not (folder / name).is_file()})
        if missing:
            raise DataError(f"{folder} lacks {len(missing)} files of its index, first {missing[0]}")
        return files
    if not (folder / SINGLE).is_file():
        raise DataError(f"{folder} holds no safetensors ({SINGLE} or {INDEX}): save the model with save_pretrained")
    with safe_open(folder / SINGLE, "pt") as file:
        return dict.fromkeys(file.keys(), SINGLE)


def _stand_in(config: Any) -> tuple[LanguageModel, int]:
    """One block of the architecture at full width, and the bytes of its weights."""
    config.num_hidden_layers = 1
    if isinstance(getattr(config, "layer_types", None), list):
        config.layer_types = config.layer_types[:1]
    config.vocab_size = STAND_IN_VOCABULARY
    for token in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(config, token, None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        family: Any = AutoModelForCausalLM
        module = family.from_config(config, dtype=torch.bfloat16, attn_implementation="eager")
    size = sum(weight.numel() * weight.element_size() for weight in module.parameters())
    return LanguageModel.from_module(module, name="stand-in"), size


def _name_at(layer: Layer, name: str, index: int) -> str:
    return f"{layer.block.removesuffix('.0')}.{index}{name.removeprefix(layer.block)}"


def _at(layer: Layer, index: int) -> Layer:
    """The record of block 0, for another block of the same build."""
    return replace(
        layer,
        index=index,
        block=_name_at(layer, layer.block, index),
        mlp_out=_name_at(layer, layer.mlp_out, index),
        mlp_in=_name_at(layer, layer.mlp_in, index),
        mlp_gate=layer.mlp_gate and _name_at(layer, layer.mlp_gate, index),
        attention_out=layer.attention_out and _name_at(layer, layer.attention_out, index),
    )


def _shift(rows: slice, within: slice) -> slice:
    return slice(within.start + rows.start, within.start + rows.stop)
