"""The prefix or suffix of a token: thirty of each, the commonest of English word formation.

Paper (arXiv 2305.01610, appendix on feature datasets): an addition to the plain-text features with the same settings
(256 tokens of context, 10,000 tokens per feature, positives raised to 20 %, the first 10 positions left out). A label
depends on the token alone. A prefix counts at the beginning of a word only, which is a token with a space in front; one
without, that could be the first of a line or the middle of a word, is not labelled. A suffix counts in a token of
letters only. At least STEM letters must be left without the affix, so that neither " in" nor "ing" has one. Where a
tokenizer cuts "walking" into " walk" and "ing", the word's pieces are not labelled as one word: a feature of words is
better labelled by spans (see `custom`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.token_text import find_tokens
from sparseprobe.datasets.vocabulary import FRAGMENT, label_vocabulary

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates

STEM = 2
"""Letters that a token must have besides the affix."""
# fmt: off
PREFIXES = (
    "anti", "auto", "be", "bi", "co", "com", "con", "de", "dis", "em", "en", "ex", "fore", "im", "in", "inter", "mid",
    "mis", "non", "out", "over", "pre", "pro", "re", "sub", "super", "trans", "un", "under", "up",
)
SUFFIXES = (
    "able", "age", "al", "ally", "ance", "ant", "ary", "ate", "ation", "ed", "ence", "ent", "er", "es", "est", "ful",
    "ible", "ic", "ing", "ion", "ious", "ish", "ism", "ist", "ity", "ive", "less", "ly", "ment", "ness",
)
# fmt: on


def has_prefix(text: str, prefix: str) -> bool | None:
    """Whether a token begins a word with `prefix`; None if that depends on whether a word begins there.

    >>> has_prefix(" undo", "un"), has_prefix("undo", "un"), has_prefix(" un", "un")
    (True, None, False)
    """
    word = text.strip()
    if not (word.isalpha() and word.lower().startswith(prefix) and len(word) >= len(prefix) + STEM):
        return False
    return True if text[:1].isspace() else None


def has_suffix(text: str, suffix: str) -> bool:
    """Whether a token is letters that end in `suffix`.

    >>> has_suffix(" walking", "ing"), has_suffix("king", "ing"), has_suffix("walking.", "ing")
    (True, False, False)
    """
    word = text.strip()
    ends = word.isalpha() and word.lower().endswith(suffix)
    return ends and len(word) >= len(suffix) + STEM


def _of(holds: Callable[[str, str], bool | None], affix: str) -> Callable[[str], bool | None]:
    return lambda text: holds(text, affix) if FRAGMENT not in text else None


FEATURES = {
    **{f"{prefix}-": (f"the token begins a word with {prefix}-", _of(has_prefix, prefix)) for prefix in PREFIXES},
    **{f"-{suffix}": (f"the token is letters that end in -{suffix}", _of(has_suffix, suffix)) for suffix in SUFFIXES},
}


def _find(request: Request) -> Candidates:
    table = label_vocabulary(request.encoder.record, [holds for _, holds in FEATURES.values()])
    categories = ["prefix" if name.endswith("-") else "suffix" for name in FEATURES]
    features = [(name, description) for name, (description, _) in FEATURES.items()]
    return find_tokens(request, table, features_table(features, categories))


_SETTINGS = {"context": 256, "first_position": 10, "n_examples": 10_000, "positive_share": 0.2}

AFFIXES = Collection(
    name="affixes",
    description="which of thirty prefixes and thirty suffixes a token has",
    unit="token",
    aggregate="none",
    features=tuple(FEATURES),
    find=_find,
    presets={
        "default": {**_SETTINGS, "min_positives": 30},
        "paper": {**_SETTINGS, "min_positives": 500, "split_by": "example"},
    },
    texts=("data_source",),
)
