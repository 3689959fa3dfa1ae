"""The studies from end to end on a tiny model: tables, figures, and sentences whose numbers stand in the tables."""

import pytest

import sparseprobe as sp
from sparseprobe.reports.findings import Cell

FIGURES = {
    "context-neurons": {"class-histogram", "mean-against-maximum", "loss-by-context", "loss-heat-map", "layers"},
    "scale": {"best-layer-over-k", "over-k-by-feature", "neurons-needed", "models", "datasets"},
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_study_on_any_model_and_dataset(name, dataset, model_folder, tmp_path):
    found = sp.study(name, tmp_path / name, model=str(model_folder), dataset=str(dataset))
    drawn = {path.stem for path in (found.folder / "figures").glob("*.svg")}
    assert FIGURES[name] <= drawn
    assert found.report.is_file()
    for cell in (part for one in found.findings for part in one.parts if isinstance(part, Cell)):
        digits = len(cell.text.partition(".")[2])
        value = found.tables[cell.table][cell.column].iloc[cell.row]
        assert float(cell.text) == pytest.approx(float(value), abs=0.5 * 10.0**-digits)
