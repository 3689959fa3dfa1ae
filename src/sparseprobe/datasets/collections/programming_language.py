"""The programming language of a piece of code: nine languages, each against the rest.

Paper: source files of the Pile's GitHub part, sequences of 512 tokens, mean over all tokens. Here any source with
code and its language in the column `label` serves, or a folder of source files per language. A record's `body_start`
(a character index) says where a leading licence header ends, so that the header does not carry the label.
"""

from __future__ import annotations

from sparseprobe.datasets.collection import Collection
from sparseprobe.datasets.labelling.text_labels import label_finder

LANGUAGES = ("C", "C++", "Go", "HTML", "Java", "JavaScript", "PHP", "Python", "XML")

_SETTINGS = {"label_column": "label", "context": 512, "from_position": 1, "random_tokens": None}

PROGRAMMING_LANGUAGE = Collection(
    name="programming_language",
    description="the programming language of a text, each against the rest",
    unit="sequence",
    aggregate="mean",
    features=LANGUAGES,
    find=label_finder("programming language", {name: f"the text is {name} code" for name in LANGUAGES}),
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "from_position": 0, "split_by": "example"}},
    texts=("programming_language",),
)
