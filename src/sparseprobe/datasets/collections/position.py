"""The position of a token, a target for regression in four forms.

With p the position of a token in its sequence (from 0, as the model sees it, BOS included) and n the sequence's length:

    absolute     p
    normalised   p / (context - 1)    in [0, 1] for the longest sequence there can be
    relative     p / (n - 1)          from 0 at the first to 1 at the last token of this sequence
    log2         log2(1 + p)

Paper (arXiv 2305.01610, appendix on feature datasets): 512 tokens of context, 50,000 tokens. The labels are float32,
and all four are of the same tokens. A sequence of one token has no relative position, and is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.token_text import is_text, text_windows, token_places
from sparseprobe.errors import DataError

FEATURES = {
    "absolute": "position in the sequence, from 0",
    "normalised": "position as a share of the longest possible, in [0, 1]",
    "relative": "position as a share of this sequence, 0 the first and 1 the last token",
    "log2": "log2(1 + position)",
}


def positions(position: NDArray[np.int64], length: NDArray[np.int64], context: int) -> NDArray[np.float32]:
    """The four forms of each `position` in a sequence of `length` tokens, at least two, (n_tokens, 4).

    >>> positions(np.array([0, 3]), np.array([7, 7]), 13).tolist()
    [[0.0, 0.0, 0.0, 0.0], [3.0, 0.25, 0.5, 2.0]]
    """
    place = position.astype(np.float64)
    forms = [place, place / max(1, context - 1), place / (length - 1), np.log2(1 + place)]
    return np.column_stack(forms).astype(np.float32)


def _find(request: Request) -> Candidates:
    sequences, documents = text_windows(request)
    sequence, position = token_places(sequences)
    if (sequences.lengths == 1).all():
        raise DataError("all texts are of one token, which has no place in a sequence; give longer ones")
    wanted = (position >= request.number("first_position")) & is_text(request, sequences)
    wanted &= sequences.lengths[sequence] > 1
    labels = positions(position[wanted], sequences.lengths[sequence[wanted]], request.number("context", least=1))
    return Candidates(
        sequences=sequences,
        documents=documents,
        sequence=sequence[wanted],
        start=position[wanted],
        stop=position[wanted] + 1,
        labels=labels,
        features=features_table(list(FEATURES.items()), "position", kind="continuous"),
        counts={"windows": len(sequences), "tokens": len(labels)},
    )


_SETTINGS = {"context": 512, "first_position": 0, "n_examples": 50_000}

POSITION = Collection(
    name="position",
    description="where a token stands in its sequence: absolute, normalised, relative, log2 (regression)",
    unit="token",
    aggregate="none",
    features=tuple(FEATURES),
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
    texts=("latex", "programming_language", "natural_language"),
)
