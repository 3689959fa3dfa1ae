"""Sequences that end with the labelled span: the last tokens of a text up to it, and nothing after.

A causal model knows a word in the light of what stands before it, so a sequence may end there: compound words (24
tokens ending with the second word), names of people, completions of a statement. The same sequence with the same
labels is kept once; the labels are those of all features that speak of it. Memory: the context's ids and a byte per
feature, for each span.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.candidates import Candidates
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from sparseprobe.datasets.tokenising import TextEncoder

LEFT_OUT = ("spans_inside_a_token", "spans_cut_by_the_context", "texts_repeated")


@dataclass(eq=False)
class TextEndings:
    """Collects spans, each at the end of a sequence of at most `context` tokens.

    >>> from tokenizers import Tokenizer, models
    >>> from sparseprobe.datasets.tokenizer_record import TokenizerRecord
    >>> from sparseprobe.datasets.tokenising import TextEncoder
    >>> record = TokenizerRecord.of(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    >>> endings = TextEndings(TextEncoder(record), context=3)
    >>> endings.add(np.arange(9, dtype=np.int32), 6, 7, document="d", labels={0: 1})
    >>> endings.sequences[0], endings.starts, endings.stops
    (array([4, 5, 6], dtype=int32), [2], [3])
    """

    encoder: TextEncoder
    """Puts BOS and separator around the ids."""
    context: int
    """Tokens of a sequence at most, BOS included."""
    sequences: list[NDArray[np.int32]] = field(default_factory=list)
    """Token ids of each sequence."""
    documents: list[str] = field(default_factory=list)
    """Its document."""
    starts: list[int] = field(default_factory=list)
    """First token of the span in it."""
    stops: list[int] = field(default_factory=list)
    """Token after the span's last."""
    labels: list[Mapping[int, int]] = field(default_factory=list)
    """Column of a feature to its label, for the features that label the span."""
    kinds: list[Mapping[int, int]] = field(default_factory=list)
    """Column of a feature to the kind of negative that the span is."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEFT_OUT, 0))
    """What was left out."""

    def __post_init__(self) -> None:
        self._seen: set[bytes] = set()

    def add(
        self,
        ids: NDArray[np.int32],
        start: int,
        stop: int,
        *,
        document: str,
        labels: Mapping[int, int],
        kinds: Mapping[int, int] | None = None,
    ) -> None:
        """Keep the span [start, stop) of a text's tokens `ids`.

        A span that is longer than the context, and a sequence that is there already with these labels, is left out and
        counted.
        """
        room = self.encoder.room(self.context)
        if stop - start > room:
            self.counts["spans_cut_by_the_context"] += 1
            return
        first = max(0, stop - room)
        whole, front = self.encoder.surround(ids[first:stop])
        key = sha256(whole.tobytes() + repr((start - stop, sorted(labels.items()))).encode()).digest()
        if key in self._seen:
            self.counts["texts_repeated"] += 1
            return
        self._seen.add(key)
        self.sequences.append(whole)
        self.documents.append(document)
        self.starts.append(start - first + front)
        self.stops.append(stop - first + front)
        self.labels.append(labels)
        self.kinds.append(kinds or {})

    def candidates(self, features: pd.DataFrame, counts: Mapping[str, int], missing: str) -> Candidates:
        """Everything that was collected; raises DataError with the sentence `missing` if that is nothing."""
        if not self.sequences:
            raise DataError(missing)
        labels = np.full((len(self.sequences), len(features)), -1, dtype=np.int8)
        kinds = np.zeros_like(labels)
        for table, cells in ((labels, self.labels), (kinds, self.kinds)):
            for row, values in enumerate(cells):
                for column, value in values.items():
                    table[row, column] = value
        several = {
            str(name): kinds[:, column] for column, name in enumerate(features["name"]) if kinds[:, column].any()
        }
        return Candidates(
            sequences=Sequences.of(self.sequences),
            documents=self.documents,
            sequence=np.arange(len(self.sequences)),
            start=np.array(self.starts, dtype=np.int64),
            stop=np.array(self.stops, dtype=np.int64),
            labels=labels,
            features=features,
            negative_kinds=several,
            counts={**counts, **self.counts},
        )
