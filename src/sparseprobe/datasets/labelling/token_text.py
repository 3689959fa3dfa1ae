"""A label per token that depends on the token alone: looked up in a table of the vocabulary.

Texts are cut into windows of the context, each a sequence; every token from `first_position` on is a candidate, save
special tokens. Cost: tokenisation, and one lookup a token and feature; 5 million tokens with 11 features take 0.2 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.candidates import Candidates, rows_of
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenising import windows
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.collection import Request


def find_tokens(request: Request, table: NDArray[np.int8], features: pd.DataFrame) -> Candidates:
    """Every token of the texts with the labels of `table` (n_vocabulary, n_features) in {1, 0, -1}.

    Reads the settings context and first_position. Raises DataError if no text is long enough.
    """
    sequences, documents = text_windows(request)
    sequence, position = token_places(sequences)
    wanted = (position >= request.number("first_position")) & is_text(request, sequences)
    labels = rows_of(table, sequences.tokens[wanted])
    return Candidates(
        sequences=sequences,
        documents=documents,
        sequence=sequence[wanted],
        start=position[wanted],
        stop=position[wanted] + 1,
        labels=labels,
        features=features,
        counts={"windows": len(sequences), "tokens": len(labels)},
        decided={"aggregate": "none"},
    )


def text_windows(request: Request) -> tuple[Sequences, list[str]]:
    """All texts, cut into windows of the context, and the document of each window.

    Windows that end before first_position are left out; raises DataError if none is left.
    """
    context, first = request.number("context", least=1), request.number("first_position")
    encoder, room = request.encoder, request.encoder.room(context)
    pieces: list[NDArray[np.int32]] = []
    documents: list[str] = []
    for item, ids in request.encoded_ids():
        for _, piece in windows(ids, room, "all"):
            whole, _ = encoder.surround(piece)
            if len(whole) > first:
                pieces.append(whole)
                documents.append(item.document)
    if not pieces:
        n = request.reader.count
        raise DataError(f"all {n} texts end before position {first}, where examples start; set first_position lower")
    return Sequences.of(pieces), documents


def is_text(request: Request, sequences: Sequences) -> NDArray[np.bool_]:
    """Which tokens stand for text, and are not special, (n_tokens,)."""
    record = request.encoder.record
    around = [token for token in (record.bos_id, record.eos_id) if token is not None]
    return ~np.isin(sequences.tokens, [*record.special_ids, *around])


def token_places(sequences: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sequence and the position in it of every token, each (n_tokens,).

    >>> token_places(Sequences.of([[5, 6], [7]]))
    (array([0, 0, 1]), array([0, 1, 0]))
    """
    sequence = np.repeat(np.arange(len(sequences)), sequences.lengths)
    return sequence, np.arange(len(sequences.tokens)) - sequences.offsets[:-1][sequence]
