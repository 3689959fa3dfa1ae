"""A run: one model, one dataset, everything in one folder, and the way on after a stop.

    spec.yaml             what was asked (RunSpec)
    provenance.json       software, hardware, hashes, times
    dataset/              the texts as token ids, the labels, the splits
    activations/          the wanted layers at the labelled positions
    tables/sweep.parquet  k-sparse probes          tables/neurons.parquet   single neurons

A stage that is complete is not done again, and the tables are written layer by layer, so a run that was stopped goes on
where it was: the settings come from `spec.yaml`, and every random draw is keyed by what it is, not by when it happens.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparseprobe import provenance
from sparseprobe.activations import Activations, extract
from sparseprobe.artefacts import read_yaml, write_json, write_table, write_yaml
from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.errors import DataError, StorageError, UnknownNameError
from sparseprobe.experiments import PAPER_K, single_neurons, sweep
from sparseprobe.models import load_model
from sparseprobe.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class RunSpec:
    """What is asked of a run: the options of `sparseprobe run`, and the record in `spec.yaml`."""

    model: str
    """Hub id, local folder, or the name of a shipped model."""
    dataset: str
    """A saved dataset's folder, or a collection that is built from the shipped texts."""
    layers: str | list[int] = "all"
    """`all`, one layer, a range `0:4`, or a list."""
    site: str = "mlp"
    """Where in the model: `mlp`, `mlp_pre`, `residual`, `attention`."""
    aggregate: str | None = None
    """`none`, `mean`, `max`, `last`; what the dataset recommends if not given."""
    selection: str = "adaptive"
    """How the k neurons are chosen."""
    k: list[int] | None = None
    """The numbers of neurons; the paper's list, up to the width of the layer, if not given."""
    features: list[str] | None = None
    """The features to probe; all if not given."""
    keep: int = 100
    """Single neurons kept for each feature and layer."""
    preset: str = "default"
    """`default`, or `paper` for the paper's own settings."""
    seed: int = 0
    """Seed of every random draw."""
    device: str | None = None
    """Where the model runs; an accelerator if there is one."""
    model_dtype: str = "float32"
    """Number type of the model's weights."""
    dtype: str = "float16"
    """Number type of the stored activations."""
    memory: str | None = None
    """Upper bound for extraction's buffers, as `4GB`."""

    @classmethod
    def from_yaml(cls, path: Path) -> RunSpec:
        """Read the settings of a run.

        Raises:
            DataError: the file is absent, not YAML, or lacks the model or the dataset.
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
        return cls(**values)


@dataclass(frozen=True)
class Run:
    """What a finished run left."""

    folder: Path
    sweep: pd.DataFrame
    neurons: pd.DataFrame


def run(spec: RunSpec, out: str | Path, *, progress: Progress = SILENT) -> Run:
    """Do all stages that `out` does not hold yet, and return the tables.

    Raises:
        StorageError: `out` belongs to a run with other settings, or cannot be written.
        SparseProbeError: any setting that cannot be used; nothing that was done before is lost.
    """
    folder = Path(out)
    _claim(folder, spec)
    started = provenance.now()
    model = load_model(spec.model, device=spec.device, dtype=spec.model_dtype)
    data = _dataset(folder / "dataset", spec, model.tokenizer)
    activations = extract(
        model,
        data,
        layers=spec.layers,
        site=spec.site,
        aggregate=spec.aggregate or data.settings.get("aggregate", "none"),
        dtype=spec.dtype,
        memory=spec.memory,
        out=folder / "activations",
        progress=progress,
    )
    del model  # its memory is wanted by the probes
    tables = folder / "tables"
    sweeps = _by_layer(
        tables / "sweep.parquet",
        activations,
        lambda layer: sweep(
            activations,
            data,
            selection=spec.selection,
            k=PAPER_K if spec.k is None else spec.k,
            features=spec.features,
            layers=[layer],
            seed=spec.seed,
            preset=spec.preset,
        ),
        label="sweep",
        progress=progress,
    )
    neurons = _by_layer(
        tables / "neurons.parquet",
        activations,
        lambda layer: single_neurons(
            activations, data, features=spec.features, layers=[layer], keep=spec.keep, seed=spec.seed
        ),
        label="single neurons",
        progress=progress,
    )
    _record(folder, spec, data, activations, started)
    return Run(folder, sweeps, neurons)


def resume(folder: str | Path, *, progress: Progress = SILENT) -> Run:
    """Finish a run that stopped, with the settings that it was started with.

    Raises:
        DataError: the folder holds no run.
    """
    spec = Path(folder) / "spec.yaml"
    if not spec.is_file():
        raise DataError(f"{folder} holds no run (no spec.yaml): give the folder that `sparseprobe run --out` wrote")
    return run(RunSpec.from_yaml(spec), folder, progress=progress)


def _claim(folder: Path, spec: RunSpec) -> None:
    """Write the settings, or see that they are the ones that the folder has already."""
    path = folder / "spec.yaml"
    if not path.exists():
        write_yaml(path, asdict(spec))
        return
    before = RunSpec.from_yaml(path)
    changed = [name for name, value in asdict(spec).items() if value != getattr(before, name)]
    if changed:
        raise StorageError(
            f"{folder} holds a run with another {' and '.join(changed)}: choose another --out, "
            f"or `sparseprobe resume {folder}` to finish the run that is there"
        )


def _dataset(folder: Path, spec: RunSpec, tokenizer: Any) -> ProbingDataset:
    if folder.exists():
        data = ProbingDataset.load(folder)
    else:
        data = load_dataset(spec.dataset, tokenizer=tokenizer, preset=spec.preset, seed=spec.seed)
        data.save(folder)
    if tokenizer is not None:
        data.require_tokenizer(tokenizer)
    return data


def _by_layer(
    path: Path,
    activations: Activations,
    table_of: Callable[[int], pd.DataFrame],
    *,
    label: str,
    progress: Progress,
) -> pd.DataFrame:
    """The table at `path`: the parts that are there already, the others made now, joined when all are there."""
    if path.exists():
        return pd.read_parquet(path)
    parts = {layer: path.with_name(f"{path.stem}-layer-{layer}.parquet") for layer in activations.layers}
    done = sum(part.exists() for part in parts.values())
    with progress.task(label, total=len(parts), unit="layers", done=done) as step:
        for layer, part in parts.items():
            if not part.exists():
                write_table(part, table_of(layer))
                step(1)
    table = pd.concat([pd.read_parquet(part) for part in parts.values()], ignore_index=True)
    write_table(path, table)
    for part in parts.values():
        part.unlink()
    return table


def _record(folder: Path, spec: RunSpec, data: ProbingDataset, activations: Activations, started: str) -> None:
    path = folder / "provenance.json"
    if path.exists():
        return
    counts = {str(name): int(count) for name, count in data.examples["split"].value_counts().items()}
    record = {
        **provenance.environment(),
        "started": started,
        "finished": provenance.now(),
        "spec": asdict(spec),
        "dataset": {"name": data.name, "hash": data.hash(), "examples": counts, "settings": data.settings},
        "activations": dict(activations.manifest),
    }
    write_json(path, record)
