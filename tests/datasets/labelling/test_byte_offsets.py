"""Offsets from byte lengths are the tokenizer's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.labelling.byte_offsets import byte_lengths
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer

PIECES = (
    *(
        "high",
        " school",
        "  two ",
        "naïve",
        "e\u0301te\u0301",
        "é",
        "A\u030a",
        "12",
        "\t",
        "\r\n",
        "\n\n",
        " ",
        "<|endoftext|>",
    ),
    *("😀", "👨‍👩‍👧", "👍🏽", "γλώσσα", " Ελλάδα", "语言", "한국", "𝔘", "\u200b", "\u00a0", "<tool>", "\ufeff", "\x00"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


def shipped() -> Tokenizer:
    return Tokenizer.from_str(load_tokenizer("demo-4.7m").definition)


def composed() -> Tokenizer:
    """As GPT-NeoX and Qwen have it."""
    tokenizer = shipped()
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def split() -> Tokenizer:
    """As Llama 3 has it."""
    tokenizer = shipped()
    steps = [
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}|\s+|[^\s\p{N}]+"), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return tokenizer


def greedy() -> Tokenizer:
    """An added token that takes the white space beside it in, so that bytes and tokens differ."""
    tokenizer = shipped()
    tokenizer.add_tokens([AddedToken("<tool>", lstrip=True, rstrip=True)])
    return tokenizer


KINDS = {"shipped": shipped, "composed": composed, "split": split, "greedy": greedy}


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, tuple[Tokenizer, TextEncoder]]:
    made = {name: make() for name, make in KINDS.items()}
    return {name: (tokenizer, TextEncoder(TokenizerRecord.of(tokenizer))) for name, tokenizer in made.items()}


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS)
@settings(max_examples=150, deadline=None)
def test_they_equal_those_that_the_tokenizer_tracks(
    tokenizers: dict[str, tuple[Tokenizer, TextEncoder]], kind: str, text: str
) -> None:
    tokenizer, encoder = tokenizers[kind]
    expected = tokenizer.encode(text, add_special_tokens=False)
    [found] = encoder.encode([text])
    assert found.ids.tolist() == expected.ids
    assert list(zip(found.starts.tolist(), found.stops.tolist(), strict=True)) == expected.offsets


@pytest.mark.parametrize("kind", KINDS)
def test_these_tokenizers_are_byte_level(kind: str) -> None:
    tokenizer = KINDS[kind]()
    lengths = byte_lengths(json.loads(tokenizer.to_str()))
    assert lengths is not None
    ids = tokenizer.encode("naïve 😀").ids
    assert lengths[ids].sum() == len("naïve 😀".encode())


def test_texts_of_other_bytes_are_left_to_the_tokenizer() -> None:
    asked = []
    encoder = TextEncoder(TokenizerRecord.of(composed()))

    class Watched:
        def encode(self, text: str, **options: bool) -> object:
            asked.append(text)
            return real.encode(text, **options)

        def encode_batch_fast(self, texts: list[str], **options: bool) -> object:
            return real.encode_batch_fast(texts, **options)

    real, encoder._tokenizer = encoder._tokenizer, Watched()  # type: ignore[assignment]
    list(encoder.encode(["plain", "naïve", "e\u0301t", ""]))
    assert asked == ["e\u0301t"]


def test_other_tokenizers_track_their_own(families: dict[str, Tokenizer]) -> None:
    states = {name: json.loads(tokenizer.to_str()) for name, tokenizer in families.items()}
    assert {name for name, state in states.items() if byte_lengths(state) is not None} == {
        name for name in families if name.startswith("byte_level")
    }
    prefixed = shipped()
    prefixed.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    dropping = shipped()
    parts = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    dropping.pre_tokenizer = pre_tokenizers.Sequence(parts)
    lower = shipped()
    lower.normalizer = normalizers.Lowercase()
    for tokenizer in (prefixed, dropping, lower):
        assert byte_lengths(json.loads(tokenizer.to_str())) is None


def test_the_length_of_a_token_is_its_bytes() -> None:
    tokenizer = shipped()
    lengths = byte_lengths(json.loads(tokenizer.to_str()))
    assert lengths is not None
    plain = [token for token in range(1, 4096) if "\ufffd" not in tokenizer.decode([token])]
    assert len(plain) > 3000
    decoded = [len(tokenizer.decode([token]).encode()) for token in plain]
    assert np.array_equal(lengths[plain], decoded)
