from __future__ import annotations

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.labelling.alignment import align
from sparseprobe.datasets.tokenising import TextEncoder
from sparseprobe.errors import InputError

FAMILIES = ["byte_level", "byte_level_trimmed", "byte_fallback", "word_piece", "unigram"]
WORDS = [
    "high",
    " school",
    "walked",
    "é",
    "e\u0301",
    "ß",
    "🙂",
    "👨‍👩‍👧",
    "\t",
    "\r\n",
    "  ",
    "γλώσσα",
    "12",
    "𝔘",
    "\u200b",
    ".",
    "I",
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), min_size=1, max_size=12).map("".join).filter(len)


@pytest.fixture(scope="module")
def encoders(families) -> dict[str, TextEncoder]:
    return {name: TextEncoder(TokenizerRecord.of(rust)) for name, rust in families.items()}


@st.composite
def labelled_texts(draw: st.DrawFn) -> tuple[str, int, int]:
    text = draw(TEXTS)
    start = draw(st.integers(0, len(text) - 1))
    return text, start, draw(st.integers(start + 1, len(text)))


def whole(text: str, start: int, stop: int) -> set[int]:
    """The code points of [start, stop), and those that are one character with any of them."""
    ends = [0, *(match.end() for match in regex.finditer(r"\r|\X", text))]
    return {
        place for first, last in pairwise(ends) if max(first, start) < min(last, stop) for place in range(first, last)
    }


def cores(text: str, encoded) -> list[set[int]]:
    """The characters that each token stands for, by the definition."""
    spans = []
    for start, stop in zip(encoded.starts.tolist(), encoded.stops.tolist(), strict=True):
        characters = set(range(start, stop))
        solid = [place for place in characters if not text[place].isspace()]
        spans.append(whole(text, min(solid), max(solid) + 1) if solid else whole(text, start, stop))
    return spans


@pytest.mark.parametrize("family", FAMILIES)
@given(example=labelled_texts())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_tokens_are_those_that_share_a_character(encoders, family: str, example: tuple[str, int, int]) -> None:
    text, start, stop = example
    encoded = next(encoders[family].encode([text]))
    found = align(text, encoded, [[start, stop]])
    wanted, of_tokens = whole(text, start, stop), cores(text, encoded)
    sharing = [token for token, core in enumerate(of_tokens) if core & wanted]
    tokens = list(range(found.start[0], found.stop[0]))
    assert set(sharing) <= set(tokens)
    assert all(not (of_tokens[token] - wanted) or token in sharing for token in tokens)
    if found.exact[0]:
        covered = set().union(*(of_tokens[token] for token in tokens))
        some_token = set().union(*of_tokens)
        assert covered <= wanted
        solid = {place for place in wanted & some_token if not text[place].isspace()}
        assert solid <= covered


@given(example=labelled_texts())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_decoding_the_tokens_of_an_exact_span_gives_its_text_and_nothing_more(
    encoders, example: tuple[str, int, int]
) -> None:
    text, start, stop = example
    encoder = encoders["byte_level"]
    encoded = next(encoder.encode([text]))
    found = align(text, encoded, [[start, stop]])
    decoded = encoder.record.decode(encoded.ids[found.start[0] : found.stop[0]].tolist())
    span = "".join(text[place] for place in sorted(whole(text, start, stop))).strip()
    if found.exact[0] and span:
        assert decoded.strip() == span
    elif found.stop[0] > found.start[0] and span:
        assert span in decoded or "\ufffd" in decoded
    else:
        assert not span


NORMALISERS = {
    "composes": normalizers.NFC(),
    "composes and replaces": normalizers.NFKC(),
    "decomposes": normalizers.NFD(),
    "strips accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
    "as BERT uncased": normalizers.BertNormalizer(lowercase=True),
    "replaces a letter and its accent": normalizers.Replace("e\u0301", "é"),
    "replaces two signs by one": normalizers.Replace("``", '"'),
    "removes accents": normalizers.Replace("\u0301", ""),
    "leaves all as it is": None,
}
SEEN_AS_ONE = [
    "cafe\u0301",
    "\u1112\u1161\u11ab",
    "e\u0301te\u0301",
    "``",
    "\ufb01ne",
    "\u0130s",
    "n\u0303",
    "क्षि",
    "👨‍👩‍👧",
]


