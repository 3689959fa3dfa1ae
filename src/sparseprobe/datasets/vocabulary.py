"""What each token of a vocabulary looks like in running text, so that a property of tokens is looked up, not computed.

A token's text is what decoding adds when the token follows another one: so a leading space is part of it, whatever
sign the tokenizer family writes for it. A token that is a piece of a character (byte-level BPE, byte fallback) shows
as U+FFFD. Cost: decoding the vocabulary once (0.1 s for 50,000 tokens); then a label is one array lookup a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import regex
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sparseprobe.datasets.tokenizer_record import TokenizerRecord
from sparseprobe.errors import InputError

FRAGMENT = "\ufffd"
"""Replaces bytes in a token's text that are not a whole character."""


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


def running_pieces(tokenizer: TokenizerRecord, ids: Sequence[int]) -> list[str]:
    """The text that each token adds to the ones before it; joined, these are the text.

    A character that several tokens share stands at the last of them, and the others add nothing. Tokens whose text is
    not known show as their ids.

    >>> from tokenizers import decoders, models
    >>> rust = Tokenizer(models.WordLevel({"a": 0, "Ġ": 1, "Ã": 2, "©": 3}, unk_token="a"))
    >>> rust.decoder = decoders.ByteLevel()
    >>> running_pieces(TokenizerRecord.of(rust), [0, 1, 2, 3, 0])
    ['a', ' ', '', 'é', 'a']
    """
    if not tokenizer.definition:
        return [f" {token}" if place else str(token) for place, token in enumerate(ids)]
    pieces: list[str] = []
    anchor = done = 0
    for stop in range(1, len(ids) + 1):
        before = tokenizer.decode(list(ids[anchor:done]))
        after = tokenizer.decode(list(ids[anchor:stop]))
        if after.endswith(FRAGMENT) and stop < len(ids) and stop - done < LONGEST_CHARACTER:
            pieces.append("")
            continue
        alone = tokenizer.decode(list(ids[done:stop]))
        pieces.append(after.removeprefix(before) if after.startswith(before) else alone)
        anchor, done = done, stop
    return pieces


def readable_texts(tokenizer: TokenizerRecord) -> tuple[str, ...]:
    r"""`token_texts` for people: the bytes of a token that is a piece of a character; empty where only ids are known.

    >>> from tokenizers import decoders, models
    >>> rust = Tokenizer(models.WordLevel({"a": 0, "Ġcat": 1, "Ã": 2}, unk_token="a"))
    >>> rust.decoder = decoders.ByteLevel()
    >>> print(*readable_texts(TokenizerRecord.of(rust)), sep="|")
    a| cat|\xc3
    """
    return _readable_texts(tokenizer.definition) if tokenizer.definition else ()


@lru_cache(maxsize=4)
def _readable_texts(definition: str) -> tuple[str, ...]:
    texts = list(_token_texts(definition))
    for written, token in Tokenizer.from_str(definition).get_vocab(with_added_tokens=True).items():
        if FRAGMENT in texts[token]:
            known = all(sign in _BYTES for sign in written)  # byte fallback writes its tokens as <0xC3>
            parts = bytes(_BYTES[sign] for sign in written) if known else written.encode()
            texts[token] = parts.decode("utf-8", errors="backslashreplace")
    return tuple(texts)


def _byte_signs() -> dict[str, int]:
    """The sign that byte-level BPE writes for each byte (GPT-2): itself where it prints, else one from U+0100 on."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_signs()
LONGEST_CHARACTER = 4
"""Bytes of the longest character in UTF-8, and so the most tokens that one is cut into."""


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


def pattern_property(pattern: str, *, seconds: float = 20) -> Callable[[str], bool]:
    """Whether a regular expression is found in a text.

    All texts together may take `seconds`; raises InputError beyond that (some expressions never finish), and for
    anything that is not a regular expression.

    >>> digit = pattern_property("[0-9]")
    >>> digit("a 7"), digit("seven")
    (True, False)
    """
    try:
        compiled = regex.compile(pattern)
    except (regex.error, RecursionError) as error:
        raise InputError(f"{pattern!r} is not a regular expression: {error}") from error
    left = seconds

    def holds(text: str) -> bool:
        nonlocal left
        begun = time.monotonic()
        try:
            found = compiled.search(text, timeout=left) is not None
        except TimeoutError:
            found = False
            left = 0.0
        left -= time.monotonic() - begun
        if left <= 0:
            raise InputError(
                f"the regular expression {pattern!r} takes longer than {seconds:g} s: it repeats what can be read in "
                "several ways, as (a|aa)+ does; write it so that each text is read in one way"
            )
        return found

    return holds
