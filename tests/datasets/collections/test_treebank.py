from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.collection import TEXTS
from sparseprobe.datasets.collections.treebank import END, FIRST_END, PAPER, TREEBANK, UPOS
from sparseprobe.datasets.labelling.conllu_words import Analysis, TreebankReader
from sparseprobe.datasets.labelling.packed_sentences import PackedSentences
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer
from sparseprobe.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

DEMO = (TEXTS / "treebank" / "en_demo.conllu").read_text(encoding="utf-8")


def characters() -> Tokenizer:
    """Each byte a token, so that every word has a token of its own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({sign: number for number, sign in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def rows_of(data: ProbingDataset, feature: str, value: int) -> list[tuple[str, str]]:
    """The text before each example with this label, and the example's own."""
    found = data.examples[(data.labels[feature] == value).to_numpy()]
    decode = data.tokenizer.decode
    ids = [(data.sequences[row.sequence], row.start) for row in found.itertuples()]
    return [(decode(every[:at].tolist()), decode([int(every[at])])) for every, at in ids]


@pytest.fixture(scope="module")
def data() -> ProbingDataset:
    return load_dataset("treebank", tokenizer="demo-4.7m")


def test_the_paper_has_67_features() -> None:
    assert len(TREEBANK.features) == len(set(TREEBANK.features)) == 67
    assert sum(name.startswith("upos=") for name in TREEBANK.features) == 16
    assert sum(name.startswith("relation=") for name in TREEBANK.features) == 29


def test_the_shipped_treebank_has_them_all(data: ProbingDataset) -> None:
    assert data.features["name"].tolist() == list(TREEBANK.features)
    assert ((data.labels == 1).sum() >= 10).all()


def test_every_word_has_tokens_with_its_labels_and_counts_equal_the_files() -> None:
    reader = TreebankReader()
    documents = list(reader.read(DEMO, source="demo"))
    words = [document.text[start:stop] for document in documents for start, stop in document.spans]
    packed = PackedSentences(TextEncoder(load_tokenizer(characters())), 512)
    packed.add(documents)
    tokens = packed.tokens(0)
    found = np.unique(tokens.word)
    np.testing.assert_array_equal(found, np.arange(len(words)))
    upos_of = [list(reader.analyses)[number].upos for number in packed.analyses()]
    rows = [line.split("\t") for line in DEMO.splitlines() if line[:1].isdigit()]
    for upos in UPOS:
        in_file = sum(row[3] == upos for row in rows if row[0].isdigit())
        assert sum(upos_of[number] == upos for number in found) == in_file
    assert tokens.ends.sum() == packed.n_sentences == sum(len(document.begins) for document in documents)
    flat = packed.sequences()
    ids = flat.tokens[flat.offsets[tokens.sequence] + tokens.position]
    decode = load_tokenizer(characters()).decode
    for number in (0, 17, 400, len(words) - 1):
        assert decode(ids[tokens.word == number].tolist()) == words[number]


def test_sequences_are_whole_sentences_in_order() -> None:
    [document, *_] = TreebankReader().read(DEMO.replace("# newdoc", "# document"), source="demo")
    packed = PackedSentences(TextEncoder(load_tokenizer(characters())), 90)
    packed.add([document])
    decode = load_tokenizer(characters()).decode
    texts = [decode(ids.tolist()).strip() for ids in packed.sequences()]
    assert " ".join(texts) == document.text
    ends = set(document.sentences)
    assert all(any(text.endswith(end) for end in ends) for text in texts)
    assert all(len(f"{first} {second} ".encode()) > 90 for first, second in pairwise(texts))
    short = PackedSentences(TextEncoder(load_tokenizer(characters())), 10)
    short.add([document])
    assert short.cut == sum(len(sentence) > 9 for sentence in document.sentences)
    assert short.sequences().lengths.max() == 10


