"""Character offsets of byte-level tokens from the number of bytes that each token stands for.

A byte-level BPE (GPT-2, GPT-NeoX, Llama 3, Qwen) loses nothing: its tokens, one after the other, are the bytes of the
text. So where a token begins and ends follows from the lengths of the tokens before it, without the offsets that the
tokenizer would otherwise track and hand over as Python tuples: they are equal, and cost less. A token that holds
some bytes of a character stands for the whole character.

`byte_lengths` says whether a tokenizer is of that kind; `offsets` refuses a text whose bytes are not those of its
tokens (a normaliser changed it, an added token took white space in), and the caller asks the tokenizer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

KEEPING = ("Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
"""Ways of splitting that drop no character."""


def byte_lengths(state: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """Bytes that each token id stands for, (n_vocabulary,), from a tokenizer's JSON; None if it is not byte-level.

    >>> from tokenizers import Tokenizer, models
    >>> import json
    >>> byte_lengths(json.loads(Tokenizer(models.BPE()).to_str())) is None
    True
    """
    model, normaliser = state["model"], state["normalizer"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if (
        model["type"] != "BPE"
        or any(model.get(name) for name in ("continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"))
        or not _keeps_bytes(state["pre_tokenizer"])
        or (normaliser is not None and normaliser["type"] != "NFC")
        or not all(sign in model["vocab"] for sign in alphabet)
    ):
        return None
    added = {token["id"]: len(token["content"].encode()) for token in state["added_tokens"]}
    lengths = np.zeros(1 + max([*model["vocab"].values(), *added]), dtype=np.int64)
    lengths[list(model["vocab"].values())] = list(map(len, model["vocab"]))  # a byte is one sign of the vocabulary
    lengths[list(added)] = list(added.values())
    return lengths


def _keeps_bytes(pre_tokeniser: Mapping[str, Any] | None) -> bool:
    """Whether it ends in the byte alphabet, and neither adds nor drops anything."""
    if pre_tokeniser is None:
        return False
    *before, last = pre_tokeniser["pretokenizers"] if pre_tokeniser["type"] == "Sequence" else [pre_tokeniser]
    kept = all(step["type"] == "Digits" or step.get("behavior") in KEEPING for step in before)
    return kept and last["type"] == "ByteLevel" and not last["add_prefix_space"]


def offsets(
    text: str, ids: NDArray[np.int32], lengths: NDArray[np.int64], *, composed: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """First character of each token and the one after its last, (n_tokens,) each; None if the bytes are not the text's.

    `composed` says that the tokenizer composes characters (NFC), which leaves most texts as they are.

    >>> offsets("né!", np.array([0, 1, 2, 1], dtype=np.int32), np.array([1, 1, 1]), composed=True)
    (array([0, 1, 1, 2]), array([1, 2, 2, 3]))
    """
    stops = np.cumsum(lengths[ids])
    starts = stops - lengths[ids]
    total = int(stops[-1]) if len(stops) else 0
    if text.isascii():
        return (starts, stops) if total == len(text) else None
    coded = text.encode()
    if total != len(coded) or (composed and not unicodedata.is_normalized("NFC", text)):
        return None
    leads = (np.frombuffer(coded, dtype=np.uint8) & 0xC0) != 0x80
    character = np.cumsum(leads) - 1
    return character[starts], character[stops - 1] + 1
