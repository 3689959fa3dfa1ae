from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.errors import UnknownNameError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXT = "the high school\nis near the living room"


def make(tokenizer: Tokenizer | None, kind: str = "binary") -> ProbingDataset:
    record = TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None)
    if tokenizer:
        record = TokenizerRecord.of(tokenizer)
    ids = tokenizer.encode(TEXT).ids if tokenizer else [3, 4, 5, 6]
    spans = [(tokenizer.encode(TEXT[:8]).ids, tokenizer.encode(TEXT[:15]).ids)] if tokenizer else [([0], [0, 0])]
    start, stop = (len(ids_before) for ids_before in spans[0])
    values = [1, 0, -1] if kind == "binary" else [0.25, 1.5, np.nan]
    return ProbingDataset(
        name="test",
        sequences=Sequences.of([ids] * 3),
        examples=pd.DataFrame(
            {"sequence": [0, 1, 2], "start": start, "stop": stop, "group": ["x", "y", "z"], "split": ["train"] * 3}
        ),
        labels=pd.DataFrame({"a": values}),
        features=pd.DataFrame({"name": ["a"], "description": "", "category": "", "kind": kind}),
        tokenizer=record,
    )


def test_the_labelled_span_is_marked_in_the_text_that_the_model_sees(tokenizer: Tokenizer) -> None:
    lines = make(tokenizer).preview("a").splitlines()
    shown = "the high⟦ school⟧⏎is near the living room"
    assert lines == [f"+1  train       x  {shown}", f"+0  train       y  {shown}"]


def test_continuous_features_show_their_value_and_ids_serve_where_there_is_no_text() -> None:
    lines = make(None, "continuous").preview("a").splitlines()
    assert lines == ["0.25  train       x  3⟦ 4⟧ 5 6", "1.5  train       y  3⟦ 4⟧ 5 6"]


def test_long_texts_are_shortened_and_n_is_kept(tokenizer: Tokenizer) -> None:
    data = make(tokenizer)
    long = ProbingDataset(
        **(
            vars(data)
            | {
                "sequences": Sequences.of([list(range(33, 333))] * 3),
                "examples": data.examples.assign(start=100, stop=200),
            }
        )
    )
    line = long.preview("a", 1).splitlines()[0]
    assert line.count("…") == 3
    assert len(long.preview("a", 1).splitlines()) == 2


def test_an_unknown_feature_is_answered_with_the_known(tokenizer: Tokenizer) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown feature 'A': .*Known: a"):
        make(tokenizer).preview("A")