def test_documents_packed_together_are_what_they_are_alone() -> None:
    encoder = TextEncoder(load_tokenizer("demo-4.7m"))
    documents = list(TreebankReader().read(DEMO, source="demo"))
    together, apart = PackedSentences(encoder, 40), PackedSentences(encoder, 40)
    together.add(documents)
    for document in documents:
        apart.add([document])
    assert together.documents == apart.documents
    np.testing.assert_array_equal(together.sequences().tokens, apart.sequences().tokens)
    np.testing.assert_array_equal(together.sequences().offsets, apart.sequences().offsets)
    for name in ("sequence", "position", "word", "ends", "in_first"):
        np.testing.assert_array_equal(getattr(together.tokens(0), name), getattr(apart.tokens(0), name))
    assert (together.n_sentences, together.n_words, together.cut) == (apart.n_sentences, apart.n_words, apart.cut)


def test_labels_are_those_of_the_word(data: ProbingDataset) -> None:
    modal = {text.strip() for _, text in rows_of(data, "PronType=Art", 1)}
    assert modal <= {"the", "a", "an", "The", "A", "An"}
    assert {text.strip() for _, text in rows_of(data, "relation=cc", 1)} >= {"and", "but", "or"}
    assert not {text.strip() for _, text in rows_of(data, "upos=PUNCT", 0)} & {"?", ",", "!", ";"}
    assert {text.strip() for _, text in rows_of(data, "Person=1", 1)} >= {"I", "my", "we"}


def test_ends_of_sentences(data: ProbingDataset) -> None:
    ends = [text.strip()[-1:] in tuple(".?!\"'):") for _, text in rows_of(data, END, 1)]
    assert np.mean(ends) > 0.97  # the rest are headlines and lines of addresses
    negatives = [text.strip() for _, text in rows_of(data, END, 0)]
    assert sum(not any(map(str.isalnum, text)) for text in negatives) > 100
    for before, _ in rows_of(data, FIRST_END, 1):
        assert "." not in before.replace("Mr.", "").replace("Dr.", "")
    first, all_ends = (data.labels[FIRST_END] != -1), (data.labels[END] == 1)
    assert (data.labels[FIRST_END][all_ends & first] >= 0).all()


def test_restricted_features_speak_of_their_words_only(data: ProbingDataset) -> None:
    both = (data.labels["Number=Plur"] != -1) & (data.labels["upos=VERB"] != -1)
    assert (data.labels["upos=VERB"][both] == 0).all()
    both = (data.labels["Voice=Pass"] != -1) & (data.labels["upos=VERB"] != -1)
    assert (data.labels["upos=VERB"][both] == 1).all()
    assert data.examples["start"].min() >= 5


def test_any_other_verb_is_a_negative_of_the_passive() -> None:
    def label(feature: str, morphology: str) -> int:
        holds = next(one.holds for one in PAPER if one.name == feature)
        return holds(Analysis("VERB", "root", morphology))

    voices = {"Voice=Pass": 1, "Voice=Mid,Pass": 1, "Voice=Act": 0, "Voice=Mid": 0, "_": 0}
    assert {morphology: label("Voice=Pass", morphology) for morphology in voices} == voices
    tenses = {"Tense=Past": 1, "Tense=Past,Pres": 1, "Tense=Pres": 0, "Tense=Fut,Pres": 0, "Tense=Fut": -1, "_": -1}
    assert {morphology: label("Tense=Past", morphology) for morphology in tenses} == tenses


def test_all_features_of_a_treebank_on_request() -> None:
    every = load_dataset("treebank", tokenizer="demo-4.7m", features="all", n_examples=200)
    assert "Case=Nom" in set(every.features["name"]) | set(every.settings["dropped_features"])
    with pytest.raises(UnknownNameError, match="unknown choice of features 'some'"):
        load_dataset("treebank", tokenizer="demo-4.7m", features="some")
    with pytest.raises(DataError, match=r"is not CoNLL-U|lacks columns|no sentence"):
        load_dataset("treebank", source=[{"text": "just text"}], tokenizer="demo-4.7m")


@pytest.mark.shared_data
def test_real_treebank(shared_data: Path) -> None:
    source = shared_data / "ewt" / "en_ewt-ud-dev.conllu.zst"
    data = load_dataset("treebank", source=source, tokenizer="demo-4.7m", n_examples=4000)
    assert data.features["name"].tolist() == list(TREEBANK.features)
    assert data.settings["counts"]["documents"] == 288
    assert data.settings["counts"]["sentences"] == 1737
    assert data.settings["counts"]["upos NOUN"] > 3000
