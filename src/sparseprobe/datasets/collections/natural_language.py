"""The language of a text: nine European languages, each against the rest.

Paper: Europarl, sequences of 512 tokens, mean over the tokens from position 100 on, all sequences. Here any source with
a text and its language's code in the column `label` is accepted; the shipped texts are short paragraphs on the same
topics in all nine languages, so that a topic does not give the language away.
"""

from __future__ import annotations

from sparseprobe.datasets.collection import Collection
from sparseprobe.datasets.labelling.text_labels import label_finder

LANGUAGES = {
    "es": "Spanish",
    "en": "English",
    "fr": "French",
    "nl": "Dutch",
    "it": "Italian",
    "el": "Greek",
    "de": "German",
    "pt": "Portuguese",
    "sv": "Swedish",
}

_SETTINGS = {"label_column": "label", "context": 512, "from_position": 1, "random_tokens": None}

NATURAL_LANGUAGE = Collection(
    name="natural_language",
    description="the language of a text, each against the rest",
    unit="sequence",
    aggregate="mean",
    features=tuple(LANGUAGES),
    find=label_finder("language", {code: f"the text is in {name}" for code, name in LANGUAGES.items()}),
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "from_position": 100, "split_by": "example"}},
    texts=("natural_language",),
)
