from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latexwalker import LatexWalker

from sparseprobe.datasets.collection import TEXTS
from sparseprobe.datasets.labelling import latex_marks
from sparseprobe.datasets.labelling.latex_marks import MARKS, mark
from sparseprobe.datasets.readers import read_records
from sparseprobe.errors import DataError

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


def test_groups_too_deep_to_parse_are_said() -> None:
    with pytest.raises(DataError, match="has groups in groups too deep to parse"):
        mark("{" * 3000 + "}" * 3000)


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


def assert_equal_marks_letter_by_letter(text: str) -> None:
    """Plain words read as one token change no mark: the parser itself reads them one letter at a time."""
    found = mark(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latex_marks, "_WordWalker", LatexWalker)
        assert (found == mark(text)).all(), text


PIECES = [
    *(r"\frac", r"\dfrac ", r"\cite", r"\alpha", r"\title", r"\sqrt", r"\\", r"\$", r"\(", r"\)", r"\[", r"\]"),
    *(r"\begin{align*}", r"\end{align*}", r"\begin{abstract}", r"\end{abstract}", r"\begin", r"\verb|a $b|"),
    *("{", "}", "[", "]", "$", "$$", "_", "^", "*", "&", "~", "--", "%", " ", "  ", "\n", "\n\n", "\t", "\xa0"),
    *("a", "12", "one two", "three, four.\nFive", "né"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_words_read_at_once_change_no_mark(text: str) -> None:
    assert_equal_marks_letter_by_letter(text)


def test_words_read_at_once_change_no_mark_of_the_shipped_texts() -> None:
    for _, record in list(read_records(TEXTS / "latex"))[::4]:
        assert_equal_marks_letter_by_letter(record["text"])
