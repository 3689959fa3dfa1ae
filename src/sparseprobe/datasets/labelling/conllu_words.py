"""Words of a CoNLL-U treebank and the characters that each of them stands for.

The text of a sentence is put together from its surface tokens: the form of a word, or of the multiword token that
spans several words ("don't" = do + n't), and a space unless the token says SpaceAfter=No. So the character span of
each surface token is exact by construction. A word inside a multiword token has its own part of the characters if the
forms of the words make up the token, else the whole token ("au" = à + le). Empty nodes (8.1) have no characters and
are no words. Source: universaldependencies.org/format.html.

A treebank is read in columns, some documents at a time, by Arrow's reader of tables, because the package `conllu`
takes ten times as long as tokenising the same text; the tests hold the two to each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from sparseprobe.errors import DataError

COLUMNS = ("number", "form", "lemma", "upos", "xpos", "morphology", "head", "relation", "enhanced", "misc")
CODED = pa.dictionary(pa.int32(), pa.string())
TYPES = dict.fromkeys(("number", "upos", "morphology", "relation", "misc"), CODED) | {"form": pa.string()}
NUMBER = re.compile(r"(\d+)(?:([-.])(\d+))?")
NEW_DOCUMENT = re.compile(rb"#[ \t]*newdoc(?:[ \t]+id)?[ \t]*(?:=([^\n]*))?\n")
WHITE_LINE = re.compile(rb"^[ \t]+$", re.MULTILINE)
BLOCK = 2_000_000
"""Characters that are read at a time, at least; a block ends where a document begins."""


class Analysis(NamedTuple):
    """The analysis of a word in a treebank; many words share one."""

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


@dataclass(frozen=True, eq=False)
class Document:
    """Sentences of a treebank that belong together."""

    name: str
    """What "# newdoc id" says, or the name of its source."""
    text: str
    """Its characters: its sentences, with a space between them."""
    begins: NDArray[np.int64]
    """First character of each sentence, (n_sentences,)."""
    spans: NDArray[np.int64]
    """First character of each word and the one after its last, (n_words, 2)."""
    analyses: NDArray[np.int64]
    """The analysis of each word, as its number in the reader, (n_words,)."""

    @property
    def sentences(self) -> list[str]:
        """The text of each sentence."""
        stops = [*(self.begins[1:] - 1).tolist(), len(self.text)]
        return [self.text[start:stop] for start, stop in zip(self.begins.tolist(), stops, strict=True)]


@dataclass
class TreebankReader:
    r"""Reads CoNLL-U, and numbers the analyses of words in the order in which they are met.

    >>> lines = ["1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_", "1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_"]
    >>> lines += ["2\tle\tle\tDET\t_\t_\t3\tdet\t_\t_", "3\tpain\tpain\tNOUN\t_\tNumber=Sing\t0\troot\t_\t_"]
    >>> reader = TreebankReader()
    >>> [document] = reader.read("\n".join(lines) + "\n\n", source="a.conllu")
    >>> document.text, document.spans.tolist()
    ('du pain', [[0, 2], [0, 2], [3, 7]])
    >>> list(reader.analyses)[document.analyses[2]]
    Analysis(upos='NOUN', relation='root', morphology='Number=Sing')
    """

    analyses: dict[Analysis, int] = field(default_factory=dict)
    """The number of each analysis."""

    def read(self, conllu: str, *, source: str) -> Iterator[Document]:
        """The documents of a text in CoNLL-U; raises DataError where it is broken, naming `source`."""
        name, sentences = source, 0
        for block in _blocks(conllu):
            lines = _lines(block, name, source, sentences)
            if len(lines.sentence):
                yield from self._documents(_rows(lines, source), lines.names)
                sentences = int(lines.sentence[-1]) + 1
            name = lines.names[-1]

    def _documents(self, rows: _Rows, names: Sequence[str]) -> Iterator[Document]:
        if not len(rows.sentence):  # nothing but empty nodes
            return
        spans, texts = _place(rows)
        first_rows = np.flatnonzero(np.diff(rows.sentence, prepend=-1) | np.diff(rows.document, prepend=-1))
        numbers = np.unique(rows.document)
        in_words = _slices(rows.document[rows.is_word], numbers)
        in_sentences = _slices(rows.document[first_rows], numbers)
        begins, spans = spans[first_rows, 0], spans[rows.is_word]
        analyses = self._numbers(rows.table.filter(pa.array(rows.is_word)))
        for number, text, words, sentences in zip(numbers.tolist(), texts, in_words, in_sentences, strict=True):
            yield Document(names[number], text, begins[sentences], spans[words], analyses[words])

    def _numbers(self, words: pa.Table) -> NDArray[np.int64]:
        """The number of each word's analysis."""
        (upos, parts), (relation, relations), (morphology, forms) = (
            _coded(words, name) for name in ("upos", "relation", "morphology")
        )
        sizes = (len(parts), len(relations), len(forms))
        codes, met = pd.factorize(np.ravel_multi_index((upos, relation, morphology), sizes))
        found = zip(*(each.tolist() for each in np.unravel_index(met, sizes)), strict=True)
        analyses = [Analysis(parts[i], relations[j].partition(":")[0], forms[k]) for i, j, k in found]
        numbers = [self.analyses.setdefault(analysis, len(self.analyses)) for analysis in analyses]
        return np.array(numbers, dtype=np.int64)[codes]


