"""Memory budget: the sizes of blocks and batches, computed before the work starts.

    memory  =  what the process holds already (model, dataset) + ONCE + two blocks of rows + one batch in the model

A row is sum over layers of width * bytes. A batch token at width T needs about 12 d_model + 4 d_mlp values, or
n_heads * T scores three times over (eager attention), whichever part of a block is larger, in the model's precision;
all of it twice, since a process was measured to hold up to 2.1 times as much: the allocator keeps what was freed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from sparseprobe.byte_sizes import format_bytes, parse_bytes
from sparseprobe.errors import InputError, ResourceError
from sparseprobe.models import LanguageModel

BATCH_TOKENS = 4096
"""Padded tokens in a batch, if nothing else is asked for; more overflows the caches of a CPU, a GPU likes more."""
BLOCK_BYTES = 256 * 2**20
"""Bytes that one block holds at most, and that are lost when a run is stopped."""
BLOCK_ROWS = 4096
"""Rows in one block at most: the chunk that a reader loads."""
BLOCK_BATCHES = 64
"""Approximate number of batches in one block, so that a stopped run loses minutes, not hours."""

ONCE = 64 * 2**20
"""What a process takes when it first runs a model and writes chunks: code, threads, caches (measured: 11 to 30 MB)."""


def forward_bytes(model: LanguageModel, n_tokens: int, width: int) -> int:
    """About what a batch of `n_tokens` padded tokens in rows of `width` takes inside the model."""
    size = model.dtype.itemsize
    n_heads = int(getattr(model.module.config, "num_attention_heads", 0) or 0)
    attention = n_heads * width * (2 * size + 8)
    mlp = 4 * model.d_mlp * size
    return 2 * n_tokens * (12 * model.d_model * size + max(attention, mlp))


def fit_to_memory(
    model: LanguageModel,
    *,
    row_bytes: int,
    longest: int,
    tokens_per_row: float,
    batch_tokens: int,
    memory: int | str | None,
) -> tuple[int, int]:
    """(rows in a block, tokens in a batch) that stay within `memory`; None bounds a block only.

    Raises `ResourceError` if not even one row and the longest sequence fit, `InputError` for an invalid size.
    """
    if batch_tokens < 1:
        raise InputError(f"batch_tokens={batch_tokens} is too small: a batch has at least one token")
    block = BLOCK_BYTES
    if memory is not None:
        total, held = parse_bytes(memory), held_bytes() + ONCE
        free = total - held
        least = 2 * (2 * row_bytes + forward_bytes(model, longest, longest))
        if free < least:
            raise ResourceError(
                f"memory={memory!r} is too little: {format_bytes(held)} are held already and one sequence of {longest} "
                f"tokens takes {format_bytes(least)}; give at least {format_bytes(held + least)}"
            )
        block = min(block, free // 4)  # a block and the copy of it on its way to the disk
        batch_tokens = max(longest, min(batch_tokens, free // 2 // (forward_bytes(model, longest, longest) // longest)))
    rows = min(block // row_bytes, BLOCK_ROWS, int(BLOCK_BATCHES * batch_tokens / max(tokens_per_row, 1)))
    return max(1, rows), batch_tokens


def held_bytes() -> int:
    """Memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def free_memory() -> int:
    """Memory that is still available."""
    return int(psutil.virtual_memory().available)


def require_memory(size: int, memory: int | str | None) -> None:
    """Raise `ResourceError` if activations of `size` bytes do not fit in memory."""
    limit = free_memory() if memory is None else parse_bytes(memory) - held_bytes()
    if size > limit:
        raise ResourceError(
            f"these activations take {format_bytes(size)} and {format_bytes(max(limit, 0))} of memory are left: give "
            "out= a folder to write them to, or fewer layers"
        )


def require_disk(folder: Path, size: int) -> None:
    """Raise `ResourceError` if `size` bytes more do not fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ResourceError(
            f"these activations take {format_bytes(size)} and the disk of {folder} has {format_bytes(free)} left: "
            "choose another folder, fewer layers, or dtype='float16'"
        )
