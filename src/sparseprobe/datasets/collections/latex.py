"""The part of a LaTeX text that a token is in: a fraction, the title, a subscript, inline math ...

Paper (arXiv 2305.01610, appendix on feature datasets): 14 features, 1024 tokens of context, 20,000 tokens per feature,
25 % positive, the first 5 positions left out. Features that mirror each other (numerator and denominator, subscript
and superscript, inline and display, start and end of math) take half of their negatives from the mirror.

A token is positive if all of its characters, save white space at its ends, are in the part (`latex_marks` finds the
parts by parsing), negative if none is, and not labelled if the border of the part runs through it ("}$"). A token is
the start or the end of math if it shares a character with that delimiter alone; delimiters are not labelled by the
three features of math, since they are neither inside nor outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets import latex_marks
from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.alignment import token_cores
from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.latex_marks import MARKS, mark
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenising import windows
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.tokenising import EncodedText

MIRRORS = {
    first: second
    for pair in (
        (latex_marks.NUMERATOR, latex_marks.DENOMINATOR),
        (latex_marks.SUBSCRIPT, latex_marks.SUPERSCRIPT),
        (latex_marks.INLINE, latex_marks.DISPLAY),
        (latex_marks.START, latex_marks.END),
    )
    for first, second in (pair, pair[::-1])
}
DELIMITERS = [MARKS.index(latex_marks.START), MARKS.index(latex_marks.END)]
MATHS = [MARKS.index(name) for name in (latex_marks.MATH, latex_marks.INLINE, latex_marks.DISPLAY)]


def label_tokens(text: str, encoded: EncodedText) -> NDArray[np.int8]:
    """The label of each token for each of MARKS, (n_tokens, n_marks) in {1, 0, -1}."""
    start, stop = token_cores(text, encoded)
    covered = mark(text)
    before = np.concatenate([np.zeros((len(MARKS), 1), dtype=np.int64), np.cumsum(covered, axis=1)], axis=1)
    inside = (before[:, stop] - before[:, start]).T
    labels = np.where(inside == 0, 0, np.where(inside == (stop - start)[:, None], 1, -1)).astype(np.int8)
    touched = inside[:, DELIMITERS] > 0
    labels[:, DELIMITERS] = np.where(touched.all(axis=1, keepdims=True), -1, touched)
    delimiter = touched.any(axis=1)
    labels[np.ix_(delimiter, MATHS)] = -1
    return labels


def _find(request: Request) -> Candidates:
    context, first_position = request.number("context", least=1), request.number("first_position")
    room = request.encoder.room(context)
    pieces, documents, tables, positions = [], [], [], []
    for item, encoded in request.encoded():
        labels = label_tokens(item.text, encoded)
        for first, ids in windows(encoded.ids, room, "all"):
            whole, front = request.encoder.surround(ids)
            skipped = max(0, first_position - front)
            if skipped < len(ids):
                pieces.append(whole)
                documents.append(item.document)
                tables.append(labels[first + skipped : first + len(ids)])
                positions.append(np.arange(skipped, len(ids)) + front)
    if not pieces:
        raise DataError(
            f"all {request.reader.count} texts end before position {first_position}; set first_position lower"
        )
    labels = np.concatenate(tables)
    position = np.concatenate(positions)
    kinds = {name: (labels[:, MARKS.index(mirror)] == 1).astype(np.int8) for name, mirror in MIRRORS.items()}
    rows = [(name, f"the token is {_words(name)}", "LaTeX", "binary") for name in MARKS]
    return Candidates(
        sequences=Sequences.of(pieces),
        documents=documents,
        sequence=np.repeat(np.arange(len(pieces)), [len(table) for table in tables]),
        start=position,
        stop=position + 1,
        labels=labels,
        features=pd.DataFrame(rows, columns=["name", "description", "category", "kind"]),
        negative_kinds=kinds,
        counts={"texts": request.reader.count, "tokens": len(labels), "tokens_at_a_border": int((labels == -1).sum())},
    )


def _words(name: str) -> str:
    place, _, what = name.partition("_")
    return f"{'in a' if place == 'in' else 'at the ' + place} {what.replace('_', ' ')}"


_SETTINGS = {"context": 1024, "first_position": 5, "n_examples": 20_000, "positive_share": 0.25}

LATEX = Collection(
    name="latex",
    description="the part of a LaTeX text: fraction, title, subscript, citation, math and its borders",
    unit="token",
    aggregate="none",
    features=MARKS,
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
    texts=("latex",),
)
