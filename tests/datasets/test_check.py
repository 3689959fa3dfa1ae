from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.datasets.check import check


def make(n: int = 300, **changes) -> ProbingDataset:
    parts = {
        "name": "test",
        "sequences": Sequences.of([[row, row + 1, 7] for row in range(n)]),
        "examples": pd.DataFrame(
            {
                "sequence": range(n),
                "start": 0,
                "stop": 3,
                "group": [f"d{row}" for row in range(n)],
                "split": ["train", "validation", "test"] * (n // 3),
            }
        ),
        "labels": pd.DataFrame({"a": np.arange(n) // 3 % 2}),
        "features": pd.DataFrame({"name": ["a"], "description": "", "category": "", "kind": "binary"}),
        "tokenizer": TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None),
    }
    return ProbingDataset(**(parts | changes))


def found(data: ProbingDataset) -> list[tuple[str, str, int]]:
    table = check(data)
    return list(zip(table["check"], table["level"], table["count"], strict=True))


def test_good_data_gives_no_finding() -> None:
    assert list(check(make()).columns) == ["check", "level", "feature", "count", "message"]
    assert found(make()) == []


def test_the_same_text_in_two_parts_is_found() -> None:
    data = make()
    ids = [list(ids) for ids in data.sequences]
    ids[7] = ids[6]
    ids[9] = ids[12]
    assert (
        found(replace(data, sequences=Sequences.of(ids)))
        == [
            ("duplicates", "error", 2),
            ("label_conflicts", "error", 1),
        ][: 1 + int(data.labels["a"][9] != data.labels["a"][12])]
    )


def test_identical_spans_with_two_labels_are_found() -> None:
    data = make()
    ids = [list(ids) for ids in data.sequences]
    ids[0] = ids[3]
    assert found(replace(data, sequences=Sequences.of(ids))) == [("label_conflicts", "error", 1)]


def test_a_document_in_two_parts_is_found() -> None:
    data = make()
    leaky = replace(
        data,
        examples=data.examples.assign(group=["x", "x", *data.examples["group"][2:]]),
        settings={"split_by": "example"},
    )
    assert found(leaky) == [("group_leakage", "error", 1)]


def test_rare_and_lacking_classes_are_found() -> None:
    rare = pd.DataFrame({"a": (np.arange(300) < 3).astype(int)})
    assert found(make(labels=rare)) == [("class_balance", "warning", 3)]
    lacking = pd.DataFrame({"a": (np.arange(300) % 3 == 0).astype(int)})
    assert found(make(labels=lacking)) == [("class_balance", "error", 100), ("class_balance", "error", 200)]
    few = make(60)
    assert found(few) == [("class_balance", "note", 10), ("class_balance", "note", 10)]


def test_a_part_without_labelled_examples_is_found_for_every_kind() -> None:
    numbers = make().features.assign(kind="continuous")
    train = make().examples.assign(split="train")
    labels = pd.DataFrame({"a": np.arange(300, dtype=np.float32)})
    assert found(make(labels=labels, features=numbers)) == []
    [row] = check(make(labels=labels, features=numbers, examples=train)).itertuples()
    assert (row.level, row.message) == ("error", "no labelled example in test")
    nowhere = labels.where(make().examples["split"].to_numpy()[:, None] != "validation")
    assert check(make(labels=nowhere, features=numbers))["message"].tolist() == ["no labelled example in validation"]
    assert found(make(examples=train)) == [("class_balance", "error", 150)] * 2


def test_what_was_left_out_is_said() -> None:
    settings = {"counts": {"texts": 9, "spans_inside_a_token": 4}, "dropped_features": {"b": "b has 3 examples"}}
    table = check(make(settings=settings))
    assert table["message"].tolist() == [
        "feature dropped: b has 3 examples",
        "4 spans were left out because a boundary falls inside a token",
    ]


def test_near_copies_across_parts_are_found() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 10_000, 60) for _ in range(300)]
    texts[1] = np.append(texts[0], 5)
    table = check(make(sequences=Sequences.of(texts), examples=make().examples.assign(stop=60)))
    assert table["check"].tolist() == ["near_duplicates"]
    assert table["message"][0].startswith("2 texts share at least half of their words")


def test_features_of_tokens_and_of_length_are_said() -> None:
    label = np.arange(300) // 3 % 2
    ids = [[row + 10, row + 11, int(value)] for row, value in enumerate(label)]
    assert found(make(sequences=Sequences.of(ids))) == [("token_identity", "note", 1)]
    longer = [[row, row + 1, row + 2] + [row] * (3 * int(value)) for row, value in enumerate(label)]
    findings = found(make(sequences=Sequences.of(longer)))
    assert ("length_confound", "warning", 300) in findings
