"""`sparseprobe transfer RUN --dataset OTHER` on the transformer written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sparseprobe.cli import main
from sparseprobe.neurons.planted_language import planted_model, planted_text
from sparseprobe.tables import TRANSFER, check_table


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return int(str(end.value.code)), shown.out, shown.err


def test_the_neurons_of_a_run_are_scored_on_another_dataset(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    planted_model().module.save_pretrained(tmp_path / "model")
    planted_text(40).save(tmp_path / "here")
    planted_text(30).save(tmp_path / "there")
    asked = ["--model", tmp_path / "model", "--dataset", tmp_path / "here", "--experiments", "neurons"]
    assert call(capsys, "--quiet", "run", *asked, "--out", tmp_path / "run")[0] == 0
    given = ["transfer", tmp_path / "run", "--dataset", tmp_path / "there", "--out", tmp_path / "t.parquet"]
    code, out, _ = call(capsys, "--json", *given)
    assert code == 0
    table = check_table(pd.read_parquet(tmp_path / "t.parquet"), TRANSFER)
    assert [row["neuron"] for row in json.loads(out)] == table["neuron"].tolist()
    assert (table["lost"].abs() < 0.2).all()  # text of the same kind
    code, out, err = call(capsys, *given, "--neurons", "2")
    assert code == 0
    assert "f1_refitted" in out
    assert "means: f1_source" in err
    code, _, err = call(capsys, "transfer", tmp_path / "nowhere", "--dataset", tmp_path / "there")
    assert code == 2
    assert "error: " in err
