from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

import conllu as conllu_package
import pytest
import zstandard

from sparseprobe.datasets.collections.collection import TEXTS
from sparseprobe.datasets.conllu_words import count_words, read_sentences
from sparseprobe.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def conllu(*rows: str) -> str:
    """A sentence from "id form upos relation [misc]", one string a row."""
    lines = []
    for row in rows:
        number, form, upos, relation, *misc = row.split()
        lines.append("\t".join([number, form, form, upos, "_", "_", "0", relation, "_", misc[0] if misc else "_"]))
    return "\n".join(lines) + "\n\n"


def spans(text: str) -> list[tuple[str, str]]:
    [sentence] = read_sentences(text, source="a.conllu")
    return [(word.form, sentence.text[word.start : word.stop]) for word in sentence.words]


def test_contractions_multiword_tokens_and_empty_nodes_keep_their_place() -> None:
    contraction = conllu(
        "1-2 don't _ _",
        "1 do AUX aux",
        "2 n't PART advmod",
        "2.1 go VERB _",
        "3 know VERB root SpaceAfter=No",
        "4 . PUNCT punct",
    )
    assert spans(contraction) == [("do", "do"), ("n't", "n't"), ("know", "know"), (".", ".")]
    fused = conllu("1 va VERB root", "2-3 au _ _ SpaceAfter=No", "2 à ADP case", "3 le DET det", "4 , PUNCT punct")
    assert spans(fused) == [("va", "va"), ("à", "au"), ("le", "au"), (",", ",")]
    assert spans(conllu("0.1 _ X _", "1 a DET det", "1.1 b X _")) == [("a", "a")]


def test_documents_are_named_or_take_the_name_of_their_source() -> None:
    row = conllu("1 a DET det")
    text = row + "# newdoc id = one\n" + row + row + "# newdoc\n" + row
    assert [sentence.document for sentence in read_sentences(text, source="s")] == [
        "s",
        "one",
        "one",
        "s, document at sentence 4",
    ]


@pytest.mark.parametrize("text", ["1\tonly three\tcolumns\n\n", "a\tb\tc\td\te\tf\tg\th\ti\tj\n\n"])
def test_what_is_no_conllu_is_said(text: str) -> None:
    with pytest.raises(DataError, match=r"a\.conllu, sentence 1 is not CoNLL-U: the line .* 10 columns"):
        list(read_sentences(text, source="a.conllu"))


def test_a_range_without_its_words_is_said() -> None:
    text = conllu("1-2 au _ _", "2 le DET det")
    with pytest.raises(DataError, match="sentence 1 has no word 2, which a range counts in"):
        list(read_sentences(text, source="a.conllu"))


def test_the_words_are_those_that_the_package_conllu_reads() -> None:
    text = (TEXTS / "treebank" / "en_demo.conllu").read_text(encoding="utf-8")
    parsed = [[token for token in tokens if isinstance(token["id"], int)] for tokens in conllu_package.parse(text)]
    expected = [
        [(word["form"], word["upos"], word["deprel"].split(":")[0], word["feats"] or {}) for word in words]
        for words in parsed
    ]
    for ending in ("\n", "\r\n"):
        found = [
            [(word.form, word.analysis.upos, word.analysis.relation, word.analysis.features) for word in sentence.words]
            for sentence in read_sentences(text.replace("\n", ending), source="demo")
        ]
        assert found == expected
    stated = [tokens.metadata["text"] for tokens in conllu_package.parse(text)]
    assert [sentence.text for sentence in read_sentences(text, source="demo")] == stated


@pytest.mark.shared_data
def test_words_relations_and_texts_equal_those_of_the_file(shared_data: Path) -> None:
    packed = (shared_data / "ewt" / "en_ewt-ud-dev.conllu.zst").open("rb")
    with packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        text = io.TextIOWrapper(stream, "utf-8").read()
    sentences = list(read_sentences(text, source="dev"))
    rows = [line.split("\t") for line in text.splitlines() if line[:1].isdigit()]
    words = [row for row in rows if row[0].isdigit()]
    expected = Counter(f"upos {row[3]}" for row in words) + Counter(f"relation {row[7].split(':')[0]}" for row in words)
    assert count_words(Counter(word.analysis for sentence in sentences for word in sentence.words)) == expected
    texts = [line.removeprefix("# text = ") for line in text.splitlines() if line.startswith("# text = ")]
    assert [sentence.text for sentence in sentences] == [text.strip() for text in texts]
    written = [(word.form, sentence.text[word.start : word.stop]) for sentence in sentences for word in sentence.words]
    differing = [pair for pair in written if pair[0] != pair[1]]
    assert len(differing) < 0.001 * len(written)
    assert len({sentence.document for sentence in sentences}) == 288
