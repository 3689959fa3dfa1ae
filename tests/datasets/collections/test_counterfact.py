from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import load_dataset
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def facts(n: int = 8) -> list[dict[str, object]]:
    return [
        {
            "prompt": f"The side of {row} is ",
            "true": [f"a {row}", f"b {row}"],
            "false": f"c {row}",
            "document": f"d{row}",
        }
        for row in range(n)
    ]


def test_each_completion_is_an_example_at_its_last_token(tokenizer: Tokenizer) -> None:
    data = load_dataset("counterfact", source=facts(), tokenizer=tokenizer)
    texts = [tokenizer.decode(data.sequences[row.sequence].tolist()) for row in data.examples.itertuples()]
    truth = data.labels["true_statement"].tolist()
    assert {(text, label) for text, label in zip(texts, truth, strict=True)} == {
        (f"The side of {row} is {sign} {row}", int(sign != "c")) for row in range(8) for sign in "abc"
    }
    assert (data.examples["stop"] == data.sequences.lengths[data.examples["sequence"]]).all()
    assert (data.examples["stop"] - data.examples["start"] == 1).all()
    assert data.examples.groupby("group")["split"].nunique().max() == 1


def test_a_statement_is_kept_once_and_never_both_true_and_false(tokenizer: Tokenizer) -> None:
    twice = load_dataset("counterfact", source=[*facts(), facts()[0]], tokenizer=tokenizer)
    assert twice.n_examples == 24
    assert twice.settings["counts"]["texts_repeated"] == 3
    liar = {"prompt": "The side of 0 is", "true": "c 0", "false": "d"}
    with pytest.raises(DataError, match="record 9: 'The side of 0 is c 0' is called true and false"):
        load_dataset("counterfact", source=[*facts(), liar], tokenizer=tokenizer)
    with pytest.raises(DataError, match="has no column 'false'"):
        load_dataset("counterfact", source=[{"prompt": "a", "true": "b"}], tokenizer=tokenizer)


def test_a_completion_that_is_missing_is_no_statement(tokenizer: Tokenizer) -> None:
    table = pd.DataFrame(facts())
    table["false"] = table["false"].where(table.index > 0)
    data = load_dataset("counterfact", source=table, tokenizer=tokenizer)
    assert data.n_examples == 23
    arrays = table.assign(true=[np.array([one]) for one in table["false"]], false="z")
    assert load_dataset("counterfact", source=arrays, tokenizer=tokenizer).n_examples == 15


def test_the_shipped_facts_are_balanced() -> None:
    data = load_dataset("counterfact", tokenizer="demo-4.7m")
    assert data.labels["true_statement"].mean() == pytest.approx(0.5, abs=0.02)
    assert data.n_examples > 600
