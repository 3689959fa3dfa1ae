"""No control character of the data reaches a terminal or a page, and JSON keeps its value."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.printable import html_record, printable, printable_html, printable_json

BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def is_safe(text: str) -> bool:
    return all(sign in "\n\t" or _is_plain(sign) for sign in text)


def _is_plain(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and unicodedata.bidirectional(sign) not in BIDI


@given(st.text(st.characters(codec=None), max_size=40))
def test_what_is_printed_holds_no_control(text: str) -> None:
    assert is_safe(printable(text))
    assert is_safe(printable_html(text))
    assert is_safe(printable_json([text]))
    assert json.loads(printable_json([text])) == [text]


def test_plain_text_stays_as_it_is() -> None:
    for text in ("l'été, 中文 ⟦x⟧\tשלום\n", "\u200d\U0001f468"):
        assert printable(text) == text


def test_a_page_holds_no_markup_of_the_data() -> None:
    shown = html_record("<script>", {"\x1b]0;title\x07": "<b>\u202e"})
    assert "<script>" not in shown
    assert "<b>\\u202e" not in shown
    assert is_safe(shown)
