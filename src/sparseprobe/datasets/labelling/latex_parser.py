r"""Parses LaTeX with pylatexenc, and closes what broken texts leave open where TeX would close it.

pylatexenc reads macros with their arguments, environments and math; its reader of tokens is replaced by one that steps
over code and definitions (`latex_structure`), reads runs of plain text at once, and hands the parser an empty closing
sign wherever something stays open: math does not go on after a blank line, nor a group after the environment or the
brace that holds it. So the parser itself meets no error and reads each text once, in linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pylatexenc.latexwalker import (
    LatexGroupNode,
    LatexToken,
    LatexWalker,
    LatexWalkerEndOfStream,
    get_default_latex_context_db,
)
from pylatexenc.macrospec import EnvironmentSpec, MacroSpec, MacroStandardArgsParser, ParsedMacroArgs, SpecialsSpec

from sparseprobe.datasets.labelling.latex_macros import (
    ADDRESSES,
    CITATION_LISTS,
    CITATIONS,
    DISPLAY_ENVIRONMENTS,
    FRACTIONS,
    INLINE_ENVIRONMENTS,
    KEYS,
    MATH_ARGUMENTS,
    TEXT_IN_MATH,
)
from sparseprobe.datasets.labelling.latex_structure import EDGE, GAP, structure

MATH_ENVIRONMENTS = DISPLAY_ENVIRONMENTS | INLINE_ENVIRONMENTS
DEEPEST = 48
"""How many groups, environments and formulas are read inside each other; those further inside are read as text."""

_PLAIN = re.compile(r"(?:[^\\{}\[\]$%_^*\n]+|\n(?![^\S\n]*\n))+")
_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_STARS = re.compile(r"\*+")
_COMMENT = re.compile(r"%[^\n]*")
_MACRO = re.compile(r"\\([A-Za-z@]+|.)?", re.DOTALL)
_KINDS = {"}": "brace_close", "]": "brace_close", "$": "mathmode_inline", "$$": "mathmode_display"}
_KINDS |= {r"\(": "mathmode_inline", r"\)": "mathmode_inline", r"\[": "mathmode_display", r"\]": "mathmode_display"}
_ENDS_WITH_PARAGRAPH = {"]", "$", "$$", r"\)", r"\]"}


def parse(text: str) -> list[Any]:
    """The nodes of a text, as pylatexenc has them."""
    nodes, _, _ = _Walker(text).get_latex_nodes()
    return list(nodes)


class _Walker(LatexWalker):  # type: ignore[misc]  # pylatexenc has no types
    """A parser that knows what is open at each moment, by the sign or the name that closes it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, latex_context=_context(), tolerant_parsing=True)
        self.structure = structure(text)
        self._open: list[tuple[str, str]] = []
        self._endless: set[str] = set()
        self._option = -1

    def get_latex_nodes(
        self,
        pos: int = 0,
        stop_upon_closing_brace: Any = None,
        stop_upon_end_environment: str | None = None,
        stop_upon_closing_mathmode: str | None = None,
        **options: Any,
    ) -> tuple[list[Any], int, int]:
        """The nodes up to the sign that is asked for, which is what is open meanwhile."""
        given = {
            "stop_upon_closing_brace": stop_upon_closing_brace,
            "stop_upon_end_environment": stop_upon_end_environment,
            "stop_upon_closing_mathmode": stop_upon_closing_mathmode,
        }
        if stop_upon_closing_brace:
            self._open.append(("brace_close", stop_upon_closing_brace[1]))
        elif stop_upon_end_environment is not None:
            self._open.append(("end_environment", stop_upon_end_environment))
        elif stop_upon_closing_mathmode:
            self._open.append((_KINDS[stop_upon_closing_mathmode], stop_upon_closing_mathmode))
        else:
            return super().get_latex_nodes(pos, **options)  # type: ignore[no-any-return]
        try:
            return super().get_latex_nodes(pos, **given, **options)  # type: ignore[no-any-return]
        finally:
            _, closed = self._open.pop()
            self._endless.discard(closed)

    def get_latex_maybe_optional_arg(self, pos: int, parsing_state: Any = None) -> Any:
        """The option in brackets at `pos`, None if there is none that ends in its paragraph."""
        start = GAP.match(self.s, pos).end()  # type: ignore[union-attr]  # matches everywhere
        if not self._has_room or self.structure.option_stop(self.s, start) is None:
            return None
        self._option = start
        return self.get_latex_braced_group(start, brace_type="[", parsing_state=parsing_state)

    def get_token(self, pos: int, environments: bool = True, parsing_state: Any = None, **_: Any) -> LatexToken:
        """The token at `pos`; with environments=False the argument, of one sign or in braces, that stands there."""
        if not environments:
            token = self._argument(pos)
        elif parsing_state is None:  # the parser asks for a star after the name of a macro, and for nothing else
            token = self._stars(pos) if self.s.startswith("*", pos) else _skipped(pos, pos)
        elif stop := self.structure.code.get(pos):
            token = _skipped(pos, stop)
        elif plain := _PLAIN.match(self.s, pos):
            token = _skipped(pos, plain.end())
        elif pos < len(self.s):
            token = self._sign(pos, parsing_state)
        elif self._open:
            token = self._closing(pos)
        else:
            raise LatexWalkerEndOfStream
        return token

    def _sign(self, pos: int, state: Any) -> LatexToken:
        """The token at a sign that can mean something."""
        sign = self.s[pos]
        if sign == "\\":
            token = self._backslash(pos, in_math=state.in_math_mode)
        elif sign == "$":
            token = self._dollar(pos, in_math=state.in_math_mode)
        elif sign in "_^":
            spec = state.latex_context.get_specials_spec(sign)
            token = LatexToken(tok="specials", arg=spec, pos=pos, len=1, pre_space="")
        elif (sign == "{" and self._opens_group(pos)) or (sign == "[" and pos == self._option):
            token = _token("brace_open", self.s, pos, pos + 1)
        elif sign == "}" or (sign == "]" and self._innermost == "]"):
            token = self._shut(sign, pos, pos + 1)
        elif sign == "*":
            token = self._stars(pos)
        elif sign == "\n":
            token = self._blank_line(pos)
        else:
            comment = _COMMENT.match(self.s, pos)
            token = _skipped(pos, comment.end() if comment else pos + 1)
        return token

    def _stars(self, pos: int) -> LatexToken:
        return _token("char", self.s, pos, _STARS.match(self.s, pos).end())  # type: ignore[union-attr]

    def _blank_line(self, pos: int) -> LatexToken:
        if any(closer in _ENDS_WITH_PARAGRAPH or closer in self._endless for _, closer in self._open):
            return self._closing(pos)
        return _skipped(pos, _BREAK.match(self.s, pos).end())  # type: ignore[union-attr]

    @property
    def _innermost(self) -> str | None:
        return self._open[-1][1] if self._open else None

    @property
    def _has_room(self) -> bool:
        return len(self._open) < DEEPEST

    def _opens_group(self, pos: int) -> bool:
        return self._has_room and pos in self.structure.braces

    def _closing(self, pos: int) -> LatexToken:
        """An empty token that closes what was opened last."""
        kind, sign = self._open[-1]
        return LatexToken(tok=kind, arg=sign, pos=pos, len=0, pre_space="")

    def _shut(self, sign: str, pos: int, stop: int) -> LatexToken:
        """The closing sign itself, once what is open inside is closed; a sign that closes nothing is text."""
        if sign == self._innermost:
            return LatexToken(tok=self._open[-1][0], arg=sign, pos=pos, len=stop - pos, pre_space="")
        if any(sign == closer for _, closer in self._open):
            return self._closing(pos)
        return _skipped(pos, stop)

    def _dollar(self, pos: int, *, in_math: bool) -> LatexToken:
        double = self.s.startswith("$$", pos)
        if self._innermost == "$":
            if double and self._open[-2:-1] == [("mathmode_display", "$$")]:
                return self._closing(pos)
            return _token("mathmode_inline", self.s, pos, pos + 1)
        if double and (self._innermost == "$$" or not in_math):
            if self._innermost == "$$" or self._has_room:
                return _token("mathmode_display", self.s, pos, pos + 2)
            return _skipped(pos, pos + 2)
        return _token("mathmode_inline", self.s, pos, pos + 1) if self._has_room else _skipped(pos, pos + 1)

    def _backslash(self, pos: int, *, in_math: bool) -> LatexToken:
        macro = _MACRO.match(self.s, pos)
        name, stop = macro[1] or "", macro.end()  # type: ignore[index,union-attr]  # a backslash stands there
        if name in ("begin", "end") and (edge := EDGE.match(self.s, pos)):
            return self._edge(edge, begins=name == "begin", in_math=in_math)
        if name and name in "()[]":
            if name in ")]":
                return self._shut("\\" + name, pos, stop)
            if in_math or not self._has_room:
                return _skipped(pos, stop)
            return _token(_KINDS["\\" + name], self.s, pos, stop)
        return LatexToken(tok="macro", arg=name, pos=pos, len=stop - pos, pre_space="", post_space="")

    def _edge(self, edge: re.Match[str], *, begins: bool, in_math: bool) -> LatexToken:
        name, pos, stop = edge[1].strip(), edge.start(), edge.end()
        if not begins:
            return self._shut(name, pos, stop)
        if pos not in self.structure.closed:
            if in_math or (name not in MATH_ENVIRONMENTS and name != "abstract"):
                return _skipped(pos, stop)
            self._endless.add(name)
        if not self._has_room:
            return _skipped(pos, stop)
        return LatexToken(tok="begin_environment", arg=name, pos=pos, len=stop - pos, pre_space="")

    def _argument(self, pos: int) -> LatexToken:
        """The argument of a macro; an empty one before what can be none, so that nothing is taken away from it."""
        pos = GAP.match(self.s, pos).end()  # type: ignore[union-attr]  # matches everywhere
        sign = self.s[pos : pos + 1]
        if sign == "{" and self._opens_group(pos):
            return _token("brace_open", self.s, pos, pos + 1)
        if sign == "\\" and pos not in self.structure.code:
            macro = _MACRO.match(self.s, pos)
            name = macro[1] or ""  # type: ignore[index]  # a backslash stands there
            if name not in ("begin", "end", "(", ")", "[", "]"):
                return LatexToken(
                    tok="macro",
                    arg=name,
                    pos=pos,
                    len=1 + len(name),
                    pre_space="",
                    post_space="",
                )
        elif sign and sign not in "{}$_^\n" and pos not in self.structure.code and sign != self._innermost:
            return _token("char", self.s, pos, pos + 1)
        return LatexToken(tok="brace_close", arg="", pos=pos, len=0, pre_space="")


