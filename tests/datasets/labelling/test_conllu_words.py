from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import conllu as conllu_package
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprobe.datasets.collection import TEXTS
from sparseprobe.datasets.labelling import conllu_words
from sparseprobe.datasets.labelling.conllu_words import Document, TreebankReader, count_words
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


def read(text: str, source: str = "a.conllu") -> list[Document]:
    return list(TreebankReader().read(text, source=source))


def written(document: Document) -> list[str]:
    return [document.text[start:stop] for start, stop in document.spans]


def test_contractions_multiword_tokens_and_empty_nodes_keep_their_place() -> None:
    contraction = conllu(
        "1-2 don't _ _",
        "1 do AUX aux",
        "2 n't PART advmod",
        "2.1 go VERB _",
        "3 know VERB root SpaceAfter=No",
        "4 . PUNCT punct",
    )
    fused = conllu("1 va VERB root", "2-3 au _ _ SpaceAfter=No", "2 à ADP case", "3 le DET det", "4 , PUNCT punct")
    empty = conllu("0.1 _ X _", "1 a DET det", "1.1 b X _")
    [document] = read(contraction + fused + empty)
    assert written(document) == ["do", "n't", "know", ".", "va", "au", "au", ",", "a"]
    assert document.text == "don't know. va au, a"
    assert document.sentences == ["don't know.", "va au,", "a"]


def test_documents_are_named_or_take_the_name_of_their_source() -> None:
    row = conllu("1 a DET det")
    text = row + "# newdoc id = one\n" + row + row + "# newdoc id = empty\n# newdoc\n" + row + "# newdoc id = last\n"
    documents = read(text, "s")
    assert [(document.name, len(document.sentences)) for document in documents] == [
        ("s", 1),
        ("one", 2),
        ("s, document at sentence 4", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1\tonly three\tcolumns\n\n",
        "a\tb\tc\td\te\tf\tg\th\ti\tj\n\n",
        "1\tb\tc\td\te\tf\tg\th\ti\tj\r1\tb\tc\td\te\tf\tg\th\ti\tj\n\n",
    ],
)
def test_what_is_no_conllu_is_said(text: str) -> None:
    with pytest.raises(DataError, match=r"a\.conllu, sentence 1 is not CoNLL-U: the line .* 10 columns"):
        read(text)
    with pytest.raises(DataError, match=r"a\.conllu, sentence 2 is not CoNLL-U"):
        read(conllu("1 a DET det") + text)


@pytest.mark.parametrize("rows", [["2 le DET det"], ["1 à ADP case"], ["1 à ADP case", "3 le DET det"], []])
def test_a_range_without_its_words_is_said(rows: list[str]) -> None:
    with pytest.raises(DataError, match="sentence 2: the range 1-2 is not followed by its words, one by one"):
        read(conllu("1 a DET det") + conllu("1-2 au _ _", *rows))


FORMS = st.text("aé漢🙂'\"#|=", min_size=1, max_size=3)
PARTS = st.lists(FORMS, min_size=1, max_size=3)
TOKENS = st.one_of(
    st.tuples(st.just("word"), FORMS),
    st.tuples(st.just("empty"), FORMS),
    st.tuples(st.just("fused"), FORMS, PARTS),
    PARTS.map(lambda parts: ("spelt", "".join(parts), parts)),
)
SENTENCES = st.lists(st.tuples(TOKENS, st.sampled_from(["_", "SpaceAfter=No", "Gloss=x|SpaceAfter=No", "A=B"])))
DOCUMENTS = st.lists(st.tuples(st.sampled_from(["# newdoc id = d", "#newdoc", "# text = x"]), SENTENCES))


def as_conllu(documents: list[Any]) -> str:
    """Sentences of made tokens, with a comment before each."""
    blocks = []
    for number, (comment, tokens) in enumerate(documents):
        rows, word = [f"{comment}{number}" if comment.endswith("= d") else comment], 1
        for (kind, form, *parts), misc in tokens:
            last = word + len(parts[0]) - 1 if parts else word
            place = {"word": str(word), "empty": f"{word - 1}.1"}.get(kind, f"{word}-{last}")
            rows.append(f"{place}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t{misc}")
            for part in parts[0] if parts else []:
                rows.append(f"{word}\t{part}\t_\tX\t_\tA=B\t0\ta:b\t_\t{misc}")
                word += 1
            word += kind == "word"
        blocks.append("\n".join(rows) + "\n\n")
    return "".join(blocks)


