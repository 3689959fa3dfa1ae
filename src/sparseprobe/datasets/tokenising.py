"""The one path from text to token ids: batched, by the Rust tokenizer, and explicit about what surrounds a text.

The path works on a copy of the tokenizer without truncation, padding and special-token template, so no state of the
user's tokenizer plays a part; the recorded BOS (and an encoder's separator) is put on afterwards, once, also when the
text begins with it. Cost: that of `tokenizers` itself (about 10^6 tokens a second and core) and 0.1 us a token to
take the ids over; character offsets cost 0.1 us for byte-level tokenizers (see `byte_offsets`), else 0.3 us.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sparseprobe import demo
from sparseprobe.choices import BosPolicy
from sparseprobe.datasets.labelling.byte_offsets import byte_lengths, offsets
from sparseprobe.datasets.tokenizer_record import AnyTokenizer, TokenizerRecord
from sparseprobe.errors import DataError, InputError, UnknownNameError
from sparseprobe.made_up_tokenizer import is_made_up

if TYPE_CHECKING:
    from tokenizers import Encoding

T = TypeVar("T")
BATCH_TEXTS = 512
MODELS = Path(demo.__file__).parent / "models"


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A text's tokens and the characters each of them stands for, without special tokens around them."""

    ids: NDArray[np.int32]
    """Token ids, shape (n_tokens,)."""
    starts: NDArray[np.int64]
    """First character of each token in the text, shape (n_tokens,)."""
    stops: NDArray[np.int64]
    """Character after the last of each token, shape (n_tokens,)."""


