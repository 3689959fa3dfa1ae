"""From a name to a dataset: build a collection from texts, or load a saved folder.

Building is find (the collection: spans and labels), then split, drop and draw (`candidates.assemble`), the same for
all. Everything that was decided stands in the dataset's settings: preset, every setting with its value, the seed, the
hash of the source's texts, what was left out and how often. Cost: that of tokenising the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from sparseprobe.datasets.collection import Collection, Request
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.datasets.dataset_folder import is_dataset
from sparseprobe.datasets.labelling.candidates import assemble
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.datasets.readers import Source
from sparseprobe.datasets.tokenising import TextEncoder, load_tokenizer
from sparseprobe.datasets.tokenizer_record import AnyTokenizer, BosPolicy, TokenizerRecord
from sparseprobe.errors import DataError, InputError, UnknownNameError

AnyTokenizerOrName: TypeAlias = "str | Path | AnyTokenizer | TokenizerRecord"

SHIPPED = "shipped"
"""The word for the texts that come with a collection."""
ORIGIN = "written for sparseprobe (MIT)"
"""Where the shipped texts come from, and their licence."""


def load_dataset(
    name_or_folder: str | PathLike[str],
    *,
    tokenizer: AnyTokenizerOrName | None = None,
    source: Source | None = None,
    preset: str = "default",
    seed: int = 0,
    bos: BosPolicy = "tokenizer",
    **settings: Any,
) -> ProbingDataset:
    """Load a saved dataset, or build a collection by its name.

    `tokenizer`: an object, a shipped model's name, a folder or a hub id; with a saved folder it is only compared.
    `source`: a file, a folder, a DataFrame or records, or a list of several; in a list, "shipped" stands for the texts
    that are shipped with the collection, which are also what None means.
    `bos`: "tokenizer" (what it adds itself), "none" or "add". `settings`: those of the collection's preset.

    Raises UnknownNameError for a name, preset or setting that is not known, DataError for a source that cannot be
    read or holds nothing to label, TokenizerMismatchError where a saved dataset was made with another tokenizer.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> words = Tokenizer(models.WordLevel({"?": 0, "le": 1, "the": 2}, unk_token="?"))
    >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> pairs = [("le", "fr"), ("the", "en")]
    >>> texts = [{"text": word + " 1" * n, "label": label} for n in range(9) for word, label in pairs]
    >>> data = load_dataset("custom", source=texts, tokenizer=words, from_position=0)
    >>> list(data.labels), data.n_examples, data.settings["aggregate"]
    (['en', 'fr'], 18, 'mean')
    """
    name = str(name_or_folder)
    if name in COLLECTIONS and not is_dataset(name):
        if tokenizer is None:
            raise InputError(f"building {name} needs a tokenizer: the model's (hub id, folder, or shipped model)")
        return build(name, source, tokenizer, preset=preset, seed=seed, bos=bos, **settings)
    place = Path(name)
    if not place.exists() and (place.suffix or len(place.parts) > 1):
        raise DataError(f"there is no file or folder {name}; check the path")
    if not place.exists():
        raise UnknownNameError("collection or dataset folder", name, COLLECTIONS)
    if source is not None or settings or (preset, seed, bos) != ("default", 0, "tokenizer"):
        raise InputError(
            f"{name} is a saved dataset, built already; leave source, preset, seed, bos and settings away, or name a "
            "collection"
        )
    dataset = ProbingDataset.load(name)
    if tokenizer is not None:
        dataset.require_tokenizer(load_tokenizer(tokenizer))
    return dataset


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
    request = Request(texts, TextEncoder(record), resolved, seed)
    candidates = collection.find(request)
    recorded = {setting: _recorded(value) for setting, value in resolved.items()} | {
        "collection": name,
        "preset": preset,
        "aggregate": candidates.aggregate or collection.aggregate,
        "bos": record.bos,
        "source": _describe(source),
        "source_hash": request.reader.source_hash,
    }
    return assemble(candidates, name=name, tokenizer=record, settings=recorded, seed=seed)


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
