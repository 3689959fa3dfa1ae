"""Words of a CoNLL-U treebank and the characters that each of them stands for.

The text of a sentence is put together from its surface tokens: the form of a word, or of the multiword token that
spans several words ("don't" = do + n't), and a space unless the token says SpaceAfter=No. So the character span of
each surface token is exact by construction. A word inside a multiword token has its own part of the characters if the
forms of the words make up the token, else the whole token ("au" = à + le). Empty nodes (8.1) have no characters and
are no words. Source: universaldependencies.org/format.html. The lines are read here, one sentence at a time, because
the package `conllu` takes ten times as long as tokenising the same text; the tests hold the two to each other. Cost:
about 300,000 words a second.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

COLUMNS = 10
NUMBER = re.compile(r"\d+([-.]\d+)?")


class Analysis(NamedTuple):
    """What a treebank says of a word; many words share one."""

    upos: str
    """Universal part of speech."""
    relation: str
    """Universal dependency relation, without its subtype."""
    morphology: str
    """Morphological features as they are written: Case=Nom|Number=Sing, or _ for none."""

    @property
    def features(self) -> dict[str, str]:
        """Morphological features: category to value."""
        pairs = [] if self.morphology == "_" else self.morphology.split("|")
        return {category: value for category, _, value in (pair.partition("=") for pair in pairs)}


class Word(NamedTuple):
    """One syntactic word."""

    start: int
    """First character in the sentence's text."""
    stop: int
    """Character after the last."""
    form: str
    """As it is written."""
    analysis: Analysis
    """Part of speech, relation and morphology."""


class Sentence(NamedTuple):
    """A sentence of a treebank."""

    document: str
    """The document it belongs to ("# newdoc id"), or the name of its source."""
    text: str
    """Its characters."""
    words: tuple[Word, ...]
    """Its words, in order."""


def read_sentences(conllu: str, *, source: str) -> Iterator[Sentence]:
    r"""Parse CoNLL-U; raises DataError where it is broken, naming `source`.

    >>> lines = ["1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_", "1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_"]
    >>> lines += ["2\tle\tle\tDET\t_\t_\t3\tdet\t_\t_", "3\tpain\tpain\tNOUN\t_\tNumber=Sing\t0\troot\t_\t_"]
    >>> [sentence] = read_sentences("\n".join(lines) + "\n\n", source="a.conllu")
    >>> sentence.text, [(word.form, word.start, word.stop) for word in sentence.words]
    ('du pain', [('de', 0, 2), ('le', 0, 2), ('pain', 3, 7)])
    """
    document, number = source, 0
    for lines in _blocks(conllu):
        rows = []
        for line in lines:
            if line[0] != "#":
                rows.append(line.split("\t"))
                continue
            name, _, value = line[1:].partition("=")
            if name.strip() in ("newdoc", "newdoc id"):
                document = value.strip() or f"{source}, document at sentence {number + 1}"
        if not rows:
            continue
        number += 1
        try:
            yield _sentence(rows, document)
        except ValueError as error:
            broken = next((row for row in rows if len(row) != COLUMNS or not NUMBER.fullmatch(row[0])), rows[0])
            raise DataError(
                f"{source}, sentence {number} is not CoNLL-U: the line {' '.join(broken)[:60]!r} needs a number and "
                f"{COLUMNS} columns in all, with tabs between; mend or remove it"
            ) from error
        except KeyError as error:
            raise DataError(f"{source}, sentence {number} has no word {error}, which a range counts in") from error


def count_words(words: Mapping[Analysis, int]) -> dict[str, int]:
    """Words per part of speech and per relation, as `upos NOUN` and `relation nsubj`, from the words per analysis."""
    counts: Counter[str] = Counter()
    for analysis, n in words.items():
        counts[f"upos {analysis.upos}"] += n
        counts[f"relation {analysis.relation}"] += n
    return dict(sorted(counts.items()))


def _blocks(text: str) -> Iterator[list[str]]:
    """The lines of each sentence, without a copy of the whole."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    place = 0
    while place < len(text):
        end = text.find("\n\n", place)
        end = len(text) if end < 0 else end
        yield [line for line in text[place:end].split("\n") if line and not line.isspace()]
        place = end + 2


def _sentence(rows: Sequence[Sequence[str]], document: str) -> Sentence:
    pieces: list[str] = []
    words: list[Word] = []
    place, inside = 0, 0
    parts: dict[int, tuple[int, int]] = {}
    for mark, form, _, upos, _, morphology, _, relation, _, misc in rows:
        if mark.isdigit():
            number = int(mark)
            if number > inside:
                words.append(Word(place, place + len(form), form, _analysis(upos, relation, morphology)))
            else:
                words.append(Word(*parts[number], form, _analysis(upos, relation, morphology)))
                continue
        elif "." in mark:
            continue
        else:
            first, inside = map(int, mark.split("-"))
            forms = [row[1] for row in rows if row[0].isdigit() and first <= int(row[0]) <= inside]
            parts = _parts(form, first, forms, place)
        pieces.append(form)
        place += len(form)
        if misc == "_" or "SpaceAfter=No" not in misc.split("|"):
            pieces.append(" ")
            place += 1
    return Sentence(document, "".join(pieces).rstrip(), tuple(words))


def _parts(form: str, first: int, forms: Sequence[str], place: int) -> dict[int, tuple[int, int]]:
    """Characters of each word of a multiword token at `place`, by the word's number."""
    if "".join(forms) != form:
        return {first + index: (place, place + len(form)) for index in range(len(forms))}
    spans = {}
    for index, word in enumerate(forms):
        spans[first + index] = (place, place + len(word))
        place += len(word)
    return spans


@lru_cache(maxsize=100_000)
def _analysis(upos: str, relation: str, morphology: str) -> Analysis:
    """One object for all words of an analysis."""
    return Analysis(upos, relation.partition(":")[0], morphology)
