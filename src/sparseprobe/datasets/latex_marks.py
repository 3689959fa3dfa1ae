r"""Which characters of a LaTeX text are in a fraction, a title, inline math, and so on.

The text is parsed (`latex_parser`), and each feature is a mask over characters. Code, definitions, addresses and keys
are not math, not scripts and not fractions, wherever they stand. Broken text, as a text that begins or ends in the
middle of a formula, is read as TeX would go on after the error: math ends with its paragraph.
The speed is what the maintained parser, pylatexenc, gives: about 100,000 characters a second on one core.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pylatexenc.latexwalker import (
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexSpecialsNode,
)

from sparseprobe.datasets.labelling.latex_macros import (
    CITATION_LISTS,
    CITATIONS,
    FRACTIONS,
    INLINE_ENVIRONMENTS,
)
from sparseprobe.datasets.labelling.latex_parser import MATH_ENVIRONMENTS, KeyArguments, parse
from sparseprobe.datasets.labelling.latex_structure import EDGE

FRACTION, NUMERATOR, DENOMINATOR = "in_fraction", "in_numerator", "in_denominator"
TITLE, AUTHOR, ABSTRACT, CITATION = "in_title", "in_author", "in_abstract", "in_citation"
SUBSCRIPT, SUPERSCRIPT = "in_subscript", "in_superscript"
MATH, INLINE, DISPLAY = "in_math", "in_inline_math", "in_display_math"
START, END = "start_of_math", "end_of_math"
MARKS = (
    *(FRACTION, NUMERATOR, DENOMINATOR, TITLE, ABSTRACT, AUTHOR, SUBSCRIPT, SUPERSCRIPT),
    *(CITATION, MATH, INLINE, DISPLAY, START, END),
)
TYPESET = [
    MARKS.index(name) for name in (FRACTION, NUMERATOR, DENOMINATOR, SUBSCRIPT, SUPERSCRIPT, MATH, INLINE, DISPLAY)
]
"""The marks of what is typeset as math, which code and keys inside it are not."""


def mark(text: str) -> NDArray[np.bool_]:
    """Which characters each of MARKS covers, (n_marks, n_characters).

    A delimiter of math belongs to no mark but start_of_math or end_of_math; braces around an argument to none.

    >>> covered = mark(r"so $x_{12}$ is")[[MARKS.index(MATH), MARKS.index(SUBSCRIPT), MARKS.index(END)]]
    >>> ["".join(sign for sign, holds in zip(r"so $x_{12}$ is", row) if holds) for row in covered]
    ['x_{12}', '12', '$']
    """
    covered = np.zeros((len(MARKS), len(text)), dtype=bool)
    _Marker(text, covered).visit(parse(text))
    return covered


class _Marker:
    def __init__(self, text: str, covered: NDArray[np.bool_]) -> None:
        self._text = text
        self._covered = covered

    def visit(self, nodes: Iterable[Any] | None, outer: str | None = None) -> None:
        """Mark what each node covers, then what is inside of it; `outer` is the kind of the math around all of it."""
        for node in nodes or ():
            if isinstance(node, LatexMathNode):
                opening, closing = map(len, node.delimiters)
                start, end = node.pos + opening, node.pos + node.len
                closed = end - closing >= start and self._text.startswith(node.delimiters[1], end - closing)
                kind = INLINE if node.displaytype == "inline" else DISPLAY
                self._math(node, (start, end - closing if closed else end), outer or kind)
            elif isinstance(node, LatexEnvironmentNode):
                self._environment(node, outer)
            elif isinstance(node, LatexMacroNode):
                self._macro(node, outer)
            elif isinstance(node, LatexSpecialsNode):
                self._contents(_arguments(node), SUBSCRIPT if node.specials_chars == "_" else SUPERSCRIPT)
                self.visit(_arguments(node), outer)
            elif isinstance(node, LatexGroupNode):
                self.visit(node.nodelist, outer)
            elif isinstance(node, LatexCommentNode) and outer and self._text[node.pos] == "\\":
                self._covered[TYPESET, node.pos : node.pos + node.len] = False

    def _mark(self, name: str, start: int, stop: int) -> None:
        self._covered[MARKS.index(name), start:stop] = True

    def _contents(self, nodes: Iterable[Any], name: str) -> None:
        for node in nodes:
            braces = isinstance(node, LatexGroupNode)
            front, back = map(len, node.delimiters) if braces else (0, 0)
            self._mark(name, node.pos + front, node.pos + node.len - back)

    def _math(self, node: Any, inside: tuple[int, int], kind: str) -> None:
        start, stop = inside
        for name in (MATH, kind):
            self._mark(name, start, stop)
        self._mark(START, node.pos, start)
        self._mark(END, stop, node.pos + node.len)
        self.visit(_arguments(node) if isinstance(node, LatexEnvironmentNode) else (), kind)
        self.visit(node.nodelist, kind)

    def _environment(self, node: Any, outer: str | None) -> None:
        name = node.environmentname
        stop = node.pos + node.len
        begin = EDGE.match(self._text, node.pos)
        end = EDGE.fullmatch(self._text, self._text.rfind("\\end", node.pos, stop), stop)
        start = begin.end() if begin else node.pos
        inside = (start, end.start() if end and end[1].strip() == name else stop)
        if outer is None and name in MATH_ENVIRONMENTS:
            self._math(node, inside, INLINE if name in INLINE_ENVIRONMENTS else DISPLAY)
            return
        if name == "abstract":
            self._mark(ABSTRACT, *inside)
        self.visit(_arguments(node), outer)
        self.visit(node.nodelist, outer)

    def _macro(self, node: Any, outer: str | None) -> None:
        name, arguments = node.macroname, _arguments(node)
        if name in FRACTIONS and len(arguments) >= 2:
            self._mark(FRACTION, node.pos, node.pos + node.len)
            self._contents(arguments[-2:-1], NUMERATOR)
            self._contents(arguments[-1:], DENOMINATOR)
        elif name in ("title", "author"):
            self._contents(arguments[-1:], TITLE if name == "title" else AUTHOR)
        elif name == "ensuremath" and outer is None:
            outer = INLINE
            for mark_ in (MATH, INLINE):
                self._contents(arguments, mark_)
        self.visit(arguments, outer)
        if isinstance(node.nodeargd, KeyArguments):
            for start, stop in node.nodeargd.keys:
                self._covered[TYPESET, start:stop] = False
                if name in CITATIONS or name in CITATION_LISTS:
                    self._mark(CITATION, start, stop)


def _arguments(node: Any) -> list[Any]:
    given = node.nodeargd.argnlist if node.nodeargd is not None else None
    return [argument for argument in given or () if argument is not None]
