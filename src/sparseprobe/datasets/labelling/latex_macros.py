r"""What the macros and environments of LaTeX and of its common packages do to the text in their arguments.

The arguments of a macro are written as one sign each: `*` a star, `[` an option and `{` an argument that are typeset,
`o` an option and `k` an argument that are not (a key, a file name, an address), `c` an argument that is code, with or
without braces. Sources: the manuals of LaTeX2e, amsmath, mathtools, breqn, cases, empheq, IEEEtrantools, mathpartir,
listings, minted, fancyvrb, natbib, biblatex, etoolbox and xparse.
"""

from __future__ import annotations

import re

FRACTIONS = dict.fromkeys(("frac", "dfrac", "tfrac", "nicefrac", "sfrac"), "{{") | {"cfrac": "[{{"}

CITATIONS = {
    *("cite", "citet", "citep", "citealt", "citealp", "citeauthor", "citefullauthor", "citeyear", "citeyearpar"),
    *("citetitle", "citedate", "citeurl", "citenum", "citen", "citeonline", "onlinecite", "shortcite", "citeA"),
    *("citeN", "citeNP", "citeasnoun", "nocite", "autocite", "parencite", "textcite", "footcite", "footcitetext"),
    *("fullcite", "footfullcite", "smartcite", "supercite", "citetalias", "citepalias", "Cite", "Citet", "Citep"),
    *("Citealt", "Citealp", "Citeauthor", "Autocite", "Parencite", "Textcite", "Smartcite", "Footcite"),
}
"""Macros of one list of keys, after at most two options."""
CITATION_LISTS = {f"{name}cites" for name in ("", "auto", "paren", "text", "foot", "smart", "super")}
CITATION_LISTS |= {name.capitalize() for name in CITATION_LISTS}
"""Macros of biblatex with as many options and keys as one gives."""

INLINE_ENVIRONMENTS = {"math"}
_DISPLAYS = (
    *("equation", "displaymath", "eqnarray", "align", "alignat", "flalign", "gather", "multline", "split"),
    *("aligned", "alignedat", "gathered", "xalignat", "xxalignat", "cases", "matrix", "smallmatrix", "subarray"),
    *("dcases", "rcases", "drcases", "lgathered", "rgathered", "multlined", "numcases", "subnumcases"),
    *("empheq", "dmath", "dseries", "dgroup", "darray", "IEEEeqnarray", "IEEEeqnarraybox", "IEEEeqnarrayboxm"),
    *("mathpar", "mathparpagebreakable", "narrowmultline"),
    *(letter + name for letter in "pbvBV" for name in ("matrix", "smallmatrix")),
)
DISPLAY_ENVIRONMENTS = {name + star for name in _DISPLAYS for star in ("", "*")}

_CODE = (
    *("verbatim", "Verbatim", "BVerbatim", "LVerbatim", "SaveVerbatim", "VerbatimOut", "verbatimtab", "spverbatim"),
    *("lstlisting", "minted", "comment", "alltt", "filecontents", "Highlighting", "tcblisting", "luacode", "pycode"),
    *("pyverbatim", "sagesilent", "sageblock", "asy", "Sinput", "Soutput", "CodeInput", "CodeOutput"),
)
CODE_ENVIRONMENTS = {name + star for name in _CODE for star in ("", "*")}
CODE_DECLARATION = re.compile(
    r"\\(?:(?:Define|Recustom)VerbatimEnvironment|lstnewenvironment|newverbatim|newtcblisting|excludecomment)"
    r"\s*(?:\[[^\]\n]{0,200}\]\s*)?\{([^{}\n]{1,60})\}"
)
"""What makes another environment, by its name, one of code."""

