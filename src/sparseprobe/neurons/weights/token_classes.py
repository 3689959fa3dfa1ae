"""Classes of tokens by their characters, so that an effect on a vocabulary can be summarised in a few rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.vocabulary import FRAGMENT, token_texts

CLASSES: Mapping[str, Callable[[str], bool]] = {
    "capitalised": lambda text: text.strip()[:1].isupper(),
    "all capitals": lambda text: len(text.strip()) > 1 and text.strip().isupper(),
    "lower case": lambda text: text.strip().isalpha() and text.strip().islower(),
    "leading space": lambda text: text.startswith(" ") and bool(text.strip()),
    "within a word": lambda text: text[:1].isalpha(),
    "digits": lambda text: text.strip().isdigit(),
    "punctuation": lambda text: bool(text.strip()) and not any(letter.isalnum() for letter in text),
    "white space": lambda text: bool(text) and text.isspace(),
    "line break": lambda text: "\n" in text,
    "not ASCII": lambda text: not text.isascii(),
}
"""Name -> whether a token's text is of that kind. A leading space belongs to a token's text."""


def class_masks(
    tokenizer: TokenizerRecord, n_vocabulary: int
) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """For each class, which tokens are of it and which are not, two (n_vocabulary,).

    Special tokens, pieces of a character and ids without a text are in neither. Empty without the tokenizer's text.

    >>> from sparseprobe.neurons.planted_language import planted_text
    >>> inside, outside = class_masks(planted_text(2).tokenizer, 20)["capitalised"]
    >>> int(inside.sum()), int(outside.sum())
    (16, 0)
    """
    if not tokenizer.definition:
        return {}
    texts = (*token_texts(tokenizer), *[""] * n_vocabulary)[:n_vocabulary]
    known = np.array([bool(text) and FRAGMENT not in text for text in texts])
    known[[token for token in tokenizer.special_ids if token < n_vocabulary]] = False
    masks = {name: np.array([holds(text) for text in texts]) for name, holds in CLASSES.items()}
    return {name: (known & mask, known & ~mask) for name, mask in masks.items()}
