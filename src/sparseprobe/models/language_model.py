"""A Hugging Face model as this library reads it: its layers, widths and weights, by its own module names.

The model computes exactly what it computed before: weights are not folded, centred or copied, and nothing is patched.
Hooks are set during a read and removed afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import nn

from sparseprobe.choices import SITES, Site
from sparseprobe.errors import InputError, SparseProbeError, UnsupportedModelError
from sparseprobe.models.block_calls import examine_trunk
from sparseprobe.models.fingerprint import model_fingerprint
from sparseprobe.models.forward_pass import Batch, Numbering, Side, call_trunk, pad_id_of
from sparseprobe.models.layer import Layer
from sparseprobe.models.neuron_weights import NeuronWeights, read_neuron_weights
from sparseprobe.printable import html_record

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model or an encoder in which the neurons have been found.

    `load_model` makes one from a name or a folder, `LanguageModel.from_module` from a model that is loaded already
    (fine-tuned, quantised, spread over devices, or built from a config).
    """

    name: str
    """The name or the path it was loaded by."""
    module: PreTrainedModel
    """The Hugging Face model, in evaluation mode, its weights untouched."""
    tokenizer: PreTrainedTokenizerBase | None
    """Its fast tokenizer, None if it came without one."""
    kind: Literal["causal", "encoder"]
    """Whether tokens see only those before them."""
    layers: tuple[Layer, ...]
    """Where each layer keeps its neurons, by module names of `module`."""
    final_norm_name: str | None
    """Module name of the normalisation after the last layer."""
    numbering: Numbering
    """Whether position ids are handed to the model (`explicit`) or left to it (`own`), see `trunk_behaviour`."""
    padding: tuple[Side, ...]
    """The sides on which padding changes nothing; where there is none, a batch holds texts of one length."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """The file, hash and quantisation of weights that were dequantised; empty for others."""

    @classmethod
    def from_module(
        cls, module: PreTrainedModel, *, tokenizer: PreTrainedTokenizerBase | None = None, name: str | None = None
    ) -> LanguageModel:
        """Find the neurons of a model that is loaded already; `module` is put into evaluation mode.

        Raises `UnsupportedModelError` for an encoder-decoder or a model without MLP blocks.

        >>> from transformers import GPTNeoXConfig, GPTNeoXForCausalLM
        >>> shape = dict(hidden_size=8, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, vocab_size=50)
        >>> model = LanguageModel.from_module(GPTNeoXForCausalLM(GPTNeoXConfig(**shape)), name="tiny")
        >>> model.n_layers, model.d_model, model.width("mlp", 1), model.layers[1].mlp_out
        (2, 8, 32, 'gpt_neox.layers.1.mlp.dense_4h_to_h')
        """
        name = name or str(getattr(module.config, "_name_or_path", "")) or type(module).__name__
        module.train(mode=False)
        trunk = module.base_model
        if "decoder_input_ids" in inspect.signature(trunk.forward).parameters:
            raise UnsupportedModelError(
                f"{name} is an encoder-decoder, which is not supported: use a decoder or an encoder"
            )
        prefix = next(path for path, part in module.named_modules() if part is trunk)
        with _foreign_code(name):
            anatomy = examine_trunk(trunk, cast("nn.Embedding", module.get_input_embeddings()))
        return cls(
            name=name,
            module=module,
            tokenizer=tokenizer,
            kind="causal" if anatomy.behaviour.causal else "encoder",
            layers=tuple(layer.under(prefix) for layer in anatomy.layers),
            final_norm_name=anatomy.final_norm and ".".join(filter(None, (prefix, anatomy.final_norm))),
            numbering=anatomy.behaviour.numbering,
            padding=anatomy.behaviour.padding,
        )

    def __repr__(self) -> str:
        return (
            f"LanguageModel({self.name!r}, {self.kind}, {self.n_layers} layers, d_model={self.d_model}, "
            f"d_mlp={self.d_mlp}, {self.n_parameters:,} parameters, {self.dtype}, {self.device})"
        )

    def _repr_html_(self) -> str:
        return html_record(
            self.name,
            {
                "kind": self.kind,
                "layers": self.n_layers,
                "d_model": f"{self.d_model:,}",
                "d_mlp": f"{self.d_mlp:,}",
                "parameters": f"{self.n_parameters:,}",
                "sites": ", ".join(self.sites()),
                "precision": str(self.dtype).removeprefix("torch."),
                "device": str(self.device),
            },
        )

    # ------------------------------------------------------------ shapes

    @property
    def n_layers(self) -> int:
        """Number of transformer blocks."""
        return len(self.layers)

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.layers[0].d_model

    @property
    def d_mlp(self) -> int:
        """Number of neurons in a layer; the most of any layer where layers differ (see `width`)."""
        return max(layer.d_mlp for layer in self.layers)

    @property
    def n_context(self) -> int | None:
        """The largest number of tokens that the config allows, None if it sets no limit (ALiBi models).

        Position tables of the RoBERTa kind count from the row after the padding's, so the rows up to it hold no token.
        """
        limit = getattr(self.module.config, "max_position_embeddings", None)
        if limit is None:
            return None
        tables = [
            part for part in self.trunk.modules() if isinstance(part, nn.Embedding) and part is not self.embedding
        ]
        unused = [
            table.padding_idx + 1 for table in tables if table.num_embeddings == limit and table.padding_idx is not None
        ]
        return int(limit) - max(unused, default=0)

    @cached_property
    def n_parameters(self) -> int:
        """Number of weights, each counted once."""
        return sum(weight.numel() for weight in self.module.parameters())

    @cached_property
    def n_non_embedding(self) -> int:
        """Number of weights without token and position embeddings and without the unembedding."""
        tables = [part.weight for part in self.module.modules() if isinstance(part, nn.Embedding)]
        tables += [] if self.unembedding is None else [self.unembedding.weight]
        return self.n_parameters - sum({id(table): table.numel() for table in tables}.values())

    def sites(self) -> tuple[Site, ...]:
        """The sites that every layer of this model has."""
        return tuple(site for site in SITES if all(_has(layer, site) for layer in self.layers))

    def width(self, site: Site, layer: int) -> int:
        """Number of activations at a site of a layer.

        Raises `InputError` for a layer that does not exist, `UnsupportedModelError` for a site that it does not have.
        """
        if not 0 <= layer < self.n_layers:
            raise InputError(f"no layer {layer} in {self.name}: its {self.n_layers} layers count from 0")
        record = self.layers[layer]
        if not _has(record, site):
            raise UnsupportedModelError(
                f"layer {layer} of {self.name} has no site {site!r}: choose one of {', '.join(self.sites())}"
            )
        return {"residual": record.d_model, "attention": record.d_attention}.get(site, record.d_mlp)

    # ------------------------------------------------------------ running

    @property
    def pad_id(self) -> int:
        """The token id that padded places of a batch are filled with."""
        return pad_id_of(self.trunk, self.embedding.num_embeddings)

    def run(self, batch: Batch) -> None:
        """Run the blocks over `batch` without the output head, until the end or until a hook stops it."""
        call_trunk(self.trunk, batch, device=self.device, numbering=self.numbering)

    # ------------------------------------------------------------ weights

    @property
    def trunk(self) -> PreTrainedModel:
        """The model without its output head."""
        return cast("PreTrainedModel", self.module.base_model)

    @property
    def device(self) -> torch.device:
        """Where token ids go: the device of the token embedding."""
        return self.embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """In what precision the model runs."""
        return next(weight.dtype for weight in self.module.parameters() if weight.is_floating_point())

    @property
    def embedding(self) -> nn.Embedding:
        """The token embedding, weight (n_vocabulary, d_model)."""
        return cast("nn.Embedding", self.module.get_input_embeddings())

    @property
    def unembedding(self) -> nn.Linear | None:
        """The map from the residual stream to logits, weight (n_vocabulary, d_model); None for encoders."""
        return cast("nn.Linear | None", self.module.get_output_embeddings())  # type: ignore[no-untyped-call]

    @property
    def final_norm(self) -> nn.Module | None:
        """The normalisation before the unembedding; None where the blocks end in one of their own."""
        return None if self.final_norm_name is None else self.module.get_submodule(self.final_norm_name)

    def neuron_weights(self, layer: int) -> NeuronWeights:
        """Input and output weights of a layer's neurons, one row per neuron.

        Raises `UnsupportedModelError` for a layer of experts, and for weights that are not plain matrices.
        """
        self.width("mlp", layer)
        if self.layers[layer].experts is not None:
            raise UnsupportedModelError(
                f"layer {layer} of {self.name} is a mixture of experts: their weights are stacked"
            )
        return read_neuron_weights(self.module, self.layers[layer])

    @cached_property
    def fingerprint(self) -> str:
        """A hash that distinguishes this model from others of the same shape, see `fingerprint.py`."""
        return model_fingerprint(self.module)


def _has(layer: Layer, site: Site) -> bool:
    if site == "mlp_weighted" or (layer.experts is not None and site.startswith("mlp_")):
        return layer.experts is not None and site == "mlp_weighted"
    if site in ("mlp_gate", "mlp_up"):
        return layer.gated
    return layer.attention_out is not None if site == "attention" else site in SITES


@contextmanager
def _foreign_code(name: str) -> Iterator[None]:
    """Say in one sentence what a model's own code raised when it was run on a few tokens."""
    try:
        yield
    except (SparseProbeError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise UnsupportedModelError(
            f"{name} cannot be read: it does not run block by block on token ids alone ({type(error).__name__}: {said})"
        ) from error
