"""A run: one model, one dataset, everything in one folder, and the way on after a stop.

    spec.yaml                  what was asked (RunSpec)
    provenance.json            software, hardware, hashes, times
    dataset/                   the texts as token ids, the labels, the splits
    activations/               the wanted layers at the labelled positions
    reference/                 for ablation: what neurons do on the training text
    tables/EXPERIMENT.parquet  one table for each experiment: sweep, neurons, ...

A stage that is complete is not done again, and the tables are written part by part (a layer, or for ablation a
feature), so a run that was stopped goes on where it was: the settings come from `spec.yaml`, and every random draw is
keyed by what it is, not by when it happens.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparseprobe import provenance
from sparseprobe.activations import Activations, extract
from sparseprobe.activations.budget import BATCH_TOKENS
from sparseprobe.activations.extract import prepare
from sparseprobe.activations.layer_choice import choose_layers
from sparseprobe.artefacts import read_json, read_table, write_json, write_table, write_yaml
from sparseprobe.datasets import ProbingDataset, load_dataset
from sparseprobe.datasets.dataset_folder import is_dataset
from sparseprobe.errors import DataError, InputError, StorageError, UnknownNameError
from sparseprobe.experiments import PAPER_K, candidate_neurons
from sparseprobe.runs.catalogue import (
    EXPERIMENTS,
    Asked,
    do_experiment,
    experiment_named,
    features_for,
    refuse_selection,
    usual_experiments,
)
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.sweep import checked_ks
from sparseprobe.experiments.pruning import pruned_ks
from sparseprobe.models import LanguageModel, load_model
from sparseprobe.neurons import ablate
from sparseprobe.neurons.on_text.followed_spans import measured_features
from sparseprobe.progress import SILENT, Progress
from sparseprobe.runs.spec import RunSpec
from sparseprobe.selection import Prefiltered, selection_named
from collections.abc import Callable, Mapping

ABLATION = "ablation"
"""The one experiment that needs the model itself."""


@dataclass(frozen=True)
class Run:
    """What a finished run left."""

    folder: Path
    spec: RunSpec
    tables: Mapping[str, pd.DataFrame]
    """By the name of the experiment."""

    @property
    def sweep(self) -> pd.DataFrame:
        """The table of the sweep."""
        return self._table("sweep")

    @property
    def neurons(self) -> pd.DataFrame:
        """The table of single neurons."""
        return self._table("neurons")

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            raise UnknownNameError("table of this run", name, self.tables)
        return self.tables[name]


def run(spec: RunSpec, out: str | Path, *, progress: Progress = SILENT) -> Run:
    """Do all stages that `out` does not hold yet, and return the tables.

    Raises:
        StorageError: `out` belongs to a run with other settings (but for its experiments), or cannot be written.
        SparseProbeError: any setting that cannot be used; nothing that was done before is lost.
    """
    folder = Path(out)
    started = provenance.now()
    _refuse_another(folder, spec)
    model = load_model(spec.model, device=spec.device, dtype=spec.model_dtype)
    data = _dataset(folder / "dataset", spec, model.tokenizer)
    asked = sorted(spec.experiments or usual_experiments(data), key=ABLATION.__eq__)  # ablation after neurons
    _refuse_early(spec, asked, model, data)
    write_yaml(folder / "spec.yaml", asdict(spec))
    if not (folder / "dataset").exists():
        data.save(folder / "dataset")
    activations = extract(model, data, **_reading(spec, data), out=folder / "activations", progress=progress)
    if ABLATION not in asked:
        del model  # its memory is wanted by the probes
    tables: dict[str, pd.DataFrame] = {}
    for name in asked:
        path = folder / "tables" / f"{name}.parquet"
        if name == ABLATION:
            parts = _ablation_parts(spec, model, data, tables["neurons"], folder / "reference")
        else:
            parts = _probing_parts(name, spec, activations, data)
        tables[name] = _in_parts(path, parts, label=name, progress=progress)
    _record(folder, spec, data, activations, started)
    return Run(folder, spec, tables)


def resume(folder: str | Path, *, progress: Progress = SILENT) -> Run:
    """Finish a run that stopped, with the settings that it was started with.

    Raises:
        DataError: the folder holds no run.
    """
    spec = Path(folder) / "spec.yaml"
    if not spec.is_file():
        raise DataError(f"{folder} holds no run (no spec.yaml): give the folder that `sparseprobe run --out` wrote")
    return run(RunSpec.from_yaml(spec), folder, progress=progress)


_MAY_CHANGE = ("experiments", "device", "memory")
"""Settings that the numbers of a run do not depend on: more may be asked of it, and it may go on elsewhere."""


def _refuse_another(folder: Path, spec: RunSpec) -> None:
    """See that the folder is new, or belongs to a run with the same settings, but for those that may change."""
    path = folder / "spec.yaml"
    if not path.exists():
        return
    before = RunSpec.from_yaml(path)
    settings = {name: value for name, value in asdict(spec).items() if name not in _MAY_CHANGE}
    changed = [name for name, value in settings.items() if value != getattr(before, name)]
    if changed:
        raise StorageError(
            f"{folder} holds a run with another {' and '.join(changed)}: choose another --out, "
            f"or `sparseprobe resume {folder}` to finish the run that is there"
        )


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
    """What is read of the model, as `extract` takes it."""
    return {
        "layers": spec.layers,
        "site": spec.site,
        "aggregate": spec.aggregate or data.settings.get("aggregate", "none"),
        "dtype": spec.dtype,
        "memory": spec.memory,
    }


def _refuse_early(spec: RunSpec, asked: list[str], model: LanguageModel, data: ProbingDataset) -> None:
    """See that every later stage will take these settings, before the first one begins."""
    for name in asked:
        if name not in (*EXPERIMENTS, ABLATION):
            raise UnknownNameError("experiment", name, (*EXPERIMENTS, ABLATION))
    if ABLATION in asked and "neurons" not in asked:
        raise InputError("the ablation takes its neurons from the experiment 'neurons': add it to the experiments")
    if ABLATION in asked and spec.site != "mlp":
        raise InputError(f"the ablation changes neurons of the site mlp, and the site asked for is {spec.site}")
    if ABLATION in asked:
        measured_features(data, _named_binary(spec, data))
    prepare(model, data, **_reading(spec, data), batch_tokens=BATCH_TOKENS, padding="right")
    probing = [name for name in asked if name != ABLATION]
    widths = {layer: model.width(spec.site, layer) for layer in choose_layers(spec.layers, model.n_layers)}
    _refuse_choice(spec, probing, widths)
    for name in probing:
        if experiment_named(name).kind == "binary":
            LabelledExamples.of(data, features_for(name, data, spec.features), seed=spec.seed, preset=spec.preset)


def _refuse_choice(spec: RunSpec, probing: list[str], widths: dict[int, int]) -> None:
    """See that the experiments can choose so many neurons, in the way that is asked for, in layers of these widths."""
    ks = checked_ks(PAPER_K if spec.k is None else spec.k, widths)
    if "pruning" in probing and spec.k is not None:
        pruned_ks(spec.k, widths)
    if spec.selection is None:
        return
    for name in probing:
        refuse_selection(name, spec.selection, preset=spec.preset)
    if {"sweep", "baselines"} & set(probing):
        method = selection_named(spec.selection, preset=spec.preset)
        if isinstance(method, Prefiltered):
            method.refuse_more_than_candidates(max(max(of_layer) for of_layer in ks.values()))


def _probing_parts(
    name: str, spec: RunSpec, activations: Activations, data: ProbingDataset
) -> dict[str, Callable[[], pd.DataFrame]]:
    def part(*layers: int) -> pd.DataFrame:
        asked = Asked(spec.features, layers, spec.selection, spec.k, spec.keep, spec.preset, spec.seed)
        return do_experiment(name, activations, data, asked)

    if experiment_named(name).by_layer:
        return {f"layer-{layer}": partial(part, layer) for layer in activations.layers}
    return {"all-layers": partial(part, *activations.layers)}


def _ablation_parts(
    spec: RunSpec, model: LanguageModel, data: ProbingDataset, neurons: pd.DataFrame, cache: Path
) -> dict[str, Callable[[], pd.DataFrame]]:
    """Each feature's few best neurons taken away on test text, one by one and together."""
    features = measured_features(data, _named_binary(spec, data))

    def part(few: pd.DataFrame) -> pd.DataFrame:
        alone = few["neuron"].tolist()
        sets = [*alone, alone] if len(alone) > 1 else alone
        return ablate(model, data, sets, together=False, features=features, seed=spec.seed, cache=cache)

    few = few_best_neurons(neurons, spec.ablated)
    if few.empty:
        raise InputError(
            f"none of the neurons kept (keep={spec.keep}) fires on its feature, so there is nothing to take away: "
            "start a run with a larger keep, or leave the ablation away"
        )
    silent = sorted(set(neurons["feature"]) - set(few["feature"]))
    if silent:
        warnings.warn(f"no neuron kept fires on {', '.join(silent)}: the ablation leaves them out", stacklevel=2)
    by_feature = few.groupby("feature", sort=False)
    return {f"feature-{number}": partial(part, few) for number, (_, few) in enumerate(by_feature)}


