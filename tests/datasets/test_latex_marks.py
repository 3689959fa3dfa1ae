from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.datasets.collection import TEXTS
from sparseprobe.datasets.latex_marks import MARKS, mark
from sparseprobe.datasets.readers import read_records

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    r"\title{A $x^2$} \author[q]{B} \begin{abstract}ab \cite[p. 2]{k_1}\end{abstract} a_b $y_{i} + \frac{a_1}{b^{c}}$ "
    "\\[ z \\] \\begin{align*} w &= \\dfrac12 \\end{align*} \\label{a_b} \\$5 % a $comment\n\\citep{foo} \\(k\\)"
)
EXPECTED = {
    "in_title": ["A $x^2$"],
    "in_author": ["B"],
    "in_abstract": [r"ab \cite[p. 2]{k_1}"],
    "in_citation": ["k_1", "foo"],
    "in_fraction": [r"\frac{a_1}{b^{c}}", r"\dfrac12"],
    "in_numerator": ["a_1", "1"],
    "in_denominator": ["b^{c}", "2"],
    "in_subscript": ["i", "1"],
    "in_superscript": ["2", "c"],
    "in_inline_math": ["x^2", r"y_{i} + \frac{a_1}{b^{c}}", "k"],
    "in_display_math": [" z ", r" w &= \dfrac12 "],
    "start_of_math": ["$", "$", r"\[", r"\begin{align*}", r"\("],
    "end_of_math": ["$", "$", r"\]", r"\end{align*}", r"\)"],
}


def stretches(text: str, name: str) -> list[str]:
    row = mark(text)[MARKS.index(name)]
    found, before = [], False
    for sign, holds in zip(text, row, strict=True):
        if holds and not before:
            found.append("")
        if holds:
            found[-1] += sign
        before = holds
    return found


@pytest.mark.parametrize("name", list(EXPECTED))
def test_each_mark_covers_what_it_says(name: str) -> None:
    found = stretches(TEXT, name)
    expected = EXPECTED[name]
    if name in ("in_numerator", "in_denominator"):
        assert found[0] == expected[0]
        assert "".join(found) == "".join(expected)
    else:
        assert found == expected


def test_a_script_without_braces_takes_the_group_of_its_macro() -> None:
    assert stretches(r"$T_\mathrm{eff}^\text{th} + a_\alpha{b}$", "in_subscript") == [
        r"\mathrm{eff}",
        r"\alpha",
    ]
    assert stretches(r"$T_\mathrm{eff}^\text{th}$", "in_superscript") == [r"\text{th}"]


def test_math_is_inline_or_display() -> None:
    covered = mark(TEXT)
    math, inline, display = (covered[MARKS.index(name)] for name in ("in_math", "in_inline_math", "in_display_math"))
    assert (math == (inline ^ display)).all()


@pytest.mark.parametrize(
    "text", ["$x", r"\frac{a", "a } b", r"\end{align} x", r"\begin{foo} $a$", "", r"\frac", "x_", "$^$"]
)
def test_broken_text_has_marks_where_it_can(text: str) -> None:
    assert mark(text).shape == (14, len(text))


@pytest.mark.parametrize("end", [r"\verb", "\\verb\n", r"{\verb", r"\verb \verb"])
def test_a_text_that_ends_in_verb_keeps_the_marks_before(end: str) -> None:
    assert stretches(f"so $x$ is {end}", "in_math") == ["x"]
    assert stretches(rf"$y$ \verb|$x$| {end}", "in_math") == ["y"]


def test_math_that_does_not_close_has_a_start_and_no_end() -> None:
    assert stretches("so $x and", "start_of_math") == ["$"]
    assert stretches("so $x and", "end_of_math") == []


def definition(command: str) -> str:
    return command + "\nPlain prose_here, then $x$ end"


