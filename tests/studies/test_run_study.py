"""A study is a run for each model and dataset, and what their tables say together."""

import json
import re

import pandas as pd
import pytest

import sparseprobe as sp
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.reports.figures import FIGURES
from sparseprobe.reports.findings import Cell, findings
from sparseprobe.runs.catalogue import EXPERIMENTS
from sparseprobe.studies import STUDIES, Study, StudyFigure


def best_of(tables):
    return {"best": tables["neurons"].sort_values("f1").groupby(["collection", "feature"]).tail(1)}


PLAN = Study(
    name="tiny",
    about="What do the tables say together?",
    models=("no model of this name",),
    datasets=("no dataset of this name",),
    experiments=("neurons", "sweep"),
    settings={"k": [1, 2], "keep": 5},
    derive=best_of,
    figures=(
        StudyFigure("over-k", "metric_over_k", "F1 <b>over</b> k.", "sweep", {"by": "feature"}, by=("collection",)),
        StudyFigure("nothing", "f1_by_rank", "Not drawn.", lambda tables: tables["neurons"].head(0)),
    ),
    findings=lambda tables: findings({"neurons": tables["neurons"]}),
)


@pytest.fixture(scope="module")
def done(dataset, model_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "tiny"
    return sp.study(PLAN, out, model=str(model_folder), dataset=str(dataset))


def test_tables_are_those_of_the_runs_under_each_other(done, model_folder):
    (folder,) = [path.parent for path in done.folder.glob("*/*/spec.yaml")]
    one = sp.open_run(folder)
    pd.testing.assert_frame_equal(done.tables["sweep"], one.sweep)
    pd.testing.assert_frame_equal(pd.read_parquet(done.folder / "tables" / "neurons.parquet"), one.neurons)
    assert set(one.sweep["k"]) == {1, 2}
    assert done.tables["best"]["feature"].tolist() != []
    assert done.tables["models"]["n_parameters"].item() == sp.load_model(str(model_folder)).n_parameters


def test_the_page_has_figures_findings_and_tables(done):
    html = done.report.read_text(encoding="utf-8")
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    shown = json.loads(text)
    assert {"best", "neurons", "sweep", "models", "datasets"} <= set(shown["tables"])
    assert html.count('<svg class="drawn"') == 1
    assert "<b>over</b>" not in html
    cells = [part for one in done.findings for part in one.parts if isinstance(part, Cell)]
    assert cells
    for cell in cells:
        assert cell.row in shown["tables"][cell.table]["row"]
        assert float(cell.text) == pytest.approx(done.tables[cell.table][cell.column].iloc[cell.row], abs=5e-4)
    ids = re.findall(r'\bid="(figure-[^"]+)"', html)
    assert len(ids) == len(set(ids)) > 10


def test_again_nothing_is_run_and_the_same_is_written(done):
    files = ["report.html", "study.json", "figures/over-k.svg"]
    before = [(done.folder / name).read_bytes() for name in files]
    run_files = {path: path.stat().st_mtime_ns for path in done.folder.glob("*/*/tables/*")}
    (asked,) = done.folder.glob("*/*/spec.yaml")
    spec = sp.open_run(asked.parent).spec
    sp.study(PLAN, done.folder, model=spec.model, dataset=spec.dataset)
    assert [(done.folder / name).read_bytes() for name in files] == before
    assert {path: path.stat().st_mtime_ns for path in done.folder.glob("*/*/tables/*")} == run_files
    before = done.report.read_bytes()
    assert sp.write_report(done.folder).read_bytes() == before


def test_what_a_study_cannot_do_is_said(tmp_path):
    with pytest.raises(UnknownNameError, match="study"):
        sp.study("context-neuron", tmp_path)
    with pytest.raises(InputError, match="needs out"):
        sp.study("context-neurons")
    with pytest.raises(InputError, match="says itself which experiments"):
        sp.study("context-neurons", tmp_path, experiments=["sweep"])


def test_every_study_names_what_there_is():
    for name, plan in STUDIES.items():
        assert plan.name == name
        assert set(plan.experiments) <= set(EXPERIMENTS)
        assert {figure.kind for figure in plan.figures} <= set(FIGURES)
        assert len({figure.name for figure in plan.figures}) == len(plan.figures)
