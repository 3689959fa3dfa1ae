"""Which features have a next-token loss on their labelled spans.

The loss of a token is that of the token after it, so a span that ends its text has none of its own: collections that
read the last token of a name or a statement label nothing else. An ablation cannot measure such a feature.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.neurons.on_text.text_stream import split_text


def measured_features(
    data: ProbingDataset, features: Sequence[str] | None, splits: Sequence[str] | None = ("test",)
) -> list[str]:
    """The binary features that an ablation can measure on a part of the text: those named, or all that it can.

    Warns of features that were not named and cannot be measured. Raises `UnknownNameError` for a name that is not a
    binary feature, `InputError` if a named one cannot be measured, or none of several can.

    >>> from sparseprobe.neurons.planted_language import planted_text
    >>> measured_features(planted_text(3), ["g"], None)
    ['g']
    """
    binary = _binary(data)
    features = [features] if isinstance(features, str) else features
    for name in features or ():
        if name not in binary:
            raise UnknownNameError("binary feature", name, binary)
    wanted = binary if features is None else list(features)
    followed = followed_features(data, splits)
    measured = [name for name in wanted if name in followed]
    lost = [name for name in wanted if name not in measured]
    if not lost:
        return wanted
    fault = f"no token follows the labelled spans of {', '.join(lost)} in {data.name}, so there is no next-token loss"
    if features is not None or not measured:
        raise InputError(f"{fault} to change; ask for other features, or label spans that do not end their text")
    warnings.warn(f"{fault}: the ablation leaves them out", stacklevel=3)
    return measured


def followed_features(data: ProbingDataset, splits: Sequence[str] | None) -> list[str]:
    """The binary features that label a span with a next-token loss in a part of the text."""
    text = split_text(data, splits, "the ablation")
    followed = _followed(text)
    return [name for name in _binary(text) if (followed & (text.labels[name] != -1).to_numpy()).any()]


def _binary(data: ProbingDataset) -> list[str]:
    return [str(name) for name in data.labels.columns if data.labels[name].dtype == np.int8]


def _followed(text: ProbingDataset) -> NDArray[np.bool_]:
    """(n_examples,) whether a token that is not special follows a token of the span."""
    sequences, examples = text.sequences, text.examples
    counted = ~np.isin(np.roll(sequences.tokens, -1), np.array(text.tokenizer.special_ids, np.int64))
    counted[sequences.offsets[1:] - 1] = False
    running = np.concatenate([[0], np.cumsum(counted)])
    begin = sequences.offsets[examples["sequence"].to_numpy()]
    start, stop = (running[begin + examples[name].to_numpy()] for name in ("start", "stop"))
    followed: NDArray[np.bool_] = stop > start
    return followed