DEFINITIONS = [
    *(rf"\{name}{{\be}}{{\begin{{equation}}}}" for name in ("newcommand", "renewcommand*", "providecommand")),
    *(rf"\{name}\be{{\begin{{align*}}}}" for name in ("def", "gdef", "edef", r"long\def", "DeclareRobustCommand")),
    *(
        rf"\{name}{{ann}}[1][a]{{\begin{{equation}}}}{{\end{{equation}}}}"
        for name in ("newenvironment", "renewenvironment")
    ),
    r"\newcommand\pair[2][x]{$#1_{#2}$ \[}",
    r"\def\pair#1.#2{$#1$ \( $}",
    "\\newcommand{\\be}{% opens { a formula\n  \\begin{equation}}",
    r"\newcolumntype{C}[1]{>{$}p{#1}<{$}}",
    r"\let\dollar=$",
    r"\let\dollar$",
    r"\NewDocumentCommand{\eq}{s O{$} m}{\begin{equation} #3}",
    r"\DeclareMathOperator*{\argmax}{arg\,max_$}",
    r"\newtheorem{claim}[theorem]{Claim $n$}[section]",
    r"\AtBeginEnvironment{proof}{$}",
    r"\csdef{open}{\begin{gather}}",
    r"\patchcmd{\foo}{$}{\[}{}{}",
    r"\catcode`\$=12 \catcode`$=3",
    r"\newenvironment{hide}{\begin{comment}}{\end{comment}}",
    r"\newcommand{\off}{\iffalse}",
    r"\newcommand{\cut}{\begin{equation}",
]


@pytest.mark.parametrize("command", DEFINITIONS)
def test_the_body_of_a_definition_opens_nothing(command: str) -> None:
    text = definition(command)
    assert stretches(text, "in_math") == ["x"]
    assert stretches(text, "start_of_math") == ["$"]
    assert stretches(text, "in_subscript") == []


CODE = [
    *(
        f"\\begin{{{name}}}\nprice_a = $5 % \\begin{{equation}} {{ \\verb|\n\\end{{{name}}}"
        for name in ("verbatim", "verbatim*", "Verbatim", "BVerbatim", "LVerbatim", "lstlisting", "comment", "alltt")
    ),
    "\\begin{minted}[frame=lines]{bash}\necho $HOME\n\n\\end{minted}",
    "\\begin{filecontents*}{a_b.bib}\n$ { \n\\end{filecontents*}",
    *(r"\lstinline|a$b|", r"\lstinline[language=C]!a$b!", r"\lstinline{a$b}", r"\mintinline{bash}{echo $HOME}"),
    *(r"\mintinline{sh}|$|", r"\verb|a$b|", r"\verb*+a{$b+", r"\path{a/b$c}", r"\path|a$b|", r"\Verb!$!"),
    *(r"\iffalse $ \ifx a $ \else \[ \fi \begin{equation} \fi", r"\iffalse { $ \fi"),
    *(r"\url{http://a.b/c%20d?x=$1&y_z}", r"\nolinkurl{a_b$}", r"\href{http://a.b/%7Ec$d_e}{here}", r"\url|a$b%|"),
    *(r"\includegraphics[width=1cm]{a%20_$.png}", r"\input{a_$b}", r"\bibliography{a_$b}", r"\footnote{\url{a%b$}}"),
    *(r"\label{a_$b}", r"\ref{a_b}", r"\cite[p.~2]{a_b$}", r"\eqref{a$b}", r"\cref{a_b,c$}", r"\hyperref[a_$]{here}"),
    *("\\lstnewenvironment{shell}{}{}\n\\begin{shell}\n$ ls\n\\end{shell}", r"\bibitem[A]{a_$}", r"\$ \% \_ \{"),
]


@pytest.mark.parametrize("code", CODE)
def test_code_addresses_and_keys_are_not_math(code: str) -> None:
    text = code + " then $x_1$ end\n$y$ z"
    assert stretches(text, "in_math") == ["x_1", "y"]
    assert stretches(text, "in_subscript") == ["1"]
    inside = rf"\begin{{align}} a {code.replace(chr(10) * 2, chr(10))}" + "\n b_2 \\end{align} prose $z$"
    assert stretches(inside, "in_subscript") == ["2"]
    assert stretches(inside, "end_of_math") == [r"\end{align}", "$"]


def test_keys_inside_math_are_no_part_of_it() -> None:
    text = r"\begin{equation}\label{eq:a_b} x_{c}\end{equation}"
    assert stretches(text, "in_math") == [r"\label{", r"} x_{c}"]
    assert stretches(text, "in_subscript") == ["c"]


