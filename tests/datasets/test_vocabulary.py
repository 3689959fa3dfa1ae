from __future__ import annotations

import pytest

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.vocabulary import (
    FRAGMENT,
    label_vocabulary,
    pattern_property,
    readable_texts,
    running_pieces,
    token_texts,
)
from sparseprobe.errors import InputError

SENTENCE = "the high school is near the living room"


@pytest.mark.parametrize("family", ["byte_level", "byte_fallback", "word_piece", "unigram"])
def test_token_texts_put_together_are_the_text(families, family: str) -> None:
    rust = families[family]
    texts = token_texts(TokenizerRecord.of(rust))
    joined = "".join(texts[token] for token in rust.encode(SENTENCE, add_special_tokens=False).ids)
    assert joined.strip() == SENTENCE


def test_pieces_of_a_character_are_marked_and_whole_ones_are_not(families) -> None:
    rust = families["byte_level"]
    texts = token_texts(TokenizerRecord.of(rust))
    pieces = [texts[token] for token in rust.encode("\U0001f996").ids]
    assert len(pieces) > 1
    assert all(FRAGMENT in piece for piece in pieces)
    assert not any(FRAGMENT in texts[token] for token in rust.encode(SENTENCE).ids)


def test_a_table_entry_is_the_property_of_the_tokens_text(families) -> None:
    record = TokenizerRecord.of(families["byte_level"])
    table = label_vocabulary(record, [lambda text: text.startswith(" "), lambda text: None])
    for token, text in enumerate(token_texts(record)):
        assert table[token].tolist() == [int(text.startswith(" ")) if text else -1, -1]


@pytest.mark.parametrize("family", ["byte_level", "byte_fallback"])
def test_the_pieces_of_a_text_are_its_text_and_characters_stay_whole(families, family: str) -> None:
    record = TokenizerRecord.of(families[family])
    ids = families[family].encode("l'été 中文 \U0001f600 שלום fin", add_special_tokens=False).ids
    pieces = running_pieces(record, ids)
    assert len(pieces) == len(ids)
    assert "".join(pieces) == record.decode(ids)
    assert not any(FRAGMENT in piece for piece in pieces)
    assert "" in pieces
    assert not any(FRAGMENT in shown for shown in readable_texts(record))


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a|aa|aaa)+$"])
def test_a_pattern_that_would_never_end_is_refused(pattern: str) -> None:
    holds = pattern_property(pattern, seconds=0.2)
    assert holds("aa")
    with pytest.raises(InputError, match=r"takes longer than 0\.2 s"):
        holds("a" * 200 + "!")
    assert not pattern_property("(a+)+$")("a" * 60 + "!")