def _token(kind: str, text: str, pos: int, stop: int) -> LatexToken:
    return LatexToken(tok=kind, arg=text[pos:stop], pos=pos, len=stop - pos, pre_space="")


def _skipped(pos: int, stop: int) -> LatexToken:
    """A stretch that means nothing to the parser; it keeps each as a node, where it would copy characters again."""
    return LatexToken(tok="comment", arg="", pos=pos, len=stop - pos, pre_space="")


class KeyArguments(ParsedMacroArgs):  # type: ignore[misc]
    """Arguments of which some are keys: `keys` has where each of those starts and stops."""

    def __init__(self, nodes: list[Any], keys: list[tuple[int, int]]) -> None:
        super().__init__(argnlist=nodes, argspec="")
        self.keys = keys


class _KeyParser(MacroStandardArgsParser):  # type: ignore[misc]
    """Reads arguments as `latex_macros` writes them; keys as groups without nodes."""

    def __init__(self, arguments: str) -> None:
        super().__init__("")
        self._arguments = arguments

    def parse_args(self, w: _Walker, pos: int, parsing_state: Any = None) -> tuple[KeyArguments, int, int]:
        """The arguments from `pos` on, as far as they are there."""
        nodes: list[Any] = []
        keys: list[tuple[int, int]] = []
        stop = pos
        for kind in self._arguments:
            start = GAP.match(w.s, stop).end()  # type: ignore[union-attr]  # matches everywhere
            if kind == "*":
                stop = start + 1 if w.s.startswith("*", start) else stop
            elif kind == "[":
                if option := w.get_latex_maybe_optional_arg(stop, parsing_state=parsing_state):
                    node, begin, length = option
                    nodes.append(node)
                    stop = begin + length
            elif kind == "o":
                end = w.structure.option_stop(w.s, start)
                if end is not None:
                    keys.append((start + 1, end - 1))
                    stop = end
            elif start in w.structure.braces:
                end = w.structure.braces[start] + 1
                keys.append((start + 1, end - 1))
                place = {"parsing_state": parsing_state, "pos": start, "len": end - start}
                nodes.append(w.make_node(LatexGroupNode, nodelist=[], delimiters=("{", "}"), **place))
                stop = end
            else:
                break
        return KeyArguments(nodes, keys), pos, stop - pos


