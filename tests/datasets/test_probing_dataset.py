from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.errors import DataError, InputError, SparseProbeError, UnknownNameError

TOKENIZER = TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None)
FEATURES = pd.DataFrame(
    {"name": ["a", "b"], "description": ["x", "y"], "category": ["c", "c"], "kind": ["binary", "continuous"]}
)


def make(**changes) -> ProbingDataset:
    parts = {
        "name": "custom",
        "sequences": Sequences.of([[1, 2, 3], [4, 5], [6, 7, 8, 9]]),
        "examples": pd.DataFrame(
            {
                "sequence": [0, 0, 1, 2],
                "start": [0, 2, 0, 1],
                "stop": [1, 3, 2, 4],
                "group": ["d0", "d0", "d1", "d2"],
                "split": ["train", "train", "validation", "test"],
            }
        ),
        "labels": pd.DataFrame({"a": [1, 0, -1, 1], "b": [0.5, np.nan, 2.0, np.nan]}),
        "features": FEATURES,
        "tokenizer": TOKENIZER,
    }
    return ProbingDataset(**(parts | changes))


def with_example(**values) -> pd.DataFrame:
    examples = make().examples.copy()
    for name, value in values.items():
        examples.loc[1, name] = value
    return examples


def test_types_are_those_that_later_stages_rely_on() -> None:
    data = make()
    assert data.examples.dtypes.map(str).tolist() == ["int64", "int64", "int64", "str", "str"]
    assert data.labels.dtypes.map(str).tolist() == ["int8", "float32"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"examples": with_example(sequence=3)}, "example 1 is in sequence 3, but there are 3 sequences"),
        ({"examples": with_example(stop=4)}, r"example 1 has the span \[2, 4\) in sequence 0 of 3 tokens"),
        ({"examples": with_example(stop=2)}, r"example 1 has the span \[2, 2\)"),
        ({"examples": with_example(start=-1)}, r"example 1 has the span \[-1, 3\)"),
        ({"examples": with_example(split="dev")}, "unknown split 'dev'"),
        ({"examples": with_example(split="test")}, "the group 'd0' stands in the splits test and train"),
        ({"examples": make().examples.drop(columns="group")}, "lacks the column 'group'"),
        ({"examples": make().examples.iloc[:0]}, "at least one example"),
        ({"labels": pd.DataFrame({"a": [1, 0, 2, 1], "b": 0.0})}, "'a' holds the label 2"),
        ({"labels": pd.DataFrame({"a": [1.0, 0.5, 1, 1], "b": 0.0})}, "'a' holds the label 0.5"),
        ({"labels": pd.DataFrame({"b": [1.0] * 4, "a": 1})}, "must be the feature names"),
        ({"labels": make().labels.iloc[:3]}, "3 rows of labels for 4 examples"),
        ({"features": FEATURES.assign(name="a")}, "'a' stands twice"),
        ({"features": FEATURES.assign(kind="ternary")}, "unknown kind of feature 'ternary'"),
        ({"features": FEATURES.drop(columns="kind")}, "lacks the column 'kind'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(changes, message: str) -> None:
    with pytest.raises(SparseProbeError, match=message):
        make(**changes)


def test_a_split_by_example_must_be_said() -> None:
    assert make(examples=with_example(split="test"), settings={"split_by": "example"}).n_examples == 4


def test_subset_keeps_the_tokens_of_each_span() -> None:
    data = make()
    part = data.subset(examples=[3, 1])
    spans = [part.sequences[row.sequence][row.start : row.stop].tolist() for row in part.examples.itertuples()]
    assert spans == [[7, 8, 9], [3]]
    assert len(part.sequences) == 2
    assert part.labels["a"].tolist() == [1, 0]
    assert data.subset(splits=["train"]).n_examples == 2
    assert data.subset(examples=np.array([True, False, False, True])).n_examples == 2


def test_subset_of_features_drops_examples_that_none_of_them_labels() -> None:
    part = make().subset(features=["a"])
    assert list(part.labels) == ["a"]
    assert part.features["name"].tolist() == ["a"]
    assert part.n_examples == 3
    assert make().subset(features=["b", "a"]).features["name"].tolist() == ["b", "a"]
    with pytest.raises(UnknownNameError, match="unknown feature 'c'"):
        make().subset(features=["c"])
    with pytest.raises(InputError, match="no example of custom is left"):
        make().subset(features=["b"], splits=["test"])
    with pytest.raises(UnknownNameError, match="unknown split"):
        make().subset(splits=["dev"])


def test_the_hash_sees_every_part_that_results_depend_on() -> None:
    hashes = [
        make().hash(),
        make(sequences=Sequences.of([[1, 2, 4], [4, 5], [6, 7, 8, 9]])).hash(),
        make(sequences=Sequences.of([[1, 2, 3], [4, 5, 6], [7, 8, 9, 9]])).hash(),
        make(examples=with_example(start=1)).hash(),
        make(examples=make().examples.assign(group=["d0", "d0", "d1", "d3"])).hash(),
        make(examples=make().examples.assign(split=["train", "train", "test", "test"])).hash(),
        make(labels=make().labels.assign(a=[1, 0, 0, 1])).hash(),
        make(features=FEATURES.assign(description="z")).hash(),
        make(tokenizer=TokenizerRecord(name="t", fingerprint="g", bos="none", bos_id=None)).hash(),
    ]
    assert len(set(hashes)) == len(hashes)
    assert make(settings={"note": "no result depends on this"}).hash() == make().hash()


def test_changing_the_callers_table_does_not_change_the_dataset() -> None:
    examples = make().examples.copy()
    data = make(examples=examples)
    before = data.hash()
    examples.loc[0, "stop"] = 2
    assert data.hash() == before


def test_data_errors_are_value_errors() -> None:
    with pytest.raises(ValueError, match="at least one feature"):
        make(features=FEATURES.iloc[:0], labels=pd.DataFrame(index=range(4)))
    assert issubclass(DataError, ValueError)
