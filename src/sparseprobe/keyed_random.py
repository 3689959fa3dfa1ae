"""Random draws keyed by what they are, never by the order in which they happen.

A draw that takes its generator from a shared stream changes when another draw is added before it. Here each draw names
itself, and its generator follows from that name and the seed alone (the NumPy seed-sequence of a SHA-256 digest).
"""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: object) -> np.random.Generator:
    """The generator that belongs to `seed` and to a draw's name.

    >>> float(generator(0, "split", "fr").random()) == float(generator(0, "split", "fr").random())
    True
    >>> float(generator(0, "split", "fr").random()) == float(generator(0, "split", "de").random())
    False
    """
    digest = hashlib.sha256("\x1f".join([str(seed), *map(str, names)]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))
