"""SVG files of matplotlib as parts of a page: no header, and no name that another figure of the page has, too."""

from __future__ import annotations

import re

from sparseprobe.printable import printable, printable_html

_NAMES = re.compile(r'(\bid="|href="#|url\(#)')
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def inline_svg(text: str, name: str, *, label: str) -> str:
    """The svg element of a file; `name` goes before each of its ids, `label` is the text for screen readers.

    >>> inline_svg('<?xml version="1.0"?><svg id="a"><use href="#a"/></svg>', "f", label="F1 by layer")
    '<svg class="drawn" role="img" aria-label="F1 by layer" id="f-a"><use href="#f-a"/></svg>'
    """
    drawn = printable(_METADATA.sub("", text[text.index("<svg") :])).strip()
    drawn = drawn.replace('<style type="text/css">*{', '<style type="text/css">svg.drawn *{')
    own = _NAMES.sub(lambda match: f"{match[1]}{name}-", drawn)
    return own.replace("<svg", f'<svg class="drawn" role="img" aria-label="{printable_html(label)}"', 1)
