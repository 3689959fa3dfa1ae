"""Sequences that say nearly the same, found by the few smallest hashes of their five-token stretches.

Two sequences that share most of their stretches share most of their smallest hashes (the bottom-k sketch of Broder,
1997): the share of common ones among the SKETCH smallest estimates how much of the text they have in common. Stretches
that more than COMMON sequences have (headers, boilerplate) say nothing and are left out. Cost: a sort of the stretches,
and the pairs that share a hash.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.sequences import Sequences

STRETCH = 5
SKETCH = 16
COMMON = 40
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, as in Fibonacci hashing."""


def near_duplicates(sequences: Sequences, *, least: float = 0.5) -> NDArray[np.int64]:
    """Pairs of sequences, (n_pairs, 2), that share at least `least` of their sketch; the same text counts too.

    >>> from sparseprobe.datasets.sequences import Sequences
    >>> near_duplicates(Sequences.of([range(100), [7, *range(100)], range(200, 300)])).tolist()
    [[0, 1]]
    """
    sketches = _sketches(sequences)
    shared: dict[tuple[int, int], int] = {}
    for _, members in sketches.groupby("hash", sort=False)["sequence"]:
        if 1 < len(members) <= COMMON:
            for pair in combinations(members.tolist(), 2):
                shared[pair] = shared.get(pair, 0) + 1
    size = sketches.groupby("sequence").size()
    found = [pair for pair, n in shared.items() if n >= least * max(size[pair[0]], size[pair[1]])]
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def _sketches(sequences: Sequences) -> pd.DataFrame:
    """The smallest distinct hashes of each sequence: columns sequence, hash; sequences in order."""
    tokens = sequences.tokens.astype(np.uint64)
    n = max(0, len(tokens) - STRETCH + 1)
    mixed = np.zeros(n, dtype=np.uint64)
    for step in range(STRETCH):
        mixed = (mixed ^ (tokens[step : step + n] + np.uint64(step + 1))) * MULTIPLIER
        mixed ^= mixed >> np.uint64(29)
    sequence = np.repeat(np.arange(len(sequences)), sequences.lengths)[:n]
    whole = sequences.offsets[1:][sequence] - np.arange(n) >= STRETCH
    table = pd.DataFrame({"sequence": sequence[whole], "hash": mixed[whole]}).drop_duplicates()
    return table.sort_values(["sequence", "hash"]).groupby("sequence", sort=False).head(SKETCH)
