"""One rule for printed tables: the best rows, what was left out and where it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sparseprobe as sp
from sparseprobe.cli.results import show_best_neurons, show_run, show_table
from sparseprobe.cli.show import Show
from sparseprobe.experiments import dense, planted_experiment, single_neurons, sweep

WIDE = 300


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparseprobe.cli.show.PIPED_WIDTH", WIDE)


@pytest.fixture(scope="module")
def planted() -> Any:
    return planted_experiment(n=300, width=24, informative=2, n_features=2)


def shown(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, " ".join(captured.err.split())


def test_of_many_layers_the_best_is_shown_and_the_rest_is_named(capsys: Any, wide: None, planted: Any) -> None:
    acts, data = planted
    one = dense(acts, data)
    layers = [one.assign(layer=layer, f1_validation=one["f1_validation"] - 0.001 * layer) for layer in range(30)]
    table = pd.concat(layers, ignore_index=True)
    show_table(Show(), table, title="dense", path=Path("t.parquet"))
    out, err = shown(capsys)
    assert out.count(" f0 ") + out.count("\nf0 ") == 1
    assert "row of the best validation F1" in out
    assert "2 of 60 rows; all are in t.parquet" in err


def test_a_long_sweep_shows_few_k_and_both_ends(capsys: Any, wide: None, planted: Any) -> None:
    acts, data = planted
    one = sweep(acts, data, k=[1])
    table = pd.concat([one.assign(k=k) for k in range(1, 201)], ignore_index=True)
    show_table(Show(), table, title="sweep", path=Path("t.parquet"))
    out, err = shown(capsys)
    lines = [line.split() for line in out.splitlines() if line.split()[:1] in (["f0"], ["f1"])]
    (header,) = (line.split() for line in out.splitlines() if line.split()[:1] == ["feature"])
    assert 2 <= len(lines) <= 40
    assert {int(line[header.index("k")]) for line in lines} >= {1, 200}
    assert f"{len(lines)} of 400 rows" in err


def test_the_k_asked_for_are_the_columns_and_names_say_what_a_number_is(capsys: Any, wide: None, planted: Any) -> None:
    acts, data = planted
    table, by_k = single_neurons(acts, data), sweep(acts, data, k=[2, 3, 9])
    show_best_neurons(Show(), table, by_k, title="r", path=Path("n.parquet"))
    out, err = shown(capsys)
    header = next(line for line in out.splitlines() if "neuron" in line and "F1" in line and "k=" in line)
    assert header.split() == ["feature", "neuron", "sign", "F1", "interval", "control", "ties", "k=2", "k=3", "k=9"]
    assert f"2 of {len(table)} rows; all are in n.parquet" in err


def test_ties_are_counted_and_another_neuron_at_k_1_is_said(capsys: Any, wide: None, planted: Any) -> None:
    acts, data = planted
    table, by_k = single_neurons(acts, data), sweep(acts, data, k=[1])
    table["f1_choosing"] = 1.0
    best = sp.best_neurons(table, by_k)
    assert best["ties"].tolist() == table.groupby("feature", sort=False).size().tolist()
    by_k["neurons"] = [["L0.N23"]] * len(by_k)
    show_best_neurons(Show(), table, by_k, title="r", path=Path("n.parquet"))
    out, err = shown(capsys)
    assert "*" in out
    assert "k=1 reads another neuron" in err
    show_best_neurons(Show(), table, by_k.assign(neurons=[[n] for n in best["neuron"]]), title="r", path=Path("n"))
    assert "another neuron" not in shown(capsys)[1]


def test_every_table_of_a_run_is_shown(capsys: Any, wide: None, planted: Any) -> None:
    acts, data = planted
    tables = {"sweep": sweep(acts, data, k=[1]), "neurons": single_neurons(acts, data), "dense": dense(acts, data)}
    show_run(Show(), sp.Run(Path("r"), sp.RunSpec(model="m", dataset="d"), tables))
    out, err = shown(capsys)
    assert "best single neuron" in out
    assert "dense: for each feature" in out
    for name in tables:
        assert f"r/tables/{name}.parquet" in err


def test_keys_of_json_are_names(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    given = ("--layers", "1", "--k", "1,2", "--features", "fr", "--json")
    done = command("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", *given)
    (row,) = json.loads(done.out)
    assert {"f1_k1", "f1_k2", "neuron_k1", "ties", "sign"} <= row.keys()
    assert all(key.isidentifier() for key in row)


def test_controls_in_labels_are_replaced_wherever_they_are_printed(capsys: Any) -> None:
    label = "en\x1b]0;title\x07\x9b2J\u202e"
    for show in (Show(), Show(json=True)):
        show.rows([{label: label}], title=label)
        show.record({label: [label]})
        show.text(label)
        show.note(label)
    captured = capsys.readouterr()
    for sign in "\x1b\x07\x9b\u202e":
        assert sign not in captured.out + captured.err
