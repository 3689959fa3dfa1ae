"""The settings of a run: each one once, with its type, default, help text and converter.

The command line builds its options from these fields, `spec.yaml` holds them, and Python passes them. However a setting
is written, it is converted to the same plain value (a single name or number to a list, a path to text, NumPy's numbers
to Python's), so equal settings give equal `RunSpec` and a run folder recognises its own settings. Mistakes that can be
found without a model or a dataset are refused here, before anything heavy is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np

from sparseprobe.artefacts import read_yaml
from sparseprobe.byte_sizes import parse_bytes
from sparseprobe.choices import (
    AGGREGATIONS,
    BOS_POLICIES,
    EXPERIMENTS,
    PRECISIONS,
    PRESETS,
    SELECTIONS,
    SITES,
    Aggregation,
    BosPolicy,
    Precision,
    Site,
)
from sparseprobe.errors import DataError, InputError, UnknownNameError


def text(name: str, value: Any) -> str:
    """The value as text; a path becomes its text.

    >>> text("model", "demo-4.7m")
    'demo-4.7m'
    """
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{name} must be a text, got {value!r}")
    return str(value)


def names(name: str, value: Any) -> list[str]:
    """A list of names, or one name.

    >>> names("features", "fr"), names("features", ("fr", "en"))
    (['fr'], ['fr', 'en'])
    """
    listed = [value] if isinstance(value, str | os.PathLike) else list(value) if isinstance(value, Sequence) else []
    if not listed or not all(isinstance(one, str | os.PathLike) for one in listed):
        raise InputError(f"{name} must be a list of names, or one name, got {value!r}")
    return [str(one) for one in listed]


def integer(name: str, value: Any, *, least: int | None = None) -> int:
    """An integer that is not below `least`, also from a text of digits.

    >>> integer("keep", np.int64(5), least=1), integer("keep", "5")
    (5, 5)
    """
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or (least is not None and value < least):
        raise InputError(f"{name} must be an integer{_from(least)}, got {_short(value)}")
    return int(value)


def integers(name: str, value: Any, *, least: int | None = None) -> list[int]:
    """A list of integers, or one of them, or a text such as `1,2,4`.

    >>> integers("k", (1, 2), least=1), integers("k", "1, 2, 4"), integers("layers", 3)
    ([1, 2], [1, 2, 4], [3])
    """
    given = value.split(",") if isinstance(value, str) else value
    listed = list(given) if isinstance(given, Iterable) else [given]
    try:
        numbers = [integer(name, one, least=least) for one in listed]
    except InputError as error:
        wanted = f"a list of integers{_from(least)}, written 1,2,4 or [1, 2, 4]"
        raise InputError(f"{name} must be {wanted}, got {_short(value)}") from error
    if not numbers:
        raise InputError(f"{name} must be a list of integers, written 1,2,4 or [1, 2, 4], got an empty one")
    return numbers


def _counts(name: str, value: Any) -> list[int]:
    return sorted(set(integers(name, value, least=1)))


def _layers(name: str, value: Any) -> str | list[int]:
    """A list of layers, also from a text that lists some; `all` and ranges stay texts until the model is known."""
    if not isinstance(value, str):
        return integers(name, value)
    parts = [part.strip() for part in value.split(",")]
    if not all(part == "all" or _LAYERS.fullmatch(part) for part in parts):
        raise InputError(f"layers={_short(value)} is not understood: write all, 3, 0:4 or 0,2,5")
    return [int(part) for part in parts] if all(_INTEGER.fullmatch(part) for part in parts) else value


def _size(_: str, value: Any) -> str:
    return str(parse_bytes(value))


def _device(name: str, value: Any) -> str:
    kind = str(value).partition(":")[0]
    if kind not in DEVICES:
        raise UnknownNameError("device", str(value), DEVICES)
    return text(name, str(value))


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{name} must be a mapping of names to values, got {value!r}")
    return dict(value)


def _from(least: int | None) -> str:
    return "" if least is None else f" of at least {least}"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."


_INTEGER = re.compile(r"\s*-?[0-9]{1,15}\s*")
_LAYERS = re.compile(r"-?[0-9]{1,15}|(-?[0-9]{1,15})?:(-?[0-9]{1,15})?")
DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "xla")
SHOWN = 80
"""Characters of a wrong value that an error repeats."""


@dataclass(frozen=True)
class Setting:
    """One setting of a run beyond its name, type and default."""

    help: str
    """One sentence for people."""
    plain: Callable[[str, Any], Any] = text
    """From (name, value) to the plain value that `spec.yaml` holds; `InputError` for a value that cannot be used."""
    choices: tuple[str, ...] = ()
    """The accepted names; empty if any is accepted."""
    extensible: bool = False
    """Whether Python code may add to the choices, so that only the command line can refuse a name at once."""
    repeated: bool = False
    """Whether the option may be repeated on the command line, with one value each time."""

    @property
    def listed(self) -> bool:
        """Whether the command line takes several names with commas between."""
        return self.plain is names and not self.repeated

    def check(self, values: Any, name: str) -> None:
        """Raise `UnknownNameError` for a value that is not among the choices."""
        for value in values if isinstance(values, list) else [values]:
            if self.choices and value not in self.choices:
                raise UnknownNameError(name, value, self.choices)


def _one_of(choices: tuple[str, ...], help: str) -> Setting:  # noqa: A002  (the word of the field)
    return Setting(f"{', '.join(choices[:-1])} or {choices[-1]}{help}", choices=choices)


_Count = partial(integer, least=1)


@dataclass(frozen=True)
class RunSpec:
    """The settings of a run: the options of `sparseprobe run`, and the record in `spec.yaml`.

    >>> RunSpec("demo-4.7m", "natural_language", k=4, layers="0,2", features="fr").k
    [4]
    """

    model: Annotated[str, Setting("The model: a hub id, a local folder, or a shipped model.")]
    dataset: Annotated[
        str,
        Setting("The data: a saved dataset, the name of a collection, or a file or folder of labelled texts."),
    ]
    source: Annotated[
        list[str] | None,
        Setting(
            "Texts for the collection: JSONL, CSV, TSV, text (also .gz, .zst), Parquet, a folder per label, a saved "
            "Hugging Face dataset, or `shipped`; may be repeated. Default: the shipped texts.",
            names,
            repeated=True,
        ),
    ] = None
    text_column: Annotated[str | None, Setting("The column of the text. Default: text.")] = None
    label_column: Annotated[
        list[str] | None, Setting("The column of the labels; several with commas between. Default: label.", names)
    ] = None
    spans_column: Annotated[
        str | None, Setting("The column of the labelled spans, each a list [[start, stop, label], ...].")
    ] = None
    document_column: Annotated[
        str | None, Setting("The column that names the document; texts of one document stay in one split.")
    ] = None
    split_column: Annotated[
        str | None, Setting("The column with the source's own split, which is then kept. Default: make a new split.")
    ] = None
    positions: Annotated[
        str | None,
        Setting(
            "Messages that are read if the text column holds conversations: assistant, user or last.",
            choices=("assistant", "user", "last"),
        ),
    ] = None
    settings: Annotated[
        dict[str, Any] | None,
        Setting("Any other setting of the collection, written name=value; may be repeated.", _mapping, repeated=True),
    ] = None
    bos: Annotated[
        BosPolicy, _one_of(BOS_POLICIES, ": special tokens around a text (tokenizer: as it adds them by itself).")
    ] = "tokenizer"
    layers: Annotated[str | list[int], Setting("The layers: all, 3, 0:4 or 0,2,5.", _layers)] = "all"
    site: Annotated[Site, _one_of(SITES, ": where in the model activations are read.")] = "mlp"
    aggregate: Annotated[
        Aggregation | None,
        _one_of(AGGREGATIONS, ": how an example's tokens become one row. Default: the dataset's recommendation."),
    ] = None
    experiments: Annotated[
        list[str] | None,
        Setting(
            f"Names with commas between: {', '.join(EXPERIMENTS)}. Default: sweep and neurons for binary features, "
            "regression for continuous ones.",
            names,
            EXPERIMENTS,
            extensible=True,
        ),
    ] = None
    selection: Annotated[
        str | None,
        Setting(
            f"How the k neurons are chosen: {', '.join(SELECTIONS)}. Default: depends on the experiment (adaptive; "
            "optimal for pruning, matching_pursuit for continuous features).",
            choices=SELECTIONS,
            extensible=True,
        ),
    ] = None
    k: Annotated[
        list[int] | None,
        Setting(
            "Numbers of neurons, such as 1,2,4,8. Default: depends on the experiment; for a sweep the paper's list up "
            "to the layer's width.",
            _counts,
        ),
    ] = None
    features: Annotated[
        list[str] | None, Setting("The features to probe, with commas between. Default: all.", names)
    ] = None
    keep: Annotated[int, Setting("Single neurons to keep per feature and layer.", _Count)] = 100
    ablated: Annotated[int, Setting("Neurons to ablate per feature, alone and together.", _Count)] = 3
    preset: Annotated[str, _one_of(PRESETS, " for the paper's own settings.")] = "default"
    seed: Annotated[int, Setting("Seed of every random draw.", integer)] = 0
    device: Annotated[
        str | None,
        Setting("Where the model runs: cpu, cuda, cuda:1, ... Default: an accelerator if there is one.", _device),
    ] = None
    model_dtype: Annotated[Precision, _one_of(PRECISIONS, ": number type of the model's weights.")] = "float32"
    dtype: Annotated[Precision, _one_of(PRECISIONS, ": number type of the stored activations.")] = "float16"
    memory: Annotated[str | None, Setting("Upper bound for the memory of the extraction, such as 4GB.", _size)] = None

    def __post_init__(self) -> None:
        """Bring every setting to its plain value; raises `InputError` for a value that cannot be used."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            setting = settings_of_a_run()[field.name]
            plain = setting.plain(field.name, value)
            if not setting.extensible:
                setting.check(plain, field.name)
            object.__setattr__(self, field.name, plain)

    def dataset_options(self) -> dict[str, Any]:
        """The arguments of `load_dataset` for building the dataset; only those that differ from the default."""
        given: dict[str, Any] = {name: getattr(self, name) for name in BUILDING}
        plain = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in given.items() if value != plain[name]} | (self.settings or {})

    @classmethod
    def from_yaml(cls, path: Path) -> RunSpec:
        """Read the settings of a run.

        Raises:
            DataError: the file is absent, not YAML, lacks the model or the dataset, or holds a setting of another type.
            UnknownNameError: the file holds an unknown setting.
        """
        values = read_yaml(path)
        known = settings_of_a_run()
        for name in values:
            if name not in known:
                raise UnknownNameError(f"setting in {path}:", name, known)
        missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in values]
        if missing:
            raise DataError(f"{path} lacks {' and '.join(missing)}: add a line `{missing[0]}: NAME`")
        try:
            return cls(**values)
        except InputError as error:
            raise DataError(f"{path}: {error}") from error


BUILDING = (
    "source",
    "text_column",
    "label_column",
    "spans_column",
    "document_column",
    "split_column",
    "positions",
    "bos",
)
"""The settings that say how texts become a dataset, in addition to `settings`, those of the collection."""


@lru_cache(maxsize=1)
def settings_of_a_run() -> Mapping[str, Setting]:
    """The record of each setting by its name, in the order of the fields.

    >>> settings_of_a_run()["keep"].help
    'Single neurons to keep per feature and layer.'
    """
    hints = get_type_hints(RunSpec, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(RunSpec)}
