"""Labels in the forms in which people store them: each form gives the dataset that its plain form gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from sparseprobe.datasets import ProbingDataset, check, load_dataset
from sparseprobe.errors import DataError, InputError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"the cat number {row} sleeps on the mat" for row in range(36)]


def build(source: object, **settings: object) -> ProbingDataset:
    return load_dataset("custom", tokenizer="demo-4.7m", source=source, **settings)


def labelled(values: list[object]) -> list[dict[str, object]]:
    return [{"text": text, "label": values[row % len(values)]} for row, text in enumerate(TEXTS)]


def same(one: ProbingDataset, other: ProbingDataset) -> None:
    pd.testing.assert_frame_equal(one.labels, other.labels)
    pd.testing.assert_frame_equal(one.examples, other.examples)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.nan, "", "nan", "NA", -1])
@pytest.mark.parametrize("number", [int, float, str, bool, np.int64, np.float32, lambda value: f"{value}.0"])
def test_a_column_of_truth_values_with_gaps_is_one_feature(number, missing: object) -> None:
    data = build(labelled([number(1), number(0), missing]))
    same(data, build(labelled([1, 0, None])))
    assert list(data.labels) == ["label"]
    assert data.settings["counts"]["texts_without_a_label"] == 12


def test_a_table_and_its_csv_are_the_same_dataset(tmp_path: Path) -> None:
    table = pd.DataFrame(labelled([1, 0, None]))
    table.to_csv(tmp_path / "t.csv", index=False)
    same(build(table), build(tmp_path / "t.csv"))
    table["label"] = table["label"].astype("Int64")
    same(build(table), build(table.to_dict("records")))


def test_classes_that_are_numbers_are_the_same_with_gaps(tmp_path: Path) -> None:
    table = pd.DataFrame(labelled([1, 2, 3, None]))
    table.to_csv(tmp_path / "t.csv", index=False)
    assert list(build(tmp_path / "t.csv").labels) == list(build(table).labels) == ["1", "2", "3"]
    assert list(build(labelled(["1.0", "1.1", "NA"])).labels) == ["1.0", "1.1", "NA"]


def test_a_document_that_is_missing_is_the_text_itself() -> None:
    records = [record | {"document": pd.NA} for record in labelled([0, 1])]
    same(build(records), build(labelled([0, 1])))


@pytest.mark.parametrize("form", [list, tuple, np.array, json.dumps])
def test_several_labels_of_a_text_are_a_feature_each(form) -> None:
    lists = [["sea", "war"], ["sea"], [], ["war", "art"]]
    data = build(labelled([form(names) for names in lists] + [None]))
    assert list(data.labels) == ["art", "sea", "war"]
    number = data.sequences.lengths * 0 + [
        int(TEXTS.index(data.tokenizer.decode(ids.tolist()).replace("<|endoftext|>", ""))) for ids in data.sequences
    ]
    for row, text in enumerate(number.tolist()):
        assert text % 5 < 4
        assert {name for name in data.labels if data.labels[name][row] == 1} == set(lists[text % 5])
    assert data.settings["counts"]["texts_without_a_label"] == 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([["a"], "b"], "holds lists of labels beside single ones; write each as a list"),
        ([[0, 1, 0], [1, 0, 0]], "names a label twice; give the names of the labels that a text has, or a column"),
        ([[], []], "holds lists without a label"),
        (["a\ud800", "b"], "half of a surrogate pair"),
        ([["a\ud800"], ["b"]], "half of a surrogate pair"),
    ],
)
def test_labels_that_cannot_be_meant_are_said(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(labelled(values))


def test_a_label_whose_texts_are_all_too_short_is_an_error() -> None:
    source = [*labelled(["a", "b"]), {"text": "no", "label": "c"}]
    with pytest.raises(DataError, match="all texts with the label 'c' in the column 'label' end before position 5"):
        build(source, from_position=5)


ENTITIES = [(["Ann", "Lee", "saw", f"cat{row}"], ["B-PER", "I-PER", "O", "O"]) for row in range(12)]


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a.txt", "a.tsv"])
def test_a_file_with_a_word_and_its_tag_on_each_line_is_its_sentences(name: str, tmp_path: Path) -> None:
    lines = ["-DOCSTART-\tO", ""] if name == "a.conll" else []
    for words, tags in ENTITIES:
        lines += [*(f"{word}\t{tag}" for word, tag in zip(words, tags, strict=True)), ""]
    (tmp_path / name).write_text("\n".join(lines))
    plain = [{"text": words, "tags": tags} for words, tags in ENTITIES]
    read, given = (build(source, tags_column="tags") for source in (tmp_path / name, plain))
    same(read, given)
    assert list(read.labels) == ["PER"]
    assert read.settings["unit"] == "token"
    assert (read.labels["PER"] == 1).sum() > 12


def test_a_word_whose_tag_is_missing_is_not_labelled() -> None:
    known = [{"text": words, "tags": tags} for words, tags in ENTITIES]
    gaps = [{"text": words, "tags": [*tags[:3], None]} for words, tags in ENTITIES]
    whole, data = (build(source, tags_column="tags") for source in (known, gaps))
    assert (data.labels["PER"] == 1).sum() == (whole.labels["PER"] == 1).sum()
    assert data.n_examples < whole.n_examples


def test_a_quotation_mark_in_tsv_is_text(tmp_path: Path) -> None:
    rows = []
    for row in range(15):
        rows += [f'"I saw cat {row}, said Ann.\tq', f'It sleeps on mat {row}."\tn', f'"The ""dog"" {row}"\tn']
    (tmp_path / "q.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    data = build(tmp_path / "q.tsv", from_position=0)
    assert data.settings["counts"]["lines"] == 46
    assert data.settings["counts"]["records"] == data.n_examples == 45
    texts = {data.tokenizer.decode(ids.tolist()).replace("<|endoftext|>", "") for ids in data.sequences}
    assert {'"I saw cat 3, said Ann.', 'It sleeps on mat 3."', 'The "dog" 3'} <= texts


def test_lines_that_go_into_a_quoted_field_are_said(tmp_path: Path) -> None:
    pd.DataFrame(labelled(["a\nb", "c"])).assign(text=[f"{text}\nand more" for text in TEXTS]).to_csv(
        tmp_path / "t.tsv", index=False, sep="\t"
    )
    data = build(tmp_path / "t.tsv")
    counts = data.settings["counts"]
    assert (counts["records"], counts["lines"], counts["lines_within_quotes"]) == (36, 91, 54)
    found = check(data)
    assert "54 lines were read as the continuation of a quoted field" in found["message"].tolist()


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_is_read(tmp_path: Path, indent: int | None) -> None:
    (tmp_path / "a.json").write_text(json.dumps(labelled(["a", "b"]), indent=indent))
    same(build(tmp_path / "a.json"), build(labelled(["a", "b"])))


def test_the_own_split_of_a_source_is_kept() -> None:
    names = ["train"] * 20 + ["dev"] * 8 + ["Test"] * 6 + ["unsupervised"] * 2
    records = [record | {"fold": name} for record, name in zip(labelled(["a", "b"]), names, strict=True)]
    with pytest.warns(UserWarning, match="2 texts are left out because they are in no train, validation or test part"):
        data = build(records, split_column="fold")
    assert data.examples["split"].value_counts().to_dict() == {"train": 20, "validation": 8, "test": 6}
    assert data.settings["split_by"] == "given"
    numbers = [int(data.tokenizer.decode(ids.tolist()).split(" sleeps")[0].split()[-1]) for ids in data.sequences]
    wanted = ["train" if row < 20 else "validation" if row < 28 else "test" for row in numbers]
    assert data.examples["split"].tolist() == wanted


def test_a_split_may_be_asked_for_by_name_and_sources_may_be_named_by_it() -> None:
    records = labelled(["a", "b"])
    parts = {"train": pd.DataFrame(records[:24]), "test": pd.DataFrame(records[24:])}
    same(build(parts, split_by="given"), build(parts, split="given"))
    assert build(parts, split="given").examples["split"].value_counts().to_dict() == {"train": 24, "test": 12}


def test_a_document_in_two_parts_is_two_documents_and_said() -> None:
    records = [record | {"document": "book", "split": "train"} for record in labelled(["a", "b"])]
    for record in records[24:]:
        record["split"] = "test"
    with pytest.warns(UserWarning, match="12 texts are of documents that other parts of the split have too"):
        data = build(records, split="given")
    assert set(data.examples["group"]) == {"book", "book (test)"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split_column": "fold"}, "has no column 'fold'"),
        ({"split_column": "label", "split_by": "group"}, "split_column and split_by='group' are both given"),
        ({"split_by": "novel"}, "split_by is 'novel'; it must be 'group' or 'example' or 'given'"),
        ({"split_column": "half"}, "the source's own split has no labelled text in test"),
    ],
)
def test_a_split_that_cannot_be_kept_is_said(settings: dict[str, str], message: str) -> None:
    records = [record | {"half": "train"} for record in labelled(["a", "b"])]
    with pytest.raises(InputError, match=message):
        build(records, **settings)


def test_empty_texts_are_left_out_and_counted() -> None:
    data = build([*labelled(["a", "b"]), *({"text": text, "label": "a"} for text in ("", "  ", None, float("nan")))])
    assert data.settings["counts"]["texts_empty"] == 4
    assert "4 texts were left out because they are empty" in check(data)["message"].tolist()
    with pytest.raises(DataError, match="all 3 texts are empty"):
        build([{"text": " ", "label": "a"}] * 3)
