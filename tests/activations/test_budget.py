"""Sizes from a memory budget."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from sparseprobe.activations import budget, extract
from sparseprobe.activations.budget import fit_to_memory, forward_bytes, held_bytes
from sparseprobe.byte_sizes import parse_bytes
from sparseprobe.errors import InputError, ResourceError
from sparseprobe.models import LanguageModel


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4e9), ("500 mb", 5e8), ("2GiB", 2**31), ("0.5KB", 500), (123, 123), ("7B", 7)]
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "lots", "4 gigs", "-1GB", None])
def test_what_is_not_a_size(text):
    with pytest.raises(InputError, match="is not a size: write for example '4GB'"):
        parse_bytes(text)


def fit(model, **changes):
    settings = {"row_bytes": 1000, "longest": 32, "tokens_per_row": 32.0, "batch_tokens": 4096, "memory": None}
    return fit_to_memory(model, **{**settings, **changes})


def test_blocks_are_bounded_in_bytes_rows_and_batches(tiny_model):
    model = tiny_model("gpt2")
    assert fit(model, tokens_per_row=1.0) == (budget.BLOCK_ROWS, 4096)
    assert fit(model, row_bytes=2**22, tokens_per_row=1.0)[0] == budget.BLOCK_BYTES // 2**22
    assert fit(model, tokens_per_row=512.0)[0] == budget.BLOCK_BATCHES * 4096 // 512
    assert fit(model, row_bytes=2**40)[0] == 1


def test_more_memory_gives_larger_batches_up_to_what_was_asked_for(tiny_model, monkeypatch):
    monkeypatch.setattr(budget, "held_bytes", lambda: 10**8)
    model, taken = tiny_model("gpt2"), 10**8 + budget.ONCE
    sizes = [fit(model, memory=taken + extra)[1] for extra in (2 * 10**6, 8 * 10**6, 2 * 10**7, 2 * 10**9)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2
    assert (sizes[0], sizes[-1]) == (sizes[0], 4096)
    rows, tokens = fit(model, memory=taken + 8 * 10**6)
    assert 2 * rows * 1000 + forward_bytes(model, tokens, 32) <= 8 * 10**6
    with pytest.raises(ResourceError, match="give at least"):
        fit(model, memory=taken + 1000)


def test_batch_tokens_of_zero(tiny_model):
    with pytest.raises(InputError, match="batch_tokens=0 is too small"):
        fit(tiny_model("gpt2"), batch_tokens=0)


def test_what_is_held_is_measured():
    before = held_bytes()
    block = np.ones(300_000_000, np.uint8)  # more than an allocator keeps for itself
    assert held_bytes() - before > 0.9 * block.nbytes


PEAK = """
import re, sys
from pathlib import Path
import sparseprobe as sp
model = sp.load_model("demo-4.7m")
data = sp.load_dataset("natural_language", tokenizer=model.tokenizer)
sp.extract(model, data, aggregate="mean", out=sys.argv[1], memory=sys.argv[2])
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from the status of the process")
def test_the_peak_of_a_process_is_within_its_memory(tmp_path):
    """The whole process, as the system counts it: what `memory` says is kept.

    `getrusage` would do on every platform, but a process begins with the peak of the one that started it.
    """
    result = subprocess.run([sys.executable, "-c", PEAK, tmp_path, "850MB"], capture_output=True, text=True, check=True)
    assert int(result.stdout) <= 850_000_000


def test_the_budget_is_kept(tiny_module, make_dataset):
    """The peak of the process stays within the budget, for a job of which one batch would take more."""
    torch.manual_seed(0)
    config = hf.GPT2Config(n_embd=64, n_layer=2, n_head=16, vocab_size=50, n_positions=256)
    config._attn_implementation = "eager"
    model = LanguageModel.from_module(hf.GPT2LMHeadModel(config))
    tokens = np.random.default_rng(0).integers(0, 50, (80, 256))
    data = make_dataset(tokens, [(sequence, 0, 256) for sequence in range(80)])
    peak = []
    handle = model.module.transformer.h[1].attn.register_forward_hook(lambda *_: peak.append(held_bytes()))
    for _ in range(2):  # what a process takes once (code, caches, threads) is no part of a job: the second one counts
        peak.clear()
        before = held_bytes()
        allowed = before + 250_000_000
        extract(model, data, aggregate="mean", memory=allowed, batch_tokens=80 * 256)
    handle.remove()
    assert max(peak) <= allowed
