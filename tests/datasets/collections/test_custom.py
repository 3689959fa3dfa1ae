from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.labelling.labelled_spans import parse_spans
from sparseprobe.datasets.labelling.labelled_text import LabelledText, TextReader
from sparseprobe.datasets.labelling.word_tags import parse_tags
from sparseprobe.errors import DataError, InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer


def people(n: int = 12) -> list[dict[str, object]]:
    """Sentences with a person and a place."""
    records = []
    for row in range(n):
        name, place = f"Ann{row}", f"Bern{row}"
        text = f"Then {name} went to {place} by train."
        spans = [[text.index(name), text.index(name) + len(name), "PER"]]
        spans.append([text.index(place), text.index(place) + len(place), "LOC"])
        records.append({"body": text, "spans": spans, "document": f"d{row}"})
    return records


def span_texts(data: ProbingDataset, tokenizer: Tokenizer, feature: str, value: int) -> set[str]:
    rows = data.examples[(data.labels[feature] == value).to_numpy()]
    return {
        tokenizer.decode(data.sequences[row.sequence][row.start : row.stop].tolist()).strip()
        for row in rows.itertuples()
    }


@pytest.mark.parametrize("form", ["lists", "json", "dictionaries"])
def test_each_span_is_an_example_of_its_label(tokenizer: Tokenizer, form: str, tmp_path: Path) -> None:
    records = people()
    if form == "json":
        records = [record | {"spans": json.dumps(record["spans"])} for record in records]
    if form == "dictionaries":
        keys = ("start", "end", "label")
        records = [
            record | {"spans": [dict(zip(keys, span, strict=True)) for span in record["spans"]]} for record in records
        ]
    data = load_dataset(
        "custom", source=pd.DataFrame(records), tokenizer=tokenizer, text_column="body", spans_column="spans"
    )
    assert data.settings["aggregate"] == "mean"
    assert span_texts(data, tokenizer, "PER", 1) == {f"Ann{n}" for n in range(12)}
    assert (
        span_texts(data, tokenizer, "LOC", 1)
        == span_texts(data, tokenizer, "PER", 0)
        == {f"Bern{n}" for n in range(12)}
    )


def test_each_token_is_an_example_inside_or_outside(tokenizer: Tokenizer) -> None:
    arguments = {"source": people(), "tokenizer": tokenizer, "text_column": "body", "spans_column": "spans"}
    assert load_dataset("custom", unit="token", **arguments).examples["start"].min() == 1  # of the attention sink
    assert load_dataset("custom", unit="token", first_position=3, **arguments).examples["start"].min() == 3
    data = load_dataset("custom", unit="token", first_position=0, **arguments)
    assert data.settings["aggregate"] == "none"
    assert (data.examples["stop"] - data.examples["start"] == 1).all()
    for sequence, rows in data.examples.groupby("sequence"):
        ids = data.sequences[sequence]
        inside = rows[(data.labels["PER"].loc[rows.index] == 1).to_numpy()]["start"]
        assert tokenizer.decode(ids[inside.to_numpy()].tolist()).strip().startswith("Ann")
        assert len(rows) == len(ids)


def test_windows_of_the_context_keep_spans_in_place(families) -> None:
    for family in ("byte_level", "byte_fallback"):
        rust = families[family]
        records = people()
        for record in records:
            shift = len(prefix := "and so on, " * 20)
            record["body"] = prefix + str(record["body"])
            record["spans"] = [[start + shift, stop + shift, label] for start, stop, label in record["spans"]]
        data = load_dataset(
            "custom",
            source=records,
            tokenizer=rust,
            text_column="body",
            spans_column="spans",
            context=24,
            min_positives=1,
        )
        assert data.sequences.lengths.max() == 24
        assert span_texts(data, rust, "PER", 1) <= {f"Ann{n}" for n in range(12)}
        counts = data.settings["counts"]
        assert counts["spans"] == 24
        assert data.n_examples == 24 - counts["spans_cut_by_the_context"] - counts["spans_inside_a_token"]
        assert data.n_examples > 12


