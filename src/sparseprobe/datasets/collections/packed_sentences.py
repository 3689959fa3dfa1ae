"""Documents as sequences of whole sentences, and for each token the word that it belongs to.

The text of a document is its sentences with a space between them, tokenised in one piece, so that every token is what
it is in running text. Sentences are put into a sequence until the next one would not fit; a sentence that is longer
than a sequence is cut at its end. A token belongs to the first word that it shares a character with.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.datasets.alignment import token_cores
from sparseprobe.datasets.sequences import Sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from sparseprobe.datasets.conllu_words import Sentence
    from sparseprobe.datasets.tokenising import EncodedText, TextEncoder


@dataclass(frozen=True, eq=False)
class WordTokens:
    """The tokens that belong to a word, in order; arrays of (n_tokens,)."""

    sequence: NDArray[np.int64]
    """The sequence of each."""
    position: NDArray[np.int64]
    """Its position there."""
    word: NDArray[np.int64]
    """Its word, counted over all sentences that were added."""
    ends: NDArray[np.bool_]
    """Whether it is the last token of its sentence."""
    in_first: NDArray[np.bool_]
    """Whether it is in the first sentence of its document."""


@dataclass(eq=False)
class PackedSentences:
    """Collects documents; `sequences`, `documents` and `tokens` give what they became."""

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
    cut: int = 0
    """Sentences that were longer than a sequence."""

    def __post_init__(self) -> None:
        self._sequences: list[NDArray[np.int32]] = []
        self._tokens: list[NDArray[np.int32]] = []
        self._n_words = 0

    def add_documents(self, documents: Iterable[Sequence[Sentence]]) -> None:
        """Add documents, each the sentences of one; they are kept only until the tokenizer has had them."""
        waiting: deque[tuple[str, Sequence[Sentence]]] = deque()

        def texts() -> Iterator[str]:
            for sentences in documents:
                text = " ".join(sentence.text for sentence in sentences)
                waiting.append((text, sentences))
                yield text

        for encoded in self.encoder.encode(texts()):
            self._add(*waiting.popleft(), encoded)

    def _add(self, text: str, sentences: Sequence[Sentence], encoded: EncodedText) -> None:
        lengths = [len(sentence.text) + 1 for sentence in sentences]
        begins = np.concatenate([[0], np.cumsum(lengths)])[:-1]
        words = [(word.start, word.stop) for sentence in sentences for word in sentence.words]
        of_sentence = np.repeat(np.arange(len(sentences)), [len(sentence.words) for sentence in sentences])
        spans = np.array(words, dtype=np.int64).reshape(-1, 2) + begins[of_sentence, None]
        word, sentence_of_token = _words_of_tokens(text, encoded, spans, begins)
        first, room = 0, self.encoder.room(self.context)
        bounds = np.searchsorted(sentence_of_token, np.arange(len(sentences) + 1))
        ends = np.zeros(len(word), dtype=bool)
        of_words = np.flatnonzero(word >= 0)
        ends[of_words[np.append(np.diff(sentence_of_token[of_words]) != 0, [True] * bool(len(of_words)))]] = True
        for number in range(len(sentences)):
            start, stop = int(bounds[number]), int(bounds[number + 1])
            if stop - start > room:
                self.cut += 1
                stop = start + room
            last = number + 1 == len(sentences)
            if not last and bounds[number + 2] - first <= room and stop == bounds[number + 1]:
                continue
            columns = (word[first:stop], ends[first:stop], sentence_of_token[first:stop] == 0)
            self._close(sentences[0].document, encoded.ids[first:stop], *columns)
            first = int(bounds[number + 1])
        self._n_words += len(words)
        self.n_documents += 1
        self.n_sentences += len(sentences)

    def _close(
        self,
        document: str,
        ids: NDArray[np.int32],
        word: NDArray[np.int64],
        ends: NDArray[np.bool_],
        in_first: NDArray[np.bool_],
    ) -> None:
        """Make a sequence of some tokens of a document, given what `WordTokens` says of each."""
        if not len(ids):
            return
        whole, front = self.encoder.surround(ids)
        row = np.full(len(ids), len(self._sequences))
        columns = [row, np.arange(len(ids)) + front, word + self._n_words, ends, in_first]
        self._tokens.append(np.column_stack(columns).astype(np.int32)[word >= 0])
        self._sequences.append(whole)
        self.documents.append(document)

    def sequences(self) -> Sequences:
        """All sequences."""
        return Sequences.of(self._sequences)

    def tokens(self, first_position: int) -> WordTokens:
        """The tokens that belong to a word, at `first_position` or after it."""
        table = np.concatenate(self._tokens)
        table = table[table[:, 1] >= first_position]
        sequence, position, word = (table[:, column].astype(np.int64) for column in range(3))
        return WordTokens(sequence, position, word, table[:, 3].astype(bool), table[:, 4].astype(bool))


def _words_of_tokens(
    text: str, encoded: EncodedText, spans: NDArray[np.int64], begins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first word (-1: none) and the sentence of each token of a document, each (n_tokens,)."""
    start, stop = token_cores(text, encoded)
    word = np.searchsorted(spans[:, 1], start, side="right")
    found = word < len(spans)
    found[found] = spans[word[found], 0] < stop[found]
    sentence = np.maximum.accumulate(np.searchsorted(begins, start, side="right") - 1)
    return np.where(found, word, -1), sentence
