"""Labelled tokens and labelled text, decoded, for every family of fast tokenizers.

Each family is trained here on the pieces that the texts are made of, so that no character is unknown. What a
tokenizer's own normaliser and decoder do to a text is taken from them; white space and its signs are left aside.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.labelling.alignment import TokenSpans, align
from sparseprobe.datasets.tokenising import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparseprobe.datasets.tokenising import EncodedText

PIECES = (
    *(
        "high",
        " school",
        "  two",
        "walked",
        "Walking",
        "naïve",
        "e\u0301te\u0301",
        "A\u030a",
        "Straße",
        "I",
        "12",
        "3.5",
    ),
    *("\t", "\r\n", "\n\n", " ", "   ", ".", ",", "'s", "(", "&", "@", "😀", "👨‍👩‍👧", "👍🏽", "❤\ufe0f", "🇬🇷"),
    *("γλώσσα", " Ελλάδα", "ὀξύς", "语言", "日本語", "한국", "\u0915\u093f", "𝔘", "ﬁ", "½", "\u200b", "\u00a0"),
)
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join)
CORPUS = [*PIECES, "high school walked walking naïve été γλώσσα 日本語 😀", "Walking walked the high school."] * 3
SIGN = "▁"


def byte_level(*, prefix_space: bool = False, trimmed: bool = False) -> Tokenizer:
    """As GPT-NeoX has it; with a space put in front as RoBERTa; with offsets trimmed as GPT-2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    if trimmed:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def byte_fallback(*, metaspace: bool = False) -> Tokenizer:
    """As Llama has it: spaces are signs, put there by the normaliser or the pre-tokeniser; other scripts are bytes."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SIGN), normalizers.Replace(" ", SIGN)])
    steps = [decoders.Replace(SIGN, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    codes = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=["<unk>", *codes], show_progress=False)
    tokenizer.train_from_iterator([text for text in CORPUS if text.isascii()], trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:1]
    return Tokenizer.from_str(json.dumps(state))


def unigram(*, composed: bool = False) -> Tokenizer:
    """As T5 and XLM-R have it, the latter with characters composed and replaced by plain ones."""
    tokenizer = Tokenizer(models.Unigram())
    if composed:
        tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=260, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def word_piece(*, lowercase: bool = True) -> Tokenizer:
    """As BERT has it: control characters away, spaces around CJK; uncased without accents too."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    alphabet = sorted({sign for piece in PIECES for sign in tokenizer.normalizer.normalize_str(piece)})
    every = [*alphabet, *(f"##{sign}" for sign in alphabet)]
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    vocabulary = tokenizer.get_vocab()
    for sign in every:
        vocabulary.setdefault(sign, len(vocabulary))
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    return tokenizer


FAMILIES: dict[str, Callable[[], Tokenizer]] = {
    "byte_level": byte_level,
    "byte_level_prefix_space": lambda: byte_level(prefix_space=True),
    "byte_level_trimmed": lambda: byte_level(prefix_space=True, trimmed=True),
    "byte_fallback": byte_fallback,
    "byte_fallback_metaspace": lambda: byte_fallback(metaspace=True),
    "unigram": unigram,
    "unigram_composed": lambda: unigram(composed=True),
    "word_piece": word_piece,
    "word_piece_cased": lambda: word_piece(lowercase=False),
}


@pytest.fixture(scope="module")
def encoders() -> dict[str, TextEncoder]:
    return {name: TextEncoder(TokenizerRecord.of(make())) for name, make in FAMILIES.items()}


@st.composite
def labelled_texts(draw: st.DrawFn) -> tuple[str, int, int]:
    text = draw(TEXTS)
    start = draw(st.integers(0, len(text) - 1))
    return text, start, draw(st.integers(start + 1, len(text)))


def solid(text: str) -> str:
    return "".join(sign for sign in text if not sign.isspace() and sign != SIGN)


def whole(text: str, start: int, stop: int) -> tuple[int, int]:
    """The span with the whole of the characters, as a reader sees them, that it begins and ends in."""
    bounds = [0, *(match.end() for match in regex.finditer(r"\r|\X", text))]
    return max(place for place in bounds if place <= start), min(place for place in bounds if place >= stop)


def core(text: str, start: int, stop: int) -> set[int]:
    """The characters a token stands for: without the white space at its ends, unless it is all white space."""
    inside = [place for place in range(start, stop) if not text[place].isspace()] or [start, stop - 1]
    return set(range(*whole(text, inside[0], inside[-1] + 1)))


