from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.datasets.labelling.candidates import Candidates, assemble
from sparseprobe.errors import DataError, UnknownNameError

TOKENIZER = TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None)


def candidates(n_sequences: int = 60, length: int = 20, features: tuple[str, ...] = ("a", "b")) -> Candidates:
    """Token i of sequence s has the id 100 s + i; feature a: i is a multiple of 5; feature b: i is 3."""
    ids = [[100 * s + i for i in range(length)] for s in range(n_sequences)]
    position = np.tile(np.arange(length), n_sequences)
    labels = np.column_stack([position % 5 == 0, position == 3]).astype(np.int8)[:, : len(features)]
    table = pd.DataFrame({"name": features, "description": "", "category": "", "kind": "binary"})
    return Candidates(
        sequences=Sequences.of(ids),
        documents=[f"document {s // 2}" for s in range(n_sequences)],
        sequence=np.repeat(np.arange(n_sequences), length),
        start=position,
        stop=position + 1,
        labels=labels,
        features=table,
        counts={"texts": 60},
    )


def build(found: Candidates, seed: int = 0, **settings) -> ProbingDataset:
    return assemble(found, name="test", tokenizer=TOKENIZER, settings=settings, seed=seed)


def test_each_label_is_that_of_its_token() -> None:
    data = build(candidates(), n_examples=200, positive_share=0.3)
    ids = np.array([data.sequences[row.sequence][row.start] for row in data.examples.itertuples()])
    truth = {"a": (ids % 100) % 5 == 0, "b": ids % 100 == 3}
    for name, holds in truth.items():
        drawn = data.labels[name].to_numpy() != -1
        assert (data.labels[name].to_numpy()[drawn] == holds[drawn]).all()
    assert (data.examples["group"] == [f"document {token // 100 // 2}" for token in ids]).all()


def test_each_part_has_its_share_of_examples_and_of_positives() -> None:
    data = build(candidates(600), n_examples=2000, positive_share=0.5)
    for part, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items():
        labels = data.labels["a"][data.examples["split"] == part]
        drawn = labels[labels != -1]
        assert abs(len(drawn) - 2000 * share) <= 80
        assert abs((drawn == 1).mean() - 0.5) < 0.01


def test_one_features_draw_does_not_move_anothers() -> None:
    both, one = candidates(), candidates(features=("a",))
    settings = {"n_examples": 100, "positive_share": 0.3, "split_by": "example"}

    def tokens(data: ProbingDataset) -> set[int]:
        rows = data.examples[(data.labels["a"] != -1).to_numpy()]
        return {int(data.sequences[row.sequence][row.start]) for row in rows.itertuples()}

    assert tokens(build(both, **settings)) == tokens(build(one, **settings))
    assert tokens(build(both, **settings)) != tokens(build(both, seed=1, **settings))


def test_sequences_that_nothing_needs_are_left_out() -> None:
    data = build(candidates(), n_examples=10)
    assert len(data.sequences) < 60
    assert set(data.examples["sequence"]) == set(range(len(data.sequences)))


def test_features_that_cannot_be_used_are_dropped_with_the_reason() -> None:
    data = build(candidates(), min_positives=100)
    assert list(data.labels) == ["a"]
    assert data.settings["dropped_features"] == {"b": "b has 60 positive examples; min_positives asks for 100"}
    assert data.settings["counts"] == {"texts": 60}
    with pytest.raises(DataError, match="no feature of test can be probed: a has 240 positive examples"):
        build(candidates(), min_positives=1000)
    one_class = candidates(features=("a",))
    one_class.labels[:] = 1
    with pytest.raises(DataError, match="a has labels of one class"):
        build(one_class)
    with pytest.raises(DataError, match="in only 2 documents"):
        build(candidates(n_sequences=4))


def test_the_papers_split_takes_no_notice_of_documents() -> None:
    data = build(candidates(), split_by="example")
    assert set(data.examples["split"]) == {"train", "test"}
    assert data.examples.groupby("group")["split"].nunique().max() == 2
    with pytest.raises(UnknownNameError, match="unknown split_by 'novel'"):
        build(candidates(), split_by="novel")


def test_continuous_features_are_drawn_too() -> None:
    found = candidates(features=("a",))
    values = found.start[:, None].astype(np.float32)
    values[::7] = np.nan
    continuous = Candidates(**(vars(found) | {"labels": values, "features": found.features.assign(kind="continuous")}))
    data = build(continuous, n_examples=100)
    assert data.n_examples == pytest.approx(100, abs=2)
    assert (data.labels["a"] == data.examples["start"]).all()
    assert set(data.examples["split"]) == {"train", "validation", "test"}


def test_targets_in_too_few_documents_are_dropped_and_others_are_in_every_part() -> None:
    found = candidates(features=("a", "b"))
    rare, few = found.sequence < 4, found.sequence % 20 == 0
    values = np.column_stack([np.where(rows, found.start, np.nan) for rows in (rare, few)]).astype(np.float32)
    continuous = replace(found, labels=values, features=found.features.assign(kind="continuous"))
    data = build(continuous)
    assert list(data.labels) == ["b"]
    assert data.settings["dropped_features"] == {
        "a": "a has numbers in only 2 documents; a target must be in at least 3 documents to be split"
    }
    assert set(data.examples["split"]) == {"train", "validation", "test"}
    assert list(build(continuous, split_by="example").labels) == ["a", "b"]
