"""Linguistic properties of a word: part of speech, dependency relation, morphology, end of sentence.

Any Universal Dependencies treebank in CoNLL-U. Paper (arXiv 2305.01610, appendix on feature datasets): UD English EWT,
67 features, 512 tokens of context with documents packed sentence by sentence, 25,000 tokens per feature, 20 % positive,
the first 5 positions left out. A token has the labels of the first word that it shares a character with.

    upos, relation    one value against all other words
    morphology        one value against the words that carry the category with another value
    restricted        plural against singular nouns, imperative against indicative and past against present verbs,
                      passive verbs against the other verbs
    end of sentence   the last token of a sentence; half of its negatives are other punctuation
    first end         the end of a document's first sentence against the ends of its others

`features="all"` labels, instead of the paper's list, every part of speech, relation and value of every category that
the treebank has. The settings of the dataset record the counts of its words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.labelling.candidates import Candidates, rows_of
from sparseprobe.datasets.labelling.conllu_words import Analysis, TreebankReader, count_words
from sparseprobe.datasets.labelling.label_columns import features_table
from sparseprobe.datasets.labelling.packed_sentences import PackedSentences
from sparseprobe.errors import DataError, UnknownNameError

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ"),
    *("SYM", "VERB"),
)
RELATIONS = (  # the 29 commonest of UD English EWT
    *("acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "compound", "conj", "cop", "det"),
    *("discourse", "expl", "fixed", "flat", "iobj", "list", "mark", "nmod", "nsubj", "nummod", "obj", "obl"),
    *("parataxis", "punct", "root", "xcomp"),
)
VALUES = {
    "VerbForm": ("Fin", "Inf", "Ger", "Part"),
    "PronType": ("Art", "Dem", "Prs", "Rel", "Int"),
    "Person": ("1", "2", "3"),
    "Gender": ("Masc", "Fem", "Neut"),
    "NumType": ("Card",),
}
RESTRICTED = {  # feature: category, positive value, negative value (None: all else), parts of speech
    "Number=Plur": ("Number", "Plur", "Sing", ("NOUN", "PROPN")),
    "Mood=Imp": ("Mood", "Imp", "Ind", ("VERB", "AUX")),
    "Tense=Past": ("Tense", "Past", "Pres", ("VERB", "AUX")),
    "Voice=Pass": ("Voice", "Pass", None, ("VERB",)),
}
END, FIRST_END = "end_of_sentence", "first_end_of_sentence"


class Feature(NamedTuple):
    """A feature of words, as the treebank analyses them."""

    name: str
    description: str
    category: str
    holds: Callable[[Analysis], int]
    """The label of a word with this analysis: 1, 0, or -1."""


def _upos(value: str) -> Feature:
    return Feature(f"upos={value}", f"the word is a {value}", "part of speech", lambda word: word.upos == value)


def _relation(value: str) -> Feature:
    about = f"the word's relation to its head is {value}"
    return Feature(f"relation={value}", about, "relation", lambda word: word.relation == value)


def _value(category: str, value: str) -> Feature:
    def holds(word: Analysis) -> int:
        return int(value in word.features[category].split(",")) if category in word.features else -1

    about = f"{category} is {value}, against words with another {category}"
    return Feature(f"{category}={value}", about, "morphology", holds)


def _restricted(name: str) -> Feature:
    category, positive, negative, parts = RESTRICTED[name]

    def holds(word: Analysis) -> int:
        if word.upos not in parts:
            return -1
        values = word.features.get(category, "").split(",")
        if positive in values:
            return 1
        return 0 if negative is None or negative in values else -1

    against = f"{category} {negative}" if negative else "the others"
    return Feature(
        name, f"{category} is {positive}, among {' and '.join(parts)}, against {against}", "morphology", holds
    )


PAPER = (
    *map(_upos, UPOS),
    *map(_relation, RELATIONS),
    *(_value(category, value) for category, values in VALUES.items() for value in values),
    *map(_restricted, RESTRICTED),
)
ENDS = (
    (END, "the token ends its sentence"),
    (FIRST_END, "the token ends its document's first sentence, against the ends of others"),
)


def every_feature(words: Iterable[Analysis]) -> tuple[Feature, ...]:
    """All parts of speech, relations and values of categories that a treebank has."""
    words = list(words)
    values = {(name, one) for word in words for name, value in word.features.items() for one in value.split(",")}
    return (
        *map(_upos, sorted({word.upos for word in words})),
        *map(_relation, sorted({word.relation for word in words})),
        *(_value(category, value) for category, value in sorted(values)),
    )


def _find(request: Request) -> Candidates:
    wanted = request.settings["features"]
    if wanted not in ("paper", "all"):
        raise UnknownNameError("choice of features", wanted, ["paper", "all"])
    treebank = TreebankReader()
    packed = PackedSentences(request.encoder, request.number("context", least=1))
    packed.add(document for item in request.texts() for document in treebank.read(item.text, source=item.document))
    analyses = list(treebank.analyses)
    if not analyses:
        raise DataError("the treebank has no sentence; give CoNLL-U files")
    features = PAPER if wanted == "paper" else every_feature(analyses)
    tokens, of_words = packed.tokens(request.number("first_position")), packed.analyses()
    of_tokens = of_words[tokens.word]
    table = [[*(feature.holds(analysis) for feature in features), 0, 0] for analysis in analyses]
    labels = rows_of(np.array(table, dtype=np.int8), of_tokens)
    labels[:, -2] = tokens.ends
    labels[:, -1] = np.where(tokens.ends, tokens.in_first, -1)
    punctuation = np.array([analysis.upos == "PUNCT" for analysis in analyses])[of_tokens]
    categories = [*(feature.category for feature in features), "sentence", "sentence"]
    counts = {"documents": packed.n_documents, "sentences": packed.n_sentences, "words": len(of_words)}
    per_analysis = dict(zip(analyses, np.bincount(of_words).tolist(), strict=True))
    return Candidates(
        sequences=packed.sequences(),
        documents=packed.documents,
        sequence=tokens.sequence,
        start=tokens.position,
        stop=tokens.position + 1,
        labels=labels,
        features=features_table([*(feature[:2] for feature in features), *ENDS], categories),
        negative_kinds={END: punctuation.astype(np.int8)},
        counts=counts | {"spans_cut_by_the_context": packed.cut} | count_words(per_analysis),
    )


_SETTINGS = {
    "features": "paper",
    "context": 512,
    "first_position": 5,
    "n_examples": 25_000,
    "positive_share": 0.2,
}

TREEBANK = Collection(
    name="treebank",
    description="part of speech, relation, morphology and sentence ends of any Universal Dependencies treebank",
    unit="token",
    aggregate="none",
    features=(*(feature.name for feature in PAPER), END, FIRST_END),
    find=_find,
    presets={
        "default": {**_SETTINGS, "min_positives": 10},
        "paper": {**_SETTINGS, "split_by": "example"},
    },
    texts=("treebank",),
)