def test_a_span_inside_a_token_is_dropped_or_covered(families) -> None:
    rust = families["word_piece"]
    whole = rust.encode("the school", add_special_tokens=False)
    assert whole.tokens[0] == "the"
    records = [{"text": "the school", "spans": [[0, 2, "x"], [4, 10, "y"]], "document": f"d{n}"} for n in range(6)]
    records += [{"text": "the school", "spans": [[0, 3, "x"]], "document": f"e{n}"} for n in range(6)]
    with pytest.warns(UserWarning, match=r"6 of 18 spans of the column 'spans' are left out \(6 begin or end inside"):
        dropped = load_dataset("custom", source=records, tokenizer=rust, spans_column="spans")
    assert dropped.settings["counts"]["spans_inside_a_token"] == 6
    assert dropped.settings["labels_left_out"] == {"x": {"spans_inside_a_token": 6}}
    assert dropped.n_examples == 12
    covered = load_dataset("custom", source=records, tokenizer=rust, spans_column="spans", partial="cover")
    assert covered.n_examples == 18
    assert span_texts(covered, rust, "x", 1) == {"the"}


def test_tokens_of_a_dropped_span_are_not_labelled(families) -> None:
    rust = families["word_piece"]
    records = [
        {"text": "the school", "spans": [[0, 2, 1]] if n % 2 else [[4, 10, 1]], "document": f"d{n}"} for n in range(12)
    ]
    with pytest.warns(UserWarning, match="6 of 12 spans"):
        data = load_dataset("custom", source=records, tokenizer=rust, spans_column="spans", unit="token")
    assert list(data.labels) == ["spans"]
    first = data.examples["start"] == 1
    assert first.sum() == 6
    assert span_texts(data, rust, "spans", 1) >= {"school"} - set(
        rust.encode("school", add_special_tokens=False).tokens
    )


def test_tokens_of_a_cut_span_are_not_labelled_in_any_window(tokenizer: Tokenizer) -> None:
    text = "x " + "alpha beta gamma delta epsilon zeta eta theta iota kappa " * 3
    start, stop = text.index("beta"), text.index("kappa") + 5
    records = [
        {"text": f"{text}{row}", "spans": [[start, stop, "P"], [0, 1, "P"]], "document": f"d{row}"} for row in range(6)
    ]
    arguments = {"source": records, "tokenizer": tokenizer, "spans_column": "spans", "unit": "token"}
    with pytest.warns(UserWarning, match="6 are cut by the context"):
        data = load_dataset("custom", context=8, first_position=0, **arguments)
    whole = load_dataset("custom", first_position=0, **arguments)
    n_inside = int((whole.labels["P"] == 1).sum()) - 6
    assert n_inside > 6 * 16
    assert data.settings["counts"]["spans_cut_by_the_context"] == 6
    assert whole.n_examples - data.n_examples == n_inside
    assert (data.labels["P"] == 1).sum() == 6


