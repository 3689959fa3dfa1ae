"""What ablation costs beside plain forward passes, how fast its reference text is read, and if its intervals cover.

python -m benchmarks.ablation [--layers 30] [--width 192] [--model NAME_OR_FOLDER] [--documents 32]

Speed, on a random Llama of many layers or on the model that is named: m = 12 sets of neurons in the last third of the
layers, as a multiple of one plain forward pass with head over the same text, in the same process; and tokens a second
of the reference text beside extraction of the same layers. Coverage: nominal 95 % intervals of the mean change and of
the difference between labels, with heavy-tailed changes of documents; and how often a random neuron is called specific
where labels say nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sparseprobe.activations import extract
from sparseprobe.datasets.probing_dataset import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.models import LanguageModel, load_model
from sparseprobe.neurons import ablate
from sparseprobe.neurons.interventions.reference_text import read_reference
from sparseprobe.neurons.on_text.text_stream import BATCH_TOKENS, text_batches
from sparseprobe.statistics.t_intervals import difference_interval, mean_interval

SETS = 12
REPEATS = 4000


def random_model(layers: int, width: int) -> LanguageModel:
    """A Llama of SmolLM2's proportions with random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=8 * width // 3,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        vocab_size=16384 * width // 192,
        max_position_embeddings=512,
    )
    return LanguageModel.from_module(LlamaForCausalLM(config), name="random")


def random_text(model: LanguageModel, n: int) -> ProbingDataset:
    """`n` documents of 64 to 192 tokens; every token is an example of a feature, half of the documents have it."""
    draw = np.random.default_rng(0)
    size = model.embedding.num_embeddings
    texts = [draw.integers(3, size, length).astype(np.int32) for length in draw.integers(64, 193, n)]
    sequence = np.repeat(np.arange(n), [len(text) for text in texts])
    start = np.concatenate([np.arange(len(text)) for text in texts])
    examples = pd.DataFrame({"sequence": sequence, "start": start, "stop": start + 1})
    return ProbingDataset(
        name="random",
        sequences=Sequences.of(texts),
        examples=examples.assign(group=[f"d{row}" for row in sequence], split="test"),
        labels=pd.DataFrame({"f": (sequence % 2).astype(np.int8)}),
        features=pd.DataFrame({"name": ["f"], "description": "", "category": "", "kind": "binary"}),
        tokenizer=TokenizerRecord(name="none", fingerprint="none", bos="none", bos_id=None),
    )


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The least of some times, of the processor, so that other work on the machine does not count."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def plain_pass(model: LanguageModel, data: ProbingDataset) -> None:
    """The model as it is, logits at every position."""
    with torch.inference_mode():
        for _, batch in text_batches(model, data.sequences, BATCH_TOKENS // 4):
            model.module(input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False)


def speed(model: LanguageModel, data: ProbingDataset) -> None:
    """Print what sets of neurons cost, and how fast the reference text is read."""
    first = model.n_layers - model.n_layers // 3
    layers = [first + number % (model.n_layers // 3) for number in range(SETS)]
    sets = [f"L{layer}.N{number}" for number, layer in enumerate(layers)]
    plain = seconds(lambda: plain_pass(model, data))
    given: dict[str, Any] = {"together": False, "controls": 0, "splits": None, "features": ["f"]}
    several = seconds(lambda: ablate(model, data, sets, **given))
    one = seconds(lambda: ablate(model, data, sets[-1:], **given))
    print(f"plain forward pass with head: {plain:.2f} s for {data.n_tokens:,} tokens")
    print(f"{SETS} sets in layers {first} to {model.n_layers - 1}: {several:.2f} s, with the unchanged pass")
    print(f"a set costs {(several - one) / (SETS - 1) / plain:.2f} plain passes; all {several / plain / SETS:.2f} each")
    chosen = sorted(set(layers))
    read = seconds(lambda: read_reference(model, data, chosen), 2)
    kept = seconds(lambda: extract(model, data, layers=chosen, dtype="float32"), 2)
    print(f"reference text {data.n_tokens / read:,.0f} tokens/s, extraction {data.n_tokens / kept:,.0f} tokens/s")


def coverage() -> None:
    """Print the share of intervals that hold the truth, and of random neurons that are called specific."""
    draw = np.random.default_rng(0)
    print("documents  mean  percentile bootstrap  difference  specific without cause")
    for n in (8, 16, 48, 72):
        one, other = draw.standard_t(4, (REPEATS, n)), draw.standard_t(4, (REPEATS, 2 * n))
        control = draw.standard_t(4, (2, REPEATS, 2 * n)) / 2
        mean = covers(*mean_interval(one))
        times = draw.multinomial(n, np.full(n, 1 / n), size=500)
        bootstrap = covers(*np.percentile(times @ one[:1000].T / n, (2.5, 97.5), axis=0))
        low, high = difference_interval(one, other)
        _, chance = difference_interval(control[0][:, :n], control[1])
        specific = np.mean((low > np.maximum(0, chance)) & (one.mean(1) >= 3 * np.abs(other.mean(1))))
        print(f"{n:9d}  {mean:.3f}  {bootstrap:20.3f}  {covers(low, high):10.3f}  {specific:22.3f}")


def covers(low: np.ndarray, high: np.ndarray) -> float:
    """The share of intervals with 0 inside."""
    return float(np.mean((low < 0) & (high > 0)))


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--model", help="instead of a random model: a hub id, a folder or a shipped model")
    parser.add_argument("--documents", type=int, default=32)
    asked = parser.parse_args()
    model = load_model(asked.model) if asked.model else random_model(asked.layers, asked.width)
    print(model)
    speed(model, random_text(model, asked.documents))
    coverage()


if __name__ == "__main__":
    main()
