from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def cores(text: str, encoded) -> list[set[int]]:
    """The characters that each token stands for, by the definition."""
    spans = []
    for start, stop in zip(encoded.starts.tolist(), encoded.stops.tolist(), strict=True):
        characters = set(range(start, stop))
        solid = [place for place in characters if not text[place].isspace()]
        spans.append(set(range(min(solid), max(solid) + 1)) if solid else characters)
    return spans


@pytest.mark.parametrize("family", FAMILIES)
@given(example=labelled_texts())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_tokens_are_those_that_share_a_character(encoders, family: str, example: tuple[str, int, int]) -> None:
    text, start, stop = example
    encoded = next(encoders[family].encode([text]))
    found = align(text, encoded, [[start, stop]])
    wanted = set(range(start, stop))
    sharing = [token for token, core in enumerate(cores(text, encoded)) if core & wanted]
    tokens = list(range(found.start[0], found.stop[0]))
    assert set(sharing) <= set(tokens)
    assert all(not (cores(text, encoded)[token] - wanted) or token in sharing for token in tokens)
    if found.exact[0]:
        covered = set().union(*(cores(text, encoded)[token] for token in tokens))
        assert covered <= wanted
        assert {place for place in wanted if not text[place].isspace()} <= covered or not text[start:stop].strip()


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
    if found.exact[0] and text[start:stop].strip():
        assert decoded.strip() == text[start:stop].strip()
    elif found.stop[0] > found.start[0] and text[start:stop].strip():
        assert text[start:stop].strip() in decoded or "\ufffd" in decoded
    else:
        assert not text[start:stop].strip()


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
