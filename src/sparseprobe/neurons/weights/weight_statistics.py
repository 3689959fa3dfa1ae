"""Weight statistics of each neuron, without any text: norms, biases, W_in norm x bias, and input-output cosines.

    ||W_in||,  b_in,  ||W_in|| b_in,  ||W_out||,  cos(W_in, W_out);  gated: ||W_gate||, b_gate, cos(W_gate, W_in)

The paper (case study 1) finds early layers to have large input norms and negative biases, so that their product is the
mark of neurons that need several inputs at once to fire: what superposition asks for. Its figure shows the median of
||W_in||_2 b_in per layer, here divided by the largest in magnitude over the layers, against relative depth.
Cost: one pass over the MLP weights; memory of one block of neurons.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparseprobe.models import LanguageModel, NeuronWeights
from sparseprobe.neurons.weights.checkpoint_weights import NEURONS_PER_BLOCK, Checkpoint
from sparseprobe.tables import WEIGHTS, check_table, make_table, name_neurons

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def weight_statistics(
    model: LanguageModel | Checkpoint | str | Path, *, neurons_per_block: int = NEURONS_PER_BLOCK
) -> pd.DataFrame:
    """One row for each neuron of a loaded model, or of a named one, whose safetensors are read in small portions.

    Columns are those of `sparseprobe.tables.WEIGHTS`; what a model does not have (biases, gates) is NaN.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> bool(abs(weight_statistics(planted_model())["cos_in_out"][1]) < 0.5)
    True
    """
    source = Checkpoint.open(model, neurons_per_block=neurons_per_block) if isinstance(model, str | Path) else model
    parts = [
        statistics_of(layer.index, start, weights)
        for layer in source.layers
        for start, weights in _blocks(source, layer.index, neurons_per_block)
    ]
    return make_table(name_neurons(pd.concat(parts, ignore_index=True), "mlp"), WEIGHTS)


def layer_profile(statistics: pd.DataFrame) -> pd.DataFrame:
    """The distribution of each weight statistic in each layer, one row per layer.

    Columns: layer, relative_depth (0 to 1), then `{statistic}_q{percent}` for five quantiles of each, and
    `normalised_median`: the median of ||W_in|| b_in divided by the largest in magnitude over the layers.

    >>> from sparseprobe.neurons.planted_language import planted_model
    >>> layer_profile(weight_statistics(planted_model()))[["layer", "relative_depth"]].to_dict("records")
    [{'layer': 0, 'relative_depth': 0.0}]
    """
    check_table(statistics, WEIGHTS)
    names = [name for name in statistics.columns if name not in ("layer", "neuron", "index")]
    layers = [(layer, part) for layer, part in statistics.groupby("layer")]
    columns = {
        f"{name}_q{round(100 * quantile)}": [part[name].quantile(quantile) for _, part in layers]
        for name in names
        for quantile in QUANTILES
    }
    profile = pd.DataFrame({"layer": [layer for layer, _ in layers], **columns})
    medians = profile["norm_in_bias_q50"].to_numpy()
    depth = profile["layer"] / max(1, int(profile["layer"].max()))
    profile.insert(1, "relative_depth", depth.astype(np.float64))
    largest = np.abs(medians).max()
    profile["normalised_median"] = medians / largest if largest > 0 else medians
    return profile


def _blocks(source: LanguageModel | Checkpoint, layer: int, size: int) -> Iterator[tuple[int, NeuronWeights]]:
    if isinstance(source, Checkpoint):
        yield from source.blocks(layer, neurons_per_block=size)
        return
    whole = source.neuron_weights(layer)
    for start in range(0, len(whole.W_in), size):
        rows = slice(start, start + size)

        def part(values: Tensor | None, rows: slice = rows) -> Tensor | None:
            return None if values is None else values[rows].to("cpu", torch.float64)

        W_in, W_out = whole.W_in[rows].to("cpu", torch.float64), whole.W_out[rows].to("cpu", torch.float64)
        yield start, NeuronWeights(W_in, part(whole.b_in), W_out, None, part(whole.W_gate), part(whole.b_gate))


def statistics_of(layer: int, start: int, weights: NeuronWeights) -> pd.DataFrame:
    """Statistics of a block of neurons of a layer, of which the first has the index `start`."""
    n = len(weights.W_in)
    missing = torch.full((n,), torch.nan, dtype=torch.float64)
    norm_in, norm_out = weights.W_in.norm(dim=1), weights.W_out.norm(dim=1)
    bias = missing if weights.b_in is None else weights.b_in
    columns = {
        "norm_in": norm_in,
        "bias_in": bias,
        "norm_in_bias": norm_in * bias,
        "norm_out": norm_out,
        "cos_in_out": torch.nn.functional.cosine_similarity(weights.W_in, weights.W_out),
        "norm_gate": weights.W_gate.norm(dim=1) if weights.W_gate is not None else missing,
        "bias_gate": missing if weights.b_gate is None else weights.b_gate,
        "cos_gate_in": torch.nn.functional.cosine_similarity(weights.W_gate, weights.W_in)
        if weights.W_gate is not None
        else missing,
    }
    index = {"layer": np.full(n, layer, np.int64), "index": np.arange(start, start + n, dtype=np.int64)}
    return pd.DataFrame(index | {name: values.numpy() for name, values in columns.items()})
