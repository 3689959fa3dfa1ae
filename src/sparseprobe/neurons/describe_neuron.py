"""From a neuron's name to what is known of it: on text, in its weights, at the output, and what breaks without it.

Text is read once: the pass that gives the neuron's activations also gives the scale of the final norm, what the layer
does on the training text, and the losses that the ablation starts from. Cost beside it: for each set of neurons that is
ablated (the one, and its matched controls) the layers from its own on, over the ablation's split (`ablation=False`
omits them). Memory: 4 bytes per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sparseprobe.activations.extract import require_fit
from sparseprobe.datasets import ProbingDataset
from sparseprobe.datasets.loading import as_dataset
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel, NeuronWeights, Site, as_model
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.interventions.ablate import AblationTask
from sparseprobe.neurons.interventions.loss_stream import Watch
from sparseprobe.neurons.interventions.reference_text import ReferenceSums
from sparseprobe.neurons.interventions.replacement import Fixed
from sparseprobe.neurons.interventions.suffix_pass import FirstPass, Place, first_pass
from sparseprobe.neurons.neuron_card import NeuronCard
from sparseprobe.neurons.neuron_sets import Neurons, one_neuron
from sparseprobe.neurons.on_text.contexts import contexts
from sparseprobe.neurons.on_text.followed_spans import followed_features
from sparseprobe.neurons.on_text.mean_activation_by_token import (
    TokenActivations,
    by_class,
    by_token,
    read_tokens,
)
from sparseprobe.neurons.on_text.stimuli import stimuli
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, sequences_of, split_text, text_batches
from sparseprobe.neurons.weights.direct_logit_effect import (
    effect_by_token_class,
    logit_effect,
    promoted_tokens,
    reads_residual_stream,
)
from sparseprobe.neurons.weights.folded_norm import folded_norm
from sparseprobe.neurons.weights.weight_statistics import statistics_of
from sparseprobe.progress import SILENT, Progress
from sparseprobe.statistics import histogram
from sparseprobe.statistics.moments import moments
from sparseprobe.tables import ABLATION, PROMOTED, TOKEN_CLASSES, WEIGHTS, make_table

SHARES = {"q01": 0.01, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q99": 0.99}


def describe_neuron(
    model: LanguageModel | str | Path,
    data: ProbingDataset | str | Path,
    neuron: Neurons,
    *,
    examples: int = 6,
    least: int = 2,
    ablation: bool = True,
    splits: Sequence[str] | None = ("test",),
    controls: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
) -> NeuronCard:
    """The card of one neuron: distribution, examples, tokens, n-grams, logits, weights, ablation.

    It leads with the side of the neuron that a probe uses: that of the table's row that is given (`sign`), that of a
    name such as `L3.N609-`, by default the side that best separates the feature that the neuron reads best. `examples`
    are shown of each end, tokens and n-grams that occur `least` times; the ablation is that of `ablate` at value 0 on
    `splits`. Raises `InputError` for a neuron that is not there or for several.

    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> card = describe_neuron(planted_model(), planted_text(), "L0.N0", ablation=False)
    >>> card.examples[0].text(), card.promoted["text"].tolist()[0], card.sign
    ('MHNLBFBKEFZA⟦B⟧BHKL', 'Z', '+')
    """
    model = as_model(model)
    data = as_dataset(data, model.tokenizer)
    chosen = one_neuron(neuron, model)
    if examples < 1:
        raise InputError(f"examples={examples} shows none: give at least 1")
    text = _Text(model, data, chosen.whole)
    measured = ablation and model.kind == "causal" and model.unembedding is not None
    lost = make_table([], ABLATION)
    if measured:
        features = tuple(followed_features(data, splits))
        task = AblationTask([(chosen,)], Fixed(), features, splits, controls, seed)
        lost = text.read_and_ablate(task, progress or SILENT)
    else:
        text.read(progress or SILENT)
    read = TokenActivations((chosen.whole,), data, text.activations[:, None])
    classes = by_class(read)
    sign = chosen.sign or _sign_of(neuron) or _best_sign(classes)
    other: Literal["+", "-"] = "-" if sign == "+" else "+"
    values = text.activations[read.known].astype(np.float64)
    promoted, kinds = make_table([], PROMOTED), make_table([], TOKEN_CLASSES)
    if reads_residual_stream(model) and model.layers[chosen.layer].mlp_factor is not None:
        effects = logit_effect(model, chosen.side(sign), scale=1 / text.mean_inverse_scale)
        promoted = promoted_tokens(model, chosen.side(sign), tokenizer=data.tokenizer, effects=effects)
        kinds = effect_by_token_class(model, chosen.side(sign), tokenizer=data.tokenizer, effects=effects)
    by_mean = by_token(read, least=least)
    return NeuronCard(
        neuron=chosen,
        sign=sign,
        model=model.name,
        collection=data.name,
        statistics=_statistics(values) | text.gate(),
        histogram=histogram.count(values[:, None].astype(np.float32))[0],
        examples=contexts(read, 0, _chosen_places(np.flatnonzero(read.known), values, examples, sign)),
        by_token=by_mean if sign == "+" else by_mean[::-1].reset_index(drop=True),
        by_class=classes,
        stimuli=stimuli(read.side(sign), least=least),
        other_stimuli=stimuli(read.side(other), least=least),
        promoted=promoted,
        token_classes=kinds,
        weights=_weights(model, chosen),
        ablation=lost,
    )


class _Text:
    """One pass over all text: the neuron at each token, the final norm's scale, and its layer on training text."""

    def __init__(self, model: LanguageModel, data: ProbingDataset, neuron: Neuron) -> None:
        self._model, self._data, self._neuron = model, data, neuron
        self._special = np.array(data.tokenizer.special_ids, np.int64)
        self.activations = np.full(data.n_tokens, np.nan, np.float32)
        """(n_tokens,) NaN at special tokens."""
        self._gates = np.full(data.n_tokens, np.nan, np.float32)
        self._sums: ReferenceSums | None = None
        self._train = np.empty(0, np.int64)
        self._inverse_scales: list[NDArray[np.float64]] = []
        last = model.n_layers - 1
        self._norm = folded_norm(model) if reads_residual_stream(model) and model.final_norm is not None else None
        self._places: tuple[Place, ...] = ((neuron.layer, "mlp"),)
        if self._norm is not None:
            self._places += ((last, "residual"),)
        if model.layers[neuron.layer].gated:
            self._places += ((neuron.layer, "mlp_gate"),)

    @property
    def mean_inverse_scale(self) -> float:
        """Mean over tokens of 1 / s of the final norm."""
        return float(np.concatenate(self._inverse_scales).mean()) if self._inverse_scales else 1.0

    def gate(self) -> dict[str, float]:
        """The share of tokens at which the gate of a gated neuron is open (above 0)."""
        known = self._gates[~np.isnan(self._gates)]
        return {"gate_open": float((known > 0).mean())} if len(known) else {}

    def read(self, progress: Progress) -> None:
        """Read all text, with no loss."""
        if self._norm is not None:
            self._run(np.arange(len(self._data.sequences)), progress)
            return
        self.activations = read_tokens(self._model, self._data, self._neuron, progress=progress).matrix[:, 0]

    def read_and_ablate(self, task: AblationTask, progress: Progress) -> pd.DataFrame:
        """Read the text that is not measured first, so that the controls are known when the rest is read."""
        data, reference = self._data, ("train",) if "train" in set(self._data.examples["split"]) else None
        split_text(data, task.splits, "the ablation")
        measured = sequences_of(data, task.splits)
        rest = np.setdiff1d(np.arange(len(data.sequences)), measured)
        statistics = None
        if task.controls:
            self._train = np.arange(len(data.sequences)) if reference is None else sequences_of(data, reference)
            train = split_text(data, reference, "the reference text")
            self._sums = ReferenceSums(self._model, train, [self._neuron.layer], seed=task.seed)
            if np.isin(self._train, measured).any():  # what is measured is part of it, so it is read before
                self._run(self._train, progress)
                self._inverse_scales.clear()
                statistics, self._sums = self._sums.result(), None
        self._run(rest, progress)
        if self._sums is not None:
            statistics, self._sums = self._sums.result(), None
        watch = Watch(self._places, lambda rows, first: self._see(measured[rows], first))
        return task.measure(self._model, data, statistics, watch=watch, progress=progress)

    def _run(self, rows: NDArray[np.int64], progress: Progress) -> None:
        """Run the model over some sequences."""
        require_fit(self._model, self._data)
        sequences = self._data.sequences.take(rows)
        with progress.task("text", total=int(sequences.lengths.sum()), unit="tokens") as step:
            for part, batch in text_batches(self._model, sequences, BATCH_TOKENS):
                self._see(rows[part], first_pass(self._model, batch, read=self._places))
                step(int(batch.mask.sum()))

    def _see(self, rows: NDArray[np.int64], first: FirstPass) -> None:
        """Take what a pass over some sequences gave."""
        row, column = (places.numpy() for places in first.batch.mask.nonzero(as_tuple=True))
        places = self._data.sequences.offsets[rows[row]] + column
        kept = ~np.isin(self._data.sequences.tokens[places], self._special)
        row, column, places = row[kept], column[kept], places[kept]

        def tokens(site: Site, layer: int, columns: Any = slice(None)) -> NDArray[np.float32]:
            found = first.read[layer, site][row, column][:, columns]
            values: NDArray[np.float32] = found.float().cpu().numpy()
            return values

        layer, index = self._neuron.layer, self._neuron.index
        if self._norm is not None:
            residual = torch.from_numpy(tokens("residual", self._model.n_layers - 1)).double()
            self._inverse_scales.append((1 / self._norm.scale(residual)).numpy())
        if self._model.layers[layer].gated:
            self._gates[places] = tokens("mlp_gate", layer, [index])[:, 0]
        self.activations[places] = tokens("mlp", layer, [index])[:, 0]
        if self._sums is not None:
            at = np.searchsorted(self._train, rows[row])
            train = np.isin(rows[row], self._train)
            offsets = np.concatenate([[0], np.cumsum(self._data.sequences.lengths[self._train])])
            self._sums.add(offsets[at[train]] + column[train], {layer: tokens("mlp", layer)[train]})