def test_several_label_columns_are_several_features(tokenizer: Tokenizer) -> None:
    records = [
        {"text": f"text {n} {m}", "polite": n % 2, "topic": ["sea", "war", "art"][m]}
        for n in range(8)
        for m in range(3)
    ]
    data = load_dataset("custom", source=records, tokenizer=tokenizer, label_column=["polite", "topic"])
    assert list(data.labels) == ["polite", "topic=art", "topic=sea", "topic=war"]
    assert (data.labels.sum() == [12, 8, 8, 8]).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"spans_column": "none"}, DataError, "has no column 'none'"),
        ({"spans_column": "spans", "unit": "word"}, UnknownNameError, "unknown unit 'word'"),
        ({"spans_column": "spans", "partial": "keep"}, UnknownNameError, "unknown partial 'keep'"),
        ({"label_column": None}, InputError, "say where the labels are: label_column"),
    ],
)
def test_settings_that_do_not_fit_are_said(tokenizer: Tokenizer, arguments, error, message: str) -> None:
    with pytest.raises(error, match=message):
        load_dataset("custom", source=people(), tokenizer=tokenizer, text_column="body", **arguments)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ("[[0, 3", r"record 1: the column 'spans' holds '\[\[0, 3'; spans are written"),
        ([[0, 3]], "spans are written"),
        ([{"start": 0}], "spans are written"),
        ([[0, 99, "x"]], r"record 1: the span \[0, 99\) is empty or outside its text"),
        ([[0, 3, "x"]], "have the label 'x', so there is no class to compare with; use unit=\"token\""),
        ([[0, 3, "x"], [4, 6, "y"]], "all 1 spans of the column 'spans' with the label 'y' would be left out"),
        ([[0, float("inf"), "x"]], "spans are written"),
        ([[0, 2.5, "x"]], "spans are written"),
        ("[" * 100_000, "spans are written"),
        ([], "the column 'spans' holds no span with a label"),
    ],
)
def test_broken_spans_are_said_with_their_place(tokenizer: Tokenizer, spans, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(
            "custom",
            source=[{"text": "the cat", "spans": spans}],
            tokenizer=tokenizer,
            spans_column="spans",
            unit="span",
        )


def test_word_tags_are_spans_of_words_or_of_entities(tokenizer: Tokenizer) -> None:
    bio = [
        {"text": ["Then", f"Ann{row}", "Lee", "saw", "Bern"], "tags": ["O", "B-PER", "I-PER", "O", "B-LOC"]}
        for row in range(9)
    ]
    data = load_dataset("custom", source=bio, tokenizer=tokenizer, tags_column="tags")
    assert span_texts(data, tokenizer, "PER", 1) == {f"Ann{row} Lee" for row in range(9)}
    assert span_texts(data, tokenizer, "LOC", 1) == span_texts(data, tokenizer, "PER", 0) == {"Bern"}
    tokens = load_dataset("custom", source=bio, tokenizer=tokenizer, tags_column="tags", unit="token")
    assert tokens.n_examples == tokens.n_tokens - len(tokens.sequences)
    parts = [{"text": f"Ann{row}  ran", "pos": "NOUN VERB"} for row in range(9)]
    words = load_dataset("custom", source=parts, tokenizer=tokenizer, tags_column="pos")
    assert span_texts(words, tokenizer, "VERB", 1) == {"ran"}
    with pytest.raises(DataError, match="record 1: the column 'pos' has 2 tags for 3 words"):
        load_dataset("custom", source=[{"text": "a b c", "pos": "X Y"}], tokenizer=tokenizer, tags_column="pos")


def test_tags_may_sign_the_end_of_an_entity(tokenizer: Tokenizer) -> None:
    def entities(*tags: str) -> list[tuple[int, int, str]]:
        return parse_tags(LabelledText("a b c d", {"tags": list(tags)}, "d", "record 1"), "tags")

    assert entities("B-X", "I-X", "E-X", "S-X") == [(0, 5, "X"), (6, 7, "X")]
    assert entities("B-X", "I-X", "L-X", "U-X") == [(0, 5, "X"), (6, 7, "X")]
    assert entities("B-X", "E-X", "I-X", "O") == [(0, 3, "X"), (4, 5, "X")]
    assert entities("I-X", "I-X", "I-Y", "B-Y") == [(0, 3, "X"), (4, 5, "Y"), (6, 7, "Y")]


def test_words_of_a_list_may_hold_white_space_or_nothing() -> None:
    def tagged(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
        words, tags = map(list, zip(*pairs, strict=True))
        [item] = TextReader([{"body": words, "tags": tags}], "body").read()
        return [(item.text[start:stop], tag) for start, stop, tag in parse_tags(item, "tags")]

    words = [("New\xa0York", "PROPN"), ("10 000", "NUM"), ("is", "VERB")]
    assert tagged(*words) == words
    assert tagged(("in", "O"), ("New York", "B-LOC"), ("", "O"), ("City", "I-LOC")) == [("New York  City", "LOC")]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label_column": 5}, "label_column is 5; give the name of a column"),
        ({"token_property": {}}, "token_property is empty"),
        ({"n_examples": "abc"}, "n_examples is 'abc'; it must be an integer, at least 2"),
        ({"n_examples": -5}, "n_examples is -5"),
        ({"positive_share": "half"}, "positive_share is 'half'; it must be a number between 0 and 1"),
        ({"min_positives": "abc"}, "min_positives is 'abc'"),
        ({"split_by": "day"}, "split_by is 'day'; it must be 'group' or 'example'"),
        ({"random_tokens": 0}, "random_tokens is 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings, message: str, tokenizer: Tokenizer) -> None:
    source = [{"text": f"the cat {row}", "label": "ab"[row % 2]} for row in range(20)]
    with pytest.raises(InputError, match=re.escape(message)):
        load_dataset("custom", source=source, tokenizer=tokenizer, **settings)


def test_random_tokens_stand_for_a_text(tokenizer: Tokenizer) -> None:
    source = [
        {"text": f"{row} " + "the cat is here " * (1 + row % 5), "label": "ab"[row % 2], "document": row}
        for row in range(60)
    ]
    arguments = {"source": source, "tokenizer": tokenizer, "from_position": 3}
    data = load_dataset("custom", random_tokens=5, **arguments)
    assert data.settings["aggregate"] == "none"
    assert (data.examples["stop"] == data.examples["start"] + 1).all()
    assert data.examples["start"].min() == 3
    assert not data.examples[["sequence", "start"]].duplicated().any()
    drawn = data.examples.groupby("sequence").size()
    lengths = data.sequences.lengths[drawn.index]
    assert (drawn == np.minimum(5, lengths - 3)).all()
    whole = load_dataset("custom", **arguments)
    by_text = whole.labels["a"].set_axis([ids.tobytes() for ids in whole.sequences])
    for row, sequence in enumerate(data.examples["sequence"]):
        assert data.labels["a"].iloc[row] == by_text[data.sequences[sequence].tobytes()]
    assert data.hash() == load_dataset("custom", random_tokens=5, **arguments).hash()
    assert data.hash() != load_dataset("custom", random_tokens=5, seed=1, **arguments).hash()


@pytest.mark.parametrize("raw", [[[0, 4, "X"]], np.array([[0, 4, 1]]), np.array([{"start": 0, "stop": 4}])])
def test_spans_may_be_arrays(raw) -> None:
    assert [span[:2] for span in parse_spans(LabelledText("Ann ran", {"spans": raw}, "d", "record 1"), "spans")] == [
        (0, 4)
    ]


def test_a_pattern_or_a_function_labels_tokens(tokenizer: Tokenizer, tmp_path: Path) -> None:
    source = [{"text": f"the cat {row} is {row + 1} years old"} for row in range(20)]

    def is_even(text: str) -> bool | None:
        return int(text) % 2 == 0 if text.strip().isdigit() else None

    arguments = {"source": source, "tokenizer": tokenizer}
    data = load_dataset("custom", token_property={"digit": r"\d", "even": is_even}, **arguments)
    assert data.settings["aggregate"] == "none"
    assert all(text.isdigit() for text in span_texts(data, tokenizer, "digit", 1))
    assert not any(text.isdigit() for text in span_texts(data, tokenizer, "digit", 0))
    assert {int(text) % 2 for text in span_texts(data, tokenizer, "even", 1)} == {0}
    assert {int(text) % 2 for text in span_texts(data, tokenizer, "even", 0)} == {1}
    data.save(tmp_path / "saved")
    assert "is_even" in ProbingDataset.load(tmp_path / "saved").settings["token_property"]["even"]
    assert list(load_dataset("custom", token_property="e", **arguments).labels) == ["e"]
    with pytest.raises(InputError, match=r"'\(' is not a regular expression"):
        load_dataset("custom", token_property="(", **arguments)


def test_a_number_for_each_text_is_a_continuous_feature(tokenizer: Tokenizer) -> None:
    source = [
        {"text": f"the cat {row}", "score": str(row / 2) if row else "", "document": f"d{row}"} for row in range(20)
    ]
    data = load_dataset("custom", source=source, tokenizer=tokenizer, target_column="score")
    assert data.features["kind"].tolist() == ["continuous"]
    known = data.labels["score"].dropna()
    assert (known == [int(data.examples["group"][row][1:]) / 2 for row in known.index]).all()
    assert set(data.examples["split"]) == {"train", "validation", "test"}
    with pytest.raises(DataError, match="the column 'text' holds a target that is not a number"):
        load_dataset("custom", source=source, tokenizer=tokenizer, target_column="text")
    with pytest.raises(InputError, match="target_column and spans_column are both given"):
        load_dataset("custom", source=source, tokenizer=tokenizer, target_column="score", spans_column="text")
