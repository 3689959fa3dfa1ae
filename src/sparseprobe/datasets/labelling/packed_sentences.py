"""Documents as sequences of whole sentences, and for each token the word that it belongs to.

A document is tokenised in one piece, so that every token is what it is in running text. Sentences are put into a
sequence until the next one would not fit; a sentence that is longer than a sequence is cut at its end. A token belongs
to the first word that it shares a character with. The tokens of many documents are worked on at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets.labelling.alignment import token_cores
from sparseprobe.datasets.labelling.conllu_words import Document
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenising import EncodedText, batches

if TYPE_CHECKING:
    from sparseprobe.datasets.tokenising import TextEncoder


@dataclass(frozen=True, eq=False)
class WordTokens:
    """The tokens that belong to a word, in order; arrays of (n_tokens,)."""

    sequence: NDArray[np.int64]
    """The sequence of each."""
    position: NDArray[np.int64]
    """Its position there."""
    word: NDArray[np.int64]
    """Its word, counted over all documents that were added."""
    ends: NDArray[np.bool_]
    """Whether it is the last token of its sentence."""
    in_first: NDArray[np.bool_]
    """Whether it is in the first sentence of its document."""


@dataclass(eq=False)
class PackedSentences:
    """Collects documents; `sequences`, `documents`, `analyses` and `tokens` give what they became."""

    encoder: TextEncoder
    """Text to token ids."""
    context: int
    """Tokens of a sequence at most, BOS included."""
    documents: list[str] = field(default_factory=list)
    """The document of each sequence."""
    n_documents: int = 0
    """Documents added."""
    n_sentences: int = 0
    """Their sentences."""
    n_words: int = 0
    """Their words."""
    cut: int = 0
    """Sentences that were longer than a sequence."""

    def __post_init__(self) -> None:
        self._sequences: list[NDArray[np.int32]] = []
        self._tokens: list[NDArray[np.int32]] = []
        self._analyses: list[NDArray[np.int32]] = []

    def add(self, documents: Iterable[Document]) -> None:
        """Add documents; they are kept only until the tokenizer has had them."""
        for batch in batches(documents):
            self._add(_end_to_end(batch, list(self.encoder.encode(document.text for document in batch))))

    def _add(self, given: _Stretch) -> None:
        word, sentence = _words_of_tokens(given)
        bounds = np.searchsorted(sentence, np.arange(len(given.begins) + 1))
        packed = _pack(bounds.tolist(), given.document.tolist(), self.encoder.room(self.context))
        fronts = []
        for start, stop, document in packed.sequences:
            whole, front = self.encoder.surround(given.ids[start:stop])
            fronts.append(front)
            self._sequences.append(whole)
            self.documents.append(given.names[document])
        starts, stops = (np.array([row[side] for row in packed.sequences], dtype=np.int64) for side in (0, 1))
        sizes = stops - starts
        row = np.repeat(np.arange(len(sizes)), sizes)
        tokens = np.arange(len(row)) + np.repeat(stops - np.cumsum(sizes), sizes)
        row += len(self._sequences) - len(sizes)
        position = tokens + np.repeat(np.array(fronts, dtype=np.int64) - starts, sizes)
        in_first = (np.diff(given.document, prepend=-1) != 0)[sentence]
        ends = _last_of_each(sentence, word >= 0)
        columns = [row, position, word[tokens] + self.n_words, ends[tokens], in_first[tokens]]
        self._tokens.append(np.column_stack(columns).astype(np.int32)[word[tokens] >= 0])
        self._analyses.append(given.analyses.astype(np.int32))
        self.n_words += len(given.analyses)
        self.n_documents += len(given.names)
        self.n_sentences += len(given.begins)
        self.cut += packed.cut

    def sequences(self) -> Sequences:
        """All sequences."""
        return Sequences.of(self._sequences)

    def analyses(self) -> NDArray[np.int32]:
        """The analysis of each word, by its number, (n_words,)."""
        return np.concatenate(self._analyses)

    def tokens(self, first_position: int) -> WordTokens:
        """The tokens that belong to a word, at `first_position` or after it."""
        table = np.concatenate(self._tokens)
        table = table[table[:, 1] >= first_position]
        sequence, position, word = (table[:, column].astype(np.int64) for column in range(3))
        return WordTokens(sequence, position, word, table[:, 3].astype(bool), table[:, 4].astype(bool))


class _Stretch(NamedTuple):
    """Documents and their tokens, end to end, with one character between two documents."""

    text: str
    """Their characters."""
    names: list[str]
    """The name of each document."""
    document: NDArray[np.int64]
    """The document of each sentence, as its place in `names`, (n_sentences,)."""
    begins: NDArray[np.int64]
    """First character of each sentence, (n_sentences,)."""
    spans: NDArray[np.int64]
    """First character of each word and the one after its last, (n_words, 2)."""
    analyses: NDArray[np.int64]
    """The analysis of each word, (n_words,)."""
    ids: NDArray[np.int32]
    """Their tokens, (n_tokens,)."""
    starts: NDArray[np.int64]
    """First character of each token, (n_tokens,)."""
    stops: NDArray[np.int64]
    """The one after its last, (n_tokens,)."""


def _end_to_end(documents: Sequence[Document], encoded: Sequence[EncodedText]) -> _Stretch:
    places = np.cumsum([0, *(len(document.text) + 1 for document in documents[:-1])])
    return _Stretch(
        "\n".join(document.text for document in documents),
        [document.name for document in documents],
        np.repeat(np.arange(len(documents)), [len(document.begins) for document in documents]),
        np.concatenate([document.begins + place for document, place in zip(documents, places, strict=True)]),
        np.concatenate([document.spans + place for document, place in zip(documents, places, strict=True)]),
        np.concatenate([document.analyses for document in documents]),
        np.concatenate([tokens.ids for tokens in encoded]),
        np.concatenate([tokens.starts + place for tokens, place in zip(encoded, places, strict=True)]),
        np.concatenate([tokens.stops + place for tokens, place in zip(encoded, places, strict=True)]),
    )


def _words_of_tokens(given: _Stretch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first word (-1: none) and the sentence of each token, each (n_tokens,)."""
    start, stop = token_cores(given.text, EncodedText(given.ids, given.starts, given.stops))
    word = np.searchsorted(given.spans[:, 1], start, side="right")
    found = word < len(given.spans)
    found[found] = given.spans[word[found], 0] < stop[found]
    sentence = np.maximum.accumulate(np.searchsorted(given.begins, start, side="right") - 1)
    return np.where(found, word, -1), sentence


class _Packed(NamedTuple):
    """Which tokens a sequence takes."""

    sequences: list[tuple[int, int, int]]
    """First token, token after the last, and document of each."""
    cut: int
    """Sentences that were longer than a sequence."""


def _pack(bounds: Sequence[int], document: Sequence[int], room: int) -> _Packed:
    """Put sentences, which begin at the token `bounds` (and the last ends there), into sequences of `room` tokens."""
    sequences, cut, first = [], 0, 0
    for number, here in enumerate(document):
        start, stop, end = bounds[number], bounds[number + 1], bounds[number + 1]
        if stop - start > room:
            cut += 1
            end = start + room
        goes_on = number + 1 < len(document) and document[number + 1] == here
        if goes_on and end == stop and bounds[number + 2] - first <= room:
            continue
        if end > first:
            sequences.append((first, end, here))
        first = stop
    return _Packed(sequences, cut)


def _last_of_each(group: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each is the last of those that are counted in its group, where groups stand one after the other."""
    places = np.flatnonzero(counted)
    last = np.zeros(len(group), dtype=bool)
    last[places[np.diff(group[places], append=-1) != 0]] = True
    return last
