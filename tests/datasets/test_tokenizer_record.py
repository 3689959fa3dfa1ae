from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from sparseprobe.datasets import TokenizerRecord
from sparseprobe.datasets.tokenizer_record import fingerprint
from sparseprobe.errors import InputError, TokenizerMismatchError, UnknownNameError


def copy(tokenizer: Tokenizer) -> Tokenizer:
    return Tokenizer.from_str(tokenizer.to_str())


def test_the_fingerprint_ignores_what_a_tokenizer_picks_up_in_use(tokenizer: Tokenizer) -> None:
    used = copy(tokenizer)
    used.enable_truncation(4)
    used.enable_padding(length=8)
    assert fingerprint(used) == fingerprint(tokenizer)
    assert TokenizerRecord.of(used).definition == TokenizerRecord.of(tokenizer).definition


def test_the_fingerprint_survives_saving_and_loading_with_transformers(tokenizer: Tokenizer, tmp_path) -> None:
    fast = PreTrainedTokenizerFast(tokenizer_object=copy(tokenizer), eos_token="<|endoftext|>")
    fast.save_pretrained(tmp_path)
    assert fingerprint(PreTrainedTokenizerFast.from_pretrained(tmp_path)) == fingerprint(tokenizer)


def test_the_fingerprint_sees_one_merge_one_token_and_the_normaliser(tokenizer: Tokenizer, families) -> None:
    more = copy(tokenizer)
    more.add_tokens([AddedToken("zebra")])
    prints = [fingerprint(tokenizer), fingerprint(more), *(fingerprint(families[name]) for name in families)]
    assert len(set(prints)) == len(prints) - 2  # byte_level is the same twice, and its trimmed form cuts the same ids


@pytest.mark.parametrize(
    ("family", "bos", "expected"),
    [
        ("byte_level", "tokenizer", (None, None)),
        ("byte_fallback", "tokenizer", ("<s>", None)),
        ("byte_fallback", "none", (None, None)),
        ("word_piece", "tokenizer", ("[CLS]", "[SEP]")),
    ],
)
def test_the_bos_policy_is_resolved(families, family: str, bos, expected) -> None:
    rust = families[family]
    record = TokenizerRecord.of(rust, bos=bos)
    ids = [rust.token_to_id(token) if token else None for token in expected]
    assert [record.bos_id, record.eos_id] == ids


def test_add_needs_a_bos_token(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match='no BOS token, so bos="add"'):
        TokenizerRecord.of(tokenizer, bos="add")
    fast = PreTrainedTokenizerFast(tokenizer_object=copy(tokenizer), bos_token="<|endoftext|>")
    assert TokenizerRecord.of(fast, bos="add").bos_id == 0
    assert TokenizerRecord.of(fast, bos="tokenizer").bos_id is None


def test_another_policy_or_a_slow_tokenizer_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(UnknownNameError, match="unknown BOS policy 'always'"):
        TokenizerRecord.of(tokenizer, bos="always")
    with pytest.raises(InputError, match="object gives no character offsets"):
        TokenizerRecord.of(object())


def test_a_mismatch_names_both_sides(tokenizer: Tokenizer, families) -> None:
    record = TokenizerRecord.of(tokenizer, name="demo")
    record.require(copy(tokenizer))
    other = TokenizerRecord.of(families["unigram"], name="t5")
    with pytest.raises(
        TokenizerMismatchError, match=r"tokenised with demo \(\w{12}\), but the model's tokenizer is t5"
    ):
        record.require(other)
    with pytest.raises(TokenizerMismatchError, match="another one"):
        record.require(families["unigram"])


def test_special_ids_are_those_of_special_tokens(families) -> None:
    assert TokenizerRecord.of(families["word_piece"]).special_ids == (0, 1, 2, 3)
