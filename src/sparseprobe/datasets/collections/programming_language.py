"""Which programming language a piece of code is in: nine languages, each against the rest.

Paper: source files of the Pile's GitHub part, sequences of 512 tokens, mean over all tokens. Here any source with
code and its language in the column `label` serves, or a folder of source files per language. A record's `body_start`
(a character index) says where a leading licence header ends, so that the header does not carry the label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparseprobe.datasets.collections.collection import Collection, Request
from sparseprobe.datasets.collections.text_labels import find_labelled_texts

if TYPE_CHECKING:
    from sparseprobe.datasets.candidates import Candidates

LANGUAGES = ("C", "C++", "Go", "HTML", "Java", "JavaScript", "PHP", "Python", "XML")


def _find(request: Request) -> Candidates:
    descriptions = {language: f"the text is {language} code" for language in LANGUAGES}
    column = request.settings["label_column"]
    return find_labelled_texts(request, columns=[column], category="programming language", descriptions=descriptions)


PROGRAMMING_LANGUAGE = Collection(
    name="programming_language",
    description="the programming language of a text, each against the rest",
    unit="sequence",
    aggregate="mean",
    features=LANGUAGES,
    find=_find,
    presets={
        "default": {"label_column": "label", "context": 512, "from_position": 1},
        "paper": {"label_column": "label", "context": 512, "from_position": 0, "split_by": "example"},
    },
    texts=("programming_language",),
)