def by_rows(text: str) -> list[tuple[str, list[tuple[int, int]]]]:
    """The text of each sentence and the spans of its words there, from the rows that the package `conllu` reads."""
    found = []
    for sentence in conllu_package.parse(text):
        line, spans, inside = "", list[tuple[int, int]](), dict[int, tuple[int, int]]()
        forms = {row["id"]: row["form"] for row in sentence}
        for row in sentence:
            number, form = row["id"], row["form"]
            if isinstance(number, int) and number in inside:
                spans.append(inside[number])
                continue
            if not isinstance(number, int) and number[1] == ".":
                continue
            place = len(line)
            if isinstance(number, int):
                spans.append((place, place + len(form)))
            else:
                words = range(number[0], number[2] + 1)
                spelt = "".join(forms[word] for word in words) == form
                for word in words:
                    stop = place + len(forms[word] if spelt else form)
                    inside[word] = (place, stop)
                    place = stop if spelt else place
            line += form + " " * ((row["misc"] or {}).get("SpaceAfter") != "No")
        if line:
            found.append((line.removesuffix(" "), spans))
    return found


@settings(deadline=None)
@given(documents=DOCUMENTS, block=st.sampled_from([1, 60, 2_000_000]), ending=st.sampled_from(["\n", "\r\n"]))
def test_columns_say_what_rows_say(documents: list[Any], block: int, ending: str) -> None:
    text = as_conllu(documents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conllu_words, "BLOCK", block)
        found = read(text.replace("\n", ending))
    expected = by_rows(text)
    assert [sentence for document in found for sentence in document.sentences] == [line for line, _ in expected]
    spans = [
        document.spans[(document.spans[:, 0] >= start) & (document.spans[:, 1] <= start + len(line))] - start
        for document in found
        for start, line in zip(document.begins, document.sentences, strict=True)
    ]
    assert [each.tolist() for each in spans] == [list(map(list, each)) for _, each in expected]


def test_the_words_are_those_that_the_package_conllu_reads() -> None:
    text = (TEXTS / "treebank" / "en_demo.conllu").read_text(encoding="utf-8")
    parsed = [token for tokens in conllu_package.parse(text) for token in tokens if isinstance(token["id"], int)]
    expected = [(word["form"], word["upos"], word["deprel"].split(":")[0], word["feats"] or {}) for word in parsed]
    reader = TreebankReader()
    documents = list(reader.read(text, source="demo"))
    analyses = list(reader.analyses)
    found = []
    for document in documents:
        words = zip(written(document), [analyses[number] for number in document.analyses], strict=True)
        found += [(form, said.upos, said.relation, said.features) for form, said in words]
    assert found == expected
    assert len(set(analyses)) == len(analyses)
    stated = [tokens.metadata["text"] for tokens in conllu_package.parse(text)]
    assert [sentence for document in documents for sentence in document.sentences] == stated


@pytest.mark.shared_data
def test_words_relations_and_texts_equal_those_of_the_file(shared_data: Path) -> None:
    packed = (shared_data / "ewt" / "en_ewt-ud-dev.conllu.zst").open("rb")
    with packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        text = io.TextIOWrapper(stream, "utf-8").read()
    reader = TreebankReader()
    documents = list(reader.read(text, source="dev"))
    rows = [line.split("\t") for line in text.splitlines() if line[:1].isdigit()]
    words = [row for row in rows if row[0].isdigit()]
    expected = Counter(f"upos {row[3]}" for row in words) + Counter(f"relation {row[7].split(':')[0]}" for row in words)
    numbers = np.concatenate([document.analyses for document in documents])
    assert count_words(dict(zip(reader.analyses, np.bincount(numbers).tolist(), strict=True))) == expected
    texts = [line.removeprefix("# text = ") for line in text.splitlines() if line.startswith("# text = ")]
    assert [sentence for document in documents for sentence in document.sentences] == [each.strip() for each in texts]
    forms = [form for document in documents for form in written(document)]
    differing = [pair for pair in zip(forms, (row[1] for row in words), strict=True) if pair[0] != pair[1]]
    assert len(differing) < 0.001 * len(forms)
    assert len(documents) == 288
