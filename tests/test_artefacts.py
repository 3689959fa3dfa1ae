"""Files that are whole, absent, or told to be damaged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sparseprobe.artefacts import read_json, read_table, read_yaml, write_table
from sparseprobe.errors import DataError


@pytest.fixture
def table():
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "feature": ["en", "fr", None, "é"] * 5,
            "k": np.arange(20),
            "f1": [np.nan, *draw.random(19)],
            "proven": draw.random(20) < 0.5,
            "support": [[1, 2], [3], [], [4]] * 5,
            "coef": [[0.1], [1e-300, 2.0], [], [-np.inf]] * 5,
        }
    )


def test_a_table_is_read_as_it_was_written(table, tmp_path):
    write_table(tmp_path / "t.parquet", table)
    read = read_table(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(
        read.assign(**{name: read[name].map(list) for name in ("support", "coef")}), table, check_dtype=True
    )


def test_no_flipped_byte_gives_other_values(table, tmp_path):
    """Bytes all over the file: the same table, or one sentence."""
    path = tmp_path / "t.parquet"
    write_table(path, table)
    whole, expected = path.read_bytes(), read_table(path).map(str)
    told = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            read = read_table(path)
        except DataError as error:
            told += 1
            assert "delete it and run the command that writes it" in str(error)  # noqa: PT017
        else:
            pd.testing.assert_frame_equal(read.map(str), expected)
    assert told > len(whole) / 7 / 3


def test_a_table_of_somebody_else_has_no_hash(table, tmp_path):
    table.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet")["k"].tolist() == list(range(20))


def test_a_table_that_was_written_again_with_other_values(table, tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, table)
    content = pq.read_table(path)
    pq.write_table(content.slice(1), path)
    with pytest.raises(DataError, match="was changed after it was written: delete it and run"):
        read_table(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", "[1]", "9" * 10_000, ""])
def test_json_that_is_no_record(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json (is not JSON or is damaged|must hold a record)"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: " + "[" * 900, "- " * 5000, "a: 2024-13-45", "a: [", "- 1", "a: " + "9" * 5000]
)
def test_yaml_that_holds_no_settings(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(DataError, match=r"a\.yaml (is not YAML|is not a file of settings|must hold settings)"):
        read_yaml(tmp_path / "a.yaml")


def test_an_alias_bomb_is_told_at_once(tmp_path):
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(DataError, match="has an alias"):
        read_yaml(tmp_path / "a.yaml")