class TextEncoder:
    """Encodes texts with a recorded tokenizer.

    >>> from tokenizers import models, pre_tokenizers
    >>> rust = Tokenizer(models.WordLevel({"?": 0, "le": 1, "chat": 2}, unk_token="?"))
    >>> rust.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> encoder = TextEncoder(TokenizerRecord.of(rust))
    >>> [encoded.ids.tolist() for encoded in encoder.encode(["le chat", "le chien"])]
    [[1, 2], [1, 0]]
    """

    def __init__(self, record: TokenizerRecord) -> None:
        self.record = record
        state = json.loads(record.definition) | {"post_processor": None}
        self._tokenizer = Tokenizer.from_str(json.dumps(state))
        self._byte_lengths = byte_lengths(state)
        self._composed = state["normalizer"] is not None

    def encode_ids(self, texts: Iterable[str]) -> Iterator[NDArray[np.int32]]:
        """Token ids of each text, in order, without offsets (the fast way)."""
        for batch in batches(texts):
            for encoding in self._encoded(batch, self._tokenizer.encode_batch_fast):
                yield np.array(encoding.ids, dtype=np.int32)

    def encode(self, texts: Iterable[str]) -> Iterator[EncodedText]:
        """Token ids and character offsets of each text, in order."""
        for batch in batches(texts):
            if self._byte_lengths is None:
                yield from map(_with_offsets, self._encoded(batch, self._tokenizer.encode_batch))
                continue
            fast = self._encoded(batch, self._tokenizer.encode_batch_fast)
            for text, encoding in zip(batch, fast, strict=True):
                ids = np.array(encoding.ids, dtype=np.int32)
                places = offsets(text, ids, self._byte_lengths, composed=self._composed)
                if places is None:
                    yield _with_offsets(self._tokenizer.encode(text, add_special_tokens=False))
                else:
                    yield EncodedText(ids, *places)

    def _encoded(self, batch: list[str], encode: Callable[..., list[Encoding]]) -> list[Encoding]:
        try:
            return encode(batch, add_special_tokens=False)
        except Exception as error:  # the Rust library raises no narrower one
            raise DataError(
                f"the tokenizer {self.record.name or 'given'} cannot encode a text ({error}); it lacks an unknown token"
            ) from error

    def room(self, context: int) -> int:
        """Tokens of text that fit a context once the recorded BOS and separator are in it."""
        room = context - (self.record.bos_id is not None) - (self.record.eos_id is not None)
        if room < 1:
            raise InputError(
                f"a context of {context} tokens leaves no room for text; set it to at least {context - room + 1}"
            )
        return room

    def surround(self, ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
        """The ids with what the policy puts around them, and the position that `ids[0]` has there.

        A BOS that the text itself begins with is not added a second time.
        """
        bos, eos = self.record.bos_id, self.record.eos_id
        doubled = bos is not None and len(ids) > 0 and ids[0] == bos
        front = [bos] if bos is not None and not doubled else []
        back = [eos] if eos is not None else []
        whole = np.concatenate([front, ids, back]).astype(np.int32) if front or back else ids
        return whole, len(front)


def _with_offsets(encoding: Encoding) -> EncodedText:
    places = np.fromiter(chain.from_iterable(encoding.offsets), dtype=np.int64).reshape(-1, 2)
    return EncodedText(np.array(encoding.ids, dtype=np.int32), places[:, 0], places[:, 1])


def batches(items: Iterable[T], size: int = BATCH_TEXTS) -> Iterator[list[T]]:
    """Lists of up to `size` items, in order.

    >>> list(batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def windows(ids: NDArray[np.int32], size: int, which: Literal["first", "all"]) -> list[tuple[int, NDArray[np.int32]]]:
    """Cut a text's tokens into stretches of at most `size`, each with the index of its first token.

    >>> windows(np.arange(5, dtype=np.int32), 2, "first"), len(windows(np.arange(5, dtype=np.int32), 2, "all"))
    ([(0, array([0, 1], dtype=int32))], 3)
    """
    if which not in ("first", "all"):
        raise UnknownNameError("choice of windows", which, ["first", "all"])
    starts = range(0, len(ids), size) if which == "all" else range(min(1, len(ids)))
    return [(start, ids[start : start + size]) for start in starts]


def load_tokenizer(
    tokenizer: str | Path | AnyTokenizer | TokenizerRecord, *, bos: BosPolicy = "tokenizer"
) -> TokenizerRecord:
    """Record a tokenizer given as an object, a shipped model's name, a folder, a `tokenizer.json`, or a hub id.

    Raises InputError where none is found, or it is not a fast one; UnknownNameError for an unknown BOS policy.
    """
    if isinstance(tokenizer, TokenizerRecord):
        if bos not in ("tokenizer", tokenizer.bos):
            raise InputError(f"the tokenizer is recorded with bos={tokenizer.bos!r}, and {bos!r} is asked for")
        return tokenizer
    if not isinstance(tokenizer, str | Path):
        return TokenizerRecord.of(tokenizer, bos=bos)
    place = MODELS / tokenizer if (MODELS / tokenizer).is_dir() else Path(tokenizer)
    shipped_file = MODELS / tokenizer / "tokenizer.json"
    if shipped_file.is_file() and bos != "add":  # which needs no import of transformers; "add" asks its config
        return TokenizerRecord.of(_from_file(shipped_file), name=str(tokenizer), bos=bos)
    if place.is_file() and place.suffix != ".gguf":
        return TokenizerRecord.of(_from_file(place), name=str(tokenizer), bos=bos)
    from transformers import AutoTokenizer  # noqa: PLC0415  (takes seconds, and only this case needs it)

    from sparseprobe.models.gguf import gguf_file, require_gguf_reader  # noqa: PLC0415  (loads transformers too)

    quantised = gguf_file(str(place))
    source, options = str(place), {}
    if quantised is not None:
        require_gguf_reader(str(tokenizer))
        source, options = str(quantised.parent), {"gguf_file": quantised.name}
    try:
        loaded = AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:  # the Rust library raises no narrower one
        shipped = (
            ", ".join(sorted(path.name for path in MODELS.iterdir() if path.is_dir())) if MODELS.is_dir() else "none"
        )
        damage = f" ({' '.join(str(error).split())[:200]})" if place.is_dir() else ""
        raise InputError(
            f"no tokenizer {str(tokenizer)!r}{damage}: give a hub id that can be reached, a folder with "
            f"tokenizer.json, or the name of a shipped model ({shipped})"
        ) from error
    if is_made_up(loaded):
        raise InputError(f"{tokenizer} holds no tokenizer: give a hub id, or a folder with tokenizer.json")
    return TokenizerRecord.of(cast("AnyTokenizer", loaded), name=str(tokenizer), bos=bos)


def _from_file(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises no narrower one
        raise InputError(f"{path} is not a tokenizer.json ({error}); give the file or folder of a tokenizer") from error
