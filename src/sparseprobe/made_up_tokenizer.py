"""Distinguish a tokenizer that was read from files from one that transformers makes up when it finds none.

For a model folder without tokenizer files, transformers gives a tokenizer of the model's family that holds its special
tokens and nothing else. It turns every text into an empty sequence, without a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def is_made_up(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a tokenizer knows only its special tokens."""
    return len(tokenizer) <= len(tokenizer.all_special_tokens)
