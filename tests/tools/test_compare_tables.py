"""Two runs with the same settings hold the same tables, and the tool that says so sees every difference."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

import sparseprobe as sp
from sparseprobe.artefacts import read_table, write_table

TOOL = Path(__file__).parents[2] / "tools" / "compare_tables.py"


def compared(*arguments: object) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_a_run_made_again_has_the_same_tables(dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    settings = {"model": str(model_folder), "dataset": str(dataset), "k": [1, 2], "keep": 3, "layers": [1]}
    for name in ("one", "two"):
        sp.run(**settings, experiments=["sweep", "neurons"], out=tmp_path / name)
    assert compared(tmp_path / "one", tmp_path / "two") == (0, ["the tables are the same"])


def test_every_difference_is_named(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"neuron": [3, 4], "support": [[1], [2]], "f1": [0.5, None], "selection": "svm", "seconds": [1.0, 2.0]}
    )
    write_table(tmp_path / "a" / "tables" / "sweep.parquet", table)
    changed = table.assign(support=[[1], [3]], f1=[0.75, None], seconds=9.0, neuron=["N3", "N4"], index=[3, 4])
    write_table(tmp_path / "b" / "tables" / "sweep.parquet", changed)
    named = [
        "tables/sweep.parquet: index is new",
        "tables/sweep.parquet: neuron differs in 2 of 2 rows, first 3 and N3",
        "tables/sweep.parquet: support differs in 1 of 2 rows, first [2] and [3]",
        "tables/sweep.parquet: f1 differs in 1 of 2 rows, by up to 0.25",
    ]
    assert compared(tmp_path / "a", tmp_path / "b") == (1, named)
    both = ("--omit", "f1,support,neuron", "--renamed", "neuron=index")
    assert compared(tmp_path / "a", tmp_path / "b", *both) == (0, ["the tables are the same"])
    assert compared(tmp_path / "a", tmp_path / "b", "--omit", "support,index,neuron", "--tolerance", "0.3")[0] == 0
    path = tmp_path / "b" / "tables" / "sweep.parquet"
    write_table(path, read_table(path).head(1))
    assert compared(tmp_path / "a", tmp_path / "b", *both)[1] == ["tables/sweep.parquet: 2 rows became 1"]
    shutil.rmtree(tmp_path / "b")
    assert compared(tmp_path / "a", tmp_path / "b")[1] == [f"tables/sweep.parquet: is not in {tmp_path / 'b'}"]
    assert compared(tmp_path / "b", tmp_path / "a")[0] == 1
