"""Direct logit effect: which tokens the output weights of a neuron promote and suppress.

    effect[j, v]  =  W_U[v] . gain * (W_out[j] - mean(W_out[j]))  /  s          logits of token v per unit of activation

The final norm is folded in with its scale s frozen, at 1 unless given (LayerNorm; no mean is subtracted for an RMSNorm;
see `folded_norm`). So is a norm of the MLP's own output, with its scale held at 1: such effects can be compared
within a layer, not between layers. Factors on the MLP's output and on the logits are included, measured on the model.
Paths through later layers are ignored, and so are caps on logits. The paper reads this product for
its end-of-sentence neurons (section 7, case study 4). Only differences between tokens are meaningful. Cost:
2 d_model n_vocabulary operations per neuron; `logit_moments` holds `effect_bytes` of the (d_mlp, n_vocabulary) matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.vocabulary import readable_texts
from sparseprobe.errors import InputError, UnsupportedModelError
from sparseprobe.models import LanguageModel
from sparseprobe.neurons.interventions.suffix_pass import logits
from sparseprobe.neurons.neuron_sets import Neurons, named_neurons
from sparseprobe.neurons.weights.folded_norm import folded_mlp_norm, folded_norm
from sparseprobe.neurons.weights.token_classes import class_masks
from sparseprobe.statistics.moments import moments
from sparseprobe.tables import LOGIT_MOMENTS, PROMOTED, TOKEN_CLASSES, make_table, name_neurons

EFFECT_BYTES = 64 * 2**20
SMALL_LOGIT = 0.1
SEEN_AS_ONE = 0.01
"""A factor on logits so near to 1 is the rounding of half precision."""


def logit_effect(model: LanguageModel, neurons: Neurons, *, scale: float = 1.0) -> NDArray[np.float64]:
    """Logits per unit of activation, (n_neurons, n_vocabulary), in the order in which the neurons are named.

    The effect of one side of a neuron is that of one unit further to that side. `scale` is the s that the final
    norm divides by. Raises `UnsupportedModelError` for models without an unembedding of
    the residual stream's width and for those that normalise the residual stream itself in every block, `InputError` for
    neurons that are not there.

    >>> from sparseprobe.neurons.planted_language import LETTERS, planted_model
    >>> LETTERS[logit_effect(planted_model(), "L0.N0").argmax()]
    'Z'
    """
    if not scale > 0:
        raise InputError(f"scale={scale!r} is not the scale of a norm: give a positive number")
    chosen, read = named_neurons(model, neurons), _reader(model)
    rows = [
        (-1 if neuron.sign == "-" else 1) * _written(model, neuron.layer, slice(neuron.index, neuron.index + 1))
        for neuron in chosen
    ]
    return read(torch.cat(rows)) / scale


def logit_moments(
    model: LanguageModel, *, layers: Sequence[int] | None = None, effect_bytes: int = EFFECT_BYTES
) -> pd.DataFrame:
    """Mean, variance, skewness and excess kurtosis over the vocabulary of every neuron's effect at scale 1.

    A neuron that promotes a few tokens has large kurtosis and positive skew, one that suppresses them negative skew.
    Columns are those of `sparseprobe.tables.LOGIT_MOMENTS`.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> int(logit_moments(planted_model())["kurtosis"].argmax())
    0
    """
    parts = []
    block = max(1, effect_bytes // (8 * _unembedding(model).shape[0]))
    read = _reader(model)
    for layer in range(model.n_layers) if layers is None else layers:
        for start in range(0, model.width("mlp", layer), block):
            effects = read(_written(model, layer, slice(start, start + block)))
            index = np.arange(start, start + len(effects))
            parts.append(pd.DataFrame({"layer": np.int64(layer), "index": index, **moments(effects)}))
    return make_table(name_neurons(pd.concat(parts, ignore_index=True), "mlp"), LOGIT_MOMENTS)


def promoted_tokens(
    model: LanguageModel,
    neurons: Neurons,
    *,
    tokenizer: TokenizerRecord,
    n: int = 10,
    scale: float = 1.0,
    effects: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """The `n` most promoted and the `n` most suppressed tokens of each neuron; columns of `PROMOTED`.

    `effects` is the result of `logit_effect` for these neurons, if it has been computed already.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> promoted_tokens(planted_model(), "L0.N0", tokenizer=planted_text(2).tokenizer, n=1)["text"].tolist()[0]
    'Z'
    """
    chosen = named_neurons(model, neurons)
    texts = readable_texts(tokenizer)
    rows = []
    found = logit_effect(model, list(chosen), scale=scale) if effects is None else effects
    for neuron, effect in zip(chosen, found, strict=True):
        order = np.argsort(-effect, kind="stable")
        for direction, tokens in (("promoted", order[:n]), ("suppressed", order[::-1][:n])):
            rows += [
                {
                    "neuron": str(neuron),
                    "direction": direction,
                    "rank": rank,
                    "token": int(token),
                    "text": texts[token] if token < len(texts) else str(token),
                    "effect": effect[token],
                }
                for rank, token in enumerate(tokens)
            ]
    return make_table(rows, PROMOTED)


def effect_by_token_class(
    model: LanguageModel,
    neurons: Neurons,
    *,
    tokenizer: TokenizerRecord,
    scale: float = 1.0,
    effects: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Whether a neuron raises a kind of token (capitalised, leading space, digits ...) against the rest.

    Columns of `TOKEN_CLASSES`; `separation` is the difference of means in standard deviations of the whole vocabulary.
    Arguments as those of `promoted_tokens`.
    """
    chosen = named_neurons(model, neurons)
    masks = class_masks(tokenizer, _unembedding(model).shape[0])
    rows = []
    found = logit_effect(model, list(chosen), scale=scale) if effects is None else effects
    for neuron, effect in zip(chosen, found, strict=True):
        for name, (inside, outside) in masks.items():
            if not (inside.any() and outside.any()):
                continue
            difference = effect[inside].mean() - effect[outside].mean()
            rows.append(
                {
                    "neuron": str(neuron),
                    "token_class": name,
                    "n_tokens": int(inside.sum()),
                    "mean": effect[inside].mean(),
                    "mean_elsewhere": effect[outside].mean(),
                    "separation": difference / max(effect.std(), np.finfo(float).tiny),
                }
            )
    return make_table(rows, TOKEN_CLASSES)


