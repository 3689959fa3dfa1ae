"""Words of a CoNLL-U treebank and the characters that each of them stands for.

The text of a sentence is put together from its surface tokens: the form of a word, or of the multiword token that
spans several words ("don't" = do + n't), and a space unless the token says SpaceAfter=No. So the character span of
each surface token is exact by construction. A word inside a multiword token has its own part of the characters if the
forms of the words make up the token, else the whole token ("au" = à + le). Empty nodes (8.1) have no characters and
are no words. Source: universaldependencies.org/format.html; parsed by the package `conllu`. Cost: about 40,000 words a
second.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from conllu import parse_incr
from conllu.exceptions import ParseException

from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conllu import TokenList


@dataclass(frozen=True)
class Word:
    """One syntactic word."""

    start: int
    """First character in the sentence's text."""
    stop: int
    """Character after the last."""
    form: str
    """As it is written."""
    upos: str
    """Universal part of speech."""
    relation: str
    """Universal dependency relation, without its subtype."""
    features: Mapping[str, str]
    """Morphological features: category to value."""


@dataclass(frozen=True)
class Sentence:
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
    document = source
    parsed = parse_incr(StringIO(conllu))
    number = 0
    while True:
        try:
            tokens = next(parsed, None)
        except ParseException as error:
            raise DataError(f"{source}, sentence {number + 1} is not CoNLL-U ({error}); mend or remove it") from error
        if tokens is None:
            return
        number += 1
        if "newdoc id" in tokens.metadata or "newdoc" in tokens.metadata:
            document = str(tokens.metadata.get("newdoc id") or f"{source}, document at sentence {number}")
        try:
            yield _sentence(tokens, document)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{source}, sentence {number} lacks columns of CoNLL-U; it needs all ten") from error


def count_words(sentences: list[Sentence]) -> dict[str, int]:
    """Words per part of speech and per relation, as `upos NOUN` and `relation nsubj`."""
    counts = Counter(f"upos {word.upos}" for sentence in sentences for word in sentence.words)
    counts.update(f"relation {word.relation}" for sentence in sentences for word in sentence.words)
    return dict(sorted(counts.items()))


def _sentence(tokens: TokenList, document: str) -> Sentence:
    pieces: list[str] = []
    words: list[Word] = []
    place, inside = 0, 0
    parts: dict[int, tuple[int, int]] = {}
    for token in tokens:
        number = token["id"]
        if isinstance(number, tuple) and number[1] == ".":
            continue
        if isinstance(number, tuple):
            first, _, last = number
            forms = [word["form"] for word in tokens if isinstance(word["id"], int) and first <= word["id"] <= last]
            parts = _parts(token["form"], first, forms, place)
            inside = last
        if isinstance(number, int):
            start, stop = parts[number] if number <= inside else (place, place + len(token["form"]))
            words.append(_word(token, start, stop))
        if isinstance(number, tuple) or number > inside:
            pieces.append(token["form"])
            place += len(token["form"])
            if (token["misc"] or {}).get("SpaceAfter") != "No":
                pieces.append(" ")
                place += 1
    return Sentence(document, "".join(pieces).rstrip(), tuple(words))


def _parts(form: str, first: int, forms: list[str], place: int) -> dict[int, tuple[int, int]]:
    """Characters of each word of a multiword token at `place`, by the word's number."""
    if "".join(forms) != form:
        return {first + index: (place, place + len(form)) for index in range(len(forms))}
    spans = {}
    for index, word in enumerate(forms):
        spans[first + index] = (place, place + len(word))
        place += len(word)
    return spans


def _word(token: Mapping[str, Any], start: int, stop: int) -> Word:
    return Word(
        start=start,
        stop=stop,
        form=token["form"],
        upos=token["upos"] or "_",
        relation=(token["deprel"] or "_").split(":")[0],
        features=token["feats"] or {},
    )
