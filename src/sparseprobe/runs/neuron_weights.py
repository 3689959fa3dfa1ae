"""What weights say, for a run: norms and biases of every neuron, and which kinds of tokens the best ones raise.

The effect is that of going one unit to the side that the probe uses: of `L5.N701-`, one unit down.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.experiments.summary import best_rows
from sparseprobe.neurons.weights.direct_logit_effect import logit_effect, reads_residual_stream
from sparseprobe.neurons.weights.token_classes import class_masks
from sparseprobe.neurons.weights.weight_statistics import weight_statistics
from sparseprobe.runs.experiment import Experiment, Part, Question, Sources, Work, model_of
from sparseprobe.tables import LOGIT_CLASSES, WEIGHTS, make_table

CLASSES = ("capitalised", "lower case", "digits", "punctuation")
BINS = 24


def best_sides(neurons: pd.DataFrame) -> list[str]:
    """The best neuron of each feature, none twice; with a minus sign where the probe uses that side."""
    best = best_rows(neurons)
    return list(dict.fromkeys(best["neuron"].where(best["sign"] == "+", best["neuron"] + "-")))


def _check_weights(question: Question) -> Work:
    model = model_of(question, "weights")
    return lambda _: [Part("weights", "all", lambda: weight_statistics(model))]


def _check_effects(question: Question) -> Work:
    model = model_of(question, "logit_classes")
    if not reads_residual_stream(model) or any(layer.mlp_factor is None for layer in model.layers):
        raise UnsupportedModelError(
            f"neurons of {model.name} have no direct effect on its logits: omit the experiment 'logit_classes'"
        )
    return partial(_effects, question)


def _effects(question: Question, sources: Sources) -> Iterator[Part]:
    yield Part("logit_classes", "all", lambda: _histograms(question, best_sides(sources.tables["neurons"])))


def _histograms(question: Question, neurons: list[str]) -> pd.DataFrame:
    """The direct effect of each neuron on the tokens of each class, in bins that the classes share."""
    effects = logit_effect(model_of(question, "logit_classes"), neurons)
    masks = class_masks(question.data.tokenizer, effects.shape[1])
    rows = []
    for neuron, effect in zip(neurons, effects, strict=True):
        edges = np.histogram_bin_edges(effect, BINS)
        for kind in CLASSES:
            inside, outside = masks.get(kind, (np.zeros(len(effect), bool),) * 2)
            if not inside.any():
                continue
            counts, _ = np.histogram(effect[inside], edges)
            about = {
                "neuron": neuron,
                "token_class": kind,
                "n_tokens": int(inside.sum()),
                "mean": effect[inside].mean(),
                "mean_elsewhere": effect[outside].mean() if outside.any() else np.nan,
            }
            rows += [
                {**about, "low": low, "high": high, "share": count / inside.sum()}
                for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return make_table(rows, LOGIT_CLASSES)


WEIGHTS_OF_NEURONS = Experiment(
    name="weights",
    about="norms, biases and cosines of the weights of every neuron",
    columns=WEIGHTS,
    takes=(),
    check=_check_weights,
    needs_model=True,
)
LOGITS_OF_NEURONS = Experiment(
    name="logit_classes",
    about="how the best neuron of each feature moves the logits of kinds of tokens",
    columns=LOGIT_CLASSES,
    takes=(),
    check=_check_effects,
    needs_model=True,
    needs_tables=("neurons",),
)
