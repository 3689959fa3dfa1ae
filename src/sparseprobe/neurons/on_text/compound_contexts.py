"""Where in a text a compound is whole, and where one of its words stands alone.

    compound            positive examples
    second word alone   negative examples whose word is one with which a positive ends
    first word alone    the other negatives that follow a word which a positive's last word follows
    other               all text that neither ends like a positive nor follows like one

Words are compared by their text, upper and lower case alike. Text without a label that has one of the words is
omitted: it may be the compound in another form. The paper (case study 1) shows neurons on these four side by side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets import ProbingDataset
from sparseprobe.errors import UnknownNameError
from sparseprobe.neurons.on_text.mean_activation_by_token import texts_of

COMPOUND, FIRST, SECOND, OTHER = "compound", "first word alone", "second word alone", "other"
CONTEXTS = (COMPOUND, FIRST, SECOND, OTHER)


def compound_contexts(data: ProbingDataset, feature: str) -> dict[str, NDArray[np.bool_]]:
    """For each of `CONTEXTS` the tokens (n_tokens,) of `data` that are it; raises `UnknownNameError` for the feature.

    >>> from sparseprobe.neurons.planted_language import planted_text
    >>> found = compound_contexts(planted_text(), "b_after_a")
    >>> {name: int(places.sum()) for name, places in found.items()}
    {'compound': 45, 'first word alone': 35, 'second word alone': 91, 'other': 1257}
    """
    if feature not in data.labels.columns:
        raise UnknownNameError("feature", feature, data.labels.columns)
    offsets, examples = data.sequences.offsets, data.examples
    last = offsets[examples["sequence"].to_numpy()] + examples["stop"].to_numpy() - 1
    labels = data.labels[feature].to_numpy()
    positive, negative = np.zeros((2, data.n_tokens), bool)
    positive[last[labels == 1]] = True
    negative[last[labels == 0]] = True
    words, before = _words(data)
    ends = np.isin(words, words[positive])
    follows = np.isin(before, before[positive & (before >= 0)])
    return {
        COMPOUND: positive,
        FIRST: negative & ~positive & follows & ~ends,
        SECOND: negative & ~positive & ends,
        OTHER: ~positive & ~ends & ~follows,
    }


def _words(data: ProbingDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each token (n_tokens,) a number of its word up to it, and one of the word before, -1 without.

    A word begins at a space or another sign; where no token begins with a space each token is a word. Words that differ
    only in case have the same number.
    """
    texts = [text.casefold() for text in texts_of(data.tokenizer, int(data.sequences.tokens.max(initial=0)) + 1)]
    spaced = any(text[:1].isspace() for text in texts)
    numbers: dict[str, int] = {}
    found = []
    for sequence in range(len(data.sequences)):
        word = before = ""
        for token in data.sequences[sequence].tolist():
            text = texts[token]
            if not (spaced and word[-1:].isalnum() and text[:1].isalnum()):
                word, before = "", word.strip() or before
            word += text
            pair = (numbers.setdefault(one, len(numbers)) for one in (word.strip(), before))
            found.append(tuple(pair) if before else (next(pair), -1))
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