def _sign_of(neuron: Neurons) -> Literal["", "+", "-"]:
    """The sign that the row of a table gives."""
    if isinstance(neuron, pd.DataFrame) and "sign" in neuron.columns and neuron["sign"].iloc[0] in ("+", "-"):
        return "+" if neuron["sign"].iloc[0] == "+" else "-"
    return ""


def _best_sign(classes: pd.DataFrame) -> Literal["+", "-"]:
    """The side by which the neuron tells the feature whose classes it parts most, in standard deviations."""
    on, off = (classes[classes["label"] == label] for label in (1, 0))
    both = on.merge(off, on="feature", suffixes=("", "_off"))
    spread = np.sqrt((both["std"] ** 2 + both["std_off"] ** 2) / 2).replace(0, np.nan)
    parted = ((both["mean"] - both["mean_off"]) / spread).dropna()
    return "-" if len(parted) and parted[parted.abs().idxmax()] < 0 else "+"


def _statistics(values: NDArray[np.float64]) -> dict[str, float]:
    found = {name: float(value) for name, value in moments(values).items()}
    return {
        "count": float(len(values)),
        "mean": found["mean"],
        "std": found["variance"] ** 0.5,
        "skewness": found["skewness"],
        "kurtosis": found["kurtosis"],
        "above_zero": float((values > 0).mean()),
        "min": float(values.min()),
        **{name: float(np.quantile(values, share)) for name, share in SHARES.items()},
        "max": float(values.max()),
    }


