from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.datasets.near_duplicates import near_duplicates
from sparseprobe.datasets.token_baseline import example_tokens, token_baseline


def make(tokens: list[list[int]], labels: np.ndarray) -> ProbingDataset:
    n = len(tokens)
    table = {"sequence": range(n), "start": 0, "stop": [len(ids) for ids in tokens]}
    split = np.resize(["train", "train", "validation", "test"], n)
    return ProbingDataset(
        name="test",
        sequences=Sequences.of(tokens),
        examples=pd.DataFrame(table | {"group": [f"d{row}" for row in range(n)], "split": split}),
        labels=pd.DataFrame({"a": labels}),
        features=pd.DataFrame({"name": ["a"], "description": "", "category": "", "kind": "binary"}),
        tokenizer=TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None),
    )


def test_a_feature_of_tokens_is_predicted_and_a_random_one_is_not() -> None:
    rng = np.random.default_rng(0)
    tokens = [rng.integers(0, 50, 20).tolist() for _ in range(800)]
    labels = rng.integers(0, 2, 800)
    assert token_baseline(make(tokens, labels))["f1"][0] < 0.75
    marked = [[*ids, 99] if label else [*ids, 98] for ids, label in zip(tokens, labels, strict=True)]
    assert token_baseline(make(marked, labels))["f1"][0] > 0.98


def test_only_tokens_of_the_span_count() -> None:
    data = make([[1, 2, 3], [4, 5]] * 4, np.array([1, 0] * 4))
    spans = data.examples.assign(start=1)
    ids, example = example_tokens(ProbingDataset(**(vars(data) | {"examples": spans})))
    assert ids.tolist() == [2, 3, 5] * 4
    assert example[:3].tolist() == [0, 0, 1]


def test_a_part_without_a_class_gives_no_number() -> None:
    assert np.isnan(token_baseline(make([[1, 2]] * 8, np.array([1, 0] + [0] * 6)))["f1"][0])


@pytest.mark.parametrize("changed", [0, 2, 90])
def test_near_duplicates_are_those_that_share_most_of_their_text(changed: int) -> None:
    rng = np.random.default_rng(changed)
    texts = [rng.integers(0, 10_000, 100) for _ in range(30)]
    copy = texts[3].copy()
    copy[rng.choice(100, changed, replace=False)] += 10_000
    pairs = near_duplicates(Sequences.of([*texts, copy])).tolist()
    assert pairs == ([[3, 30]] if changed < 50 else [])


def test_boilerplate_and_short_texts_make_no_pairs() -> None:
    rng = np.random.default_rng(0)
    header = list(range(20))
    texts = [[*header, *rng.integers(100, 10_000, 30)] for _ in range(60)]
    assert len(near_duplicates(Sequences.of(texts))) == 0
    assert len(near_duplicates(Sequences.of([[1, 2], [1, 2], []]))) == 0
