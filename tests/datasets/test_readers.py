from __future__ import annotations

import csv
import gzip
import json
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import zstandard

from sparseprobe.datasets.labelling.labelled_text import TextReader
from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [{"text": "Ça va, «été»?\nOui", "label": "fr"}, {"text": 'She said "yes"', "label": "en"}]


def write(path: Path) -> Path:
    if ".parquet" in path.name:
        pd.DataFrame(RECORDS).to_parquet(path)
        return path
    if ".csv" in path.name:
        with (plain := path.parent / "plain").open("w", encoding="utf-8", newline="") as stream:
            rows = csv.DictWriter(stream, ["text", "label"])
            rows.writeheader()
            rows.writerows(RECORDS)
        raw = plain.read_bytes()
    else:
        raw = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS).encode()
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(raw))
    return path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.csv.gz", "a.csv.zst", "a.parquet"]
)
def test_every_format_gives_the_same_records(name: str, tmp_path: Path) -> None:
    assert [record for _, record in read_records(write(tmp_path / name))] == RECORDS


def test_tables_in_memory_are_sources_too() -> None:
    assert [record for _, record in read_records(RECORDS)] == RECORDS
    assert [record for _, record in read_records(pd.DataFrame(RECORDS))] == RECORDS


def test_zstandard_frames_one_after_the_other_are_all_read(tmp_path: Path) -> None:
    lines = [json.dumps(record).encode() + b"\n" for record in RECORDS]
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(map(zstandard.compress, lines)))
    assert len(list(read_records(tmp_path / "a.jsonl.zst"))) == 2


def test_a_byte_order_mark_and_blank_lines_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\ufeff{"text": "a"}\n\n{"text": "b"}\n', encoding="utf-8")
    assert [record["text"] for _, record in read_records(tmp_path / "a.jsonl")] == ["a", "b"]