def few_best_neurons(neurons: pd.DataFrame, n: int) -> pd.DataFrame:
    """The neurons of each feature that a run ablates: `candidate_neurons`, by validation scores.

    The paper's single split has no validation part; there they are chosen by test scores, as the paper does.
    """
    validated = neurons["f1_validation"].notna().any()
    return candidate_neurons(neurons, n, choose_by="f1_validation" if validated else "f1")


def _named_binary(spec: RunSpec, data: ProbingDataset) -> list[str] | None:
    """The binary features among those that the run names; None if it names none, and takes what there is."""
    return None if spec.features is None else features_for("neurons", data, spec.features)


def _in_parts(
    path: Path, parts: Mapping[str, Callable[[], pd.DataFrame]], *, label: str, progress: Progress
) -> pd.DataFrame:
    """The table at `path`: the parts that are there already, the others made now, joined when all are there."""
    if path.exists():
        return read_table(path)
    files = {name: path.with_name(f"{path.stem}-{name}.parquet") for name in parts}
    done = sum(file.exists() for file in files.values())
    with progress.task(label, total=len(parts), unit="parts", done=done) as step:
        for name, make in parts.items():
            if not files[name].exists():
                write_table(files[name], make())
                step(1)
    table = pd.concat([read_table(file) for file in files.values()], ignore_index=True)
    write_table(path, table)
    for file in files.values():
        file.unlink()
    return table


def _record(folder: Path, spec: RunSpec, data: ProbingDataset, activations: Activations, started: str) -> None:
    path = folder / "provenance.json"
    if path.exists() and read_json(path).get("spec") == asdict(spec):
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