def normalising(normaliser, *, pieces: bool) -> TextEncoder:
    """A tokenizer of bytes, or of words with [UNK] for most of them, behind a normaliser."""
    if pieces:
        rust = Tokenizer(models.WordPiece({"[UNK]": 0, "cat": 1}, unk_token="[UNK]"))
        rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        rust = Tokenizer(
            models.BPE({sign: n for n, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
        )
        rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if normaliser is not None:
        rust.normalizer = normaliser
    return TextEncoder(TokenizerRecord.of(rust))


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("name", NORMALISERS)
def test_a_span_that_begins_or_ends_on_a_normalised_character_is_exact(name: str, pieces: bool) -> None:
    text = " ".join(f"{word} cat" for word in SEEN_AS_ONE)
    begins = [text.index(word) for word in SEEN_AS_ONE]
    spans = [(begin, begin + len(word)) for begin, word in zip(begins, SEEN_AS_ONE, strict=True)]
    found = align(text, next(normalising(NORMALISERS[name], pieces=pieces).encode([text])), spans)
    assert found.exact.all()
    assert (found.stop > found.start).all()


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("name", ["composes", "composes and replaces", "decomposes", "strips accents"])
@given(words=st.lists(st.sampled_from(["café", "한", "été", "Ǖ", "cat", "Straße", "ốc"]), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_composed_and_decomposed_text_have_the_same_spans(name: str, pieces: bool, words: list[str]) -> None:
    encoder = normalising(NORMALISERS[name], pieces=pieces)
    found = []
    for form in ("NFC", "NFD"):
        written = [unicodedata.normalize(form, word) for word in words]
        text = " ".join(written)
        stops = np.cumsum([len(word) + 1 for word in written]) - 1
        starts = stops - [len(word) for word in written]
        encoded = next(encoder.encode([text]))
        aligned = align(text, encoded, np.column_stack([starts, stops]))
        found.append((encoded.ids.tolist(), aligned.start.tolist(), aligned.stop.tolist(), aligned.exact.tolist()))
    assert found[0] == found[1]
    assert all(found[0][3])


def test_a_span_that_ends_before_an_accent_takes_the_whole_letter() -> None:
    text = "cafe\u0301 cat"
    encoded = next(normalising(None, pieces=False).encode([text]))
    bare, whole_word = align(text, encoded, [[0, 4], [0, 5]]).stop
    assert bare == whole_word == len("cafe\u0301".encode())


def test_a_leading_space_neither_pulls_in_nor_pushes_out(encoders) -> None:
    encoder = encoders["byte_level"]
    text = "the high school"
    encoded = next(encoder.encode([text]))
    texts = [encoder.record.decode([token]) for token in encoded.ids.tolist()]
    for span in ([9, 15], [8, 15]):
        found = align(text, encoded, [span])
        assert "".join(texts[found.start[0] : found.stop[0]]) == " school"
        assert found.exact[0]
    before = align(text, encoded, [[4, 9]])
    assert "".join(texts[before.start[0] : before.stop[0]]) == " high"


def test_all_bytes_of_a_character_are_in_together(encoders) -> None:
    encoded = next(encoders["byte_level"].encode(["a\U0001f996b"]))
    found = align("a\U0001f996b", encoded, [[1, 2]])
    assert found.stop[0] - found.start[0] == len(encoded.ids) - 2
    assert found.exact[0]


def test_trimmed_offsets_make_no_difference(encoders) -> None:
    text = "  the high\n\n school"
    spans = [[a, b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)]
    plain, trimmed = (
        align(text, next(encoders[name].encode([text])), spans) for name in ("byte_level", "byte_level_trimmed")
    )
    assert plain.start.tolist() == trimmed.start.tolist()
    assert plain.exact.tolist() == trimmed.exact.tolist()


def test_a_span_within_a_token_is_found_but_not_exact(encoders) -> None:
    encoded = next(encoders["word_piece"].encode(["the the"]))
    found = align("the the", encoded, [[4, 6], [4, 7]])
    assert found.exact.tolist() == [False, True]


@pytest.mark.parametrize("span", [[3, 3], [-1, 2], [0, 8]])
def test_a_span_outside_its_text_is_refused(encoders, span: list[int]) -> None:
    with pytest.raises(InputError, match="is empty or outside its text of 7 characters"):
        align("the the", next(encoders["word_piece"].encode(["the the"])), [span])


def test_many_spans_at_once_equal_one_by_one(encoders) -> None:
    text = "El niño comió  12:30\t🙂"
    encoded = next(encoders["byte_level"].encode([text]))
    spans = np.array([[a, b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)])
    together = align(text, encoded, spans)
    for row, span in enumerate(spans):
        alone = align(text, encoded, [span])
        assert (alone.start[0], alone.stop[0], alone.exact[0]) == (
            together.start[row],
            together.stop[row],
            together.exact[row],
        )
