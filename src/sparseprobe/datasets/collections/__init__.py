"""One file for each feature collection, and the register of them all.

To add one, write a file that ends in a `Collection` (see `collection` for the contract) and name it here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparseprobe.datasets.collection import Collection
from sparseprobe.datasets.collections.affixes import AFFIXES
from sparseprobe.datasets.collections.compound_words import COMPOUND_WORDS
from sparseprobe.datasets.collections.counterfact import COUNTERFACT
from sparseprobe.datasets.collections.custom import CUSTOM
from sparseprobe.datasets.collections.data_source import DATA_SOURCE
from sparseprobe.datasets.collections.latex import LATEX
from sparseprobe.datasets.collections.natural_language import NATURAL_LANGUAGE
from sparseprobe.datasets.collections.people import PEOPLE
from sparseprobe.datasets.collections.plain_text import PLAIN_TEXT
from sparseprobe.datasets.collections.position import POSITION
from sparseprobe.datasets.collections.programming_language import PROGRAMMING_LANGUAGE
from sparseprobe.datasets.collections.treebank import TREEBANK

__all__ = ["COLLECTIONS", "Collection"]

COLLECTIONS: Mapping[str, Collection] = {
    collection.name: collection
    for collection in (
        NATURAL_LANGUAGE,
        PROGRAMMING_LANGUAGE,
        DATA_SOURCE,
        PLAIN_TEXT,
        AFFIXES,
        COMPOUND_WORDS,
        TREEBANK,
        LATEX,
        PEOPLE,
        COUNTERFACT,
        POSITION,
        CUSTOM,
    )
}
