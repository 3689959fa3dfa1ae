"""Show the examples of docstrings as code on the pages of the reference: an extension for the documentation's reader.

Our docstrings hold doctests as Python writes them, without a fence. Markdown would read `>>>` as three quotations in
each other, and `["f0"]` as a link.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!\s*$).+\n?)*)", re.MULTILINE)
"""From a first line with >>> to the next empty line."""
MARK = re.compile(r"[ ]*# doctest:.*$", re.MULTILINE)
"""What is said to doctest and not to the reader."""


class DoctestFences(griffe.Extension):
    """Puts a fence around every example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object before it is taken apart."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    """The docstring with every example in a fence, without the marks for doctest.

    >>> fenced("Adds.\\n\\n>>> 1 + 1  # doctest: +ELLIPSIS\\n2").splitlines()
    ['Adds.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    return EXAMPLE.sub(lambda found: f"```pycon\n{MARK.sub('', found[0]).rstrip()}\n```\n", docstring).rstrip()
