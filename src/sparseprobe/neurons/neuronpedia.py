"""Neurons in the format of Neuronpedia's exports: gzipped JSON lines, in batches.

    features/batch-N.jsonl.gz       a line for each neuron: its largest activation, histograms, the logits it moves
    activations/batch-N.jsonl.gz    a line for each text: its tokens, the neuron's activation at each, and its bin

Texts are taken from `BINS` bins of equal width between 0 and the largest activation, most from the highest, no two from
one sequence. `frac_nonzero` and `binContains` count activations above 0, since smooth nonlinearities are seldom 0.
Layers and indices are texts, as Neuronpedia has them. Batches with the same number are of the same neurons.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.artefacts import whole_file
from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.neuron_sets import Neurons, named_neurons
from sparseprobe.neurons.on_text.contexts import contexts
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations, read_tokens, texts_of
from sparseprobe.neurons.weights.direct_logit_effect import logit_effect, reads_residual_stream
from sparseprobe.progress import Progress

BATCH, BINS, BARS, TOKENS = 128, 5, 40, 10
"""Neurons in a batch, bins of texts, bars of a histogram, tokens of each end of the logits."""
TEXTS, MORE_TEXTS, WIDTH = 4, 12, 32
"""Texts of a bin and of the highest one, and tokens on each side of a text's largest activation."""
_DIGITS = 4


def export_neuronpedia(
    model: LanguageModel,
    data: ProbingDataset,
    neurons: Neurons,
    out: str | Path,
    *,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the files of these neurons, read on all text of `data`, into the folder `out`; hand back their paths.

    Raises `InputError` for neurons that are not there and for a batch without neurons.
    """
    if batch < 1:
        raise InputError(f"batch={batch} neurons make no file: give at least 1")
    chosen = named_neurons(model, neurons)
    paths = []
    for number, start in enumerate(range(0, len(chosen), batch)):
        read = read_tokens(model, data, list(chosen[start : start + batch]), progress=progress)
        for kind, lines in (("features", _features(model, read)), ("activations", _activations(model, read))):
            paths.append(Path(out) / kind / f"batch-{number}.jsonl.gz")
            _write(paths[-1], lines)
    return paths


def _features(model: LanguageModel, read: TokenActivations) -> Iterator[dict[str, Any]]:
    known = read.matrix[read.known].astype(np.float64)
    moves = reads_residual_stream(model) and all(model.layers[one.layer].mlp_factor is not None for one in read.neurons)
    for neuron, values in zip(read.neurons, known.T, strict=True):
        fires = values[values > 0]
        yield {
            **_name(model, neuron),
            "maxActApprox": _plain(values.max(initial=0.0)),
            "frac_nonzero": len(fires) / max(1, len(values)),
            **_bars("freq_hist_data_bar", fires),
            **(_logits(model, neuron, read) if moves else {}),
        }


def _logits(model: LanguageModel, neuron: Neuron, read: TokenActivations) -> dict[str, Any]:
    """The tokens that a unit of activation raises and lowers most, and the histogram over all tokens."""
    [effect] = logit_effect(model, [neuron])
    texts = texts_of(read.data.tokenizer, len(effect))
    order = np.argsort(-effect, kind="stable")
    found: dict[str, Any] = {}
    for end, tokens in (("pos", order[:TOKENS]), ("neg", order[::-1][:TOKENS])):
        found[f"{end}_str"] = [texts[token] for token in tokens]
        found[f"{end}_values"] = _list(effect[tokens])
    return found | _bars("logits_hist_data_bar", effect)


def _activations(model: LanguageModel, read: TokenActivations) -> Iterator[dict[str, Any]]:
    offsets = read.data.sequences.offsets
    for column, neuron in enumerate(read.neurons):
        for place, low, high, share in _places(read, column):
            [shown] = contexts(read, column, [("", place)], width=WIDTH)
            values = [0.0 if np.isnan(value) else _plain(value) for value in shown.activations]
            yield {
                **_name(model, neuron),
                "tokens": list(shown.tokens),
                "values": values,
                "maxValue": max(values),
                "maxValueTokenIndex": int(np.argmax(values)),
                "minValue": min(values),
                "binMin": _plain(low),
                "binMax": _plain(high),
                "binContains": share,
                "dataSource": read.data.name,
                "dataIndex": str(int(np.searchsorted(offsets, place, side="right")) - 1),
            }


def _places(read: TokenActivations, column: int) -> Iterator[tuple[int, float, float, float]]:
    """The place of the largest activation of each chosen sequence; its bin, and the share of activations in the bin."""
    values = np.nan_to_num(read.matrix[:, column].astype(np.float64), nan=-np.inf)
    fires = values[values > 0]
    if not len(fires):
        return
    offsets = read.data.sequences.offsets
    largest = [
        start + int(np.argmax(values[start:stop]))
        for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        if stop > start
    ]
    ordered = sorted(largest, key=lambda place: -values[place])
    edges = np.linspace(0, fires.max(), BINS + 1)
    for number in reversed(range(BINS)):
        low, high = edges[number], edges[number + 1]
        within = [place for place in ordered if low < values[place] <= high]
        share = float(((fires > low) & (fires <= high)).mean())
        for place in within[: MORE_TEXTS if number == BINS - 1 else TEXTS]:
            yield place, float(low), float(high), share


def _name(model: LanguageModel, neuron: Neuron) -> dict[str, str]:
    return {"modelId": model.name, "layer": str(neuron.layer), "index": str(neuron.index)}


def _bars(name: str, values: NDArray[np.float64]) -> dict[str, list[float]]:
    """Heights of a histogram and the middles of its bins; none without values."""
    heights, edges = np.histogram(values, BARS) if len(values) else (np.empty(0), np.empty(1))
    return {f"{name}_heights": heights.astype(float).tolist(), f"{name}_values": _list((edges[1:] + edges[:-1]) / 2)}


def _list(values: NDArray[np.float64]) -> list[float]:
    return [_plain(value) for value in values]


def _plain(value: float) -> float:
    return round(float(value), _DIGITS)


def _write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with whole_file(path) as partial, partial.open("wb") as file, GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        for line in lines:
            packed.write((json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode())
