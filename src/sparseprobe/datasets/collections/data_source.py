"""What kind of source a text comes from: encyclopedia, court opinion, patent ..., each against the rest.

Paper: nine parts of the Pile (Wikipedia, PubMed abstracts, StackExchange, GitHub, arXiv, USPTO, FreeLaw, HackerNews,
Enron mail), sequences of 512 tokens, mean over the tokens from position 25 on. The names here say what such a text
is, so that texts that are not from the Pile fit too; any source with a text and its kind in the column `label`
is accepted.
"""

from __future__ import annotations

from sparseprobe.datasets.collection import Collection
from sparseprobe.datasets.labelling.text_labels import label_finder

SOURCES = {
    "encyclopedia": "an encyclopedia article (paper: Wikipedia)",
    "biomedical_abstract": "the abstract of a biomedical article (paper: PubMed)",
    "question_and_answer": "a question with its answers (paper: StackExchange)",
    "code_repository": "a file of a code repository (paper: GitHub)",
    "scientific_article": "a scientific article in LaTeX (paper: arXiv)",
    "patent": "a patent (paper: USPTO)",
    "court_opinion": "a court's opinion (paper: FreeLaw)",
    "technology_forum": "comments of a forum on technology (paper: HackerNews)",
    "business_email": "mail of a company (paper: Enron)",
}

_SETTINGS = {"label_column": "label", "context": 512, "from_position": 1, "random_tokens": None}

DATA_SOURCE = Collection(
    name="data_source",
    description="what kind of source a text comes from, each against the rest",
    unit="sequence",
    aggregate="mean",
    features=tuple(SOURCES),
    find=label_finder("data source", {name: f"the text is {what}" for name, what in SOURCES.items()}),
    presets={"default": _SETTINGS, "paper": {**_SETTINGS, "from_position": 25, "split_by": "example"}},
    texts=("data_source",),
)