_OPTION = r"\s*(?:\[[^\]\n]{0,500}\]\s*)?"
_BRACED = r"\{(?:[^{}\\]|\\.|\{(?:[^{}\\]|\\.)*\})*\}"
_DELIMITED = r"(?P<sign>[^\sA-Za-z0-9*\\{])[^\n]{0,1000}?(?P=sign)"
_VERB = re.compile(rf"\*?(?:{_BRACED}|{_DELIMITED})", re.DOTALL)
_SNIPPET = re.compile(rf"{_OPTION}(?:{_BRACED}|{_DELIMITED})", re.DOTALL)
_NAMED_SNIPPET = re.compile(rf"{_OPTION}\{{[^{{}}\n]*\}}\s*(?:{_BRACED}|{_DELIMITED})", re.DOTALL)
_PATH = re.compile(rf"\s*(?:{_BRACED}|(?P<sign>[|!+\"'#~@;:])[^\n]{{0,1000}}?(?P=sign))", re.DOTALL)
INLINE_CODE = {
    **dict.fromkeys(("verb", "spverb"), _VERB),
    **dict.fromkeys(("Verb", "lstinline"), _SNIPPET),
    **dict.fromkeys(("mintinline", "mint"), _NAMED_SNIPPET),
    **dict.fromkeys(("path", "url", "nolinkurl", "burl"), _PATH),
    **dict.fromkeys(("catcode", "lccode", "uccode", "sfcode", "mathcode", "delcode", "char"), re.compile(r"\s*`\\?.")),
}
"""How the code after each of these macros is written."""

ADDRESSES = {
    **dict.fromkeys(("href", "lstinputlisting", "includegraphics", "includepdf", "includesvg"), "*ook"),
    **dict.fromkeys(("input", "include", "includeonly", "subfile", "bibliography", "bibliographystyle"), "ok"),
    **dict.fromkeys(("addbibresource", "graphicspath", "verbatiminput", "VerbatimInput", "doi", "eprint"), "*ok"),
    **dict.fromkeys(("import", "subimport", "inputminted", "hyperimage"), "*okk"),
}
"""Macros of a file name or an address, in which a per cent sign begins no comment."""
KEYS = {
    **dict.fromkeys(
        ("label", "ref", "eqref", "pageref", "autoref", "nameref", "vref", "vpageref", "fref", "Fref"), "*k"
    ),
    **dict.fromkeys(("cref", "Cref", "cpageref", "Cpageref", "labelcref", "namecref", "nameCref", "subref"), "*k"),
    **dict.fromkeys(("autopageref", "prettyref", "thmref", "zref", "zcref", "Autoref", "titleref", "fullref"), "*k"),
    **dict.fromkeys(("crefrange", "Crefrange", "vrefrange", "pagerefrange"), "*kk"),
    **dict.fromkeys(("gls", "Gls", "glspl", "Glspl", "acrshort", "acrlong", "acrfull"), "*ok"),
    **dict.fromkeys(("hypertarget", "hyperlink", "bookmark", "phantomlabel", "usetikzlibrary"), "ok"),
    **dict.fromkeys(("documentclass", "usepackage", "RequirePackage", "pagestyle", "setcounter"), "ok"),
    "hyperref": "o",
    "bibitem": "[k",
    "zlabel": "k",
}

