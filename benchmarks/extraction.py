"""How much of a plain forward pass extraction costs, side by side in one run: trust the ratios, not the times;
on a machine that others use too, trust the ratios of CPU time.

    python benchmarks/extraction.py [--layers 6 --d-model 512 --sequences 16 --length 512 --threads 2 --repeats 3]

Every line runs the same random GPT-NeoX model (Pythia-70m's shape by default) on the same tokens. "plain" is the
model's own forward pass with its output head; the others are `sparseprobe.extract` with a label on one token in eight,
or on whole sequences, in memory or to a store.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from sparseprobe.activations import extract, stream_class_statistics
from sparseprobe.datasets.probing_dataset import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.models import LanguageModel, pad

if TYPE_CHECKING:
    from collections.abc import Callable

VOCABULARY = 50304


def random_model(layers: int, d_model: int, dtype: torch.dtype) -> LanguageModel:
    config = GPTNeoXConfig(
        hidden_size=d_model,
        intermediate_size=4 * d_model,
        num_hidden_layers=layers,
        num_attention_heads=max(1, d_model // 64),
        vocab_size=VOCABULARY,
    )
    torch.manual_seed(0)
    module = GPTNeoXForCausalLM(config).to(dtype)
    module.set_attn_implementation("eager")
    return LanguageModel.from_module(module, name="random")


def random_data(n_sequences: int, length: int, spans: list[tuple[int, int, int]]) -> ProbingDataset:
    draw = np.random.default_rng(0)
    examples = pd.DataFrame(spans, columns=["sequence", "start", "stop"])
    examples = examples.assign(group=examples["sequence"].astype(str), split="train")
    return ProbingDataset(
        name="random",
        sequences=Sequences.of(draw.integers(0, VOCABULARY, (n_sequences, length)).tolist()),
        examples=examples,
        labels=pd.DataFrame({"coin": draw.integers(0, 2, len(examples)).astype(np.int8)}),
        features=pd.DataFrame({"name": ["coin"], "description": [""], "category": [""], "kind": ["binary"]}),
        tokenizer=TokenizerRecord(name="none", fingerprint="none", bos="none", bos_id=None),
    )


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Seconds by the clock and on the CPU, each the least of some runs, after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - begin, time.process_time() - begin_cpu))
    return min(clock for clock, _ in times), min(cpu for _, cpu in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("layers", 6), ("d-model", 512), ("sequences", 16), ("length", 512), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    model = random_model(asked.layers, asked.d_model, torch.float32)
    half = random_model(asked.layers, asked.d_model, torch.bfloat16)
    n, length = asked.sequences, asked.length
    tokens = random_data(n, length, [(i, t, t + 1) for i in range(n) for t in range(7, length, 8)])
    whole = random_data(n, length, [(i, 0, length) for i in range(n)])
    batch = pad([tokens.sequences[i] for i in range(n)])
    everything = {"batch_tokens": n * length}

    def plain(model: LanguageModel) -> None:
        with torch.inference_mode():
            model.module(batch.tokens, attention_mask=batch.mask, use_cache=False)

    def trunk() -> None:
        with torch.inference_mode():
            model.trunk(batch.tokens, attention_mask=batch.mask, use_cache=False)

    def to_store() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract(model, tokens, out=Path(folder) / "acts", **everything)

    lines: dict[str, Callable[[], object]] = {
        "plain forward pass, output head": lambda: plain(model),
        "plain trunk, no head": trunk,
        "extract, all layers, one token in eight": lambda: extract(model, tokens, **everything),
        "the same in batches of 4,096 tokens": lambda: extract(model, tokens),
        "the same, to a store": to_store,
        "extract, all layers, mean over sequences": lambda: extract(model, whole, aggregate="mean", **everything),
        "extract, all layers, max over sequences": lambda: extract(model, whole, aggregate="max", **everything),
        "extract, layer 2 only": lambda: extract(model, tokens, layers=[min(2, asked.layers - 1)], **everything),
        "class statistics, all layers, no store": lambda: stream_class_statistics(model, tokens, **everything),
        "plain forward pass, bfloat16": lambda: plain(half),
        "extract, all layers, bfloat16": lambda: extract(half, tokens, dtype="bfloat16", **everything),
    }
    base: tuple[float, float] | None = None
    for label, work in lines.items():
        clock, cpu = seconds(work, asked.repeats)
        base = base or (clock, cpu)
        print(
            f"{label:42s} {clock:8.2f} s {clock / base[0]:6.2f} of plain; CPU {cpu:8.2f} s {cpu / base[1]:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
