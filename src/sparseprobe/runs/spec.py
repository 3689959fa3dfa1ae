"""What is asked of a run: every setting with its default, checked and made plain when it is given.

However a setting is written (YAML, Python, the command line), the same question has the same `RunSpec`, so that a run
folder knows its own settings again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from sparseprobe.activations.budget import parse_bytes
from sparseprobe.artefacts import read_yaml
from sparseprobe.errors import DataError, InputError, UnknownNameError
from sparseprobe.runs.spec_fields import names, text, whole_number, whole_numbers
from collections.abc import Callable, Mapping
from pathlib import Path
from sparseprobe.activations.aggregation import Aggregation
from sparseprobe.activations.precision import Precision
from sparseprobe.models import Site
from sparseprobe.models.loading import DTypeName


@dataclass(frozen=True)
class RunSpec:
    """What is asked of a run: the options of `sparseprobe run`, and the record in `spec.yaml`."""

    model: str
    """Hub id, local folder, or the name of a shipped model."""
    dataset: str
    """A saved dataset's folder, a collection that is built from the shipped texts, or a file of labelled texts."""
    text_column: str | None = None
    """Where the text is in a file of labelled texts; `text` if not given."""
    label_column: list[str] | None = None
    """Where the labels are in a file of labelled texts; `label` if not given."""
    layers: str | list[int] = "all"
    """`all`, one layer, a range `0:4`, or a list."""
    site: Site = "mlp"
    """Where in the model: `mlp`, `mlp_pre`, `residual`, `attention`; of a gated MLP also `mlp_gate` and `mlp_up`."""
    aggregate: Aggregation | None = None
    """`none`, `mean`, `max`, `last`; what the dataset recommends if not given."""
    experiments: list[str] | None = None
    """Names of experiments, and `ablation`; if not given, sweep and neurons for binary features, regression for
    continuous ones."""
    selection: str | None = None
    """How the k neurons are chosen; each experiment's own way if not given (adaptive thresholding, but optimal ones for
    pruning and matching pursuit for continuous features)."""
    k: list[int] | None = None
    """The numbers of neurons; each experiment's own if not given, for the sweep the paper's list up to the width of the
    layer."""
    features: list[str] | None = None
    """The features to probe; all if not given."""
    keep: int = 100
    """Single neurons kept for each feature and layer."""
    ablated: int = 3
    """Neurons for each feature that the ablation takes away, alone and together."""
    preset: str = "default"
    """`default`, or `paper` for the paper's own settings."""
    seed: int = 0
    """Seed of every random draw."""
    device: str | None = None
    """Where the model runs; an accelerator if there is one."""
    model_dtype: DTypeName = "float32"
    """Number type of the model's weights."""
    dtype: Precision = "float16"
    """Number type of the stored activations."""
    memory: str | None = None
    """Upper bound for extraction's buffers, as `4GB`."""

    def __post_init__(self) -> None:
        """Bring every setting to the plain values that `spec.yaml` holds; raises `InputError` for one that is none."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name in _ALWAYS_GIVEN:
                plain: Callable[[str, Any], Any] = _PLAIN.get(field.name, text)
                object.__setattr__(self, field.name, plain(field.name, value))

    @classmethod
    def from_yaml(cls, path: Path) -> RunSpec:
        """Read the settings of a run.

        Raises:
            DataError: the file is absent, not YAML, lacks the model or the dataset, or holds a setting of another type.
            UnknownNameError: a setting that no run has.
        """
        values = read_yaml(path)
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownNameError(f"setting in {path}:", name, known)
        missing = [name for name in ("model", "dataset") if name not in values]
        if missing:
            raise DataError(f"{path} lacks {' and '.join(missing)}: add a line `{missing[0]}: NAME`")
        try:
            return cls(**values)
        except InputError as error:
            raise DataError(f"{path}: {error}") from error


def _layers(name: str, value: Any) -> str | list[int]:
    """A list of layers, also from a text that lists some; `all` and ranges stay texts until the model is known."""
    if not isinstance(value, str):
        return whole_numbers(name, value)
    parts = value.split(",")
    return [int(part) for part in parts] if all(_LAYER.fullmatch(part) for part in parts) else value


def _memory(_: str, value: Any) -> str:
    return str(parse_bytes(value))


def _ks(name: str, value: Any) -> list[int]:
    return sorted(set(whole_numbers(name, value, least=1)))


_LAYER = re.compile(r"\s*-?\d+\s*")
_ALWAYS_GIVEN = ("model", "dataset", "layers", "site", "keep", "ablated", "preset", "seed", "model_dtype", "dtype")
_PLAIN: Mapping[str, Callable[[str, Any], Any]] = {
    "label_column": names,
    "layers": _layers,
    "experiments": names,
    "k": _ks,
    "features": names,
    "keep": partial(whole_number, least=1),
    "ablated": partial(whole_number, least=1),
    "seed": whole_number,
    "memory": _memory,
}
"""How each setting is brought to a plain value; those that are not here are texts."""
