"""Which characters of a LaTeX text are in a fraction, a title, inline math, and so on.

The text is parsed by pylatexenc (macros with their arguments, environments, math of every delimiter, comments); each
feature is a mask over characters. Subscripts and superscripts are declared to the parser as signs with one argument.
It tolerates broken text, as a text that begins or ends in the middle of a formula: what it cannot parse has no mark.
Cost: about 200,000 characters a second; what takes time is the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pylatexenc.latexwalker import (
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexSpecialsNode,
    LatexToken,
    LatexWalker,
    LatexWalkerParseError,
    get_default_latex_context_db,
)
from pylatexenc.macrospec import MacroSpec, MacroStandardArgsParser, SpecialsSpec, VerbatimArgsParser

from sparseprobe.errors import DataError

FRACTION, NUMERATOR, DENOMINATOR = "in_fraction", "in_numerator", "in_denominator"
TITLE, AUTHOR, ABSTRACT, CITATION = "in_title", "in_author", "in_abstract", "in_citation"
SUBSCRIPT, SUPERSCRIPT = "in_subscript", "in_superscript"
MATH, INLINE, DISPLAY = "in_math", "in_inline_math", "in_display_math"
START, END = "start_of_math", "end_of_math"
MARKS = (
    *(FRACTION, NUMERATOR, DENOMINATOR, TITLE, ABSTRACT, AUTHOR, SUBSCRIPT, SUPERSCRIPT),
    *(CITATION, MATH, INLINE, DISPLAY, START, END),
)
FRACTIONS = ("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac")
CITATIONS = (
    *("cite", "citet", "citep", "citealt", "citealp", "citeauthor", "citeyear", "citeyearpar", "autocite"),
    *("parencite", "textcite", "footcite", "nocite"),
)
DISPLAYS = {
    name + star
    for name in ("equation", "align", "gather", "multline", "eqnarray", "alignat", "flalign", "displaymath")
    for star in ("", "*")
}

WORDS = re.compile(r"[^\\{}\[\]$%_^*\s]+(?:[ \t\n][^\\{}\[\]$%_^*\s]+)*")
"""Words without a sign that could mean something to LaTeX, and single white space between them."""


def mark(text: str) -> NDArray[np.bool_]:
    """Which characters each of MARKS covers, (n_marks, n_characters).

    A delimiter of math belongs to no mark but start_of_math or end_of_math; braces around an argument to none.

    >>> covered = mark(r"so $x_{12}$ is")[[MARKS.index(MATH), MARKS.index(SUBSCRIPT), MARKS.index(END)]]
    >>> ["".join(sign for sign, holds in zip(r"so $x_{12}$ is", row) if holds) for row in covered]
    ['x_{12}', '12', '$']
    """
    covered = np.zeros((len(MARKS), len(text)), dtype=bool)
    walker = _WordWalker(text, latex_context=_context(), tolerant_parsing=True)
    try:
        nodes, _, _ = walker.get_latex_nodes()
        _Marker(text, covered).visit(nodes, in_math=False)
    except RecursionError:
        raise DataError(
            f"the LaTeX that begins with {text[:40]!r} has groups in groups too deep to parse; remove this text"
        ) from None
    return covered


class _WordWalker(LatexWalker):  # type: ignore[misc]  # pylatexenc has no types
    """Reads plain words as one token of text, where the parser would read one letter at a time (twice as fast)."""

    def get_token(
        self, pos: int, include_brace_chars: Any = None, environments: bool = True, **options: Any
    ) -> LatexToken:
        """The token at `pos`; where arguments are read (environments=False), a letter can be one by itself."""
        if environments and (words := WORDS.match(self.s, pos)):
            return LatexToken(tok="char", arg=words[0], pos=pos, len=len(words[0]), pre_space="")
        return super().get_token(pos, include_brace_chars=include_brace_chars, environments=environments, **options)


class _VerbArgument(VerbatimArgsParser):  # type: ignore[misc]
    r"""Reads the argument of `\verb`; a text that ends before it is broken text like any other, which is tolerated."""

    def parse_args(self, w: LatexWalker, pos: int, parsing_state: Any = None) -> Any:
        """The argument at `pos`; LatexWalkerParseError, as for one that does not end, where the text is over."""
        if pos >= len(w.s):
            raise LatexWalkerParseError(r"\verb without an argument", s=w.s, pos=pos)
        return super().parse_args(w, pos, parsing_state)


class _Marker:
    def __init__(self, text: str, covered: NDArray[np.bool_]) -> None:
        self._text = text
        self._covered = covered

    def visit(self, nodes: Iterable[Any] | None, *, in_math: bool) -> None:
        """Mark what each node covers, then what is inside of it."""
        listed = list(nodes or ())
        for node, following in zip_longest(listed, listed[1:]):
            if isinstance(node, LatexMathNode):
                self._math(node, node.delimiters, INLINE if node.displaytype == "inline" else DISPLAY)
            elif isinstance(node, LatexEnvironmentNode):
                self._environment(node, in_math=in_math)
            elif isinstance(node, LatexMacroNode):
                self._macro(node, in_math=in_math)
            elif isinstance(node, LatexSpecialsNode):
                arguments = _arguments(node)
                if in_math and node.specials_chars in ("_", "^"):
                    self._script(arguments[-1:], following, SUBSCRIPT if node.specials_chars == "_" else SUPERSCRIPT)
                self.visit(arguments, in_math=in_math)
            elif isinstance(node, LatexGroupNode):
                self.visit(node.nodelist, in_math=in_math)

    def _mark(self, name: str, start: int, stop: int) -> None:
        self._covered[MARKS.index(name), start:stop] = True

    def _contents(self, nodes: Iterable[Any], name: str) -> None:
        for node in nodes:
            braces = isinstance(node, LatexGroupNode)
            front, back = map(len, node.delimiters) if braces else (0, 0)
            self._mark(name, node.pos + front, node.pos + node.len - back)

    def _script(self, arguments: list[Any], following: Any, name: str) -> None:
        r"""Mark a sub- or superscript; of `_\mathrm{eff}` the parser takes the macro alone, but TeX the group too."""
        self._contents(arguments, name)
        for macro in arguments:
            if isinstance(macro, LatexMacroNode) and isinstance(following, LatexGroupNode):
                known = _context().get_macro_spec(macro.macroname)
                takes_group = known is not None and (known.args_parser.argspec or "").startswith("{")
                if takes_group and following.pos == macro.pos + macro.len:
                    self._mark(name, macro.pos, following.pos + following.len)

    def _math(self, node: Any, delimiters: tuple[str, str], kind: str) -> None:
        start, end = node.pos + len(delimiters[0]), node.pos + node.len
        closed = self._text.startswith(delimiters[1], end - len(delimiters[1]))
        stop = end - len(delimiters[1]) if closed else end
        for name in (MATH, kind):
            self._mark(name, start, stop)
        self._mark(START, node.pos, start)
        self._mark(END, stop, end)
        self.visit(node.nodelist, in_math=True)

    def _environment(self, node: Any, *, in_math: bool) -> None:
        name = node.environmentname
        delimiters = (rf"\begin{{{name}}}", rf"\end{{{name}}}")
        if not in_math and (name in DISPLAYS or name == "math"):
            self._math(node, delimiters, DISPLAY if name in DISPLAYS else INLINE)
            return
        if name == "abstract":
            self._mark(ABSTRACT, node.pos + len(delimiters[0]), node.pos + node.len - len(delimiters[1]))
        self.visit(_arguments(node), in_math=in_math)
        self.visit(node.nodelist, in_math=in_math)

    def _macro(self, node: Any, *, in_math: bool) -> None:
        arguments = _arguments(node)
        if node.macroname in FRACTIONS and len(arguments) >= 2:
            self._mark(FRACTION, node.pos, node.pos + node.len)
            self._contents(arguments[-2:-1], NUMERATOR)
            self._contents(arguments[-1:], DENOMINATOR)
        for name, macros in ((TITLE, ("title",)), (AUTHOR, ("author",)), (CITATION, CITATIONS)):
            if node.macroname in macros:
                self._contents(arguments[-1:], name)
        self.visit(arguments, in_math=in_math)


def _arguments(node: Any) -> list[Any]:
    given = node.nodeargd.argnlist if node.nodeargd is not None else None
    return [argument for argument in given or () if argument is not None]


@lru_cache(maxsize=1)
def _context() -> Any:
    context = get_default_latex_context_db()
    context.add_context_category(
        "sparseprobe",
        macros=[
            *(MacroSpec(name, MacroStandardArgsParser("{{")) for name in FRACTIONS if name != "cfrac"),
            MacroSpec("cfrac", MacroStandardArgsParser("[{{")),
            *(MacroSpec(name, MacroStandardArgsParser("*[[{")) for name in CITATIONS),
            *(MacroSpec(name, MacroStandardArgsParser("[{")) for name in ("title", "author")),
            MacroSpec("verb", _VerbArgument("verb-macro")),
        ],
        specials=[SpecialsSpec(sign, args_parser=MacroStandardArgsParser("{")) for sign in "_^"],
        prepend=True,
    )
    return context