class _ScriptParser(MacroStandardArgsParser):  # type: ignore[misc]
    r"""Reads what `_` or `^` takes in math: a group, a sign, or a macro with its arguments, as in `x^\frac12`."""

    def __init__(self) -> None:
        super().__init__("{")

    def parse_args(self, w: _Walker, pos: int, parsing_state: Any = None) -> Any:
        """The one argument; none in text, where the sign is no script."""
        if not parsing_state.in_math_mode:
            return ParsedMacroArgs(), pos, 0
        token = w.get_token(pos, environments=False, parsing_state=parsing_state)
        spec = parsing_state.latex_context.get_macro_spec(token.arg) if token.tok == "macro" else None
        if spec is None or not (isinstance(spec.args_parser, _KeyParser) or spec.args_parser.argspec):
            return super().parse_args(w, pos, parsing_state=parsing_state)
        nodes, _, length = w.get_latex_nodes(token.pos, read_max_nodes=1, parsing_state=parsing_state)
        return ParsedMacroArgs(argspec="{", argnlist=nodes[:1]), pos, token.pos + length - pos


def _macro(name: str, arguments: str, *, math: bool | None = None) -> MacroSpec:
    modes = None if math is None else [None] * (len(arguments) - 1) + [math]
    return MacroSpec(name, MacroStandardArgsParser(arguments, args_math_mode=modes))


@lru_cache(maxsize=1)
def _context() -> Any:
    context = get_default_latex_context_db()
    context.add_context_category(
        "sparseprobe",
        macros=[
            *(_macro(name, arguments) for name, arguments in (MATH_ARGUMENTS | FRACTIONS).items()),
            *(_macro(name, arguments, math=False) for name, arguments in TEXT_IN_MATH.items()),
            _macro("ensuremath", "{", math=True),
            *(_macro(name, "[{") for name in ("title", "author")),
            *(MacroSpec(name, "") for name in ("verb", "newcommand", "renewcommand", "providecommand")),
            *(MacroSpec(name, _KeyParser("*[[k")) for name in CITATIONS),
            *(MacroSpec(name, _KeyParser("*" + "[[k" * 20)) for name in CITATION_LISTS),
            *(MacroSpec(name, _KeyParser(arguments)) for name, arguments in (KEYS | ADDRESSES).items()),
        ],
        environments=[
            *(EnvironmentSpec(name, "", is_math_mode=True) for name in sorted(MATH_ENVIRONMENTS)),
            EnvironmentSpec("verbatim", ""),
        ],
        specials=[SpecialsSpec(sign, args_parser=_ScriptParser()) for sign in "_^"],
        prepend=True,
    )
    return context