def count_words(words: Mapping[Analysis, int]) -> dict[str, int]:
    """Words per part of speech and per relation, as `upos NOUN` and `relation nsubj`, from the words per analysis."""
    counts: Counter[str] = Counter()
    for analysis, n in words.items():
        counts[f"upos {analysis.upos}"] += n
        counts[f"relation {analysis.relation}"] += n
    return dict(sorted(counts.items()))


class _Lines(NamedTuple):
    """The lines of a block that hold columns."""

    columns: bytes
    """Those lines alone."""
    sentence: NDArray[np.int64]
    """The sentence of each, counted from 0 over the source, (n_lines,)."""
    document: NDArray[np.int64]
    """The document of each, as its place in `names`, (n_lines,)."""
    names: list[str]
    """The documents, also those without a line; the first is that of the block before."""


class _Rows(NamedTuple):
    """The words and the multiword tokens of a block, one row each, in order."""

    table: pa.Table
    """Their columns, as in TYPES."""
    is_word: NDArray[np.bool_]
    """Whether it is a word, and no multiword token, (n_rows,)."""
    inside: NDArray[np.int64]
    """The row of the multiword token that it is a part of, or -1, (n_rows,)."""
    sentence: NDArray[np.int64]
    """The sentence of each, (n_rows,)."""
    document: NDArray[np.int64]
    """The document of each, (n_rows,)."""


def _blocks(text: str) -> Iterator[str]:
    """Some documents at a time, whole ones where "# newdoc" says where they begin."""
    place = 0
    while place < len(text):
        found = text.find("\n# newdoc", place + BLOCK)
        stop = found + 1 if found >= 0 else len(text)
        yield text[place:stop]
        place = stop


def _lines(block: str, name: str, source: str, sentences: int) -> _Lines:
    """The lines of a block, which begins in the document `name`, after this many sentences of the source."""
    coded = f"{block}\n".encode().replace(b"\r\n", b"\n")
    if b"\n " in coded or b"\n\t" in coded:
        coded = WHITE_LINE.sub(b"", coded)
    signs = np.frombuffer(coded, dtype=np.uint8)
    stops = np.flatnonzero(signs == ord("\n"))
    starts = np.concatenate([[0], stops[:-1] + 1])
    comment, blank = signs[starts] == ord("#"), starts == stops
    filled = ~comment & ~blank
    sentence = np.cumsum(blank)[filled]
    sentence = sentences + np.cumsum(np.diff(sentence, prepend=sentence[:1]) != 0)
    above = np.cumsum(filled)
    names, firsts = [name], [0]
    for found in re.finditer(b"newdoc", coded):
        line = int(np.searchsorted(stops, found.start()))
        if said := NEW_DOCUMENT.match(coded, int(starts[line])):
            row = int(above[line])
            number = int(sentence[row]) + 1 if row < len(sentence) else 0
            names.append((said[1] or b"").decode().strip() or f"{source}, document at sentence {number}")
            firsts.append(row)
    document = np.searchsorted(firsts, np.arange(len(sentence)), side="right") - 1
    edges = np.flatnonzero(np.diff(filled, prepend=False, append=False))
    stretches = zip(starts[edges[::2]].tolist(), stops[edges[1::2] - 1].tolist(), strict=True)
    columns = b"".join([coded[start : stop + 1] for start, stop in stretches])
    return _Lines(columns, sentence, document, names)


def _rows(lines: _Lines, source: str) -> _Rows:
    """The lines as a table; raises DataError where one is broken, or a multiword token lacks its words."""
    try:
        table = csv.read_csv(
            pa.BufferReader(lines.columns),
            csv.ReadOptions(column_names=COLUMNS, use_threads=False, block_size=len(lines.columns) + 1),
            csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(include_columns=list(TYPES), column_types=TYPES),
        )
    except pa.ArrowInvalid as error:
        raise _broken(lines, source) from error
    codes, written = _coded(table, "number")
    matches = [match for match in map(NUMBER.fullmatch, written) if match]
    if len(matches) < len(written) or len(codes) != len(lines.sentence):
        raise _broken(lines, source)
    kept = np.array([match[2] != "." for match in matches])[codes]
    codes, sentence = codes[kept], lines.sentence[kept]
    first = np.array([int(match[1]) for match in matches])[codes]
    last = np.array([int(match[3] or match[1]) for match in matches])[codes]
    is_word = np.array([match[2] is None for match in matches])[codes]
    inside, wrong = _inside(first, last, is_word, sentence)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{source}, sentence {sentence[row] + 1}: the range {first[row]}-{last[row]} is not followed by its words, "
            "one by one; mend or remove it"
        )
    return _Rows(table.filter(pa.array(kept)), is_word, inside, sentence, lines.document[kept])


