"""How fast a dataset is built from raw text, against the tokenizer alone, and in how much memory: trust the ratios,
and those of CPU time on a machine that others use too.

    python -m benchmarks.datasets [--tokens 1000000 --rounds 3 --tokenizer demo-4.7m --only treebank --source FILE]

Every line builds one collection in a process of its own, whose peak of memory is shown (that of Python and the
libraries included). "of tokenizers" is the rate of the whole build, from the file to the dataset, as a share of the
rate of `encode_batch` on the same texts; the two take turns, and the fastest round of each counts. The texts are
sentences of the shipped ones in random order, with labels made for each shape of data, unless a source is given.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from sparseprobe.datasets import load_dataset
from sparseprobe.datasets.collection import TEXTS
from sparseprobe.datasets.labelling.conllu_words import TreebankReader
from sparseprobe.datasets.readers import read_records
from sparseprobe.datasets.tokenising import TextEncoder, batches, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

CHARACTERS_A_TOKEN = 3
BUILDS: dict[str, dict[str, Any]] = {
    "natural_language": {"collection": "natural_language"},
    "programming_language": {"collection": "programming_language"},
    "plain_text": {"collection": "plain_text"},
    "custom labels": {"collection": "custom"},
    "custom spans": {"collection": "custom", "spans_column": "spans"},
    "custom tokens in spans": {"collection": "custom", "spans_column": "spans", "unit": "token"},
    "custom word tags": {"collection": "custom", "tags_column": "tags"},
    "compound_words": {"collection": "compound_words", "compounds": ["the new", "the court"]},
    "latex": {"collection": "latex"},
    "treebank": {"collection": "treebank"},
}


@dataclass(frozen=True)
class Cost:
    """What a stretch of work took."""

    tokens: int
    clock: float
    cpu: float
    peak: int
    """Most memory of the process so far, in bytes."""


def cost(tokens: int, begin: float, begin_cpu: float) -> Cost:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(tokens, time.perf_counter() - begin, time.process_time() - begin_cpu, peak)


def encode_only(path: Path, tokenizer: str, *, conllu: bool) -> Cost:
    """The tokenizer by itself, on texts that are in memory already."""
    texts = [record["text"] for _, record in read_records(path)]
    if conllu:
        read = TreebankReader().read
        texts = [sentence for text in texts for document in read(text, source="") for sentence in document.sentences]
    encoder = Tokenizer.from_str(TextEncoder(load_tokenizer(tokenizer)).record.definition)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    tokens = 0
    for batch in batches(texts):
        tokens += sum(map(len, encoder.encode_batch(batch, add_special_tokens=False)))
    return cost(tokens, begin, begin_cpu)


def build(path: Path, tokenizer: str, settings: dict[str, Any]) -> Cost:
    """A dataset from the file."""
    settings = dict(settings)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    data = load_dataset(settings.pop("collection"), source=path, tokenizer=tokenizer, **settings)
    return cost(data.n_tokens, begin, begin_cpu)


def sentences(folder: str) -> list[str]:
    """Lines of code, or sentences, of shipped texts."""
    texts = [record["text"] for _, record in read_records(TEXTS / folder)]
    if folder == "latex":
        return texts
    ends = "\n" if folder == "programming_language" else ". "
    return [part + ends for text in texts for part in text.split(ends) if part.strip()]


def made_texts(folder: str, characters: int) -> Iterator[dict[str, Any]]:
    """Texts of some sentences each, with a label, spans and word tags."""
    draw = random.Random(0)
    parts, number = sentences(folder), 0
    while characters > 0:
        text = "".join(draw.choices(parts, k=8))
        words = text.split()
        places = [index for index, sign in enumerate(text) if sign == " "][1::7]
        spans = [[start + 1, stop, draw.choice("AB")] for start, stop in pairwise(places)]
        tags = [draw.choice(["NOUN", "VERB", "ADJ"]) for _ in words]
        label = draw.choice(["one", "two", "three"])
        yield {"text": text, "label": label, "spans": spans, "tags": tags, "document": f"d{number // 4}"}
        characters -= len(text)
        number += 1


def made_treebank(characters: int) -> Iterator[str]:
    """The shipped treebank again and again, each time as other documents."""
    text = (TEXTS / "treebank" / "en_demo.conllu").read_text(encoding="utf-8")
    size = sum(len(document.text) for document in TreebankReader().read(text, source=""))
    for number in range(max(1, characters // size)):
        yield text.replace("# newdoc id = ", f"# newdoc id = {number}-")


def make(name: str, folder: Path, tokens: int) -> Path:
    """A file of texts for one of BUILDS."""
    characters = tokens * CHARACTERS_A_TOKEN
    collection = BUILDS[name]["collection"]
    path = folder / f"{collection}.{'conllu' if collection == 'treebank' else 'jsonl'}"
    if path.exists():
        return path
    with path.open("w", encoding="utf-8") as out:
        if collection == "treebank":
            out.writelines(made_treebank(characters))
        else:
            shipped = collection if collection in ("programming_language", "latex") else "data_source"
            out.writelines(json.dumps(record) + "\n" for record in made_texts(shipped, characters))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizer", default="demo-4.7m")
    parser.add_argument("--only", choices=BUILDS, action="append")
    parser.add_argument("--source", type=Path)
    asked = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only or BUILDS:
            path = asked.source or make(name, Path(folder), asked.tokens)
            with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as alone:
                rounds = [
                    (
                        alone.submit(encode_only, path, asked.tokenizer, conllu=name == "treebank").result(),
                        alone.submit(build, path, asked.tokenizer, BUILDS[name]).result(),
                    )
                    for _ in range(asked.rounds)
                ]
            plain, built = (min(costs, key=lambda cost: cost.cpu) for costs in zip(*rounds, strict=True))
            rate = plain.tokens / built.clock
            print(
                f"{name:24s} {plain.tokens:10,} tokens {built.clock:7.1f} s {rate / 1000:6.0f} thousand tokens/s; "
                f"{plain.clock / built.clock:5.2f} of tokenizers, CPU {plain.cpu / built.cpu:5.2f}; "
                f"peak {built.peak / 1e9:.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
