"""Where in a text a compound is whole, and where one of its words stands alone.

    compound            positive examples
    second word alone   negative examples whose last token is one with which a positive ends
    first word alone    the other negatives that follow a token which a positive's last token follows
    other               all text that neither ends like a positive nor follows like one

Tokens are compared by their text, upper and lower case alike. Text without a label that has one of the words is
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
    words = _words(data)
    before = np.roll(words, 1)
    before[offsets[:-1][np.diff(offsets) > 0]] = -1
    ends = np.isin(words, words[positive])
    follows = np.isin(before, before[positive & (before >= 0)])
    return {
        COMPOUND: positive,
        FIRST: negative & ~positive & follows & ~ends,
        SECOND: negative & ~positive & ends,
        OTHER: ~positive & ~ends & ~follows,
    }


def _words(data: ProbingDataset) -> NDArray[np.int64]:
    """A number for each token (n_tokens,), the same for tokens whose texts differ only in case and spaces."""
    tokens = data.sequences.tokens
    plain = [text.strip().casefold() or text for text in texts_of(data.tokenizer, int(tokens.max(initial=0)) + 1)]
    number = {text: place for place, text in enumerate(dict.fromkeys(plain))}
    return np.array([number[text] for text in plain])[tokens]
