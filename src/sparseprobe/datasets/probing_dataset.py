"""Labelled text, ready to be fed to a model: the one value that the rest of the library receives.

An example is a half-open span of token positions in a sequence; it belongs to a group (the document it comes from)
and to a part (train, validation, test). Each feature labels each example 1, 0 or -1 (not labelled), or with a float
(NaN: not labelled). Everything is checked when the value is made, so no later stage has to: spans lie inside their
sequences, labels have only those values, and no group stands in two parts, unless the split was made by example on
purpose (`settings["split_by"]`). Cost of the checks: linear in the examples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sparseprobe.datasets import combining, dataset_folder
from sparseprobe.datasets.preview import Example, example_of, preview
from sparseprobe.datasets.sequences import Sequences
from sparseprobe.datasets.tokenizer_record import AnyTokenizer, TokenizerRecord
from sparseprobe.errors import DataError, InputError, UnknownNameError
from sparseprobe.printable import html_record

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["SPLITS", "ProbingDataset", "Sequences", "TokenizerRecord"]

SPLITS = ("train", "validation", "test")
SHOWN_FEATURES = 20
"""Features that a notebook lists."""
KINDS = ("binary", "continuous")
EXAMPLE_COLUMNS: dict[str, Any] = {
    "sequence": np.int64,
    "start": np.int64,
    "stop": np.int64,
    "group": "str",
    "split": "str",
}
FEATURE_COLUMNS = ("name", "description", "category", "kind")


@dataclass(frozen=True, eq=False, repr=False)
class ProbingDataset:
    """Sequences, the labelled spans in them, and what they are labelled with.

    >>> data = ProbingDataset(
    ...     name="custom",
    ...     sequences=Sequences.of([[5, 6, 7], [8, 9]]),
    ...     examples=pd.DataFrame(
    ...         {"sequence": [0, 1], "start": [1, 0], "stop": [3, 2], "group": ["a", "b"], "split": ["train", "test"]}
    ...     ),
    ...     labels=pd.DataFrame({"fr": np.array([1, 0], dtype=np.int8)}),
    ...     features=pd.DataFrame(
    ...         {"name": ["fr"], "description": ["French"], "category": ["language"], "kind": ["binary"]}
    ...     ),
    ...     tokenizer=TokenizerRecord(name="t", fingerprint="f", bos="none", bos_id=None),
    ... )
    >>> data
    ProbingDataset('custom', 2 examples, 1 features, 5 tokens, 1 train, 1 test)
    >>> data.subset(features=["fr"], splits=["test"]).n_examples
    1
    """

    name: str
    """Name of the collection."""
    sequences: Sequences
    """Token ids as fed to the model."""
    examples: pd.DataFrame
    """(n_examples, 5): sequence, start, stop (int64; token positions from 0, half-open), group, split (strings)."""
    labels: pd.DataFrame
    """(n_examples, n_features): int8 in {1, 0, -1 = not labelled}; continuous: float32, NaN = not labelled."""
    features: pd.DataFrame
    """(n_features, 4): name, description, category, kind ("binary", "continuous"); in the order of the labels."""
    tokenizer: TokenizerRecord
    """Which tokenizer made the ids, and what it put around each text."""
    settings: dict[str, Any] = field(default_factory=dict)
    """How it was built: preset, context, seed, hash of the source, counts ... (anything that JSON holds)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", _checked_examples(self.examples, self.sequences))
        object.__setattr__(self, "features", _checked_features(self.features))
        object.__setattr__(self, "labels", _checked_labels(self.labels, self.features, len(self.examples)))
        if self.settings.get("split_by", "group") == "group":
            _check_groups(self.examples)

    def __repr__(self) -> str:
        sizes = f"{self.n_examples:,} examples, {len(self.features)} features, {self.n_tokens:,} tokens"
        parts = self.examples["split"].value_counts()
        return f"ProbingDataset({self.name!r}, {sizes}, {', '.join(f'{n:,} {part}' for part, n in parts.items())})"

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, row: int) -> Example:
        """Example number `row`: its text, its span and its labels; raises IndexError."""
        return example_of(self, row)

    def _repr_html_(self) -> str:
        splits = self.examples["split"].value_counts()
        shares = {name: (self.labels[name] == 1).sum() for name in self.labels.columns[:SHOWN_FEATURES]}
        features = ", ".join(f"{name} ({n:,})" if n else name for name, n in shares.items())
        more = len(self.labels.columns) - SHOWN_FEATURES
        return html_record(
            self.name,
            {
                "examples": f"{self.n_examples:,} ({', '.join(f'{n:,} {split}' for split, n in splits.items())})",
                "tokens": f"{self.n_tokens:,} in {len(self.sequences):,} sequences",
                "features (positives)": features + (f", and {more} more" if more > 0 else ""),
                "tokenizer": self.tokenizer.name,
            },
        )

    @property
    def n_examples(self) -> int:
        """Number of labelled spans."""
        return len(self.examples)

    @property
    def n_tokens(self) -> int:
        """Number of tokens in all sequences."""
        return len(self.sequences.tokens)

    def require_tokenizer(self, tokenizer: AnyTokenizer | TokenizerRecord) -> None:
        """Raise TokenizerMismatchError unless `tokenizer` turns text into ids exactly as this dataset's did."""
        self.tokenizer.require(tokenizer)

    def subset(
        self,
        *,
        features: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        examples: ArrayLike | None = None,
    ) -> ProbingDataset:
        """Keep some features, some parts, some examples (a mask or row numbers); sequences that nothing needs go away.

        With `features`, examples that none of them labels go away too. Raises UnknownNameError for an unknown feature
        or part, InputError if nothing is left.
        """
        names = list(self.labels.columns if features is None else features)
        for name in names:
            if name not in self.labels.columns:
                raise UnknownNameError("feature", name, self.labels.columns)
        rows = np.arange(self.n_examples)
        if examples is not None:
            rows = rows[np.asarray(examples)]
        if splits is not None:
            for split in splits:
                if split not in SPLITS:
                    raise UnknownNameError("split", split, SPLITS)
            rows = rows[self.examples["split"].isin(list(splits)).to_numpy()[rows]]
        if features is not None:
            rows = rows[labelled(self.labels[names].iloc[rows]).any(axis=1)]
        if not len(rows):
            raise InputError(f"no example of {self.name} is left; choose other features, splits or examples")
        table = self.examples.iloc[rows].reset_index(drop=True)
        kept, renumbered = np.unique(table["sequence"].to_numpy(), return_inverse=True)
        return replace(
            self,
            sequences=self.sequences.take(kept),
            examples=table.assign(sequence=renumbered),
            labels=self.labels[names].iloc[rows].reset_index(drop=True),
            features=self.features.set_index("name").loc[names].reset_index(),
        )

    def subsample(self, n: int, *, by: str = "example", seed: int = 0) -> ProbingDataset:
        """About `n` examples (or whole documents, `by="group"`), the same share of each part; see `combining`."""
        return combining.subsample(self, n, by=by, seed=seed)

    @classmethod
    def concatenate(cls, datasets: Sequence[ProbingDataset], *, name: str | None = None) -> ProbingDataset:
        """All examples of datasets of one tokenizer; features are matched by name. See `combining`."""
        return combining.concatenate(datasets, name=name)

    def preview(self, feature: str, n: int = 5) -> str:
        """Text of `n` examples of each class of a feature with the labelled span in ⟦ ⟧, one line an example."""
        return preview(self, feature, n)

    def hash(self) -> str:
        """SHA-256 (hexadecimal) of all that results can depend on.

        That is: ids, spans, groups, splits, labels, the tokenizer and what it puts around a text, the advice on
        aggregation. Where the data came from and what was left out is not in it.
        """
        around = self.tokenizer
        decisive = [self.name, around.fingerprint, around.bos, around.bos_id, around.eos_id, list(around.special_ids)]
        digest = hashlib.sha256(json.dumps([*decisive, self.settings.get("aggregate")]).encode())
        digest.update(self.sequences.tokens.tobytes())
        digest.update(self.sequences.offsets.tobytes())
        for table in (self.examples, self.labels, self.features):
            digest.update("\x1f".join(table.columns).encode())
            for column in table.columns:
                values = table[column].to_numpy()
                if not np.issubdtype(values.dtype, np.number):
                    values, words = pd.factorize(values)
                    digest.update("\x1f".join(words).encode())
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def spans_hash(self) -> str:
        """SHA-256 (hexadecimal) of what activations depend on: the token ids, and where the examples stand in them."""
        digest = hashlib.sha256()
        spans = (self.examples[name].to_numpy(np.int64) for name in ("sequence", "start", "stop"))
        for values in (self.sequences.tokens, self.sequences.offsets, *spans):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a folder of Parquet and JSON files under a temporary name, then rename it; see `dataset_folder`.

        Raises StorageError if the folder cannot be written, or holds anything but a dataset to overwrite.
        """
        dataset_folder.save(self, folder, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> ProbingDataset:
        """Read a saved dataset; raises StorageError if the folder is not one or was changed since."""
        return dataset_folder.load(folder)


def labelled(labels: pd.DataFrame) -> NDArray[np.bool_]:
    """Which cells of a label table say something: not -1 (binary), not NaN (continuous); (n_examples, n_features).

    >>> labelled(pd.DataFrame({"a": np.array([1, 0, -1], dtype=np.int8)})).ravel()
    array([ True,  True, False])
    """
    known = np.empty(labels.shape, dtype=bool)
    for position, column in enumerate(labels.columns):
        values = labels[column].to_numpy()
        known[:, position] = values != -1 if values.dtype == np.int8 else np.isfinite(values)
    return known


def _checked_examples(examples: pd.DataFrame, sequences: Sequences) -> pd.DataFrame:
    missing = [name for name in EXAMPLE_COLUMNS if name not in examples.columns]
    if missing:
        raise DataError(f"the examples table lacks the column {missing[0]!r}; it needs {', '.join(EXAMPLE_COLUMNS)}")
    table = examples[list(EXAMPLE_COLUMNS)].astype(EXAMPLE_COLUMNS).reset_index(drop=True)
    if table.empty:
        raise DataError("a dataset needs at least one example")
    sequence, start, stop = (table[name].to_numpy() for name in ("sequence", "start", "stop"))
    outside = (sequence < 0) | (sequence >= len(sequences))
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(f"example {row} is in sequence {sequence[row]}, but there are {len(sequences)} sequences")
    bad = (start < 0) | (stop <= start) | (stop > sequences.lengths[sequence])
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"example {row} has the span [{start[row]}, {stop[row]}) in sequence {sequence[row]} of "
            f"{sequences.lengths[sequence[row]]} tokens; a span is half-open, not empty, and inside its sequence"
        )
    unknown = set(table["split"].unique()) - set(SPLITS)
    if unknown:
        raise UnknownNameError("split", sorted(map(str, unknown))[0], SPLITS)
    return table


def _checked_features(features: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in FEATURE_COLUMNS if name not in features.columns]
    if missing:
        raise DataError(f"the features table lacks the column {missing[0]!r}; it needs {', '.join(FEATURE_COLUMNS)}")
    table = features[list(FEATURE_COLUMNS)].astype("str").reset_index(drop=True)
    if table.empty:
        raise DataError("a dataset needs at least one feature")
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise DataError(f"the feature {twice.iloc[0]!r} stands twice in the features table; names must differ")
    for kind in table["kind"]:
        if kind not in KINDS:
            raise UnknownNameError("kind of feature", kind, KINDS)
    return table


def _checked_labels(labels: pd.DataFrame, features: pd.DataFrame, n_examples: int) -> pd.DataFrame:
    if list(labels.columns) != list(features["name"]):
        raise DataError(
            f"the label columns {list(labels.columns)} must be the feature names {list(features['name'])}, in order"
        )
    if len(labels) != n_examples:
        raise DataError(f"there are {len(labels)} rows of labels for {n_examples} examples; they must match row by row")
    columns = {}
    for name, kind in zip(features["name"], features["kind"], strict=True):
        values = labels[name].to_numpy()
        if kind == "continuous":
            columns[name] = values.astype(np.float32)
            continue
        odd = (values != 0) & (values != 1) & (values != -1)
        if odd.any():
            raise DataError(
                f"the binary feature {name!r} holds the label {values[odd][0]}; labels are 1, 0, or -1 for not labelled"
            )
        columns[name] = values.astype(np.int8)
    return pd.DataFrame(columns)


def _check_groups(examples: pd.DataFrame) -> None:
    (group, groups), (split, splits) = pd.factorize(examples["group"]), pd.factorize(examples["split"])
    stands = np.zeros((len(groups), len(splits)), dtype=bool)
    stands[group, split] = True
    twice = np.flatnonzero(stands.sum(axis=1) > 1)
    if len(twice):
        named = sorted(splits[stands[twice[0]]])
        raise DataError(
            f"the group {groups[twice[0]]!r} stands in the splits {' and '.join(named)}, so test scores would be of "
            'text seen in training; keep each document in one split (or say settings["split_by"] = "example" if meant)'
        )
