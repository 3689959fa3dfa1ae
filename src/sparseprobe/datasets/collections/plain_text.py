"""Properties of a token's characters: eleven of them, from digits to leading spaces.

Paper: 256 tokens of context, 10,000 tokens per feature with positives raised to 20 %, the first 10 positions left out,
a feature dropped if fewer than 5 % of the 10,000 are positive. A label depends on the token alone, so it is looked up
in a table of the vocabulary. A token that is only a piece of a character (U+FFFD in its text) is not ASCII;
its other properties are unknown. Long texts are cut into windows of the context; every window is a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.token_text import find_tokens
from sparseprobe.datasets.vocabulary import FRAGMENT, label_vocabulary

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates


def _any(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: any(map(holds, text))


def _all_digits(text: str) -> bool:
    return text.strip().isdigit()


def _leading_capital(text: str) -> bool:
    return text.strip()[:1].isupper()


def _all_capitals(text: str) -> bool:
    word = text.strip()
    return word.isalpha() and word.isupper() and word not in ("I", "A")


def _continues_word(text: str) -> bool:
    return not text[0].isspace() and text.isalpha() and text.islower()


def _no_alphanumeric(text: str) -> bool:
    return not any(map(str.isalnum, text))


FEATURES: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "contains_digit": ("the token contains a digit", _any(str.isdigit)),
    "all_digits": ("the token is a number: digits only, but for white space around them", _all_digits),
    "contains_capital": ("the token contains a capital letter", _any(str.isupper)),
    "leading_capital": ("the token's first character, after white space, is a capital letter", _leading_capital),
    "all_capitals": ("the token is letters, all capital, and not I or A", _all_capitals),
    "contains_whitespace": ("the token contains white space", _any(str.isspace)),
    "leading_space": ("the token begins with a space", lambda text: text.startswith(" ")),
    "no_leading_space_and_lower": ("the token is lower-case letters without a leading space", _continues_word),
    "all_whitespace": ("the token is white space only", str.isspace),
    "no_alphanumeric": ("the token has no letter and no digit", _no_alphanumeric),
    "not_ascii": ("the token has a character outside ASCII", lambda text: not text.isascii()),
}


def _property(name: str) -> Callable[[str], bool | None]:
    """The feature as a function of a token's text; of a piece of a character it only says that it is not ASCII."""
    holds = FEATURES[name][1]
    return lambda text: holds(text) if name == "not_ascii" or FRAGMENT not in text else None


def _find(request: Request) -> Candidates:
    table = label_vocabulary(request.encoder.record, [_property(name) for name in FEATURES])
    features = [(name, description) for name, (description, _) in FEATURES.items()]
    return find_tokens(request, table, features_table(features, "token text"))


_SETTINGS = {"context": 256, "first_position": 10, "n_examples": 10_000, "positive_share": 0.2}

PLAIN_TEXT = Collection(
    name="plain_text",
    description="what a token looks like: digits, capitals, white space, other scripts",
    unit="token",
    aggregate="none",
    features=tuple(FEATURES),
    find=_find,
    presets={
        "default": {**_SETTINGS, "min_positives": 50},
        "paper": {**_SETTINGS, "min_positives": 500, "split_by": "example"},
    },
    texts=("natural_language", "data_source", "programming_language"),
)
