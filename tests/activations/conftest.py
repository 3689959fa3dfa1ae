"""Small datasets of random tokens, spans and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets.probing_dataset import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.keyed_random import generator

RECORD = TokenizerRecord(name="numbers", fingerprint="f", bos="none", bos_id=None)


def dataset(sequences, spans, *, features=("a", "b"), name="random", seed=0):
    """`spans` are (sequence, start, stop); a document is a sequence."""
    table = pd.DataFrame(spans, columns=["sequence", "start", "stop"]).astype(np.int64)
    table["group"] = table["sequence"].astype(str)
    table["split"] = np.where(table["sequence"] % 3, "train", "test")
    draw = generator(seed, "labels").integers(-1, 2, (len(table), len(features))).astype(np.int8)
    described = pd.DataFrame({"name": features, "description": "", "category": "random", "kind": "binary"})
    return ProbingDataset(
        name=name,
        sequences=Sequences.of([list(map(int, sequence)) for sequence in sequences]),
        examples=table,
        labels=pd.DataFrame(draw, columns=list(features)),
        features=described,
        tokenizer=RECORD,
    )


def random_sequences(n, longest, seed=0):
    draw = generator(seed, "sequences")
    return [draw.integers(5, 50, length) for length in draw.integers(1, longest + 1, n)]


@pytest.fixture(scope="session")
def make_dataset():
    return dataset


@pytest.fixture(scope="session")
def token_data():
    """Every token of 12 sequences of 1 to 20 tokens, as examples in no order."""
    sequences = random_sequences(12, 20)
    spans = [(i, t, t + 1) for i, sequence in enumerate(sequences) for t in range(len(sequence))]
    return dataset(sequences, generator(0, "order").permutation(spans))


@pytest.fixture(scope="session")
def span_data():
    """90 spans of random length in 40 sequences, some of which hold none and some of which are equal, in no order."""
    sequences = random_sequences(40, 20, seed=1)
    sequences[7] = sequences[11] = sequences[3]
    draw = generator(1, "spans")
    spans = []
    for index in draw.integers(0, 30, 90):
        start = int(draw.integers(0, len(sequences[index])))
        spans.append((int(index), start, int(draw.integers(start, len(sequences[index]))) + 1))
    return dataset(sequences, spans)
