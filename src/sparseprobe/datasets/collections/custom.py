"""Your own data: labels of texts, of character spans, of words or of tokens, or a number for each text.

    setting          what it names                                             an example is
    label_column     a column of classes, or of 0/1 (or several columns)       a text, from `from_position` on
    target_column    a column of numbers (or several): a regression target     a text, from `from_position` on
    spans_column     a list [[start, stop, label], ...] of character spans     a span, or a token (`unit`)
    tags_column      a tag for each word: BIO, or classes of words             an entity or word, or a token (`unit`)
    token_property   a regular expression, or a function of a token's text     a token
                     to True, False or None; or a dictionary of several

With `positions` the text column holds conversations (lists of role and content), which are laid out by the tokenizer's
chat template; an example is the content of a message: of each one of the `assistant` or the `user`, or of the `last`
message only. The template's own tokens are never part of one.

A column of 0/1 or true/false is one feature; in any other column each value becomes a feature, that value against the
rest. With `unit="span"` spans of one label are compared with the other spans; with `unit="token"` each token of the
text is an example, positive inside a span. See `labelled_spans` for boundaries that fall inside a token, `word_tags`
for tags.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.chat import POSITIONS, ChatTemplate
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.labelled_spans import find_spans
from sparseprobe.datasets.labelling.text_labels import find_labelled_texts, named_columns
from sparseprobe.datasets.labelling.token_text import find_tokens
from sparseprobe.datasets.labelling.word_tags import parse_tags
from sparseprobe.datasets.vocabulary import label_vocabulary, pattern_property
from sparseprobe.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates
    from sparseprobe.datasets.labelling.labelled_text import LabelledText

SOURCES = ("target_column", "spans_column", "tags_column", "token_property")


def _find(request: Request) -> Candidates:
    settings = request.settings
    given = [name for name in SOURCES if settings[name] is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} are both given; one dataset takes its labels from one of them")
    if given == ["spans_column"]:
        return find_spans(request, settings["spans_column"])
    if given == ["tags_column"]:
        return find_spans(request, settings["tags_column"], parse_tags)
    if given == ["token_property"]:
        return _find_tokens(request, settings["token_property"])
    if not given and not settings["label_column"]:
        raise InputError(f"say where the labels are: label_column (a label per text), {', '.join(SOURCES)}")
    if settings["positions"] is not None:
        return _find_contents(request)
    columns = named_columns(request, given[0] if given else "label_column")
    return find_labelled_texts(request, columns=columns, category="custom", continuous=bool(given))


def _find_contents(request: Request) -> Candidates:
    label, position = request.settings["label_column"], request.settings["positions"]
    if position not in POSITIONS:
        raise UnknownNameError("positions", str(position), POSITIONS)
    template = ChatTemplate.of(request.encoder.record)

    def parse(item: LabelledText, column: str) -> list[tuple[int, int, Any]]:
        return template.parse(item, column, request.settings["text_column"], position)

    return find_spans(request, label[0] if isinstance(label, list) else label, parse)


def _find_tokens(request: Request, given: Any) -> Candidates:
    several = dict(given) if isinstance(given, dict) else {_name(given): given}
    if not several:
        raise InputError("token_property is empty; give a regular expression, or a name with one for each feature")
    properties = [_as_property(name, holds) for name, holds in several.items()]
    table = label_vocabulary(request.encoder.record, properties)
    features = [(name, f"the token is {_name(holds)}") for name, holds in several.items()]
    return find_tokens(request, table, features_table(features, "token text"))


def _as_property(name: str, given: Any) -> Callable[[str], bool | None]:
    if callable(given):
        return given  # type: ignore[no-any-return]
    if not isinstance(given, str):
        raise InputError(f"token_property {name!r} is {given!r}; give a regular expression or a function of a text")
    return pattern_property(given)


def _name(given: Any) -> str:
    return str(getattr(given, "__qualname__", given))


_SETTINGS = {
    "label_column": "label",
    **dict.fromkeys(SOURCES),
    "positions": None,
    "unit": None,
    "partial": "drop",
    "context": 512,
    "from_position": 1,
    "random_tokens": None,
    "first_position": 1,
}

CUSTOM = Collection(
    name="custom",
    description="your own texts, with labels of texts, spans, words or tokens, or a number for each text",
    unit="sequence",
    aggregate="mean",
    features=(),
    find=_find,
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "split_by": "example"}},
)
