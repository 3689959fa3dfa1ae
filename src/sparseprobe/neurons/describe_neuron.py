"""From a neuron's name to what is known of it: on text, in its weights, at the output, and what breaks without it.

Cost: a pass over the text up to the neuron's layer, one over all layers for the scale of the final norm, and the passes
of the ablation over its part of the text (`ablation=False` leaves them out). Memory: 4 bytes a token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel, NeuronWeights
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.interventions.ablate import ablate
from sparseprobe.neurons.neuron_card import NeuronCard
from sparseprobe.neurons.neuron_sets import Neurons, one_neuron
from sparseprobe.neurons.on_text.contexts import contexts
from sparseprobe.neurons.on_text.followed_spans import followed_features
from sparseprobe.neurons.on_text.stimuli import stimuli
from sparseprobe.neurons.on_text.token_activations import by_class, by_token, read_tokens
from sparseprobe.neurons.weights.folded_norm import mean_inverse_scale
from sparseprobe.neurons.weights.output_logits import effect_by_token_class, promoted_tokens, reads_residual_stream
from sparseprobe.neurons.weights.weight_statistics import statistics_of
from sparseprobe.progress import Progress
from sparseprobe.statistics import histogram
from sparseprobe.tables import ABLATION, PROMOTED, TOKEN_CLASSES, WEIGHTS, make_table

SHARES = {"q01": 0.01, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q99": 0.99}


def describe_neuron(
    model: LanguageModel,
    data: ProbingDataset,
    neuron: Neurons,
    *,
    k: int = 6,
    least: int = 2,
    ablation: bool = True,
    splits: Sequence[str] | None = ("test",),
    controls: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
) -> NeuronCard:
    """The card of one neuron: distribution, examples, tokens, n-grams, logits, weights, ablation.

    `k` largest and smallest examples are shown, tokens and n-grams that occur `least` times; the ablation is that of
    `ablate` at value 0 on `splits`. Raises `InputError` for a neuron that is not there or for several.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> card = describe_neuron(planted_model(), planted_text(), "L0.N0", ablation=False)
    >>> card.examples[0].text(), card.promoted["text"].tolist()[0]
    ('MHNLBFBKEFZA⟦B⟧BHKL', 'Z')
    """
    chosen = one_neuron(neuron, model)
    if k < 1:
        raise InputError(f"k={k} shows no example: give at least 1")
    read = read_tokens(model, data, chosen, progress=progress)
    places = np.flatnonzero(read.known)
    values = read.matrix[places, 0]
    readable = reads_residual_stream(model)
    if readable and model.layers[chosen.layer].mlp_factor is not None:
        scale = 1 / mean_inverse_scale(model, data)
        promoted = promoted_tokens(model, chosen, tokenizer=data.tokenizer, scale=scale)
        classes = effect_by_token_class(model, chosen, tokenizer=data.tokenizer, scale=scale)
    else:
        promoted, classes = make_table([], PROMOTED), make_table([], TOKEN_CLASSES)
    lost = make_table([], ABLATION)
    if ablation and readable:
        features = followed_features(data, splits)
        lost = ablate(
            model,
            data,
            chosen,
            features=features,
            splits=splits,
            controls=controls,
            seed=seed,
            progress=progress,
        )
    return NeuronCard(
        neuron=chosen,
        model=model.name,
        collection=data.name,
        statistics=_statistics(values.astype(np.float64)),
        histogram=histogram.count(values[:, None])[0],
        examples=contexts(read, 0, _chosen_places(places, values, k)),
        by_token=by_token(read, least=least),
        by_class=by_class(read),
        stimuli=stimuli(read, least=least),
        promoted=promoted,
        token_classes=classes,
        weights=_weights(model, chosen),
        ablation=lost,
    )


def _statistics(values: NDArray[np.float64]) -> dict[str, float]:
    centred = values - values.mean()
    std = values.std()
    standard = centred / std if std > 1e-7 * np.abs(values).max() else np.full_like(values, np.nan)
    return {
        "count": float(len(values)),
        "mean": float(values.mean()),
        "std": float(std),
        "skewness": float((standard**3).mean()),
        "kurtosis": float((standard**4).mean() - 3),
        "above_zero": float((values > 0).mean()),
        "min": float(values.min()),
        **{name: float(np.quantile(values, share)) for name, share in SHARES.items()},
        "max": float(values.max()),
    }


def _chosen_places(places: NDArray[np.int64], values: NDArray[np.float32], k: int) -> list[tuple[str, int]]:
    """Places of the k largest, of one at each quartile, and of the k smallest activations; earlier ones first."""
    order = np.argsort(-values, kind="stable")
    quartiles = [(f"{share:.0%}", order[round((1 - share) * (len(order) - 1))]) for share in (0.75, 0.5, 0.25)]
    largest = [("largest", row) for row in order[:k]]
    smallest = [("smallest", row) for row in np.argsort(values, kind="stable")[:k]]
    return [(kind, int(places[row])) for kind, row in (*largest, *quartiles, *smallest)]


def _weights(model: LanguageModel, neuron: Neuron) -> dict[str, float]:
    weights = model.neuron_weights(neuron.layer)
    rows = slice(neuron.index, neuron.index + 1)
    parts = (weights.W_in, weights.b_in, weights.W_out, None, weights.W_gate, weights.b_gate)
    own = [None if part is None else part[rows].to("cpu", torch.float64) for part in parts]
    table = statistics_of(neuron.layer, neuron.index, NeuronWeights(*own))  # type: ignore[arg-type] # W_in, W_out are there
    return {column.name: float(table[column.name].iloc[0]) for column in WEIGHTS[3:]}
