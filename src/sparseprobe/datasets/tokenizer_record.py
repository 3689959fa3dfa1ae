"""What a dataset remembers of its tokenizer: enough to refuse another one and to show its own text.

Token ids mean nothing under another tokenizer, and two tokenizers with one vocabulary can still cut text differently.
So a dataset carries a fingerprint: the SHA-256 of all that decides which ids a text becomes (normaliser,
pre-tokeniser, model with its vocabulary and merges, added tokens), written as canonical JSON. The state that a
tokenizer picks up in use (truncation, padding) is left out, and so are the decoder and the template of special
tokens: the ids put around a text are recorded beside it (`bos`, `bos_id`, `eos_id`). Cost: one pass over the
definition, about 20 ms for 50,000 tokens.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from tokenizers import Tokenizer

from sparseprobe.choices import BOS_POLICIES, BosPolicy
from sparseprobe.errors import InputError, TokenizerMismatchError, UnknownNameError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

AnyTokenizer: TypeAlias = "Tokenizer | PreTrainedTokenizerBase"


@dataclass(frozen=True)
class TokenizerRecord:
    """The tokenizer of a dataset and what it put around each text.

    >>> from tokenizers import models
    >>> tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    >>> record = TokenizerRecord.of(tokenizer, name="letters")
    >>> record.bos, record.bos_id, record.fingerprint == fingerprint(tokenizer)
    ('tokenizer', None, True)
    """

    name: str
    """Hub id, folder or name of the shipped model it came from: for readers; the fingerprint decides."""
    fingerprint: str
    """SHA-256 (hexadecimal) of what decides the ids of a text; see `fingerprint`."""
    bos: BosPolicy
    """"tokenizer": what the tokenizer itself puts around a text; "none": nothing; "add": its BOS token in front."""
    bos_id: int | None
    """The id that stands in front of each text, or None."""
    special_ids: tuple[int, ...] = ()
    """Ids of special tokens (BOS, padding, masks ...), to mask by id and never by position."""
    eos_id: int | None = None
    """The id that the policy "tokenizer" put after each text (an encoder's separator), or None."""
    definition: str = field(default="", repr=False, compare=False)
    """The tokenizer's JSON, from which text can be shown; empty where only ids are known."""
    chat: str = field(default="", repr=False, compare=False)
    """Its chat template and special tokens as JSON, to lay out conversations; empty where it has none. Not saved."""

    def __post_init__(self) -> None:
        if self.bos not in BOS_POLICIES:
            raise UnknownNameError("BOS policy", self.bos, BOS_POLICIES)

    @classmethod
    def of(cls, tokenizer: AnyTokenizer, *, name: str = "", bos: BosPolicy = "tokenizer") -> TokenizerRecord:
        """Record a tokenizer and resolve what the policy `bos` puts around a text.

        Raises InputError where "add" finds no BOS token, or the tokenizer adds more than one id on a side.
        """
        if bos not in BOS_POLICIES:
            raise UnknownNameError("BOS policy", bos, BOS_POLICIES)
        rust = backend(tokenizer)
        state = _state(rust)
        special = tuple(sorted(token["id"] for token in state["added_tokens"] if token["special"]))
        bos_id, eos_id = _surroundings(tokenizer, rust, bos)
        return cls(
            name=name or str(getattr(tokenizer, "name_or_path", "")),
            fingerprint=_digest(state),
            bos=bos,
            bos_id=bos_id,
            special_ids=special,
            eos_id=eos_id,
            definition=json.dumps(state, ensure_ascii=False),
            chat=_chat(tokenizer),
        )

    def require(self, tokenizer: AnyTokenizer | TokenizerRecord) -> None:
        """Raise TokenizerMismatchError unless `tokenizer` turns text into the same ids as the recorded one."""
        given = tokenizer.fingerprint if isinstance(tokenizer, TokenizerRecord) else fingerprint(tokenizer)
        if given != self.fingerprint:
            other = tokenizer.name if isinstance(tokenizer, TokenizerRecord) else getattr(tokenizer, "name_or_path", "")
            raise TokenizerMismatchError(
                f"the dataset was tokenised with {self.name or 'an unnamed tokenizer'} ({self.fingerprint[:12]}), but "
                f"the model's tokenizer is {other or 'another one'} ({given[:12]}); build it again with that one"
            )

    def decode(self, ids: list[int]) -> str:
        """The text of some ids, special tokens included; the ids themselves where the definition is not known."""
        if not self.definition:
            return " ".join(map(str, ids))
        return str(_tokenizer(self.definition).decode(ids, skip_special_tokens=False))


def backend(tokenizer: AnyTokenizer) -> Tokenizer:
    """The Rust tokenizer inside, which alone reports the character offsets that labels are aligned by."""
    rust = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(rust, Tokenizer):
        raise InputError(
            f"{type(tokenizer).__name__} gives no character offsets, so labels cannot be aligned; "
            "pass a fast tokenizer (transformers.PreTrainedTokenizerFast or tokenizers.Tokenizer)"
        )
    return rust


def fingerprint(tokenizer: AnyTokenizer) -> str:
    """SHA-256 of what decides which ids a text becomes; equal before and after truncation or padding was switched on.

    >>> from tokenizers import models
    >>> tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    >>> before = fingerprint(tokenizer)
    >>> tokenizer.enable_truncation(8)
    >>> fingerprint(tokenizer) == before
    True
    """
    return _digest(_state(backend(tokenizer)))


@lru_cache(maxsize=2)
def _tokenizer(definition: str) -> Tokenizer:
    return Tokenizer.from_str(definition)


def _state(rust: Tokenizer) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(rust.to_str())
    return state | {"truncation": None, "padding": None}


def _digest(state: dict[str, Any]) -> str:
    added = [{key: token[key] for key in sorted(token) if key != "special"} for token in state["added_tokens"]]
    decisive = {key: state[key] for key in ("normalizer", "pre_tokenizer", "model")} | {"added_tokens": added}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _surroundings(tokenizer: AnyTokenizer, rust: Tokenizer, bos: BosPolicy) -> tuple[int | None, int | None]:
    if bos == "none":
        return None, None
    if bos == "add":
        bos_id = getattr(tokenizer, "bos_token_id", None)
        if bos_id is None:
            bos_id = getattr(tokenizer, "cls_token_id", None)
        if bos_id is None:
            raise InputError(
                'the tokenizer has no BOS token, so bos="add" cannot put one in front; use "tokenizer" or "none"'
            )
        return int(bos_id), None
    try:
        bare = rust.encode("a", add_special_tokens=False).ids
        full = rust.encode("a", add_special_tokens=True).ids
    except Exception as error:  # the Rust library raises no narrower one
        raise InputError(f"the tokenizer cannot encode a text ({error}); it lacks an unknown token") from error
    for front in range(len(full) - len(bare) + 1):
        before, after = full[:front], full[front + len(bare) :]
        if full[front : front + len(bare)] == bare and len(before) <= 1 and len(after) <= 1:
            return (before[0] if before else None), (after[0] if after else None)
    raise InputError(
        f"the tokenizer puts more than one token in front of or after a text ({full} around {bare}); use bos='none'"
    )


def _chat(tokenizer: AnyTokenizer) -> str:
    """The chat template of a tokenizer of transformers with the special tokens that it may write, as JSON."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    if not isinstance(template, str):
        return ""
    tokens = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if name.endswith("_token")}  # type: ignore[union-attr] # of transformers, since it has a template
    return json.dumps({"template": template, "special_tokens": tokens}, ensure_ascii=False)
