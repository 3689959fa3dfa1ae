"""Run a study: one run folder for each model and dataset, then what is made of all their tables.

    OUT/MODEL/DATASET/         a run, as `sparseprobe run` writes it
    OUT/tables/NAME.parquet    the tables of all runs joined, those derived from them, `models` and `datasets`
    OUT/figures/NAME.svg .png  drawn from these tables alone
    OUT/study.json             what the page shows beside the tables: question, findings, captions
    OUT/report.html            all of it on one page

A run that is done is not done again, and one that was stopped goes on where it was; what is made of the tables is made
anew each time, which takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sparseprobe.artefacts import read_json, write_json, write_table
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.models import load_model
from sparseprobe.progress import SILENT, Progress
from sparseprobe.reports.figures import draw, save
from sparseprobe.reports.findings import Sentence
from sparseprobe.reports.page import STUDY, write_report
from sparseprobe.runs.run import Run, run
from sparseprobe.runs.run_folder import RECORD
from sparseprobe.runs.spec import RunSpec, names
from sparseprobe.studies.catalogue import STUDIES
from sparseprobe.studies.study import Study, StudyFigure, Tables


@dataclass(frozen=True, repr=False)
class StudyResult:
    """What a study found."""

    study: Study
    folder: Path
    tables: Tables
    """By name: those of its experiments, joined over its runs, and those derived from them."""
    findings: tuple[Sentence, ...]

    @property
    def report(self) -> Path:
        """The page that shows all of it."""
        return self.folder / "report.html"

    def __repr__(self) -> str:
        listed = ", ".join(f"{name} ({len(table)} rows)" for name, table in self.tables.items())
        return f"StudyResult({self.study.name!r} in {str(self.folder)!r}: {listed})"


def study(
    name: str | Study,
    out: str | Path | None = None,
    *,
    model: Sequence[str] | str | None = None,
    dataset: Sequence[str] | str | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> StudyResult:
    """Do the runs of a study that `out` does not hold yet, and what is made of their tables.

    `model` and `dataset` are one or several, in place of the study's own; `settings` are those of `RunSpec`, for every
    run. Raises `UnknownNameError` for a study that does not exist, and what `run` raises.
    """
    plan = name if isinstance(name, Study) else study_named(name)
    if out is None:
        raise InputError(f"a study needs out, the folder to write: give for example out='runs/{plan.name}'")
    folder = Path(out)
    taken = {"model", "dataset", "experiments"} & settings.keys()
    if taken:
        raise InputError(f"the study {plan.name!r} says itself which {', '.join(sorted(taken))} its runs have")
    models = plan.models if model is None else names("model", model)
    datasets = plan.datasets if dataset is None else names("dataset", dataset)
    asked = {"experiments": list(plan.experiments), **plan.settings, **settings}
    runs = [
        run(RunSpec(one, data, **asked), folder / slug(one) / slug(data), progress=progress)
        for one in models
        for data in datasets
    ]
    joined = {name: _joined(name, runs) for name in plan.experiments}
    joined |= {"models": _models(models, runs), "datasets": _datasets(runs)}
    tables = joined | dict(plan.derive(joined))
    findings = tuple(plan.findings(tables))
    for title, table in tables.items():
        write_table(folder / "tables" / f"{title}.parquet", table)
    captions = [caption for figure in plan.figures for caption in _drawn(figure, tables, folder / "figures")]
    write_json(folder / STUDY, _record(plan, runs, findings, captions))
    write_report(folder)
    return StudyResult(plan, folder, tables, findings)


def study_named(name: str) -> Study:
    """The study of a name; raises `UnknownNameError`."""
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    return STUDIES[name]


def slug(name: str) -> str:
    """A name, a hub id or a path as the name of one folder.

    >>> slug("EleutherAI/pythia-70m")
    'EleutherAI-pythia-70m'
    """
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "unnamed"


def _joined(name: str, runs: Sequence[Run]) -> pd.DataFrame:
    """The tables of an experiment under each other; each row says of which model and dataset it is."""
    tables = []
    for one in runs:
        record = read_json(one.folder / RECORD)
        about = {"model": record["activations"]["settings"]["model"], "collection": record["dataset"]["name"]}
        table = one.tables[name]
        missing = {column: value for column, value in about.items() if column not in table}
        tables.append(table.assign(**missing)[[*missing, *table.columns]])
    return pd.concat(tables, ignore_index=True)


def _models(models: Sequence[str], runs: Sequence[Run]) -> pd.DataFrame:
    """A row for each model, from the smallest to the largest."""
    rows = []
    for name in models:
        device = next(one.spec.device for one in runs if one.spec.model == name)
        model = load_model(name, device=device)
        rows.append(
            {
                "model": model.name,
                "layers": model.n_layers,
                "d_model": model.d_model,
                "d_mlp": model.d_mlp,
                "n_neurons": sum(model.width("mlp", layer) for layer in range(model.n_layers)),
                "n_parameters": model.n_parameters,
                "n_non_embedding": model.n_non_embedding,
            }
        )
    return pd.DataFrame(rows).sort_values("n_parameters", kind="stable", ignore_index=True)


def _datasets(runs: Sequence[Run]) -> pd.DataFrame:
    """A row for each dataset as a tokenizer gives it."""
    rows = []
    for one in runs:
        data = one.dataset
        counts = data.examples["split"].value_counts()
        rows.append(
            {
                "collection": data.name,
                "tokenizer": data.tokenizer.name,
                "n_features": len(data.features),
                "n_sequences": len(data.sequences),
                "n_tokens": data.n_tokens,
                "n_groups": int(data.examples["group"].nunique()),
                **{f"n_{split}": int(counts.get(split, 0)) for split in ("train", "validation", "test")},
            }
        )
    return pd.DataFrame(rows).drop_duplicates(["collection", "n_tokens"], ignore_index=True)


def _drawn(figure: StudyFigure, tables: Tables, folder: Path) -> Iterator[dict[str, str]]:
    """Draw a figure, or one for each value of its `by`; nothing where its table has no rows."""
    table = tables[figure.table] if isinstance(figure.table, str) else figure.table(tables)
    if table.empty:
        return
    several = [name for name in figure.by if len(table[name].unique()) > 1]
    parts = list(table.groupby(several, sort=False)) if several else [((), table)]
    for values, part in parts:
        file = "-".join([figure.name, *(slug(str(value)).replace(".", "_") for value in values)])  # no suffix in it
        save(draw(figure.kind, part.reset_index(drop=True), **figure.settings), folder / file)
        words = ", ".join(str(value).replace("_", " ") for value in values)
        yield {"name": file, "caption": f"{words}: {figure.caption}" if words else figure.caption}


def _record(
    plan: Study, runs: Sequence[Run], findings: Sequence[Sentence], captions: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "study": plan.name,
        "about": plan.about,
        "findings": [[part if isinstance(part, str) else asdict(part) for part in one.parts] for one in findings],
        "figures": list(captions),
        "runs": [f"{one.folder.parent.name}/{one.folder.name}" for one in runs],
    }
