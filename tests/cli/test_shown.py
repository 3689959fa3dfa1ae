"""What commands show: JSON that is one value, titles that say what was chosen by what, damaged files by their name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import sparseprobe as sp
from sparseprobe.cli import demo
from sparseprobe.cli.results import show_run
from sparseprobe.cli.show import Show
from sparseprobe.experiments import planted_experiment, single_neurons


def test_a_spec_file_without_out_goes_to_a_folder_of_its_name(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table of a sweep holds arrays (the chosen neurons), which JSON has as lists."""
    asked = {"model": str(model_folder), "dataset": str(dataset), "layers": 1, "k": [1, 2], "experiments": ["sweep"]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(asked | {"features": ["fr"]}))
    monkeypatch.chdir(tmp_path)
    rows = json.loads(command("run", "mine.yaml", "--json").out)
    assert [len(row["support"]) for row in rows] == [1, 2]
    assert (tmp_path / "runs" / "mine" / "tables" / "sweep.parquet").is_file()
    refused = command("run", "--model", model_folder, "--dataset", dataset)
    assert refused.code == 2
    assert "a run needs --out" in refused.err


def test_a_damaged_file_of_a_run_is_named(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = ("--layers", "1", "--experiments", "sweep", "--k", "1", "--features", "fr", "--quiet")
    assert command("run", "--model", model_folder, "--dataset", dataset, "--out", out, *given).code == 0
    for damaged in ("provenance.json", "tables/sweep.parquet"):
        (out / damaged).write_bytes((out / damaged).read_bytes()[:50])
        refused = command("resume", out)
        assert refused.code == 2
        assert f"{damaged} is not" in refused.err
        assert "damaged: delete it and run the command" in refused.err
        (out / damaged).unlink()
    assert command("resume", out, "--quiet").code == 0


def test_the_demo_gives_one_list_of_rows(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def finished(spec: sp.RunSpec, folder: Path, **_: object) -> sp.Run:
        table = single_neurons(*planted_experiment(n=200, width=8, informative=1))
        return sp.Run(folder, spec, {"neurons": table.assign(collection=spec.dataset)})

    monkeypatch.setattr(demo.sp, "run", finished)
    rows = json.loads(command("demo", "--json", "--out", tmp_path).out)
    assert [row["collection"] for row in rows] == ["natural_language", "programming_language"]


def test_a_regression_without_validation_says_what_chose_the_layer(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"r2": [0.1, 0.4], "r2_low": 0.0, "r2_high": 0.5, "control_r2": 0.0, "r2_validation": [float("nan")] * 2}
    table = pd.DataFrame({"feature": "absolute", "k": 1, "layer": [0, 1], **scores})
    show_run(Show(quiet=True), sp.Run(Path("r"), sp.RunSpec(model="m", dataset="d"), {"regression": table}))
    shown = " ".join(capsys.readouterr().out.split())
    assert "the best test R2, as in the paper" in shown
    assert "0.400" in shown
    assert "0.100" not in shown


def test_with_the_papers_split_neurons_are_chosen_by_test_scores(
    command: Any, texts: Path, model_folder: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "paper", tmp_path / "run"
    sp.load_dataset("custom", source=texts, tokenizer=str(model_folder), preset="paper", context=64).save(data)
    asked = ("--preset", "paper", "--experiments", "neurons,ablation", "--ablated", "1", "--layers", "1", "--quiet")
    done = command("run", "--model", model_folder, "--dataset", data, "--out", out, *asked, "--features", "fr")
    assert done.code == 0, done.err
    assert "neurons chosen by test F1, as in the paper" in " ".join(done.out.split())
    stored = ("--activations", out / "activations", "--dataset", data, "--features", "fr", "--quiet")
    best = command("neurons", *stored, "--out", tmp_path / "n.parquet")
    assert best.code == 0, best.err
    assert "chosen by log loss on training and validation examples" in " ".join(best.out.split())  # not of the preset


def test_examples_of_a_feature_are_json_where_that_is_asked_for(command: Any, dataset: Path) -> None:
    rows = json.loads(command("datasets", "show", dataset, "--feature", "fr", "-n", "2", "--json").out)
    assert [row["example"][:2] for row in rows] == ["+1", "+1", "+0", "+0"]
    assert command("datasets", "show", dataset, "--feature", "fr", "-n", "0").code == 2


def test_a_run_refuses_an_ablation_that_has_nothing_to_measure_before_it_begins(
    command: Any, texts: Path, model_folder: Path, tmp_path: Path
) -> None:
    """Labels of the last token alone, after which there is no loss."""
    data = sp.load_dataset("custom", source=texts, tokenizer=str(model_folder), context=64)
    last = data.examples.assign(start=data.examples["stop"] - 1)
    sp.ProbingDataset(
        name="last",
        sequences=data.sequences,
        examples=last,
        labels=data.labels,
        features=data.features,
        tokenizer=data.tokenizer,
    ).save(tmp_path / "last")
    asked = ("--experiments", "neurons,ablation", "--out", tmp_path / "run")
    refused = command("run", "--model", model_folder, "--dataset", tmp_path / "last", *asked)
    assert refused.code == 2
    assert "no token follows the labelled spans of" in refused.err
    assert not (tmp_path / "run").exists()


def test_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Not as markup or as emoji."""
    show = Show()
    show.rows([{"[b]": "[/INST]", "feature": ":star: [red] wine"}], title="runs/[a]")
    show.text("ok :warning: [x]")
    show.note("[/INST] :star:")
    shown = capsys.readouterr()
    for part in ("[b]", "[/INST]", ":star: [red] wine", "runs/[a]", "ok :warning: [x]"):
        assert part in shown.out
    assert "[/INST] :star:" in shown.err
