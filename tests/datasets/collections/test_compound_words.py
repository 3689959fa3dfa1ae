from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparseprobe import demo
from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.collections.compound_words import COMPOUNDS, FIRST_ONLY, SECOND_ONLY, CompoundFinder
from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError, InputError

CONTEXTS = Path(demo.__file__).parent / "texts" / "compound_words" / "contexts.jsonl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Social  Security act", [("Security", 1, 0)]),
        ("social\nsecurity", [("security", 1, 0)]),
        ("Security first, then social life", [("Security", 0, SECOND_ONLY), ("life", 0, FIRST_ONLY)]),
        ("social-security, social, security", [("security", 0, -1), ("security", 0, -1)]),
        ("antisocial security; social", [("security", 0, SECOND_ONLY)]),
        ("social. Media", []),
        ("social securities insecurity", [("securities", 0, -1)]),
        ("social social security", [("social", 0, FIRST_ONLY), ("security", 1, 0)]),
    ],
)
def test_words_are_judged_as_a_reader_would(text: str, expected) -> None:
    found = CompoundFinder(["social security"]).find(text)
    assert [(text[start:stop], label, kind) for start, stop, _, label, kind in found] == expected


def test_three_words_and_words_that_compounds_share() -> None:
    finder = CompoundFinder(["state of affairs", "state of mind", "social affairs"])
    text = "A state of mind, a state of affairs, social affairs, of state, of course, affairs of mind."
    found = {(text[start:stop], start, column): (label, kind) for start, stop, column, label, kind in finder.find(text)}
    mind, affairs = text.index("mind"), text.index("affairs")
    assert found["mind", mind, 1] == (1, 0)
    assert found["mind", mind, 0] == (0, FIRST_ONLY)
    assert found["affairs", affairs, 0] == (1, 0)
    assert found["affairs", affairs, 2] == (0, SECOND_ONLY)
    assert found["mind", text.rindex("mind"), 1] == (0, SECOND_ONLY)
    assert not any(word == "course" for word, _, _ in found)


def words_and_kinds(data: ProbingDataset, name: str) -> pd.DataFrame:
    """Text of each example's sequence, judged by hand from its ending alone."""
    first, second = name.split()
    rows = data.examples[(data.labels[name] != -1).to_numpy()]
    texts = [data.tokenizer.decode(data.sequences[row.sequence].tolist()) for row in rows.itertuples()]
    table = pd.DataFrame({"text": texts, "label": data.labels[name][rows.index].to_numpy(), "split": rows["split"]})
    words = table["text"].str.lower().str.split()
    table["second"] = words.str[-1].str.endswith(second)
    table["first"] = words.str[-2].fillna("").str.endswith(first)
    return table


@pytest.fixture(scope="module")
def shipped() -> ProbingDataset:
    return load_dataset("compound_words", tokenizer="demo-4.7m")


def test_the_shipped_texts_have_all_21_and_each_example_ends_its_sequence(shipped: ProbingDataset) -> None:
    assert shipped.features["name"].tolist() == list(COMPOUNDS)
    assert (shipped.examples["stop"] == shipped.sequences.lengths[shipped.examples["sequence"]]).all()
    assert (shipped.examples["stop"] - shipped.examples["start"] == 1).all()
    assert shipped.sequences.lengths.max() <= 24


def test_no_token_but_the_second_word_is_positive_and_both_kinds_of_negatives_are_equal(
    shipped: ProbingDataset,
) -> None:
    for name in COMPOUNDS:
        table = words_and_kinds(shipped, name)
        assert (table["second"] & table["first"])[table["label"] == 1].all()
        negatives = table[table["label"] == 0]
        assert (negatives["second"] ^ negatives["first"]).all()
        for _, part in negatives.groupby("split"):
            assert part["second"].sum() == part["first"].sum() > 0


def test_what_is_found_in_the_shipped_texts_is_what_their_authors_meant() -> None:
    kinds = {"compound": (1, 0), "second_only": (0, SECOND_ONLY), "first_only": (0, FIRST_ONLY)}
    records = [json.loads(line) for line in CONTEXTS.read_text(encoding="utf-8").splitlines()]
    agree = 0
    for record in records:
        found = CompoundFinder([record["compound"]]).find(record["text"])
        last = [(label, kind) for _, stop, _, label, kind in found if stop == len(record["text"])]
        agree += last == [kinds[record["kind"]]]
    assert agree == len(records)


def test_the_bos_stays_in_front_of_a_cut_text(families) -> None:
    texts = [f"{'and so on ' * 20} {n} social {word}" for n in range(4) for word in ("security", "media", "effects")]
    texts += [f"{'and so on ' * 20} {n} the security" for n in range(4)]
    data = load_dataset(
        "compound_words",
        source=[{"text": text} for text in texts],
        tokenizer=families["word_piece"],
        compounds=["social security"],
        equal_kinds=False,
    )
    record = data.tokenizer
    for row in data.examples.itertuples():
        ids = data.sequences[row.sequence]
        assert (ids[0], ids[-1], len(ids), row.stop) == (record.bos_id, record.eos_id, 24, 23)


def test_what_cannot_be_found_is_said(tokenizer) -> None:
    with pytest.raises(DataError, match="no word of the 21 compounds is in the texts"):
        load_dataset("compound_words", source=[{"text": "nothing here"}], tokenizer=tokenizer)
    with pytest.raises(InputError, match="'security' is not a compound; give two or more words"):
        load_dataset("compound_words", source=[{"text": "x"}], tokenizer=tokenizer, compounds=["security"])
    with pytest.raises(InputError, match="give a list of compounds"):
        load_dataset("compound_words", source=[{"text": "x"}], tokenizer=tokenizer, compounds="social security")


@pytest.mark.shared_data
def test_all_21_in_real_text(shared_data: Path) -> None:
    records = [record for _, record in read_records(shared_data / "compound_words.jsonl.zst")][::5]
    source = [{"text": record["prompt"]} for record in records]
    data = load_dataset("compound_words", source=source, tokenizer="demo-4.7m")
    assert data.features["name"].tolist() == list(COMPOUNDS)
    for name in COMPOUNDS[::4]:
        table = words_and_kinds(data, name)
        assert (table["label"] == 1).sum() > 30
        assert table["second"][table["label"] == 1].all()
        negatives = table[table["label"] == 0]
        assert np.isclose(negatives["second"].mean(), 0.5, atol=0.01)
    listed = {(record["prompt"], record["feature"].replace("-", " ")): record["label"] for record in records}
    judged = [
        ((label, kind), listed[record["prompt"], name])
        for record in records
        if (name := record["feature"].replace("-", " ")) in COMPOUNDS
        for _, stop, _, label, kind in CompoundFinder([name]).find(record["prompt"])
        if stop == len(record["prompt"])
    ]
    assert len(judged) > 3000
    assert np.mean([found[0] == label for found, label in judged if found[1] != -1]) > 0.99


def test_a_sequence_that_is_cut_to_the_same_tokens_is_kept_once(tokenizer) -> None:
    ends = [f"{n} social {word}" for n in range(4) for word in ("security", "media", "effects")]
    ends += [f"{n} the security" for n in range(4)]
    source = [{"text": f"{start} {'and so on ' * 20} {end}"} for start in ("once", "then") for end in ends]
    data = load_dataset("compound_words", source=source, tokenizer=tokenizer, compounds=["social security"])
    assert data.settings["counts"]["texts_repeated"] == len(ends)
