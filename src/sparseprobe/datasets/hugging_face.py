"""Records of the package `datasets`: a dataset in memory, a folder of `save_to_disk`, a Parquet file of the Hub.

All three carry the types of their columns. A ClassLabel is stored as an integer: it is read as its name, and as None
where it is -1, which by the definition of the type means no label. Lists of labels, such as the tags of words, are read
in the same way. The folders are Arrow streams and JSON, and are read without the package. Source: the documentation of
`datasets.ClassLabel`, and of its Arrow format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from sparseprobe.artefacts import parse_json
from sparseprobe.errors import DataError

Features: TypeAlias = Mapping[str, Any]
"""Column to its type, as `datasets.Features.to_dict` writes them."""
Located: TypeAlias = Iterator[tuple[str, dict[str, Any]]]
"""Records, each with the place it stands at."""

ROWS = 4096
"""Rows that are turned into records at a time."""
FOLDERS = ("dataset_info.json", "dataset_dict.json")
"""What marks a folder of `save_to_disk`: of one dataset, and of its splits."""


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return any((folder / name).is_file() for name in FOLDERS)


def read_saved(folder: Path) -> Located:
    """The records of a folder of `save_to_disk`; those of a DatasetDict say in `split` where they were."""
    try:
        if (folder / FOLDERS[1]).is_file():
            for split in parse_json((folder / FOLDERS[1]).read_text("utf-8"))["splits"]:
                for where, record in _read_one(folder / str(split)):
                    yield where, {"split": split, **record}
        else:
            yield from _read_one(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{folder} is not a complete Hugging Face dataset ({error}); save it again") from error


def _read_one(folder: Path) -> Located:
    features: Features = parse_json((folder / FOLDERS[0]).read_text("utf-8")).get("features") or {}
    number = 0
    for file in parse_json((folder / "state.json").read_text("utf-8"))["_data_files"]:
        with pa.memory_map(str(folder / file["filename"])) as stream, pa.ipc.open_stream(stream) as batches:
            for batch in batches:
                for start in range(0, batch.num_rows, ROWS):
                    for record in batch.slice(start, ROWS).to_pylist():
                        yield f"{folder}, row {number}", named(record, features)
                        number += 1


def read_parquet(path: Path) -> Located:
    """The rows of a Parquet file, with the names of its ClassLabels if it says what they are."""
    number = 0
    try:
        file = pq.ParquetFile(path)
        said = parse_json(((file.schema_arrow.metadata or {}).get(b"huggingface") or b"{}").decode())
        features: Features = (said.get("info") or {}).get("features") or {}
        for batch in file.iter_batches(batch_size=ROWS):
            for record in batch.to_pylist():
                yield f"{path}, row {number}", named(record, features)
                number += 1
    except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not a Parquet file ({error}); check the path") from error


def in_memory(source: Any) -> Located | None:
    """The records of a `datasets.Dataset` (or an IterableDataset); None for anything else."""
    to_dict = getattr(getattr(source, "features", None), "to_dict", None)
    if to_dict is None:
        return None
    features: Features = to_dict()
    return ((f"row {number}", named(record, features)) for number, record in enumerate(source))


def named(record: Mapping[str, Any], features: Features) -> dict[str, Any]:
    """A record with names in place of the integers of its ClassLabels, and None where there is no label.

    >>> label = {"names": ["bad", "good"], "_type": "ClassLabel"}
    >>> named({"label": 1, "tags": [0, -1]}, {"label": label, "tags": {"feature": label, "_type": "List"}})
    {'label': 'good', 'tags': ['bad', None]}
    """
    return {column: _named(value, features.get(column)) for column, value in record.items()}


def _named(value: Any, kind: Any) -> Any:
    if isinstance(kind, list):  # how older versions write a list
        kind = {"feature": kind[0], "_type": "List"} if kind else None
    if not isinstance(kind, Mapping) or value is None:
        return value
    if kind.get("_type") == "ClassLabel":
        names = kind.get("names") or []
        known = isinstance(value, int) and value >= 0
        return (names[value] if value < len(names) else value) if known else None
    if isinstance(value, list):
        return [_named(one, kind.get("feature")) for one in value]
    if isinstance(value, Mapping):
        of_lists = kind.get("feature")  # a list of records is stored as a record of lists
        kinds = {name: [one] for name, one in of_lists.items()} if isinstance(of_lists, Mapping) else kind
        return named(value, kinds)
    return value
