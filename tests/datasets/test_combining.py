from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.errors import DataError, InputError, TokenizerMismatchError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def texts(name: str, n: int = 30) -> list[dict[str, object]]:
    return [{"text": f"the {name} {row} is it", "label": row % 2, "document": f"{name}{row // 2}"} for row in range(n)]


def make(tokenizer: Tokenizer, name: str, column: str = "label") -> ProbingDataset:
    records = [record | {column: record["label"]} for record in texts(name)]
    return load_dataset("custom", source=records, tokenizer=tokenizer, label_column=column)


def test_examples_keep_their_text_label_and_part(tokenizer: Tokenizer) -> None:
    first, second = make(tokenizer, "cat"), make(tokenizer, "dog", "kind")
    both = ProbingDataset.concatenate([first, second])
    assert both.labels.columns.tolist() == ["label", "kind"]
    n = first.n_examples
    for data, shift in ((first, 0), (second, n)):
        for row in data.examples.itertuples():
            there = both.examples.iloc[row.Index + shift]
            assert (there["group"], there["split"], there["start"]) == (row.group, row.split, row.start)
            np.testing.assert_array_equal(both.sequences[there["sequence"]], data.sequences[row.sequence])
    assert (both.labels["label"][n:] == -1).all()
    assert (both.labels["kind"][:n] == -1).all()
    np.testing.assert_array_equal(both.labels["kind"][n:], second.labels["kind"])
    assert both.settings["concatenated"][0]["hash"] == first.hash()


def test_texts_without_a_document_are_documents_of_their_own(tokenizer: Tokenizer) -> None:
    def unnamed(word: str) -> ProbingDataset:
        source = [{"text": f"the {word} {row}", "label": "ab"[row % 2]} for row in range(20)]
        forwards, backwards = (
            load_dataset("custom", source=each, tokenizer=tokenizer) for each in (source, source[::-1])
        )
        for data in (forwards, backwards):
            assert data.examples["group"].nunique() == 20
        by_group = backwards.examples.set_index("group")["split"]
        assert (forwards.examples["split"].to_numpy() == by_group[forwards.examples["group"]].to_numpy()).all()
        return forwards

    both = ProbingDataset.concatenate([unnamed("cat"), unnamed("dog")])
    assert both.examples["group"].nunique() == 40


def test_what_does_not_fit_is_refused(tokenizer: Tokenizer, families) -> None:
    cat = make(tokenizer, "cat")
    with pytest.raises(TokenizerMismatchError):
        ProbingDataset.concatenate([cat, make(families["unigram"], "dog")])
    with pytest.raises(InputError, match="no datasets to concatenate"):
        ProbingDataset.concatenate([])
    moved = {"train": "test", "test": "train", "validation": "validation"}
    other = ProbingDataset(**(vars(cat) | {"examples": cat.examples.assign(split=cat.examples["split"].map(moved))}))
    with pytest.raises(DataError, match="stands in the splits"):
        ProbingDataset.concatenate([cat, other])
    renamed = ProbingDataset(**(vars(cat) | {"features": cat.features.assign(description="x")}))
    with pytest.raises(DataError, match="'label' is described in two ways"):
        ProbingDataset.concatenate([cat, renamed])


@pytest.mark.parametrize("by", ["example", "group"])
def test_a_sample_has_the_share_of_each_part(tokenizer: Tokenizer, by: str) -> None:
    data = load_dataset("custom", source=texts("cat", 300), tokenizer=tokenizer)
    some = data.subsample(100, by=by, seed=1)
    assert some.n_examples == pytest.approx(100, abs=4)
    for part in ("train", "validation", "test"):
        whole, taken = ((every.examples["split"] == part).sum() for every in (data, some))
        assert taken == pytest.approx(whole / 3, abs=2)
    sizes = some.examples.groupby("group").size()
    assert by == "example" or (sizes == 2).all()
    assert some.hash() == data.subsample(100, by=by, seed=1).hash() != data.subsample(100, by=by, seed=2).hash()
    assert data.subsample(10**6, by=by).n_examples == data.n_examples


def test_sample_sizes_are_checked(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="n is 0"):
        make(tokenizer, "cat").subsample(0)
    with pytest.raises(InputError, match="by is 'text'"):
        make(tokenizer, "cat").subsample(5, by="text")
