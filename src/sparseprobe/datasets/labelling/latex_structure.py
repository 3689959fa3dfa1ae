r"""A first pass over a LaTeX text: what is code, and which braces and environments belong together.

TeX reads no math in code, in the bodies of definitions, in what `\iffalse` hides and after `\end{document}`. A parser
that knows these stretches, and which opening signs have a closing one, cannot be misled by what they hold or by what
is missing. The pass is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from sparseprobe.datasets.labelling.latex_macros import (
    ADDRESSES,
    CODE_DECLARATION,
    CODE_ENVIRONMENTS,
    DEFINITIONS,
    INLINE_CODE,
)

GAP = re.compile(r"(?:[^\S\n]+|\n(?![^\S\n]*\n)|%[^\n]*)*")
"""White space and comments before an argument, up to the end of the paragraph."""
EDGE = re.compile(r"\\(?:begin|end)[^\S\n]*\n?[^\S\n]*\{([^{}\\$%\n]{0,80})\}")
"""The begin or end of an environment."""
LONGEST_OPTION = 2000
"""The most characters of an option in brackets, so that a bracket that stays open costs little."""

_TOKEN = re.compile(r"%[^\n]*|[{}]|\\(?:[A-Za-z@]+|.)?", re.DOTALL)
_BRACE = re.compile(r"%[^\n]*|[{}]|\\.", re.DOTALL)
_IN_OPTION = re.compile(r"(?:[^\]{}\\\n]+|\\.|\n(?![^\S\n]*\n))*", re.DOTALL)
_ADDRESS = re.compile(r"\*?\s*(?:\[[^\]\n]{0,500}\]\s*){0,2}(\{(?:[^{}\\]|\\.|\{(?:[^{}\\]|\\.)*\})*\})", re.DOTALL)
_PARAMETERS = re.compile(r"(?:[^{}\n]|\n(?![^\S\n]*\n)){0,500}")
_LET = re.compile(r"\s*(?:\\[A-Za-z@]+|\\.|\S)\s*=?[ \t]?(?:\\[A-Za-z@]+|\\.|[^\n])?", re.DOTALL)
_SIGN = re.compile(r"\\[A-Za-z@]+|\\.|[^\n{}]", re.DOTALL)
_CONDITION = re.compile(r"\\(if[A-Za-z@]*|else|fi)(?![A-Za-z@])")
_NO_CONDITION = re.compile(
    r"iff$|ifthenelse$|if(?:cs|un)?def(?!ined$)[a-z]*$|if(?:str|bool|toggle|num[a-z]+|blank|list)[a-z]*$"
)
_DOCUMENT = re.compile(r"\\document(?:class|style)(?![A-Za-z@])|\\begin\s*\{document\}")
_EXPL_END = re.compile(r"\\ExplSyntaxOff(?![A-Za-z@])")


@dataclass(frozen=True)
class Structure:
    """What is known of a text before it is parsed; all positions are those of characters."""

    code: dict[int, int]
    """Where code and definitions begin, and where they end."""
    braces: dict[int, int]
    """Each opening brace that is closed, and its closing one."""
    closed: frozenset[int]
    r"""Each `\begin` that has an `\end`."""

    def option_stop(self, text: str, start: int) -> int | None:
        """The position after the option in brackets at `start`; None if there is none that ends."""
        return _option_stop(text, start, self.braces)


def structure(text: str) -> Structure:
    r"""The code, closed braces and closed environments of a text.

    >>> found = structure(r"\def\be{\begin{equation}} {\verb|$|} \begin{proof} a \end{proof}")
    >>> found.code, found.braces, sorted(found.closed)
    ({0: 25, 27: 35}, {26: 35}, [37])
    """
    return _FirstPass(text).run()


class _FirstPass:
    def __init__(self, text: str) -> None:
        self._text = text
        self._code_environments = CODE_ENVIRONMENTS | set(CODE_DECLARATION.findall(text))
        self._code: dict[int, int] = {}
        self._braces: dict[int, int] = {}
        self._closed: set[int] = set()
        self._begun: dict[str, list[int]] = defaultdict(list)

    def run(self) -> Structure:
        opened: list[int] = []
        position = 0
        while token := _TOKEN.search(self._text, position):
            start, position = token.span()
            sign = token[0]
            if sign == "{":
                opened.append(start)
            elif sign == "}":
                if opened:
                    self._braces[opened.pop()] = start
            elif sign in (r"\begin", r"\end"):
                if edge := EDGE.match(self._text, start):
                    position = self._edge(edge, begins=sign == r"\begin")
            elif sign[0] == "\\":
                position = self._macro(sign[1:], start, position)
        return Structure(self._code, self._braces, frozenset(self._closed))

    def _edge(self, edge: re.Match[str], *, begins: bool) -> int:
        """Note the begin or end of an environment; the position to go on from."""
        name, position = edge[1].strip(), edge.end()
        if begins and name in self._code_environments:
            end = re.compile(rf"\\end\s*\{{\s*{re.escape(name)}\s*\}}").search(self._text, position)
            position = end.end() if end else len(self._text)
            self._code[edge.start()] = position
        elif begins:
            self._begun[name].append(edge.start())
        else:
            if self._begun[name]:
                self._closed.add(self._begun[name].pop())
            if name == "document":
                following = _DOCUMENT.search(self._text, position)
                stop = following.start() if following else len(self._text)
                if stop > position:
                    self._code[position] = position = stop
        return position

    def _macro(self, name: str, start: int, position: int) -> int:
        """Note what is code from the macro at `start` on; the position to go on from."""
        stop = position
        if name in DEFINITIONS:
            stop = self._definition_stop(DEFINITIONS[name], position)
        elif name in INLINE_CODE:
            found = INLINE_CODE[name].match(self._text, position)
            stop = found.end() if found else position
        elif name == "iffalse":
            stop = self._hidden_stop(position)
        elif name == "ExplSyntaxOn":
            end = _EXPL_END.search(self._text, position)
            stop = end.end() if end else len(self._text)
        elif name in ADDRESSES and (address := _ADDRESS.match(self._text, position)):
            self._braces[address.start(1)] = address.end(1) - 1
            return address.end()
        if stop > position:
            self._code[start] = stop
        return stop

    def _hidden_stop(self, position: int) -> int:
        r"""Where what `\iffalse` hides ends: after its `\else` or `\fi`."""
        depth = 1
        for condition in _CONDITION.finditer(self._text, position):
            name = condition[1]
            if name == "fi" or (name == "else" and depth == 1):
                depth -= 1
            elif name != "else" and not _NO_CONDITION.match(name):
                depth += 1
            if depth == 0:
                return condition.end()
        return len(self._text)

    @cached_property
    def _body_braces(self) -> dict[int, int]:
        """Braces as the body of a definition pairs them: signs of code and of environments mean nothing there."""
        pairs: dict[int, int] = {}
        opened: list[int] = []
        for token in _BRACE.finditer(self._text):
            if token[0] == "{":
                opened.append(token.start())
            elif token[0] == "}" and opened:
                pairs[opened.pop()] = token.start()
        return pairs

    def _definition_stop(self, arguments: str, position: int) -> int:
        """Where a definition ends; with its line if it is not whole."""
        for kind in arguments:
            start = GAP.match(self._text, position).end()  # type: ignore[union-attr]  # matches everywhere
            if kind == "*":
                position = start + 1 if self._text.startswith("*", start) else position
            elif kind == "o":
                position = _option_stop(self._text, start, self._body_braces) or position
            elif kind == "l":
                found = _LET.match(self._text, position)
                position = found.end() if found else position
            else:
                if kind == "d":
                    start = _PARAMETERS.match(self._text, position).end()  # type: ignore[union-attr]
                if start in self._body_braces:
                    position = self._body_braces[start] + 1
                elif self._text.startswith("{", start):
                    line = self._text.find("\n", start)
                    return line if line >= 0 else len(self._text)
                elif kind == "c" and (sign := _SIGN.match(self._text, start)):
                    position = sign.end()
        return position


def _option_stop(text: str, start: int, braces: dict[int, int]) -> int | None:
    if not text.startswith("[", start):
        return None
    position = start + 1
    while True:
        position = _IN_OPTION.match(text, position, start + LONGEST_OPTION).end()  # type: ignore[union-attr]
        if text.startswith("]", position):
            return position + 1
        if position not in braces:
            return None
        position = braces[position] + 1
