"""Compound words: is a word the last of a compound, such as "security" after "social", or not?

For each compound of words w_1 ... w_n (n = 2 for the paper's 21) an example is the last token of a word in raw text,
in a sequence of the 24 tokens that end there:

    positive        the last word w_n of the whole compound
    negative, 1     w_n without w_1 ... w_(n-1) before it ("high security")
    negative, 2     w_1 ... w_(n-1) followed by another word ("social media")

Both kinds of negatives are drawn in equal numbers, so that a probe can rely on neither word alone. Paper (arXiv
2305.01610, appendix on feature datasets): 8,000 examples per feature, 20 % positive.

Whole words are matched (letters and digits, ignoring case) with white space between them. What is neither a clear
positive nor a clear negative is left out and counted: an inflected second word ("social securities", which shares all
but the last letter), and words with punctuation between them ("social-security", "social, security"). An example is
kept if its token holds nothing but that word. Cost: one regular expression over the text,
one tokenisation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.alignment import align
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.text_endings import TextEndings
from sparseprobe.errors import InputError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates

COMPOUNDS = (
    "high school",
    "living room",
    "social security",
    "credit card",
    "blood pressure",
    "prime factors",
    "social media",
    "gene expression",
    "control group",
    "magnetic field",
    "cell lines",
    "trial court",
    "second derivative",
    "north america",
    "human rights",
    "side effects",
    "public health",
    "federal government",
    "third party",
    "clinical trials",
    "mental health",
)
SECOND_ONLY, FIRST_ONLY, UNCLEAR = 0, 1, -1
"""Kinds of negatives; UNCLEAR is left out."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""A word of text: letters and digits, with apostrophes inside."""
Found = tuple[int, int, int, int, int]
"""start and stop of a word in characters, column of the compound, label, kind of negative."""


class CompoundFinder:
    """Finds the words of a text that say something about one of the compounds.

    >>> text = "Social media, social security, high security, social securities."
    >>> finder = CompoundFinder(["social security"])
    >>> [(text[start:stop], label, kind) for start, stop, _, label, kind in finder.find(text)]
    [('media', 0, 1), ('security', 1, 0), ('security', 0, 0), ('securities', 0, -1)]
    """

    def __init__(self, compounds: Sequence[str]) -> None:
        self._words = [tuple(compound.casefold().split()) for compound in compounds]
        self._last: dict[str, list[int]] = {}
        self._before_last: dict[str, list[int]] = {}
        for column, words in enumerate(self._words):
            if len(words) < 2:
                raise InputError(f"{compounds[column]!r} is not a compound; give two or more words with spaces between")
            self._last.setdefault(words[-1], []).append(column)
            self._before_last.setdefault(words[-2], []).append(column)

    def find(self, text: str) -> list[Found]:
        """Every word that is the last of a compound, or follows its first words, in the order of the text."""
        # only in ASCII does folding the whole text leave every word where it is
        words = WORD.findall(text.lower()) if text.isascii() else [word.casefold() for word in WORD.findall(text)]
        places: list[re.Match[str]] = []
        found: list[Found] = []
        for index in self._candidates(words):
            places = places or list(WORD.finditer(text))
            word, before = words[index], words[index - 1] if index else ""
            for column in {*self._last.get(word, ()), *self._before_last.get(before, ())}:
                label, kind = self._judge(column, text, words, places, index)
                if label or kind != UNCLEAR or word.startswith(self._words[column][-1][:-1]):
                    found.append((*places[index].span(), column, label, kind))
        return found

    def _candidates(self, words: list[str]) -> list[int]:
        """The words that are the last of a compound, or come after the last but one: few of all."""
        last = {index for index, word in enumerate(words) if word in self._last}
        return sorted(last | {index + 1 for index, word in enumerate(words[:-1]) if word in self._before_last})

    def _judge(
        self, column: int, text: str, words: list[str], places: list[re.Match[str]], index: int
    ) -> tuple[int, int]:
        compound = self._words[column]
        n = len(compound) - 1
        first = index >= n and tuple(words[index - n : index]) == compound[:-1]
        between = (text[left.end() : right.start()] for left, right in pairwise(places[index - n : index + 1]))
        whole = first and all(map(str.isspace, between))
        last = words[index] == compound[-1]
        if last:
            return (1, 0) if whole else (0, UNCLEAR if first else SECOND_ONLY)
        if not whole or words[index].startswith(compound[-1][:-1]):
            return 0, UNCLEAR
        return 0, FIRST_ONLY


def _find(request: Request) -> Candidates:
    compounds = request.settings["compounds"]
    listed = isinstance(compounds, list | tuple) and all(isinstance(one, str) for one in compounds)
    if not compounds or not listed:
        raise InputError(
            f"compounds is {compounds!r}; give a list of compounds, as ['social security', 'prime factors']"
        )
    finder = CompoundFinder(compounds)
    endings = TextEndings(request.encoder, request.number("context", least=2))
    unclear = 0
    for item, encoded in request.encoded():
        every = finder.find(item.text)
        found = [entry for entry in every if entry[4] != UNCLEAR]
        unclear += len(every) - len(found)
        if not found:
            continue
        places = sorted({entry[:2] for entry in found})
        aligned = align(item.text, encoded, np.array(places))
        for place, stop, exact in zip(places, aligned.stop.tolist(), aligned.exact, strict=True):
            if not exact:
                endings.counts["spans_inside_a_token"] += 1
                continue
            here = [entry for entry in found if entry[:2] == place]
            labels = {column: label for _, _, column, label, _ in here}
            kinds = {column: kind for _, _, column, label, kind in here if not label}
            endings.add(encoded.ids, stop - 1, stop, document=item.document, labels=labels, kinds=kinds)
    features = features_table([(name, f"the last word of {name!r}") for name in compounds], "compound word")
    counts = {"unclear_words": unclear}
    return endings.candidates(features, counts, f"no word of the {len(compounds)} compounds is in the texts")


_SETTINGS = {
    "compounds": list(COMPOUNDS),
    "context": 24,
    "n_examples": 8_000,
    "positive_share": 0.2,
    "equal_kinds": True,
}

COMPOUND_WORDS = Collection(
    name="compound_words",
    description='the second word of a compound, as in "social security", against either word alone',
    unit="token",
    aggregate="none",
    features=COMPOUNDS,
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
    texts=("compound_words",),
)