def test_a_folder_per_label_of_files(tmp_path: Path) -> None:
    for name, text in {"fr/a.txt": "bonjour", "en/b/c.py": "hello\r\n", "en/.hidden": "no"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    records = [record for _, record in read_records(tmp_path)]
    assert records == [
        {"text": "hello\r\n", "label": "en", "document": "en/b/c.py"},
        {"text": "bonjour", "label": "fr", "document": "fr/a.txt"},
    ]


def test_a_folder_of_files_is_all_of_them(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl")
    (tmp_path / "a.txt").write_text("one text", encoding="utf-8")
    assert [record["text"] for _, record in read_records(tmp_path)] == ["one text", *(r["text"] for r in RECORDS)]


def test_a_folder_per_label_holds_texts_and_nothing_else(tmp_path: Path) -> None:
    for name in ("fr/a.txt", "README.md", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("bonjour", encoding="utf-8")
    assert [record["label"] for _, record in read_records(tmp_path)] == ["fr"]
    write(tmp_path / "fr" / "b.jsonl.gz")
    with pytest.raises(DataError, match=r"b\.jsonl\.gz is not one text, as files in a folder per label are"):
        list(read_records(tmp_path))
    (tmp_path / "en.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match=r"holds both folders and files, as en\.txt; give one or the other"):
        list(read_records(tmp_path))


def test_an_empty_folder_beside_files_is_no_label(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "a.jsonl")
    assert [record for _, record in read_records(tmp_path)] == RECORDS


@pytest.mark.parametrize("text", ["Le chat dort. " * 400, "nothing\0here"])
def test_a_text_in_place_of_a_path_is_said(text: str) -> None:
    for source in (text, [text]):
        with pytest.raises(
            DataError, match=re.escape(f"{text[:40]!r} is not a path; give texts as records: [{{'text'")
        ):
            list(read_records(source))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a\.jsonl, line 2 is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', r"a\.jsonl, line 2 holds a list; each line must be one JSON object"),
        ("a.jsonl", b"", r"a\.jsonl is empty: no record in it"),
        ("a.jsonl", '{"text": "é"}'.encode("latin-1"), r"a\.jsonl is not UTF-8 text"),
        ("a.csv", b"", r"a\.csv is empty"),
        ("a.csv", b"text,label\n", r"a\.csv is empty"),
        ("a.csv", b"text,label\na,b\nc,d,e\n", r"a\.csv, line 3 has 3 fields, the header has 2"),
        ("a.csv", b'text,label\n"a"b,c\n', r"a\.csv, line 2 is not CSV"),
        ("a.jsonl.gz", b"plain", r"a\.jsonl\.gz cannot be unpacked"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 99, mtime=0)[:-9], r"a\.jsonl\.gz cannot be unpacked"),
        ("a.jsonl.zst", b"plain", r"a\.jsonl\.zst cannot be unpacked"),
        ("a.txt.zst", zstandard.compress(bytes(range(97, 123)) * 9)[:-9], r"a\.txt\.zst cannot be unpacked"),
        ("a.csv", b"text,label,label\na,b,c\n", r"a\.csv has several columns named 'label'; rename all but one"),
        ("a.json", b'{\n "text": "a"\n}\n', "if the file is one JSON object over several lines, write each record on"),
        ("a.json", b'[{"text": "a"}, 3]', r"a\.json, record 2 is a int; the array must hold objects"),
        ("a.json", b'[{"text": "a"}, ', r"a\.json begins as a JSON array, but is not one"),
        ("a.jsonl", b"[" * 100_000, "nested too deeply"),
        ("a.jsonl", b'{"text": ' + b"[" * 100_000, "nested too deeply"),
        ("a.jsonl", b'{"text": ' + b"9" * 5000 + b"}", r"a\.jsonl, line 1 is not JSON"),
        ("a.conll", b"Ann\tB-PER\nran\n", r"a\.conll, line 2 has 1 columns, the line before 2"),
        ("a.parquet", b"plain", r"a\.parquet is not a Parquet file"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_records(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "packed", "message"),
    [
        ("a.jsonl.zst", b"0", "line 1 has more than 16,777,216 characters; cut it into shorter texts"),
        ("a.csv.gz", b"0", "line 1 has more than 16,777,216 characters"),
    ],
)
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    name: str, packed: bytes, message: str, tmp_path: Path
) -> None:
    zeros = packed * (2**24 + 2)
    (tmp_path / name).write_bytes(zstandard.compress(zeros) if name.endswith("zst") else gzip.compress(zeros))
    with pytest.raises(DataError, match=message):
        list(read_records(tmp_path / name))


def test_a_table_in_memory_names_each_column_once() -> None:
    with pytest.raises(DataError, match="the given table has several columns named 'text'"):
        list(read_records(pd.DataFrame([["a", "b"]], columns=["text", "text"])))


def test_several_sources_are_read_as_one_in_their_order(tmp_path: Path) -> None:
    several = [write(tmp_path / "a.jsonl"), pd.DataFrame(RECORDS[:1]), {"text": "last"}, str(write(tmp_path / "b.csv"))]
    found = [record["text"] for _, record in read_records(several)]
    texts = [record["text"] for record in RECORDS]
    assert found == [*texts, texts[0], "last", *texts]
    with pytest.raises(DataError, match="there is no file or folder"):
        list(read_records([tmp_path / "a.jsonl", tmp_path / "c.jsonl"]))
    with pytest.raises(DataError, match="record 2 is a int; give dictionaries, paths or tables"):
        list(read_records([{"text": "a"}, 3]))


def test_the_text_is_the_column_text_or_prompt_or_the_one_that_is_named() -> None:
    record = {"text": "a", "prompt": "b", "body": "c"}
    assert [item.text for item in TextReader([record]).read()] == ["a"]
    assert [item.text for item in TextReader([{"prompt": "b"}]).read()] == ["b"]
    assert [item.text for item in TextReader([record], "body").read()] == ["c"]
    with pytest.raises(DataError, match="record 1 has no column 'text'; its columns are: body"):
        list(TextReader([{"body": "c"}]).read())


def test_no_such_file_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file or folder"):
        list(read_records(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="is empty"):
        list(read_records(tmp_path))
    with pytest.raises(DataError, match="the given table is empty"):
        list(read_records([]))


def test_the_document_is_the_first_column_that_names_one() -> None:
    def documents(record: dict[str, object], column: str | None = None) -> list[str]:
        return [item.document for item in TextReader([{"text": "a"} | record], document_column=column).read()]

    assert documents({"source": "s", "document": "d"}) == ["d"]
    assert documents({"source": "s", "group": "g"}) == ["s"]
    assert documents({"document": None, "group": 7}) == ["7"]
    assert documents({"document": float("nan"), "source": " ", "group": 7}) == ["7"]
    assert documents({}) == documents({"document": ""}) != documents({"text": "b"})
    assert documents({"source": "s", "novel": "n"}, "novel") == ["n"]


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(DataError, match="record 1 has no column 'body'; its columns are: text, label"):
        list(TextReader(RECORDS, "body").read())
    with pytest.raises(DataError, match="has no column 'novel'"):
        list(TextReader(RECORDS, document_column="novel").read())
    with pytest.raises(DataError, match="has no column 'span'"):
        list(TextReader(RECORDS).read(required=["span"]))
    with pytest.raises(DataError, match="the column 'text' holds 3, not a text"):
        list(TextReader([{"text": 3}]).read())


def test_a_licence_header_is_left_out() -> None:
    item = next(TextReader([{"text": "/* MIT */int x;", "body_start": 9}]).read())
    assert (item.text, item.skipped) == ("int x;", 9)
    with pytest.raises(DataError, match="body_start is 'x'"):
        list(TextReader([{"text": "a", "body_start": "x"}]).read())


def test_the_source_hash_is_of_the_texts_not_of_the_file(tmp_path: Path) -> None:
    hashes = set()
    for name in ("a.jsonl", "a.csv.gz", "a.parquet"):
        reader = TextReader(write(tmp_path / name))
        assert len(list(reader.read())) == 2
        hashes.add(reader.source_hash)
    changed = TextReader([RECORDS[0], RECORDS[1] | {"text": "other"}])
    list(changed.read())
    assert len(hashes) == 1
    assert changed.source_hash not in hashes


def test_half_a_surrogate_pair_is_said(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "whole"}\n{"text": "half \\ud83d"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"texts\.jsonl, line 2 holds '\\ud83d', half of a surrogate pair"):
        list(TextReader(path).read())
