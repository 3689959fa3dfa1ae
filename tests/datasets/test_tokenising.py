from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from sparseprobe.datasets import TokenizerRecord, load_dataset, tokenising
from sparseprobe.datasets.labelling.conllu_words import Document
from sparseprobe.datasets.labelling.packed_sentences import PackedSentences
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer, windows
from sparseprobe.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["The high school", "", "Ça coûte 12 €\r\n", "👨‍👩‍👧 ok", "a" * 300] * 220


def test_a_batch_equals_one_by_one_and_the_plain_tokenizer(families) -> None:
    for rust in families.values():
        encoder = TextEncoder(TokenizerRecord.of(rust))
        expected = [rust.encode(text, add_special_tokens=False).ids for text in TEXTS[:5]] * 220
        assert [ids.tolist() for ids in encoder.encode_ids(TEXTS)] == expected
        assert [encoded.ids.tolist() for encoded in encoder.encode(TEXTS)] == expected


def test_the_state_of_the_users_tokenizer_plays_no_part_and_stays(tokenizer: Tokenizer) -> None:
    used = Tokenizer.from_str(tokenizer.to_str())
    used.enable_truncation(2)
    used.enable_padding(length=9)
    ids = next(TextEncoder(TokenizerRecord.of(used)).encode_ids(["The high school is near"]))
    assert ids.tolist() == tokenizer.encode("The high school is near").ids
    assert used.truncation is not None
    assert len(used.encode("The high school is near").ids) == 9


@pytest.mark.parametrize("family", ["byte_level", "byte_fallback", "word_piece"])
def test_what_surrounds_a_text_is_what_the_tokenizer_itself_adds(families, family: str) -> None:
    rust = families[family]
    encoder = TextEncoder(TokenizerRecord.of(rust))
    whole, front = encoder.surround(next(encoder.encode_ids(["the cat"])))
    assert whole.tolist() == rust.encode("the cat", add_special_tokens=True).ids
    assert front == (encoder.record.bos_id is not None)


def test_bos_is_never_twice(tokenizer: Tokenizer) -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>")
    encoder = TextEncoder(TokenizerRecord.of(fast, bos="add"))
    for text in ("the cat", "<|endoftext|>the cat"):
        whole, front = encoder.surround(next(encoder.encode_ids([text])))
        assert (whole == 0).sum() == 1
        assert whole[0] == 0
        assert whole[front] == next(encoder.encode_ids([text]))[0]


def test_positions_are_right_in_a_text_that_begins_with_the_bos(tokenizer: Tokenizer) -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>")
    begin = ["<|endoftext|>" * (row % 2) for row in range(20)]
    math = [{"text": f"{first}the cat $x$ is $y$", "document": str(row)} for row, first in enumerate(begin)]
    latex = load_dataset("latex", source=math, tokenizer=fast, bos="add", first_position=1)
    ends = latex.examples[(latex.labels["end_of_math"] == 1).to_numpy()]
    assert {tokenizer.decode([latex.sequences[row.sequence][row.start]]) for row in ends.itertuples()} == {"$"}
    facts = [{"prompt": f"{first}It is {row}", "true": "a", "false": "b"} for row, first in enumerate(begin)]
    statements = load_dataset("counterfact", source=facts, tokenizer=fast, bos="add")
    assert (statements.examples["stop"] == statements.sequences.lengths[statements.examples["sequence"]]).all()
    packed = PackedSentences(TextEncoder(TokenizerRecord.of(fast, bos="add")), context=32)
    spans = np.array([[len(begin[1]), len(begin[1]) + 3]])
    packed.add(
        [
            Document("d", f"{first}the cat", np.array([0]), spans - len(begin[1]) + len(first), np.array([7]))
            for first in begin[:2]
        ]
    )
    found = packed.tokens(0)
    ids = [packed.sequences()[row][place] for row, place in zip(found.sequence, found.position, strict=True)]
    assert tokenizer.decode(ids) == "thethe"


def test_a_recorded_tokenizer_keeps_its_bos_policy(tokenizer: Tokenizer, tmp_path: Path) -> None:
    record = TokenizerRecord.of(tokenizer)
    assert load_tokenizer(record, bos=record.bos) is load_tokenizer(record) is record
    with pytest.raises(InputError, match="and 'add' is asked for"):
        load_tokenizer(record, bos="add")
    (tmp_path / "labels.json").write_text('{"text": "a"}')
    with pytest.raises(InputError, match=r"labels\.json is not a tokenizer\.json"):
        load_tokenizer(tmp_path / "labels.json")


def test_windows_put_together_are_the_text() -> None:
    ids = np.arange(23, dtype=np.int32)
    pieces = windows(ids, 5, "all")
    assert np.concatenate([piece for _, piece in pieces]).tolist() == ids.tolist()
    assert [start for start, _ in pieces] == [0, 5, 10, 15, 20]
    assert [piece.tolist() for _, piece in windows(ids, 5, "first")] == [[0, 1, 2, 3, 4]]
    assert windows(ids[:0], 5, "first") == []
    with pytest.raises(UnknownNameError, match="unknown choice of windows 'some'"):
        windows(ids, 5, "some")


def test_a_context_without_room_is_refused(families) -> None:
    encoder = TextEncoder(TokenizerRecord.of(families["word_piece"]))
    assert encoder.room(3) == 1
    with pytest.raises(InputError, match="a context of 2 tokens leaves no room for text; set it to at least 3"):
        encoder.room(2)


def test_a_tokenizer_is_found_by_file_folder_shipped_name_and_object(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch
) -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    (tmp_path / "models" / "demo-1").mkdir(parents=True)
    fast.save_pretrained(tmp_path / "models" / "demo-1")
    monkeypatch.setattr(tokenising, "MODELS", tmp_path / "models")
    folder = tmp_path / "models" / "demo-1"
    given = ["demo-1", folder, str(folder / "tokenizer.json"), fast, tokenizer, load_tokenizer(tokenizer)]
    assert len({load_tokenizer(one).fingerprint for one in given}) == 1
    assert load_tokenizer("demo-1").name == "demo-1"
    with pytest.raises(InputError, match=r"no tokenizer '.*nowhere'.*shipped model \(demo-1\)"):
        load_tokenizer(tmp_path / "nowhere")


def test_a_shipped_tokenizer_is_the_same_without_transformers() -> None:
    folder = tokenising.MODELS / "demo-4.7m"
    whole = TokenizerRecord.of(PreTrainedTokenizerFast.from_pretrained(str(folder)), name="demo-4.7m")
    assert load_tokenizer("demo-4.7m") == whole


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "3", "[" * 100_000, json.dumps({"model": {"type": "WordLevel", "vocab": {}, "unk_token": "?"}})],
)
def test_a_tokenizer_file_that_is_none_is_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    for place in (path, tmp_path):
        with pytest.raises(InputError, match=r"is not a tokenizer\.json|no tokenizer '.*'|cannot encode a text"):
            load_tokenizer(place)
