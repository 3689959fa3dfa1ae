"""A run: one model and one dataset, everything in one folder, resumed after a stop.

    spec.yaml                  the settings (RunSpec), written first
    provenance.json            software, hardware, hashes, times
    dataset/                   the texts as token ids, the labels, the splits
    activations/               the chosen layers at the labelled positions
    reference/                 for the ablation: activations on the training text
    tables/EXPERIMENT.parquet  one table for each experiment: sweep, neurons, ...
    report.html                all of it on one page

A complete stage is not repeated, and tables are written part by part (one layer, or for the ablation one feature), so a
stopped run continues where it was: the settings come from `spec.yaml`, and every random draw is keyed by what it is
for, not by when it happens.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sparseprobe.activations import Activations, extract
from sparseprobe.activations.budget import BATCH_TOKENS
from sparseprobe.activations.extract import prepare
from sparseprobe.artefacts import read_table, write_table
from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.dataset_folder import is_dataset
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.models import LanguageModel, load_model
from sparseprobe.progress import SILENT, Progress
from sparseprobe.reports.page import write_report
from sparseprobe.runs import run_folder
from sparseprobe.runs.catalogue import (
    EXPERIMENTS,
    checked_work,
    experiment_named,
    sources_of,
    usual_experiments,
)
from sparseprobe.runs.experiment import Part, Question, Sources, Work, run_parts
from sparseprobe.runs.spec import RunSpec


@dataclass(frozen=True, repr=False)
class Run:
    """The results of a run, finished or not."""

    folder: Path
    spec: RunSpec
    tables: Mapping[str, pd.DataFrame]
    """The complete tables by the name of the experiment."""

    @property
    def sweep(self) -> pd.DataFrame:
        """The table of the sweep; raises `UnknownNameError` if there is none."""
        return self._table("sweep")

    @property
    def neurons(self) -> pd.DataFrame:
        """The table of single neurons; raises `UnknownNameError` if there is none."""
        return self._table("neurons")

    @property
    def dataset(self) -> ProbingDataset:
        """The dataset as it was probed, read from the folder; raises `StorageError` if it is not there yet."""
        return ProbingDataset.load(self.folder / run_folder.DATASET)

    @property
    def activations(self) -> Activations:
        """The activations, opened from the folder; raises `StorageError` if they are not whole."""
        return Activations.open(self.folder / run_folder.ACTIVATIONS)

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            raise UnknownNameError("table of this run", name, self.tables)
        return self.tables[name]

    def __repr__(self) -> str:
        tables = ", ".join(f"{name} ({len(table)} rows)" for name, table in self.tables.items())
        return f"Run({str(self.folder)!r}: {self.spec.model} on {self.spec.dataset}; {tables or 'no table yet'})"

    def _repr_html_(self) -> str:
        """What a notebook shows: which run it is, and its tables."""
        title = f"{self.spec.model} on {self.spec.dataset}, in {self.folder}"
        rows = [
            {"table": name, "rows": len(table), "about": experiment_named(name).about}
            for name, table in self.tables.items()
        ]
        shown = pd.DataFrame(rows, columns=["table", "rows", "about"]).to_html(index=False)
        return f"<p><b>Run</b> of {html.escape(title)}</p>{shown}"


def run(
    spec: RunSpec | None = None, out: str | Path | None = None, *, progress: Progress = SILENT, **settings: Any
) -> Run:
    """Carry out a run: do every stage that `out` does not hold yet, and return the results.

    The settings are those of `RunSpec`, given as one, or by name, or both: `run(model="demo-4.7m", dataset="fr.csv",
    out="runs/fr")`. Raises `StorageError` if `out` belongs to a run with different settings (other than its
    experiments), another process works in it, or it cannot be written; another `SparseProbeError` for any setting that
    cannot be used. Existing results are never lost.
    """
    if out is None:
        raise InputError("a run needs out, the folder to write: give for example out='runs/mine'")
    question = _spec(spec, settings)
    folder = Path(out)
    run_folder.refuse_other_settings(folder, question)
    if run_folder.is_finished(folder, question):
        return open_run(folder)
    with run_folder.alone_in(folder):
        return _run(question, folder, progress)


def resume(folder: str | Path, *, progress: Progress = SILENT) -> Run:
    """Finish a run that stopped, with the settings that it was started with.

    Raises `DataError` if the folder holds no run, and what `run` raises.
    """
    return run(run_folder.spec_of(Path(folder)), folder, progress=progress)


def open_run(folder: str | Path) -> Run:
    """Open the run in a folder with its complete tables; nothing is computed or written.

    Raises `DataError` if the folder holds no run or a table is damaged, `StorageError` if its `spec.yaml` was
    edited after its tables were made.
    """
    place = Path(folder)
    spec = run_folder.spec_of(place)
    run_folder.refuse_other_settings(place, spec)
    paths = {name: run_folder.table_path(place, name) for name in EXPERIMENTS}
    return Run(place, spec, {name: read_table(path) for name, path in paths.items() if path.exists()})


def _spec(spec: RunSpec | None, settings: Mapping[str, Any]) -> RunSpec:
    known = [field.name for field in fields(RunSpec)]
    for name in settings:
        if name not in known:
            raise UnknownNameError("setting of a run", name, known)
    if spec is not None:
        return replace(spec, **settings)
    if not {"model", "dataset"} <= settings.keys():
        raise InputError("a run needs a model and a dataset: run(model=..., dataset=..., out=...), or a RunSpec")
    return RunSpec(**settings)


def _run(spec: RunSpec, folder: Path, progress: Progress) -> Run:
    """Do what is missing, in a folder reserved for this process."""
    with run_folder.asked(folder, spec):
        model = load_model(spec.model, device=spec.device, dtype=spec.model_dtype)
        data = _dataset(folder / run_folder.DATASET, spec, model.tokenizer)
        names = list(dict.fromkeys(spec.experiments or usual_experiments(data)))
        work = _checked(spec, names, model, data)
    run_folder.begin_record(folder, spec, names)
    if not (folder / run_folder.DATASET).exists():
        data.save(folder / run_folder.DATASET)
    activations = extract(model, data, **_reading(spec, data), out=folder / run_folder.ACTIVATIONS, progress=progress)
    del model  # its memory is wanted by the probes; the work of an experiment that needs it keeps it
    tables: dict[str, pd.DataFrame] = {}
    sources = sources_of(activations, tables, folder)
    while len(tables) < len(names):
        waiting = [name for name in names if name not in tables]
        ready = {name: work[name] for name in waiting if tables.keys() >= set(experiment_named(name).needs_tables)}
        tables |= _tables(folder, ready, sources, progress)
    run_folder.finish_record(folder, data, activations)
    write_report(folder)
    return Run(folder, spec, {name: tables[name] for name in names})


def _dataset(folder: Path, spec: RunSpec, tokenizer: Any) -> ProbingDataset:
    if folder.exists():
        return load_dataset(folder, tokenizer=tokenizer)
    options = spec.dataset_options()
    if not is_dataset(spec.dataset):
        return load_dataset(spec.dataset, tokenizer=tokenizer, preset=spec.preset, seed=spec.seed, **options)
    data = load_dataset(spec.dataset, tokenizer=tokenizer, **options)
    built = data.settings.get("preset", spec.preset)
    if spec.preset == "paper" and built != "paper":
        raise InputError(
            f"{spec.dataset} was built with the preset {built}, so its split is not the paper's: build it with "
            "preset paper, or omit the preset of the run"
        )
    return data


def _reading(spec: RunSpec, data: ProbingDataset) -> dict[str, Any]:
    """The arguments of `extract`."""
    return {
        "layers": spec.layers,
        "site": spec.site,
        "aggregate": spec.aggregate or data.settings.get("aggregate", "none"),
        "dtype": spec.dtype,
        "memory": spec.memory,
    }


def _checked(spec: RunSpec, names: list[str], model: LanguageModel, data: ProbingDataset) -> dict[str, Work]:
    """The work of every experiment; raises for anything that a later stage would refuse."""
    needs_model = any(experiment_named(name).needs_model for name in names)
    _, read = prepare(model, data, **_reading(spec, data), batch_tokens=BATCH_TOKENS, padding="right")
    question = Question(
        data,
        dict(zip(read["layers"], read["widths"], strict=True)),
        spec.site,
        spec.features,
        spec.seed,
        spec.preset,
        {"selection": spec.selection, "k": spec.k, "keep": spec.keep, "ablated": spec.ablated},
        model if needs_model else None,
    )
    return checked_work(names, question)


def _tables(folder: Path, work: Mapping[str, Work], sources: Sources, progress: Progress) -> dict[str, pd.DataFrame]:
    """The tables of experiments that can be done now: the parts that are there already, and the others made now.

    All parts of a layer are made together, so that each layer is read once.
    """
    paths = {name: run_folder.table_path(folder, name) for name in work}
    parts = {name: list(work[name](sources)) for name, path in paths.items() if not path.exists()}
    every = [part for own in parts.values() for part in own]
    missing = [part for part in every if not _part_path(folder, part).exists()]
    missing.sort(key=lambda part: (part.layer is None, part.layer))
    label, there = ", ".join(parts) or "tables", len(every) - len(missing)
    with progress.task(label, total=len(every), unit="parts", done=there) as step:

        def done(part: Part, table: pd.DataFrame) -> None:
            write_table(_part_path(folder, part), table)
            step(1)

        run_parts(missing, done)
    for name, own in parts.items():
        files = [_part_path(folder, part) for part in own]
        write_table(paths[name], pd.concat([read_table(file) for file in files], ignore_index=True))
        for file in files:
            file.unlink()
    return {name: read_table(path) for name, path in paths.items()}


def _part_path(folder: Path, part: Part) -> Path:
    return run_folder.table_path(folder, f"{part.table}-{part.key}")
