"""The contract of a feature collection: features that share texts, and how to find their examples in them.

A collection is one file that ends in one `Collection` value. Its `find` receives a `Request` (the source, an encoder,
the settings, resolved) and gives `Candidates`: sequences, token spans and labels, everything that could become an
example. It neither splits nor draws nor saves: that is done once for all collections (`candidates.assemble`). All
settings of a user are in the presets with their values, so that an unknown setting is an error and a known one is
recorded; settings that every collection understands are in COMMON.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from sparseprobe import demo
from sparseprobe.datasets.labelling.chat import MESSAGES, ChatTemplate
from sparseprobe.datasets.labelling.labelled_text import LONGEST_TEXT, TextReader
from sparseprobe.datasets.readers import Source
from sparseprobe.errors import DataError, InputError, UnknownNameError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.candidates import Candidates
    from sparseprobe.datasets.labelling.labelled_text import LabelledText
    from sparseprobe.datasets.tokenising import EncodedText, TextEncoder

T = TypeVar("T")
TEXTS = Path(demo.__file__).parent / "texts"
SPLIT_BY = ("group", "example", "given")

COMMON: Mapping[str, Any] = {
    "text_column": None,  # where the text is; None: text, or prompt
    "document_column": None,  # where the document's name is; None: document, source or group, else each record its own
    "split_by": "group",  # "group": 60/20/20 by document, stratified; "example": the paper's 70/30; "given": its own
    "split_column": None,  # where the source's own split is, which is then kept; None: split, if split_by is "given"
    "n_examples": None,  # examples to draw per feature, at most
    "positive_share": None,  # raise the share of positives to this
    "min_positives": 3,  # drop a feature with fewer positive examples
}


def _is_integer(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


ACCEPTED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text_column": ("the name of a column", lambda value: value is None or isinstance(value, str)),
    "document_column": ("the name of a column", lambda value: value is None or isinstance(value, str)),
    "split_by": (" or ".join(map(repr, SPLIT_BY)), lambda value: value in SPLIT_BY),
    "split_column": ("the name of a column", lambda value: value is None or isinstance(value, str)),
    "n_examples": ("an integer, at least 2", lambda value: value is None or _is_integer(value, 2)),
    "positive_share": ("a number between 0 and 1", lambda value: value is None or _is_share(value)),
    "min_positives": ("an integer, at least 0", lambda value: _is_integer(value, 0)),
}
"""What each setting of COMMON may be."""


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < 1


@dataclass(frozen=True)
class Request:
    """The texts that a collection is to label, and its settings."""

    source: Source
    """Where the records are; see `readers`."""
    encoder: TextEncoder
    """Text to token ids."""
    settings: Mapping[str, Any]
    """Every setting of the collection, preset and user's word together."""
    seed: int = 0
    """Of every draw."""
    reader: TextReader = field(init=False)
    """Streams the source as texts, and knows its hash afterwards."""

    def __post_init__(self) -> None:
        columns = {name: self.settings[name] for name in ("text_column", "document_column", "split_column")}
        object.__setattr__(self, "reader", TextReader(self.source, **columns, lay_out=self._lay_out()))

    def _lay_out(self) -> Callable[[Any, str], str] | None:
        if self.settings.get("positions") is None:
            return None
        template = ChatTemplate.of(self.encoder.record)
        return lambda given, where: template.lay_out(given, where)[0]

    def encoded(self, required: Sequence[str] = ()) -> Iterator[tuple[LabelledText, EncodedText]]:
        """Stream the texts with their tokens and the characters of each token."""
        return self._with_texts(self.encoder.encode, required)

    def encoded_ids(self, required: Sequence[str] = ()) -> Iterator[tuple[LabelledText, NDArray[np.int32]]]:
        """Stream the texts with their token ids alone, which is faster."""
        return self._with_texts(self.encoder.encode_ids, required)

    def _with_texts(
        self, encode: Callable[[Iterator[str]], Iterator[T]], required: Sequence[str]
    ) -> Iterator[tuple[LabelledText, T]]:
        """Texts go to the tokenizer in batches, so each is kept only until what it became comes back."""
        waiting: deque[LabelledText] = deque()

        def texts() -> Iterator[str]:
            for item in self.texts(required):
                if len(item.text) > LONGEST_TEXT:
                    raise DataError(
                        f"{item.where} is a text of {len(item.text):,} characters, more than {LONGEST_TEXT:,}; cut it "
                        "into documents"
                    )
                waiting.append(item)
                yield item.text

        for encoded in encode(texts()):
            yield waiting.popleft(), encoded

    def texts(self, required: Sequence[str] = ()) -> Iterator[LabelledText]:
        """Stream the source's texts; DataError where a `required` column is missing."""
        return self.reader.read(required=required)

    def number(self, name: str, *, least: int = 0) -> int:
        """The setting `name` as an integer; InputError if it is not one, or below `least`."""
        value = self.settings[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} is {value!r}; it must be an integer, at least {least}")
        return value


