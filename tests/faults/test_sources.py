"""Generated sources, from seeds: each is read, or refused in one sentence; nothing else is raised."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sparseprobe.artefacts import parse_yaml
from sparseprobe.datasets.labelling.conllu_words import TreebankReader
from sparseprobe.datasets.labelling.label_columns import label_columns, target_columns
from sparseprobe.datasets.labelling.labelled_spans import parse_spans
from sparseprobe.datasets.labelling.labelled_text import LabelledText, TextReader
from sparseprobe.datasets.labelling.word_tags import parse_tags
from sparseprobe.errors import SparseProbeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INPUTS = 150
"""Inputs of each kind and seed."""
PIECES = (
    *('"', "'", "\n", "\r\n", "\t", ",", "[", "]", "{", "}", ":", "-", "\\ud800", "\ufeff", "\0", "²", "٣", "1e999"),
    *(
        "null",
        "NaN",
        "Infinity",
        "-1",
        "0",
        "1.0",
        "true",
        "9" * 5000,
        "[" * 3000,
        "text",
        "label",
        "a",
        "é",
        "e\u0301",
    ),
    *('{"text": "a", "label": 1}\n', "text,label\n", "text\tlabel\n", "# newdoc\n", "1-2", "1", "_", "O", "B-PER", " "),
    *("*a", "&a", "? ", "- ", "!!python/object", "2024-99-99", "%", "\x1b]0;", "\u202e"),
)
ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".conll", ".parquet", ".jsonl.gz", ".csv.zst", "")


def anything(rng: random.Random, depth: int = 3) -> object:
    """A value of any type that JSON or a table can hold."""
    simple = [None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**400, "", "1.0", "a", "\ud800", "²", "B-PER", "O"]
    kind = rng.randrange(4) if depth else 0
    if kind < 2:
        return rng.choice(simple)
    if kind == 2:
        return [anything(rng, depth - 1) for _ in range(rng.randrange(4))]
    keys = ["start", "stop", "end", "label", "text"]
    return {rng.choice(keys): anything(rng, depth - 1) for _ in range(rng.randrange(4))}


def written(rng: random.Random) -> str:
    return "".join(rng.choices(PIECES, k=rng.randrange(1, 25)))


def a_file(rng: random.Random, folder: Path) -> None:
    path = folder / f"source{rng.choice(ENDINGS)}"
    path.write_bytes(written(rng).encode("utf-8", "surrogatepass") + rng.randbytes(rng.choice([0, 0, 3])))
    list(TextReader(path).read(required=["label"]))


def records(rng: random.Random, folder: Path) -> None:
    rows = [{"text": anything(rng, 1), "label": anything(rng), "document": anything(rng, 1)} for _ in range(4)]
    values = [item.fields["label"] for item in TextReader(rows).read(required=["label"])]
    for read in (label_columns, target_columns):
        more = {"descriptions": {}} if read is label_columns else {}
        read(["label"], [values], category="c", **more)  # type: ignore[operator]


def spans(rng: random.Random, folder: Path) -> None:
    given = anything(rng)
    item = LabelledText("Ann ran", {"spans": rng.choice([given, json.dumps(given), written(rng)])}, "d", "record 1")
    parse_spans(item, "spans")


def tags(rng: random.Random, folder: Path) -> None:
    given = anything(rng)
    item = LabelledText("Ann ran", {"tags": rng.choice([given, [given, given], written(rng)])}, "d", "record 1")
    parse_tags(item, "tags")


def conllu(rng: random.Random, folder: Path) -> None:
    cells = ["1", "2", "1-2", "3.1", "_", "a", "", "²", "A=B|C", "SpaceAfter=No", "0"]
    lines = ["\t".join(rng.choices(cells, k=rng.choice([10, 10, 10, 3]))) for _ in range(rng.randrange(6))]
    list(TreebankReader().read("\n".join([*lines, rng.choice(["", written(rng)])]), source="s"))


def settings(rng: random.Random, folder: Path) -> None:
    parse_yaml(written(rng), "a setting")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", [a_file, records, spans, tags, conllu, settings])
def test_what_cannot_be_read_is_one_sentence(kind: Callable[..., None], seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for _ in range(INPUTS):
        with suppress(SparseProbeError):
            kind(rng, tmp_path)