def _chosen_places(
    places: NDArray[np.int64], values: NDArray[np.float64], n: int, sign: Literal["+", "-"]
) -> list[tuple[str, int]]:
    """Places of the `n` largest activations, one at each quartile, and the `n` smallest; the side `sign` first."""
    order = np.argsort(-values, kind="stable")
    quartiles = [(f"{share:.0%}", order[round((1 - share) * (len(order) - 1))]) for share in (0.75, 0.5, 0.25)]
    ends = {
        "+": [("largest", row) for row in order[:n]],
        "-": [("smallest", row) for row in np.argsort(values, kind="stable")[:n]],
    }
    first, last = (ends["+"], ends["-"]) if sign == "+" else (ends["-"], ends["+"])
    return [(kind, int(places[row])) for kind, row in (*first, *quartiles, *last)]


def _weights(model: LanguageModel, neuron: Neuron) -> dict[str, float]:
    if model.layers[neuron.layer].experts is not None:
        return {}  # stacked weights are not laid out neuron by neuron
    weights = model.neuron_weights(neuron.layer)
    rows = slice(neuron.index, neuron.index + 1)
    parts = (weights.W_in, weights.b_in, weights.W_out, None, weights.W_gate, weights.b_gate)
    own = [None if part is None else part[rows].to("cpu", torch.float64) for part in parts]
    table = statistics_of(neuron.layer, neuron.index, NeuronWeights(*own))  # type: ignore[arg-type] # W_in, W_out are there
    return {column.name: float(table[column.name].iloc[0]) for column in WEIGHTS[3:]}