def wrong(encoder: TextEncoder, text: str, span: tuple[int, int], encoded: EncodedText, found: TokenSpans) -> list[str]:
    """What is not true of the tokens that were found for a span."""
    rust = Tokenizer.from_str(encoder.record.definition)
    normalise = rust.normalizer.normalize_str if rust.normalizer else str
    labelled = range(int(found.start[0]), int(found.stop[0]))
    span = whole(text, *span)
    wanted = set(range(*span))
    cores = [core(text, *place) for place in zip(encoded.starts.tolist(), encoded.stops.tolist(), strict=True)]
    inside = [token for token, characters in enumerate(cores) if characters & wanted]
    said = []
    if not set(inside) <= set(labelled):
        said.append("a token that shares a character with the span is not labelled")
    if any(cores[token] and token not in inside for token in labelled):
        said.append("a labelled token shares no character with the span")
    decoded = solid(encoder.record.decode(encoded.ids[labelled.start : labelled.stop].tolist()))
    expected = solid(normalise(text[slice(*span)]))
    parts = (text[: span[0]], text[slice(*span)], text[span[1] :])
    if solid(normalise(text)) != "".join(solid(normalise(part)) for part in parts):
        return said  # the span cuts a character that the normaliser makes of several
    if expected not in decoded:
        said.append(f"{decoded!r} does not contain {expected!r}")
    if found.exact[0] and expected and expected != decoded.removeprefix("##"):
        said.append(f"{decoded!r} is not {expected!r}")
    return said


@pytest.mark.parametrize("family", FAMILIES)
@given(example=labelled_texts())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_tokens_decode_to_the_text_and_touch_nothing_else(
    encoders: dict[str, TextEncoder], family: str, example: tuple[str, int, int]
) -> None:
    text, start, stop = example
    encoder = encoders[family]
    encoded = next(encoder.encode([text]))
    assert not wrong(encoder, text, (start, stop), encoded, align(text, encoded, [[start, stop]]))


TEXT = "  Walking\t语言 e\u0301te\u0301 😀👍🏽 high\r\nγλώσσα walked 3.5"
WORDS = ("Walking", "语言", "e\u0301te\u0301", "😀", "high", "γλώσσα", "walked")
SPANS = [(TEXT.index(word), TEXT.index(word) + len(word)) for word in WORDS]


def shifted(text: str, encoded: EncodedText, span: tuple[int, int]) -> TokenSpans:
    found = align(text, encoded, [span])
    return TokenSpans(found.start + 1, found.stop + 1, found.exact)


def without_the_last(text: str, encoded: EncodedText, span: tuple[int, int]) -> TokenSpans:
    found = align(text, encoded, [span])
    return TokenSpans(found.start, found.stop - 1, found.exact)


def with_the_one_before(text: str, encoded: EncodedText, span: tuple[int, int]) -> TokenSpans:
    found = align(text, encoded, [span])
    return TokenSpans(found.start - 1, found.stop, found.exact)


def two_characters_late(text: str, encoded: EncodedText, span: tuple[int, int]) -> TokenSpans:
    return align(text, encoded, [[span[0] + 2, span[1] + 2]])


def counted_in_bytes(text: str, encoded: EncodedText, span: tuple[int, int]) -> TokenSpans:
    start, stop = (len(text[:place].encode()) for place in span)
    return align(text, encoded, [[min(start, len(text) - 1), min(stop, len(text))]])


@pytest.mark.parametrize(
    "broken", [shifted, without_the_last, with_the_one_before, two_characters_late, counted_in_bytes]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_alignment_that_is_off_is_caught(
    encoders: dict[str, TextEncoder], family: str, broken: Callable[[str, EncodedText, tuple[int, int]], TokenSpans]
) -> None:
    encoder = encoders[family]
    encoded = next(encoder.encode([TEXT]))
    right = [wrong(encoder, TEXT, span, encoded, align(TEXT, encoded, [span])) for span in SPANS]
    caught = [bool(wrong(encoder, TEXT, span, encoded, broken(TEXT, encoded, span))) for span in SPANS]
    assert not any(right)
    assert sum(caught) >= 3


@pytest.mark.parametrize("family", FAMILIES)
def test_no_piece_is_unknown(encoders: dict[str, TextEncoder], family: str) -> None:
    """Else decoding would say nothing of it."""
    encoder = encoders[family]
    rust = Tokenizer.from_str(encoder.record.definition)
    unknown = {rust.token_to_id(name) for name in ("<unk>", "[UNK]")} - {None}
    ids = {token for encoded in encoder.encode(["".join(PIECES), *PIECES]) for token in encoded.ids.tolist()}
    assert not ids & unknown