def input_tokens(model: LanguageModel, neurons: Neurons) -> NDArray[np.float64]:
    """Cosine of each neuron's input weights with every token's embedding, (n_neurons, n_vocabulary).

    The gate's weights in a gated MLP. It says what a neuron reads of the token itself, most of all in layer 0; means
    over the residual stream are subtracted on both sides if the model's norms do so.
    """
    chosen = named_neurons(model, neurons)
    table = model.embedding.weight.detach().to("cpu", torch.float64)
    rows = []
    for neuron in chosen:
        weights = model.neuron_weights(neuron.layer)
        rows.append((weights.W_in if weights.W_gate is None else weights.W_gate)[neuron.index])
    read = torch.stack(rows).to("cpu", torch.float64)
    if read.shape[1] != table.shape[1]:
        raise UnsupportedModelError(
            f"{model.name} embeds tokens in {table.shape[1]} dimensions and has a residual stream of {read.shape[1]}"
        )
    if folded_norm(model).centred:
        read, table = (values - values.mean(1, keepdim=True) for values in (read, table))
    cosines: NDArray[np.float64] = (
        torch.nn.functional.normalize(read) @ torch.nn.functional.normalize(table).T
    ).numpy()
    return cosines


def reads_residual_stream(model: LanguageModel) -> bool:
    """Whether the model's next-token logits are a map of its residual stream, as they are not in an encoder.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> reads_residual_stream(planted_model())
    True
    """
    head = model.unembedding
    return head is not None and model.kind == "causal" and head.weight.shape[1] == model.d_model


def _unembedding(model: LanguageModel) -> Tensor:
    head = model.unembedding
    if head is None or not reads_residual_stream(model):
        raise UnsupportedModelError(
            f"{model.name} has no unembedding of its residual stream (width {model.d_model}), so its neurons have no "
            "direct effect on logits"
        )
    return head.weight.detach()


def _written(model: LanguageModel, layer: int, rows: slice) -> Tensor:
    """What a unit of some neurons of a layer adds to the residual stream, (n, d_model) float64."""
    factor = model.layers[layer].mlp_factor
    if factor is None:
        raise UnsupportedModelError(
            f"{model.name} does not just add what its MLPs give to the residual stream, so its neurons have no direct "
            "effect on logits"
        )
    return factor * folded_mlp_norm(model, layer)(model.neuron_weights(layer).W_out[rows].to("cpu"))


def _reader(model: LanguageModel) -> Callable[[Tensor], NDArray[np.float64]]:
    """From changes (n, d_model) of the residual stream to effects (n, n_vocabulary)."""
    norm, unembedding = folded_norm(model), _unembedding(model).to("cpu", torch.float64) * _logit_factor(model)

    def read(written: Tensor) -> NDArray[np.float64]:
        effects: NDArray[np.float64] = (norm(written) @ unembedding.T).numpy()
        return effects

    return read


def _logit_factor(model: LanguageModel) -> float:
    """What the model multiplies its logits by after the head (Granite, Cohere), read off logits too small for a cap."""
    head = _unembedding(model)
    longest = head[head.norm(dim=1).argmax()]
    hidden = SMALL_LOGIT * longest / longest.square().sum()
    with torch.inference_mode():
        given, bias = logits(model, torch.stack([hidden, 0 * hidden])).double()
        plain = (head @ hidden).double()
    factor = float(((given - bias) * plain).sum() / plain.square().sum())
    return 1.0 if abs(factor - 1) < SEEN_AS_ONE else factor