@dataclass(frozen=True)
class Collection:
    """A feature collection: its name, what it measures, and how it finds examples."""

    name: str
    """Name, as in `load_dataset(name)`."""
    description: str
    """One line for a list."""
    unit: Literal["sequence", "token", "span"]
    """What an example is."""
    aggregate: Literal["none", "mean", "max", "last"]
    """How activations over an example are best put together; recorded in the dataset's settings."""
    features: tuple[str, ...]
    """The paper's features; a source may give others where labels come from the records."""
    find: Callable[[Request], Candidates]
    """Finds every possible example in the texts."""
    presets: Mapping[str, Mapping[str, Any]]
    """Settings of `default` and `paper`, beyond COMMON; both name the same settings."""
    texts: tuple[str, ...] = ()
    """Folders (or files) of the shipped texts it reads when no source is given."""

    def resolve(self, preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings: COMMON, then the preset, then what the user gave; UnknownNameError for an unknown name.

        `split` is short for `split_by`, and a `split_column` means that the source's own split is kept.
        """
        if preset not in self.presets:
            raise UnknownNameError("preset", preset, self.presets)
        settings = {**COMMON, **self.presets[preset]}
        given = {"split_by" if name == "split" else name: value for name, value in given.items()}
        for name in given:
            if name not in settings:
                raise UnknownNameError(f"setting of {self.name}", name, settings)
        resolved = {**settings, **given}
        if resolved.get("positions") is not None:
            resolved["text_column"] = resolved["text_column"] or MESSAGES
        if resolved["split_column"] is not None and "split_by" not in given:
            resolved["split_by"] = "given"
        for name, (accepted, holds) in ACCEPTED.items():
            if not holds(resolved[name]):
                raise InputError(f"{name} is {resolved[name]!r}; it must be {accepted}")
        if resolved["split_by"] == "given":
            resolved["split_column"] = resolved["split_column"] or "split"
        elif resolved["split_column"] is not None:
            raise InputError(f"split_column and split_by={resolved['split_by']!r} are both given; omit one of them")
        return resolved

    def has_shipped_texts(self) -> bool:
        """Whether texts for this collection come with the package."""
        return bool(self.texts) and all((TEXTS / name).exists() for name in self.texts)

    def shipped_files(self) -> list[Path]:
        """The files of the texts that come with the package; empty where there are none."""
        if not self.has_shipped_texts():
            return []
        return sorted(path for name in self.texts for path in (TEXTS / name).rglob("*") if path.is_file())

    def shipped_texts(self) -> list[Path]:
        """Where the texts are that come with the package; InputError where there are none for this collection."""
        if not self.has_shipped_texts():
            raise InputError(f"no texts are shipped for {self.name}; give a source: a file or folder of texts")
        return [TEXTS / name for name in self.texts]
