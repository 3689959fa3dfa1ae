"""`sparseprobe ablate` and `sparseprobe neuron` on the transformer written by hand."""

import json

import pandas as pd
import pytest

from sparseprobe.cli import main
from sparseprobe.neurons import ABLATION
from sparseprobe.neurons.planted_language import planted_model, planted_text
from sparseprobe.tables import check_table


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    planted_model().module.save_pretrained(folder / "model")
    planted_text(30).save(folder / "data")
    return ["--model", str(folder / "model"), "--dataset", str(folder / "data")]


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code, capsys.readouterr()


def test_ablate(capsys, folders, tmp_path):
    table = tmp_path / "ablation.parquet"
    code, shown = call(
        capsys, "--json", "ablate", "L0.N0", "L0.N1", *folders, "--features", "g", "--controls", 1, "--out", table
    )
    assert code == 0
    rows = json.loads(shown.out)
    assert [row["neurons"] for row in rows] == ["L0.N0"] * 3 + ["L0.N1"] * 3 + ["L0.N0+L0.N1"] * 3
    assert [row["label"] for row in rows[:3]] == [None, 1, 0]
    saved = pd.read_parquet(table)
    assert list(saved.columns) == [column.name for column in ABLATION]
    check_table(saved.astype({"label": "Int8"}), ABLATION)
    code, shown = call(capsys, "--quiet", "ablate", "--table", table, *folders, "--features", "g", "--controls", 0)
    assert code == 0
    assert "L0.N0+L0.N1" in shown.out


def test_neuron(capsys, folders):
    code, shown = call(capsys, "--json", "neuron", "L0.N0", *folders, "--controls", 0)
    assert code == 0
    assert json.loads(shown.out)["stimuli"][0]["text"] == "A|B"
    code, shown = call(capsys, "--quiet", "neuron", "L0.N1", *folders, "--no-ablation")
    assert code == 0
    assert "L0.N1 of" in shown.out


def test_a_table_that_is_no_parquet_is_named(capsys, folders, tmp_path):
    (tmp_path / "t.parquet").write_text("layer,neuron")
    code, shown = call(capsys, "ablate", "--table", tmp_path / "t.parquet", *folders)
    assert code == 2
    assert "t.parquet is not Parquet or is damaged" in shown.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["neuron", "N0"], "'N0' is not the name of a neuron"),
        (["neuron", "L9.N0"], "no layer 9"),
        (["ablate"], "name neurons (L3.N609 ...) or give a table"),
        (["ablate", "L0.N0", "--value", "median"], "value='median' is not an intervention"),
        (["ablate", "L0.N0", "--split", "exam"], "has no examples in exam"),
        (["ablate", "--table", "absent.parquet"], "no table at absent.parquet"),
    ],
)
def test_mistakes_are_one_sentence(capsys, folders, arguments, sentence):
    code, shown = call(capsys, *arguments, *folders)
    assert code == 2
    assert sentence in shown.err
    assert "Traceback" not in shown.err