DEFINITIONS = {
    **dict.fromkeys(("newcommand", "renewcommand", "providecommand", "DeclareRobustCommand"), "*cooc"),
    **dict.fromkeys(("newrobustcmd", "renewrobustcmd", "providerobustcmd", "newcommandx", "renewcommandx"), "*cooc"),
    **dict.fromkeys(("newenvironment", "renewenvironment", "provideenvironment", "newenvironmentx"), "*coocc"),
    **dict.fromkeys(("lstnewenvironment", "newlistenvironment"), "coocc"),
    **dict.fromkeys(("NewDocumentCommand", "RenewDocumentCommand", "ProvideDocumentCommand"), "ccc"),
    **dict.fromkeys(("DeclareDocumentCommand", "NewExpandableDocumentCommand", "DefineVerbatimEnvironment"), "ccc"),
    **dict.fromkeys(("RenewExpandableDocumentCommand", "DeclareExpandableDocumentCommand"), "ccc"),
    **dict.fromkeys(("NewDocumentEnvironment", "RenewDocumentEnvironment", "DeclareDocumentEnvironment"), "cccc"),
    "ProvideDocumentEnvironment": "cccc",
    **dict.fromkeys(("def", "gdef", "edef", "xdef", "protected@edef", "protected@xdef"), "d"),
    **dict.fromkeys(("csdef", "csgdef", "csedef", "csxdef", "@namedef"), "cd"),
    **dict.fromkeys(("let", "futurelet"), "l"),
    **dict.fromkeys(("cslet", "csletcs", "letcs", "robustify", "newunicodechar", "DeclareUnicodeCharacter"), "cc"),
    **dict.fromkeys(("DeclareMathOperator", "DeclareMathOperators"), "*cc"),
    **dict.fromkeys(("DeclarePairedDelimiter",), "ccc"),
    "DeclarePairedDelimiterX": "coccc",
    "DeclarePairedDelimiterXPP": "coccccc",
    **dict.fromkeys(("newtheorem", "declaretheorem"), "*ococo"),
    **dict.fromkeys(("newcolumntype", "newcolumntypex"), "cooc"),
    **dict.fromkeys(("patchcmd", "xpatchcmd", "regexpatchcmd"), "*occccc"),
    **dict.fromkeys(("apptocmd", "pretocmd", "xapptocmd", "xpretocmd"), "cccc"),
    **dict.fromkeys(("appto", "gappto", "eappto", "xappto", "preto", "gpreto", "epreto", "xpreto"), "cc"),
    **dict.fromkeys(("csappto", "csgappto", "cspreto", "csgpreto", "g@addto@macro", "addto"), "cc"),
    **dict.fromkeys(("AtBeginEnvironment", "AtEndEnvironment", "BeforeBeginEnvironment"), "cc"),
    **dict.fromkeys(("AfterEndEnvironment", "lstdefinestyle", "DeclareMathAlphabet", "newtcolorbox"), "ococ"),
    **dict.fromkeys(("AtBeginDocument", "AtEndDocument", "AtEndPreamble", "lstset", "tikzset", "pgfplotsset"), "oc"),
    **dict.fromkeys(("everymath", "everydisplay", "hypersetup", "newtcblisting", "MakeShortVerb"), "oc"),
    **dict.fromkeys(("lstdefinelanguage", "newtcbtheorem"), "ocococ"),
    "tikzstyle": "co",
    "DeclareRobustCommandx": "*cooc",
}
"""The arguments of macros that define others; `d`: up to a body in braces, as after \\def; `l`: as after \\let."""

TEXT_IN_MATH = {
    **dict.fromkeys(("text", "textrm", "textit", "textbf", "textmd", "textsc", "textsf", "textsl", "texttt"), "{"),
    **dict.fromkeys(("textup", "textnormal", "mbox", "hbox", "fbox", "intertext", "shortintertext", "vbox"), "{"),
    **dict.fromkeys(("tag", "condition"), "*{"),
    **dict.fromkeys(("makebox", "framebox", "savebox"), "[[{"),
    "parbox": "[[[{{",
    "raisebox": "{[[{",
}
"""Macros whose last argument is text, also inside math."""

MATH_ARGUMENTS = {
    **dict.fromkeys(
        ("mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathcal", "mathscr", "mathfrak", "mathbb"), "{"
    ),
    **dict.fromkeys(("mathnormal", "mathbbm", "mathds", "mathpzc", "mathbfit", "boldsymbol", "bm", "pmb", "bold"), "{"),
    **dict.fromkeys(("symbf", "symit", "symrm", "symsf", "symcal", "symbb", "symfrak", "symbfit", "symup"), "{"),
    **dict.fromkeys(("mathop", "mathbin", "mathrel", "mathord", "mathopen", "mathclose", "mathpunct"), "{"),
    **dict.fromkeys(("mathinner", "mathring", "dddot", "ddddot", "substack", "boxed", "phantom", "mathclap"), "{"),
    **dict.fromkeys(("cancel", "bcancel", "xcancel", "overbar", "mathmbox", "mathllap", "mathrlap"), "{"),
    **dict.fromkeys(("operatorname", "operatornamewithlimits"), "*{"),
    **dict.fromkeys(("binom", "dbinom", "tbinom", "underset", "overset", "stackrel", "braket", "cfrac"), "{{"),
    **dict.fromkeys(("smash", "xhookrightarrow", "xmapsto", "xleftrightarrow", "xRightarrow"), "[{"),
    "overunderset": "{{{",
    "sideset": "{{{",
    "mathchoice": "{{{{",
    "genfrac": "{{{{{{",
}
"""Macros of math, known so that a script without braces takes their arguments too."""
