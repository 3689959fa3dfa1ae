"""What each token of a vocabulary looks like in running text, so that a property of tokens is looked up, not computed.

A token's text is what decoding adds when the token follows another one: so a leading space is part of it, whatever
sign the tokenizer family writes for it. A token that is a piece of a character (byte-level BPE, byte fallback) shows
as U+FFFD. Cost: decoding the vocabulary once (0.1 s for 50,000 tokens); then a label is one array lookup a token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sparseprobe.datasets.tokenizer_record import TokenizerRecord

FRAGMENT = "\ufffd"
"""Stands in a token's text for bytes that are no whole character."""


def token_texts(tokenizer: TokenizerRecord) -> tuple[str, ...]:
    """The text of each id from 0 to the largest of the vocabulary; empty for ids that do not exist.

    >>> from tokenizers import decoders, models
    >>> from sparseprobe.datasets.tokenizer_record import TokenizerRecord
    >>> rust = Tokenizer(models.WordLevel({"a": 0, "Ġcat": 1}, unk_token="a"))
    >>> rust.decoder = decoders.ByteLevel()
    >>> token_texts(TokenizerRecord.of(rust))
    ('a', ' cat')
    """
    return _token_texts(tokenizer.definition)


@lru_cache(maxsize=4)
def _token_texts(definition: str) -> tuple[str, ...]:
    tokenizer = Tokenizer.from_str(definition)
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    anchor = next(
        (ids[-1] for text in ("a", "the", "0") if (ids := tokenizer.encode(text, add_special_tokens=False).ids)), 0
    )
    before = tokenizer.decode([anchor], skip_special_tokens=False)
    known = sorted(vocabulary.values())
    texts = [""] * (known[-1] + 1)
    pairs = tokenizer.decode_batch([[anchor, token] for token in known], skip_special_tokens=False)
    for token, pair in zip(known, pairs, strict=True):
        alone = pair.removeprefix(before)
        texts[token] = alone if pair.startswith(before) else tokenizer.decode([token], skip_special_tokens=False)
    return tuple(texts)


def label_vocabulary(
    tokenizer: TokenizerRecord, properties: Sequence[Callable[[str], bool | None]]
) -> NDArray[np.int8]:
    """Each property of each token's text, (n_vocabulary, n_properties) in {1, 0, -1}; None becomes -1.

    >>> from tokenizers import models
    >>> from sparseprobe.datasets.tokenizer_record import TokenizerRecord
    >>> record = TokenizerRecord.of(Tokenizer(models.WordLevel({"a": 0, "7": 1}, unk_token="a")))
    >>> label_vocabulary(record, [lambda text: text.strip().isdigit()])[:, 0]
    array([0, 1], dtype=int8)
    """
    table = np.full((len(token_texts(tokenizer)), len(properties)), -1, dtype=np.int8)
    for token, text in enumerate(token_texts(tokenizer)):
        for column, holds in enumerate(properties):
            if text and (answer := holds(text)) is not None:
                table[token, column] = bool(answer)
    return table