@pytest.mark.parametrize(
    ("short", "braced"),
    [
        (r"x^\frac{1}{2}", r"x^{\frac{1}{2}}"),
        (r"x^\frac12", r"x^{\frac12}"),
        (r"x_\mathbf x", r"x_{\mathbf x}"),
        (r"x^\sqrt[3]{2}", r"x^{\sqrt[3]{2}}"),
        (r"x_\mathrm{eff}^\text{a b}", r"x_{\mathrm{eff}}^{\text{a b}}"),
        (r"x_\operatorname*{ab}", r"x_{\operatorname*{ab}}"),
        (r"x^\binom n k y", r"x^{\binom n k} y"),
        (r"x_\hat a^\genfrac{}{}{0pt}{}{a}{b}", r"x_{\hat a}^{\genfrac{}{}{0pt}{}{a}{b}}"),
        (r"x^ \alpha b_ 1 2", r"x^ {\alpha} b_ {1} 2"),
    ],
)
def test_a_script_without_braces_marks_what_the_braced_one_marks(short: str, braced: str) -> None:
    for name in MARKS[:-2]:
        if name not in ("in_math", "in_inline_math"):
            assert stretches(f"${short}$ z", name) == stretches(f"${braced}$ z", name), name


PACKAGES = [
    *("equation", "align", "gather", "multline", "flalign", "alignat", "eqnarray", "displaymath", "split"),
    *("aligned", "gathered", "alignedat", "cases", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix"),
    *("Vmatrix", "smallmatrix", "psmallmatrix", "dcases", "rcases", "drcases", "multlined", "lgathered"),
    *("numcases", "subnumcases", "empheq", "dmath", "dseries", "dgroup", "darray", "IEEEeqnarray"),
    "IEEEeqnarraybox",
]


@pytest.mark.parametrize("name", [*PACKAGES, *(name + "*" for name in PACKAGES)])
def test_the_math_environments_of_packages_are_math(name: str) -> None:
    for begin, end in ((r"\begin", r"\end"), (r"\begin ", r"\end "), ("\\begin\n", r"\end")):
        text = f"so {begin}{{{name}}} x {end}{{{name}}} prose"
        assert stretches(text, "in_display_math") == [" x "]
        assert stretches(text, "end_of_math") == [f"{end}{{{name}}}"]


@pytest.mark.parametrize("begin", ["$", "$$", r"\(", r"\[", r"\begin{align}", "$a {b", r"$\text{a $", r"\footnote{$a}"])
def test_what_stays_open_ends_with_its_paragraph(begin: str) -> None:
    text = f"so {begin} a_b\n\nplain prose_1 here and $z_2$ end"
    tail = text.index("plain")
    assert stretches(text[tail:], "in_math") == ["z_2"]
    assert (mark(text)[:, tail:] == mark(text[tail:])).all()


def test_an_unclosed_brace_in_a_formula_does_not_open_the_next() -> None:
    assert stretches(r"a $x_{a$ prose $y$ end", "in_math") == ["x_{a", "y"]
    assert stretches(r"\footnote{a $x} prose $y$ end", "in_math") == ["x", "y"]


def test_text_in_math_has_no_scripts_and_formulas_of_its_own() -> None:
    text = r"\[ a \text{ if a\_b is $c_1$ } d_2 \]"
    assert stretches(text, "in_subscript") == ["1", "2"]
    assert stretches(text, "start_of_math") == [r"\[", "$"]
    assert stretches(text, "in_inline_math") == []
    assert stretches(r"so \ensuremath{a_1} is", "in_inline_math") == ["a_1"]


def test_after_the_end_of_the_document_nothing_is_marked() -> None:
    text = "\\begin{document} $x$ \\end{document}\nnotes $y$"
    assert stretches(text, "in_math") == ["x"]
    assert stretches(text + "\n\\documentclass{a}\n$z$", "in_math") == ["x", "z"]


@pytest.mark.parametrize("family", ["citep*", "Citet", "textcite", "parencite", "autocite", "citeyearpar", "supercite"])
def test_the_keys_of_citations_are_marked(family: str) -> None:
    assert stretches(rf"\{family}[see][p. 2]{{a_b,c}} and", "in_citation") == ["a_b,c"]
    assert stretches(r"\parencites[p. 2]{a}[3]{b_c} and {d}", "in_citation") == ["a", "b_c"]


INSERTED = [
    *DEFINITIONS,
    *(code for code in CODE if not code.startswith((r"\cite", r"\$"))),
    "% a comment of $5 and \\begin{equation} { \\verb|",
    "% \\end{align}\n%\n% $$",
]


def assert_insertions_change_nothing(text: str, draw: random.Random) -> None:
    """The marks of the paragraphs are the same with definitions, code and comments between them."""
    expected = mark(text)
    breaks = [place.end() for place in re.finditer(r"\n[ \t]*\n+", text)]
    pieces, kept, before = [], [], 0
    for place in [*breaks, len(text)]:
        pieces.append(text[before:place])
        kept.append(np.ones(place - before, dtype=bool))
        if place != len(text):
            pieces.append(draw.choice(INSERTED) + "\n\n")
            kept.append(np.zeros(len(pieces[-1]), dtype=bool))
        before = place
    longer = "".join(pieces)
    ignored = [MARKS.index(name) for name in ("in_abstract", "in_title", "in_author", "in_citation")]
    found = mark(longer)
    outside = np.concatenate(kept)
    assert (found[:, outside] == expected).all(), longer
    math = np.delete(found, ignored, axis=0)[:, ~outside]
    assert not math.any(), longer


def test_definitions_comments_and_code_between_paragraphs_change_no_mark() -> None:
    draw = random.Random(0)
    for _, record in list(read_records(TEXTS / "latex"))[::2]:
        assert_insertions_change_nothing(record["text"], draw)


@pytest.mark.shared_data
def test_definitions_comments_and_code_between_real_paragraphs_change_no_mark(shared_data: Path) -> None:
    draw = random.Random(1)
    for _, record in list(read_records(shared_data / "latex.jsonl.zst"))[::25]:
        if record["text"].count("$") % 2 == 0:
            assert_insertions_change_nothing(record["text"], draw)


def math_by_tokens(text: str) -> list[bool]:
    """Which characters are in math, by a machine of two states over simple tokens."""
    held, closer = [False] * len(text), None
    pairs = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
    for token in re.finditer(r"%[^\n]*|\\(?:begin|end)\{[a-z*]+\}|\\.|\$\$|\$|\n[ \t]*\n|.", text, re.DOTALL):
        sign = token[0]
        name = sign[sign.find("{") + 1 : -1] if sign.startswith((r"\begin", r"\end")) else ""
        if closer is None and sign in pairs:
            closer = pairs[sign]
        elif closer is None and sign.startswith(r"\begin{") and name.strip("*") in PACKAGES:
            closer = rf"\end{{{name}}}"
        elif closer is not None and (sign == closer or (sign[0] == "\n" and sign[1:].strip(" \t") == "\n")):
            closer = None
        elif closer is not None:
            held[token.start() : token.end()] = [True] * len(sign)
    return held


def test_a_machine_of_two_states_finds_the_same_math_in_the_shipped_texts() -> None:
    for _, record in read_records(TEXTS / "latex"):
        text = record["text"]
        if not re.search(r"\\text|\\mbox|\\label|\\[a-z]*ref|\\verb", text):
            assert mark(text)[MARKS.index("in_math")].tolist() == math_by_tokens(text), text


PIECES = [
    *(r"\frac", r"\dfrac ", r"\cite", r"\alpha", r"\title", r"\sqrt", r"\\", r"\$", r"\(", r"\)", r"\[", r"\]"),
    *(r"\begin{align*}", r"\end{align*}", r"\begin{abstract}", r"\end{abstract}", r"\begin", r"\verb|a $b|"),
    *("{", "}", "[", "]", "$", "$$", "_", "^", "*", "&", "~", "--", "%", " ", "  ", "\n", "\n\n", "\t", "\xa0"),
    *("a", "12", "one two", "three, four.\nFive", "né", "\\", "\0", "\ud800", r"\def\a", r"\newcommand", r"\url"),
    *(r"\begin{lstlisting}", r"\end{lstlisting}", r"\iffalse", r"\fi", r"\end{document}", r"\text", r"\label"),
    *(r"\begin{tabular}", r"\let", r"\cites", r"\item", r"\lstinline", r"\ensuremath", r"\catcode`"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_has_marks(text: str) -> None:
    found = mark(text)
    math, inline, display = (found[MARKS.index(name)] for name in ("in_math", "in_inline_math", "in_display_math"))
    assert (math == (inline ^ display)).all()


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000 + "}" * 100_000,
        *("{" * 100_000, r"$\text{" * 2_000, r"\begin{align}" * 5_000, r"\begin{a}" * 2_000 + r"\end{a}" * 2_000),
        *(r"\cite[" * 5_000, r"\newcommand{" * 10_000, r"\frac" + "%\n" * 10_000, "\\" * 9_999, "$" + "x^" * 5_000),
        *(r"\iffalse " * 5_000, r"\url{" * 5_000, r"\begin{lstlisting}" * 5_000, r"\end{document}" * 5_000),
    ],
    ids=lambda text: text[:12],
)
def test_deep_and_long_texts_are_read_to_their_end(text: str) -> None:
    after = "\n\n" + r"$x$"
    assert mark(text + after).shape == (len(MARKS), len(text) + len(after))
