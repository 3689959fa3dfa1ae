"""Text from data, made safe to print: in a terminal, in JSON and in HTML.

A label or a document's name may hold an escape sequence that renames the terminal's window, or a control that turns the
direction of a line. Every control character is shown as a sign or an escape instead; line ends and tabs are kept.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping

_KEPT = "\n\t"
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_OTHERS = (*range(0x7F, 0xA0), *_BIDI, *range(0xD800, 0xE000))
_AS_ESCAPE = {code: f"\\u{code:04x}" for code in _OTHERS}
_SHOWN = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in _KEPT} | _AS_ESCAPE | {0x7F: "\u2421"}


def printable(text: str) -> str:
    r"""The text with every control character (C0, DEL, C1, bidirectional, half a surrogate pair) replaced.

    >>> print(printable("en\x1b]0;title\x07 \u202eabc"))
    en␛]0;title␇ \u202eabc
    """
    return text.translate(_SHOWN)


def printable_html(text: object) -> str:
    r"""The text as HTML, with nothing in it that is markup or a control.

    >>> printable_html("<b>\x1b")
    '&lt;b&gt;␛'
    """
    return html.escape(printable(str(text)))


def printable_json(value: object) -> str:
    r"""JSON of the same value, in which control characters stand as escapes.

    >>> printable_json({"label": "fr\x9b\u202eé"})
    '{\n  "label": "fr\\u009b\\u202eé"\n}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).translate(_AS_ESCAPE)


def html_record(title: str, record: Mapping[str, object]) -> str:
    """A title and a table of names and values, as a notebook shows a value of this library.

    >>> html_record("data", {"examples": 3})
    '<b>data</b><table><tr><th style="text-align:left">examples</th><td style="text-align:left">3</td></tr></table>'
    """
    left = 'style="text-align:left"'
    rows = "".join(
        f"<tr><th {left}>{printable_html(name)}</th><td {left}>{printable_html(value)}</td></tr>"
        for name, value in record.items()
    )
    return f"<b>{printable_html(title)}</b><table>{rows}</table>"
