"""From a name to a dataset: build a collection from texts, or load a saved folder.

Building is find (the collection: spans and labels), then split, drop and draw (`candidates.assemble`), the same for
all. Everything that was decided stands in the dataset's settings: preset, every setting with its value, the seed, the
hash of the source's texts, what was left out and how often. Cost: that of tokenising the source.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from sparseprobe.choices import BosPolicy
from sparseprobe.datasets.check import check
from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.datasets.dataset_folder import is_dataset
from sparseprobe.datasets.labelling.candidates import assemble
from sparseprobe.datasets.labelling.chat import ChatTemplate
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.datasets.readers import Source
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer
from sparseprobe.datasets.tokenizer_record import AnyTokenizer, TokenizerRecord
from sparseprobe.errors import DataError, DatasetWarning, InputError, UnknownNameError

AnyTokenizerOrName: TypeAlias = "str | Path | AnyTokenizer | TokenizerRecord"

SHIPPED = "shipped"
"""The word for the texts that come with a collection."""
SHOWN_FINDINGS = 5
"""Findings about a new dataset that are shown at once; `check` has all of them."""
ORIGIN = "written for sparseprobe (MIT)"
"""Where the shipped texts come from, and their licence."""


def load_dataset(
    name_or_source: Source,
    *,
    tokenizer: AnyTokenizerOrName | None = None,
    source: Source | None = None,
    preset: str = "default",
    seed: int = 0,
    bos: BosPolicy = "tokenizer",
    **settings: Any,
) -> ProbingDataset:
    """Load a saved dataset, build a collection by its name, or make a dataset of labelled texts of your own.

    `name_or_source`: the folder of a saved dataset; the name of a collection; or texts of your own (a file, a folder, a
    DataFrame, records; see `readers`), which is short for the collection `custom` with that source.
    `tokenizer`: an object, a shipped model's name, a folder or a hub id; with a saved folder it is only compared.
    `source`: texts for a named collection, or a list of several; in a list, "shipped" stands for the texts that ship
    with the collection, which are also what None means.
    `bos`: "tokenizer" (what it adds itself), "none" or "add". `settings`: those of the collection's preset, such as
    `text_column`, `label_column`, `spans_column`, `document_column`, `context`.

    Errors and warnings that `check` finds in a dataset that is built are shown as Python warnings.

    Raises UnknownNameError for a name, preset or setting that is not known, DataError for a source that cannot be
    read or holds nothing to label, TokenizerMismatchError where a saved dataset was made with a different tokenizer.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> words = Tokenizer(models.WordLevel({"?": 0, "le": 1, "the": 2}, unk_token="?"))
    >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> pairs = [("le", "fr"), ("the", "en")]
    >>> texts = [{"text": word + " 1" * n, "label": label} for n in range(9) for word, label in pairs]
    >>> data = load_dataset(texts, tokenizer=words, from_position=0)
    >>> list(data.labels), data.n_examples, data.settings["aggregate"]
    (['en', 'fr'], 18, 'mean')
    """
    options: dict[str, Any] = {"preset": preset, "seed": seed, "bos": bos, **settings}
    if not isinstance(name_or_source, str | PathLike):
        return _build_named("custom", name_or_source, source, tokenizer, options)
    name = str(name_or_source)
    if is_dataset(name):
        if source is not None or options != {"preset": "default", "seed": 0, "bos": "tokenizer"}:
            raise InputError(
                f"{name} is a saved dataset, already built: omit source, preset, seed, bos and settings, or build it "
                "again from its texts"
            )
        dataset = ProbingDataset.load(name)
        if tokenizer is not None:
            dataset.require_tokenizer(load_tokenizer(tokenizer))
        return dataset
    if name in COLLECTIONS:
        return _build_named(name, None, source, tokenizer, options)
    require_source(name)
    return _build_named("custom", name, source, tokenizer, options)


def as_dataset(data: ProbingDataset | str | PathLike[str], tokenizer: AnyTokenizer | None) -> ProbingDataset:
    """A dataset as it is, or the one of a name or a folder, for functions that take either."""
    return load_dataset(data, tokenizer=tokenizer) if isinstance(data, str | PathLike) else data


def require_source(name: str) -> None:
    """Check that `name` is a collection, a file or a folder.

    Raises `UnknownNameError` for what looks like a misspelt collection, `DataError` for a path that does not exist.

    >>> require_source("natural_language")
    """
    place = Path(name)
    if name in COLLECTIONS or _exists(place):
        return
    if place.suffix or len(place.parts) > 1:
        raise DataError(f"there is no file or folder {name}; check the path")
    raise UnknownNameError("collection or dataset folder", name, COLLECTIONS)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # a text that no path can be, in place of one
        return False


def _build_named(
    name: str, own: Source | None, source: Source | None, tokenizer: AnyTokenizerOrName | None, options: dict[str, Any]
) -> ProbingDataset:
    if tokenizer is None:
        raise InputError(f"building {name} needs a tokenizer: the model's (hub id, folder, or shipped model)")
    if own is not None and source is not None:
        raise InputError("give the texts once: as the first argument, or as the source of a named collection")
    data = build(name, source if own is None else own, tokenizer, **options)
    _warn(data)
    return data


def _warn(data: ProbingDataset) -> None:
    """Tell what `check` finds beyond notes, the worst first."""
    found = check(data)
    serious = found[found["level"] != "note"]
    for row in serious.head(SHOWN_FINDINGS).to_dict("records"):
        warnings.warn(
            f"{': '.join(filter(None, (data.name, row['feature'], row['message'])))}", DatasetWarning, stacklevel=4
        )
    if (more := len(serious) - SHOWN_FINDINGS) > 0:
        warnings.warn(
            f"{data.name}: {more} more findings, see `check` or `datasets check`", DatasetWarning, stacklevel=4
        )


def build(
    name: str,
    source: Source | None,
    tokenizer: AnyTokenizerOrName,
    *,
    preset: str = "default",
    seed: int = 0,
    bos: BosPolicy = "tokenizer",
    **settings: Any,
) -> ProbingDataset:
    """Build the collection `name` from a source; see `load_dataset`."""
    if name not in COLLECTIONS:
        raise UnknownNameError("collection", name, COLLECTIONS)
    collection = COLLECTIONS[name]
    resolved = collection.resolve(preset, settings)
    texts = _with_shipped(collection, source)
    record = load_tokenizer(tokenizer, bos=bos)
    if record.chat and resolved.get("positions") is None and ChatTemplate.of(record).adds_system_prompt():
        warnings.warn(
            f"{record.name or 'the tokenizer'} is of a chat model whose template begins with a system prompt: these "
            "texts are read without it, as plain text; for conversations give a column of messages and positions",
            DatasetWarning,
            stacklevel=3,
        )
    request = Request(texts, TextEncoder(record), resolved, seed)
    candidates = collection.find(request)
    recorded = {setting: _recorded(value) for setting, value in resolved.items()} | {
        "collection": name,
        "preset": preset,
        "aggregate": collection.aggregate,
        "bos": record.bos,
        "source": _describe(source),
        "source_hash": request.reader.source_hash,
        **candidates.decided,
    }
    reader = request.reader
    candidates = replace(candidates, counts={**reader.counts, **candidates.counts})
    return assemble(candidates, name=name, tokenizer=record, settings=recorded, seed=seed, part_of=reader.part_of)


def list_collections() -> list[dict[str, Any]]:
    """A row for each collection: name, description, features, unit, aggregate, presets, shipped_texts, bytes, origin.

    `bytes` is the size of the shipped texts, `origin` where they come from and under which licence; None where none are
    shipped.

    >>> [row["name"] for row in list_collections()][:2]
    ['natural_language', 'programming_language']
    """
    return [
        {
            "name": collection.name,
            "description": collection.description,
            "features": list(collection.features),
            "unit": collection.unit,
            "aggregate": collection.aggregate,
            "presets": list(collection.presets),
            "shipped_texts": collection.has_shipped_texts(),
            "bytes": sum(path.stat().st_size for path in collection.shipped_files()) or None,
            "origin": ORIGIN if collection.has_shipped_texts() else None,
        }
        for collection in COLLECTIONS.values()
    ]


def _with_shipped(collection: Collection, source: Source | None) -> Source:
    """The source, with the collection's shipped texts where the word for them stands."""
    if source is None or (isinstance(source, str) and source == SHIPPED):
        return collection.shipped_texts()
    if not isinstance(source, list | tuple):
        return source
    each = [collection.shipped_texts() if isinstance(one, str) and one == SHIPPED else [one] for one in source]
    return list(chain.from_iterable(each))


def _recorded(value: Any) -> Any:
    """A setting as JSON can hold it: functions and tables by their names."""
    if isinstance(value, dict):
        return {str(key): _recorded(one) for key, one in value.items()}
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', repr(value))}"
    if isinstance(value, list | tuple):
        return [_recorded(one) for one in value] if all(not isinstance(one, dict) for one in value) else "records"
    return value if value is None or isinstance(value, str | int | float | bool) else _describe(value)


def _describe(source: Source | None) -> str | list[str]:
    if source is None:
        return SHIPPED
    if isinstance(source, list | tuple) and not any(isinstance(one, Mapping) for one in source):
        return [str(_describe(one)) for one in source]
    return str(source) if isinstance(source, str) or hasattr(source, "__fspath__") else type(source).__name__