def _inside(
    first: NDArray[np.int64], last: NDArray[np.int64], is_word: NDArray[np.bool_], sentence: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The multiword token that each row is a part of (-1: none), and the tokens that lack a word; each (n_rows,)."""
    rows = np.arange(len(first))
    token = np.maximum.accumulate(np.where(is_word, -1, rows))
    inside = np.where(is_word & (token >= 0) & (sentence[token] == sentence) & (first <= last[token]), token, -1)
    parts = np.flatnonzero(inside >= 0)
    wrong = np.bincount(inside[parts], minlength=len(rows)) != np.where(is_word, 0, last - first + 1)
    wrong[inside[parts]] |= first[parts] != first[inside[parts]] + parts - inside[parts] - 1
    return inside, wrong


def _broken(lines: _Lines, source: str) -> DataError:
    """The error for lines that are not a table."""
    texts = lines.columns.decode().removesuffix("\n").split("\n")
    rows = [text.split("\t") for text in texts]
    at = next((at for at, row in enumerate(rows) if len(row) != len(COLUMNS) or not NUMBER.fullmatch(row[0])), 0)
    return DataError(
        f"{source}, sentence {lines.sentence[at] + 1} is not CoNLL-U: the line {' '.join(rows[at])[:60]!r} needs a "
        f"number and {len(COLUMNS)} columns in all, with tabs between; mend or remove it"
    )


def _place(rows: _Rows) -> tuple[NDArray[np.int64], list[str]]:
    """Where each row stands in the text of its document, (n_rows, 2), and those texts."""
    forms = rows.table["form"].combine_chunks()
    lengths = pc.utf8_length(forms).to_numpy().astype(np.int64)
    outer = np.flatnonzero(rows.inside < 0)
    codes, written = _coded(rows.table, "misc")
    spaced = np.array(["SpaceAfter=No" not in value.split("|") for value in written])[codes[outer]]
    document = rows.document[outer]
    spaced |= np.diff(rows.sentence[outer], append=-1) != 0
    spaced &= np.diff(document, append=-1) == 0
    stops = np.cumsum(lengths[outer] + spaced)
    firsts = np.flatnonzero(np.diff(document, prepend=-1))
    starts = np.concatenate([[0], stops[:-1]])
    starts -= np.repeat(starts[firsts], np.diff(firsts, append=len(outer)))
    spans = np.empty((len(lengths), 2), dtype=np.int64)
    spans[outer] = np.column_stack([starts, starts + lengths[outer]])
    _place_parts(spans, forms, lengths, rows.inside)
    spaces = pa.array(["", " "]).take(pa.array(spaced.astype(np.int8)))
    pieces = pc.binary_join_element_wise(forms.take(pa.array(outer)), spaces, "")
    return spans, _joined(pieces, [*firsts, len(outer)]).to_pylist()


def _place_parts(
    spans: NDArray[np.int64], forms: pa.StringArray, lengths: NDArray[np.int64], inside: NDArray[np.int64]
) -> None:
    """Set the spans of words inside of multiword tokens."""
    parts = np.flatnonzero(inside >= 0)
    tokens, firsts, counts = np.unique(inside[parts], return_index=True, return_counts=True)
    spans[parts] = spans[inside[parts]]
    whole = _joined(forms.take(pa.array(parts)), [*firsts, len(parts)])
    spelt = np.repeat(pc.equal(whole, forms.take(pa.array(tokens))).to_numpy(zero_copy_only=False), counts)
    stops = np.cumsum(lengths[parts])
    starts = stops - lengths[parts]
    starts = (starts - np.repeat(starts[firsts], counts) + spans[parts, 0])[spelt]
    spans[parts[spelt]] = np.column_stack([starts, starts + lengths[parts[spelt]]])


def _slices(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> list[slice]:
    """Where each wanted value stands in values that rise; all values are wanted."""
    bounds = np.searchsorted(values, wanted).tolist()
    return [slice(*ends) for ends in pairwise([*bounds, len(values)])]


def _joined(pieces: pa.StringArray, bounds: Sequence[int]) -> pa.StringArray:
    """Texts of the pieces from each bound to the next."""
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pieces), "")


def _coded(table: pa.Table, name: str) -> tuple[NDArray[np.int32], list[str]]:
    """A column as codes, (n_rows,), and the value of each code."""
    column = table[name].combine_chunks()
    return column.indices.to_numpy(), column.dictionary.to_pylist()
