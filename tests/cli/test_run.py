"""The main job from the shell: a file of texts becomes a run folder, and a stopped run goes on."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import sparseprobe as sp
from sparseprobe.artefacts import read_table, write_table, write_yaml
from sparseprobe.errors import DataError
from sparseprobe.experiments import NEURONS, PAPER_K, SWEEP, candidate_neurons, check_table
from sparseprobe.neurons import ABLATION
from sparseprobe.runs.catalogue import EXPERIMENTS
from sparseprobe.runs.spec import RunSpec

OPTIONS = ("--k", "1,2,4", "--keep", "5", "--quiet")


def without_time(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path).drop(columns="seconds", errors="ignore")


def test_a_run_folder_holds_everything_with_the_schemas(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = command("run", "--model", model_folder, "--dataset", dataset, "--out", out, *OPTIONS)
    assert done.code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "activations",
        "dataset",
        "provenance.json",
        "report.html",
        "spec.yaml",
        "tables",
    ]
    sweep, neurons = (pd.read_parquet(out / "tables" / f"{name}.parquet") for name in ("sweep", "neurons"))
    assert list(sweep.columns) == [column.name for column in SWEEP]
    check_table(neurons, NEURONS)
    assert len(sweep) == 3 * 2 * 3  # features, layers, k
    assert len(neurons) == 3 * 2 * 5  # features, layers, kept
    assert yaml.safe_load((out / "spec.yaml").read_text())["k"] == [1, 2, 4]
    record = json.loads((out / "provenance.json").read_text())
    assert record["packages"]["sparseprobe"]
    assert sum(record["dataset"]["examples"].values()) == 120
    for label in ("de", "en", "fr"):
        assert label in done.out


def test_json_gives_rows_for_machines(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = command("run", "--json", "--model", model_folder, "--dataset", dataset, "--out", out, *OPTIONS)
    rows = json.loads(done.out)
    assert [row["feature"] for row in rows] == ["de", "en", "fr"]
    assert all(0 <= row["f1_low"] <= row["f1"] <= row["f1_high"] <= 1 for row in rows)


def test_every_experiment_can_be_asked_for_and_gives_the_table_of_its_command(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    names = [name for name, experiment in EXPERIMENTS.items() if experiment.kind == "binary" and name != "ablation"]
    asked = ("--layers", "1", "--features", "fr,en")
    given = ("--model", model_folder, "--dataset", dataset, "--experiments", ",".join([*names, "ablation"]))
    done = command("run", *given, *asked, "--k", "1,2", "--ablated", "2", "--out", out)
    assert done.code == 0, done.err
    assert sorted(path.stem for path in (out / "tables").iterdir()) == sorted([*names, "ablation"])
    assert "change_elsewhere" in done.out
    stored = ("--activations", out / "activations", "--dataset", out / "dataset", *asked, "--quiet")
    for name in ("dense", "significance"):
        path = tmp_path / f"{name}.parquet"
        assert command("experiment", name, *stored, "--out", path).code == 0
        pd.testing.assert_frame_equal(without_time(path), without_time(out / "tables" / path.name))


def test_another_experiment_joins_a_run_that_is_there(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    given = ("run", "--model", model_folder, "--dataset", dataset, "--out", out, *OPTIONS, "--layers", "1")
    assert command(*given).code == 0
    there = [path for part in ("tables", "activations", "dataset") for path in (out / part).rglob("*.*")]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in there}
    assert command(*given, "--experiments", "sweep,neurons,dense").code == 0
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in there} == before
    assert len(pd.read_parquet(out / "tables" / "dense.parquet")) == 3
    for record in (yaml.safe_load((out / "spec.yaml").read_text()), json.loads((out / "provenance.json").read_text())):
        assert record.get("spec", record)["experiments"] == ["sweep", "neurons", "dense"]


def test_the_ablation_takes_away_what_validation_chose(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    given = ("--model", model_folder, "--dataset", dataset, "--experiments", "neurons,ablation", "--ablated", "2")
    assert command("run", *given, "--out", out, "--quiet").code == 0
    table = pd.read_parquet(out / "tables" / "ablation.parquet")
    check_table(table.astype({"label": "Int8"}), ABLATION)
    few = candidate_neurons(pd.read_parquet(out / "tables" / "neurons.parquet"), 2)
    for _, rows in few.groupby("feature"):
        names = rows["neuron"].tolist()
        for chosen in [[name] for name in names] + [sorted(names)]:
            assert any(sorted(neurons) == chosen for neurons in table["neurons"])


def test_continuous_features_are_regressed(command: Any, texts: Path, model_folder: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "position", tmp_path / "run"
    built = command(
        "datasets", "build", "position", "--source", texts, "--tokenizer", model_folder, "--out", data,
        "--set", "context=32", "--set", "n_examples=200",
    )  # fmt: skip
    assert built.code == 0, built.err
    done = command("run", "--model", model_folder, "--dataset", data, "--out", out, "--k", "1,2")
    assert done.code == 0, done.err
    table = pd.read_parquet(out / "tables" / "regression.parquet")
    assert set(table["feature"]) == {"absolute", "normalised", "relative", "log2"}
    assert "best validation R2" in done.out
    chosen = ("--selection", "correlation", "--features", "log2", "--layers", "1", "--quiet")
    assert (
        command("run", "--model", model_folder, "--dataset", data, "--out", tmp_path / "c", "--k", "1", *chosen).code
        == 0
    )
    assert set(pd.read_parquet(tmp_path / "c" / "tables" / "regression.parquet")["selection"]) == {"correlation"}
    asked = command(
        "run", "--model", model_folder, "--dataset", data, "--out", tmp_path / "no", "--experiments", "dense"
    )
    assert asked.code == 2
    assert "about binary features" in asked.err


@pytest.mark.parametrize(
    ("experiments", "sentence"),
    [
        ("dens", "did you mean 'dense'"),
        ("sweep,ablation", "add it to the experiments"),
        ("sweep,regression", "the experiment 'regression' is about continuous features, and custom has none"),
    ],
)
def test_experiments_that_cannot_be_done_are_refused_early(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path, experiments: str, sentence: str
) -> None:
    given = ("--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run")
    done = command("run", *given, "--experiments", experiments)
    assert done.code == 2
    assert sentence in done.err
    assert not (tmp_path / "run").exists()


def test_a_spec_file_asks_for_the_same_run_as_options(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "asked.yaml"
    spec.write_text(yaml.safe_dump({"model": str(model_folder), "dataset": str(dataset), "k": [1, 2, 4], "keep": 5}))
    assert command("run", spec, "--out", tmp_path / "a", "--quiet").code == 0
    assert command("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "b", *OPTIONS).code == 0
    for table in ("sweep.parquet", "neurons.parquet"):
        pd.testing.assert_frame_equal(
            without_time(tmp_path / "a" / "tables" / table), without_time(tmp_path / "b" / "tables" / table)
        )


def test_the_stages_one_by_one_give_the_tables_of_a_run(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    acts, sweep, neurons = tmp_path / "acts", tmp_path / "sweep.parquet", tmp_path / "neurons.parquet"
    assert command("extract", "--model", model_folder, "--dataset", dataset, "--out", acts, "--quiet").code == 0
    stored = ("--activations", acts, "--dataset", dataset, "--quiet")
    assert command("sweep", *stored, "--out", sweep, "--k", "1,2,4").code == 0
    assert command("neurons", *stored, "--out", neurons, "--keep", "5").code == 0
    run = tmp_path / "run"
    assert command("run", "--model", model_folder, "--dataset", dataset, "--out", run, *OPTIONS).code == 0
    for table, keys in ((sweep, ["feature", "layer", "k"]), (neurons, ["feature", "layer", "neuron"])):
        one, other = (
            without_time(path).sort_values(keys, ignore_index=True) for path in (table, run / "tables" / table.name)
        )
        pd.testing.assert_frame_equal(one, other)


def test_the_papers_preset_has_one_split_and_says_that_it_chose_on_test(
    command: Any, texts: Path, model_folder: Path, tmp_path: Path
) -> None:
    dataset, out = tmp_path / "paper", tmp_path / "run"
    built = (
        "--source",
        texts,
        "--tokenizer",
        model_folder,
        "--out",
        dataset,
        "--preset",
        "paper",
        "--set",
        "context=64",
    )
    assert command("datasets", "build", "custom", *built).code == 0
    done = command(
        "run", "--model", model_folder, "--dataset", dataset, "--out", out, "--preset", "paper", "--k", "1,2"
    )
    assert done.code == 0
    assert "as in the paper" in " ".join(done.out.split())
    sweep = pd.read_parquet(out / "tables" / "sweep.parquet")
    assert sweep["f1_validation"].isna().all()
    assert set(sweep["n_test"]) == {36}


def test_a_csv_of_texts_and_labels_becomes_best_neurons_in_one_command(
    command: Any, records: list[dict[str, str]], model_folder: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "texts.csv", tmp_path / "run"
    short = [{"said": row["text"][:60], "tongue": row["label"]} for row in records]
    pd.DataFrame(short).to_csv(path, index=False)
    columns = ("--text-column", "said", "--label-column", "tongue")
    done = command("run", "--model", model_folder, "--dataset", path, *columns, "--out", out, *OPTIONS)
    assert done.code == 0
    assert sorted(pd.read_parquet(out / "tables" / "neurons.parquet")["feature"].unique()) == ["de", "en", "fr"]
    assert command("resume", out, "--quiet").code == 0


def test_settings_are_the_same_in_whatever_way_they_are_written(tmp_path: Path) -> None:
    plain = RunSpec("m", "d", k=[1, 2], features=["fr"], experiments=["sweep"], layers=[0, 2], seed=3)
    other = RunSpec(Path("m"), "d", k=(1, np.int64(2)), features="fr", experiments="sweep", layers=(0, 2), seed=3)
    assert asdict(plain) == asdict(other)
    write_yaml(tmp_path / "spec.yaml", asdict(other))
    assert RunSpec.from_yaml(tmp_path / "spec.yaml") == plain
    assert (RunSpec("m", "d", k=4).k, RunSpec("m", "d", layers=2).layers) == ([4], [2])
    assert RunSpec("m", "d", k=PAPER_K).k == list(PAPER_K)
    texts = {"layers": "0, 2", "k": [2, 1, 2], "label_column": "topic", "memory": "4GB"}
    values = {"layers": [0, 2], "k": (1, 2), "label_column": ["topic"], "memory": 4 * 10**9}
    assert RunSpec("m", "d", **texts) == RunSpec("m", "d", **values)
    assert (RunSpec("m", "d", layers="0:2").layers, RunSpec("m", "d", layers="all").layers) == ("0:2", "all")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("seed: abc", "seed must be an integer, got 'abc'"),
        ("seed: 1.5", "seed must be an integer, got 1.5"),
        ("keep: many", "keep must be an integer of at least 1, got 'many'"),
        ("keep: 0", "keep must be an integer of at least 1, got 0"),
        ("ablated: 0", "ablated must be an integer of at least 1, got 0"),
        ("layers: 2.5", "layers must be a list of integers, written 1,2,4 or [1, 2, 4], got 2.5"),
        ("k: [1, two]", "k must be a list of integers of at least 1, written 1,2,4 or [1, 2, 4], got [1, 'two']"),
        ("k: [0]", "k must be a list of integers of at least 1, written 1,2,4 or [1, 2, 4], got [0]"),
        ("k: []", "k must be a list of integers, written 1,2,4 or [1, 2, 4], got an empty one"),
        ("features: {fr: 1}", "features must be a list of names, or one name, got {'fr': 1}"),
        ("experiments: 3", "experiments must be a list of names, or one name, got 3"),
        ("preset: 3", "preset must be a text, got 3"),
        ("preset:", "preset must be a text, got None"),
    ],
)
def test_settings_of_another_type_are_refused_in_a_sentence(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / "asked.yaml"
    path.write_text(f"model: m\ndataset: d\n{line}\n")
    with pytest.raises(DataError, match=re.escape(f"{path}: {sentence}")):
        RunSpec.from_yaml(path)


def test_a_run_with_a_tuple_of_k_can_be_run_again(dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    spec = RunSpec(str(model_folder), str(dataset), k=(1, 2), layers="1", features="fr", experiments="sweep")
    first = sp.run(spec, tmp_path / "run").sweep
    assert sorted(first["k"]) == [1, 2]
    pd.testing.assert_frame_equal(sp.run(spec, tmp_path / "run").sweep, first)


def test_what_was_asked_reaches_the_pruning(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    given = ("run", "--model", model_folder, "--dataset", dataset, "--layers", "1", "--features", "fr", "--quiet")
    asked = (*given, "--experiments", "pruning", "--selection", "mean_difference")
    assert command(*asked, "--k", "3", "--out", tmp_path / "run").code == 0
    table = pd.read_parquet(tmp_path / "run" / "tables" / "pruning.parquet")
    assert set(table["selection"]) == {"mean_difference"}
    assert set(table["k"]) == {3}
    refused = command(*asked, "--k", "25", "--out", tmp_path / "no")
    assert refused.code == 2
    assert "pruning needs 1 <= k <= candidates" in refused.err
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--selection", "correlation"), "unknown selection 'correlation'"),
        (("--preset", "papers"), "did you mean 'paper'"),
        (("--keep", "0"), "keep must be an integer of at least 1"),
    ],
)
def test_settings_that_no_experiment_takes_are_refused_before_the_first(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    done = command("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", *options)
    assert done.code == 2
    assert sentence in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mistake", [("--dtype", "flaot32"), ("--memory", "1KB"), ("--aggregate", "none")])
def test_a_mistake_does_not_spoil_the_run_folder(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path, mistake: tuple[str, str]
) -> None:
    given = ("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", *OPTIONS, "--quiet")
    assert command(*given, *mistake).code == 2
    assert not (tmp_path / "run").exists()


def test_a_run_may_go_on_with_more_memory(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    given = ("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", *OPTIONS, "--quiet")
    assert command(*given, "--memory", "200GB").code == 0
    assert command(*given, "--memory", "300GB").code == 0


def test_activations_of_another_dataset_are_refused(
    command: Any, dataset: Path, records: list[dict[str, str]], model_folder: Path, tmp_path: Path
) -> None:
    """Of as many examples; other labels for the same spans are welcome."""
    extracted = ("--model", model_folder, "--dataset", dataset, "--layers", "1", "--out", tmp_path / "activations")
    assert command("extract", *extracted).code == 0
    options: dict[str, Any] = {"tokenizer": str(model_folder), "context": 64}
    relabelled = [row | {"label": "yes" if row["label"] == "fr" else "no"} for row in records]
    for name, rows in (("relabelled", relabelled), ("other", [row | {"text": row["text"][::-1]} for row in records])):
        sp.load_dataset("custom", source=rows, **options).save(tmp_path / name)
    stored = ("--activations", tmp_path / "activations", "--out", tmp_path / "table.parquet")
    assert command("neurons", *stored, "--dataset", tmp_path / "relabelled").code == 0
    refused = command("neurons", *stored, "--dataset", tmp_path / "other")
    assert refused.code == 2
    assert "the activations are those of other texts or spans" in refused.err


def test_neurons_that_never_fire_on_their_feature_leave_nothing_to_ablate(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    given = ("run", "--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", "--experiments")
    assert command(*given, "neurons").code == 0
    path = tmp_path / "run" / "tables" / "neurons.parquet"
    write_table(path, read_table(path).assign(mean_difference=-1.0))
    refused = command(*given, "neurons,ablation")
    assert refused.code == 2
    assert "none of the neurons kept (keep=100) fires on its feature" in refused.err
    assert path.is_file()


def test_a_dataset_of_the_default_preset_is_not_run_as_the_papers(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    given = ("--model", model_folder, "--dataset", dataset, "--out", tmp_path / "run", "--preset", "paper")
    refused = command("run", *given)
    assert refused.code == 2
    assert "was built with the preset default, so its split is not the paper's" in refused.err


def test_an_experiment_refuses_what_it_has_no_use_for(
    command: Any, dataset: Path, model_folder: Path, tmp_path: Path
) -> None:
    given = ("--model", model_folder, "--dataset", dataset, "--layers", "1", "--out", tmp_path / "activations")
    assert command("extract", *given).code == 0
    stored = ("--activations", tmp_path / "activations", "--dataset", dataset, "--out", tmp_path / "table.parquet")
    refused = command("experiment", "dense", *stored, "--selection", "adaptive", "--k", "3")
    assert refused.code == 2
    assert "the experiment 'dense' does not accept k or selection: omit them" in refused.err


def test_a_run_of_a_sweep_alone_shows_it(command: Any, dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    given = ("--model", model_folder, "--dataset", dataset, "--layers", "1", "--k", "1", "--quiet")
    done = command("run", *given, "--out", tmp_path / "run", "--experiments", "sweep")
    assert "control_f1" in done.out
    refused = command("run", tmp_path / "run")
    assert refused.code == 2
    assert f"{tmp_path / 'run'} is a folder: give a YAML file of settings" in refused.err
