"""What the identity of tokens alone predicts: a naive Bayes classifier on the bag of token ids of each example.

    score(example) = sum over its tokens t of log p(t | positive) - log p(t | negative)

with frequencies from the training part (one added to each count), divided by the number of tokens, and the threshold
of the best F1 on the validation split (or on training, where there is none). F1 on test. A feature that this predicts
is a property of tokens: a neuron that reads it may only detect those tokens. Source: the multinomial
event model of McCallum and Nigam, 1998. Cost: linear in the tokens of the examples, for each feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sparseprobe.statistics.best_threshold import best_thresholds
from sparseprobe.statistics.confusion import Confusion

if TYPE_CHECKING:
    from sparseprobe.datasets.probing_dataset import ProbingDataset


def token_baseline(dataset: ProbingDataset) -> pd.DataFrame:
    """Test F1 of each binary feature from token ids alone: columns feature, f1 (NaN if a split lacks a class)."""
    tokens, example = example_tokens(dataset)
    _, ids = np.unique(tokens, return_inverse=True)
    split = dataset.examples["split"].to_numpy()
    binary = dataset.features["name"][dataset.features["kind"] == "binary"]
    rows = [(name, _f1(ids, example, dataset.labels[name].to_numpy(), split)) for name in binary]
    return pd.DataFrame(rows, columns=["feature", "f1"])


def example_tokens(dataset: ProbingDataset) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The token ids of all spans, one after the other, and the example of each; (n_tokens,) each."""
    spans = dataset.examples
    lengths = (spans["stop"] - spans["start"]).to_numpy()
    begins = dataset.sequences.offsets[spans["sequence"].to_numpy()] + spans["start"].to_numpy()
    example = np.repeat(np.arange(len(spans)), lengths)
    within = np.arange(len(example)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return dataset.sequences.tokens[begins[example] + within], example


def _f1(
    ids: NDArray[np.int64], example: NDArray[np.int64], labels: NDArray[np.int8], split: NDArray[np.object_]
) -> float:
    parts = {part: (split == part) & (labels != -1) for part in ("train", "validation", "test")}
    tune = parts["validation"] if parts["validation"].any() else parts["train"]
    if any(len(np.unique(labels[rows])) < 2 for rows in (parts["train"], tune, parts["test"])):
        return float("nan")
    known = parts["train"]
    from sklearn.naive_bayes import MultinomialNB  # noqa: PLC0415 (slow to import, like all of scikit-learn)

    bags = csr_array((np.ones(len(ids)), (example, ids)), shape=(len(labels), int(ids.max()) + 1))
    bags.sum_duplicates()
    frequency = MultinomialNB().fit(bags[known], labels[known]).feature_log_prob_
    scores = bags @ (frequency[1] - frequency[0]) / np.maximum(1, np.bincount(example, minlength=len(labels)))
    (threshold,), _ = best_thresholds(scores[tune, None], labels[tune] == 1, np.array([True]))
    test = parts["test"]
    return float(Confusion.of(labels[test] == 1, scores[test] > threshold).f1())
