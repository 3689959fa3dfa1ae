"""The report page: every number of a sentence is a cell of a table, text is never markup, and the page stays small."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from sparseprobe.errors import DataError
from sparseprobe.experiments import planted_experiment, single_neurons, sweep
from sparseprobe.reports.findings import Cell, findings
from sparseprobe.reports.page import page, write_report

HOSTILE = '</script><script>alert(1)</script><b onclick="x()">&amp;\u2028'


@pytest.fixture(scope="module")
def tables():
    acts, data = planted_experiment(n=300, width=24, informative=2, n_features=2, n_layers=2)
    ablation = pd.DataFrame(
        {
            "neurons": [["L0.N1"], ["L0.N1", "L1.N2"]],
            "feature": "f0",
            "label": pd.array([1, 1], dtype="Int8"),
            "change": [0.0321, 0.04],
            "change_low": [0.01, 0.02],
            "change_high": [0.05, 0.06],
            "control_change": [0.001, np.nan],
        }
    )
    return {
        "sweep": sweep(acts, data, k=[1, 2, 4]),
        "neurons": single_neurons(acts, data, keep=5),
        "ablation": ablation,
    }


def data_of(html):
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def test_every_number_of_a_finding_is_a_cell_of_its_table(tables):
    cells = [part for finding in findings(tables) for part in finding.parts if isinstance(part, Cell)]
    assert len(cells) > 15
    for cell in cells:
        value = tables[cell.table][cell.column].iloc[cell.row]
        assert float(cell.text) == pytest.approx(float(value), abs=0.5 * 10.0 ** -len(cell.text.partition(".")[2]))


def test_the_text_of_a_finding_has_no_other_measured_number(tables):
    """What stands between the cells are names, counts and the words '95 %' and the bound of what is counted."""
    for finding in findings(tables):
        plain = " ".join(part for part in finding.parts if isinstance(part, str))
        for number in re.findall(r"(?<![\w.])\d+\.\d+", plain):
            assert number == "0.9"


def test_the_page_shows_the_rows_that_findings_refer_to(tables):
    shown = data_of(page(tables, {}))
    for finding in shown["findings"]:
        for part in finding:
            if isinstance(part, dict):
                assert part["row"] in shown["tables"][part["table"]]["row"]


def test_numbers_of_the_page_are_those_of_the_tables(tables):
    listed = data_of(page(tables, {}))["tables"]["neurons"]
    columns = {column["name"]: column["values"] for column in listed["columns"]}
    np.testing.assert_allclose(columns["f1"], tables["neurons"]["f1"].iloc[listed["row"]], rtol=5e-4)
    assert listed["rows_in_all"] == len(tables["neurons"])


def test_text_from_data_cannot_leave_its_element(tables):
    hostile = {"neurons": tables["neurons"].assign(feature=HOSTILE), "odd": pd.DataFrame({HOSTILE: [HOSTILE, "b"]})}
    html = page(hostile, {"dataset": {"name": HOSTILE}}, title=HOSTILE)
    assert "alert(1)</script>" not in html
    assert "<b onclick" not in html
    assert data_of(html)["tables"]["odd"]["columns"][0]["values"][0] == HOSTILE


def test_controls_in_text_from_data_are_shown_as_signs(tables):
    html = page({"neurons": tables["neurons"].assign(feature="en\x1b]0;title\x07\u202e")}, {}, title="\x9b2J")
    assert not set("\x1b\x07\u202e\x9b") & set(html)


def test_a_hundred_features_in_32_layers_stay_under_five_megabytes(tables):
    """With all k of the paper and the best hundred neurons of each feature and layer."""
    draw = np.random.default_rng(0)
    features, layers = [f"feature {number}" for number in range(100)], range(32)
    cells = pd.MultiIndex.from_product([features, layers, range(15)], names=["feature", "layer", "k"])
    large = cells.to_frame(index=False)
    scores = ["f1", "f1_low", "f1_high", "f1_validation", "control_f1", "roc_auc", "precision", "recall"]
    large[scores] = draw.uniform(size=(len(large), len(scores)))
    ranked = large.rename(columns={"k": "neuron"}).assign(neuron=[f"L0.N{n}" for n in range(len(large))])
    assert len(page({"sweep": large, "neurons": ranked}, {}).encode()) < 5e6


def test_the_report_of_a_folder_is_written_there(tables, tmp_path):
    with pytest.raises(DataError, match="has no tables to report"):
        write_report(tmp_path)
    (tmp_path / "tables").mkdir()
    tables["neurons"].to_parquet(tmp_path / "tables" / "neurons.parquet")
    path = write_report(tmp_path)
    assert path == tmp_path / "report.html"
    assert list(data_of(path.read_text(encoding="utf-8"))["tables"]) == ["neurons"]
