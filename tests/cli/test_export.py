"""`sparseprobe export neuronpedia` writes what the planted neurons do, in Neuronpedia's fields."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from sparseprobe.cli import main
from sparseprobe.neurons import logit_effect, read_tokens
from sparseprobe.neurons.neuronpedia import BINS, export_neuronpedia
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text

NUMBERS, TEXTS = (list, float), (list, str)
FEATURE = {
    "modelId": str,
    "layer": str,
    "index": str,
    "maxActApprox": float,
    "frac_nonzero": float,
    "pos_str": TEXTS,
    "pos_values": NUMBERS,
    "neg_str": TEXTS,
    "neg_values": NUMBERS,
    "freq_hist_data_bar_heights": NUMBERS,
    "freq_hist_data_bar_values": NUMBERS,
    "logits_hist_data_bar_heights": NUMBERS,
    "logits_hist_data_bar_values": NUMBERS,
}
ACTIVATION = {
    "modelId": str,
    "layer": str,
    "index": str,
    "tokens": TEXTS,
    "values": NUMBERS,
    "maxValue": float,
    "maxValueTokenIndex": int,
    "minValue": float,
    "binMin": float,
    "binMax": float,
    "binContains": float,
    "dataSource": str,
    "dataIndex": str,
}
SAME_LENGTH = (
    ("tokens", "values"),
    ("pos_str", "pos_values"),
    ("neg_str", "neg_values"),
    ("freq_hist_data_bar_heights", "freq_hist_data_bar_values"),
    ("logits_hist_data_bar_heights", "logits_hist_data_bar_values"),
)


def lines(path, schema):
    """The rows of a file, each checked against the schema."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        assert set(row) == set(schema)
        for name, kind in schema.items():
            if isinstance(kind, tuple):
                assert isinstance(row[name], list)
                assert all(isinstance(one, kind[1]) for one in row[name]), name
            else:
                assert isinstance(row[name], kind), name
        for one, other in SAME_LENGTH:
            assert len(row.get(one, ())) == len(row.get(other, ()))
    return rows


@pytest.fixture(scope="module")
def planted():
    return planted_model(), planted_text(40)


def test_neurons_are_written_with_what_they_do(planted, tmp_path):
    model, data = planted
    paths = export_neuronpedia(model, data, ["L0.N0", "L0.N1", "L0.N4"], tmp_path, batch=2)
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        f"{kind}/batch-{number}.jsonl.gz" for number in (0, 1) for kind in ("features", "activations")
    ]
    features = [row for path in paths[::2] for row in lines(path, FEATURE)]
    texts = [row for path in paths[1::2] for row in lines(path, ACTIVATION)]
    values = read_tokens(model, data, ["L0.N0", "L0.N1", "L0.N4"]).matrix.astype(float)
    assert [(row["layer"], row["index"]) for row in features] == [("0", "0"), ("0", "1"), ("0", "4")]
    for row, column in zip(features, values.T, strict=True):
        assert row["maxActApprox"] == pytest.approx(column.max(), abs=1e-4)
        assert row["frac_nonzero"] == pytest.approx((column > 0).mean())
        assert sum(row["freq_hist_data_bar_heights"]) == (column > 0).sum()
        assert sum(row["logits_hist_data_bar_heights"]) == len(LETTERS)
    assert features[0]["pos_str"][0] == "Z"
    assert features[0]["pos_values"][0] == pytest.approx(logit_effect(model, "L0.N0").max(), abs=1e-4)
    by_neuron = pd.DataFrame(texts).groupby("index")
    assert set(by_neuron.groups) == {"0", "1", "4"}
    for row in texts:
        assert row["maxValue"] == max(row["values"]) == row["values"][row["maxValueTokenIndex"]]
        assert row["minValue"] == min(row["values"])
        assert row["binMin"] - 1e-3 <= row["maxValue"] <= row["binMax"] + 1e-3
        sequence = "".join(LETTERS[token] for token in data.sequences[int(row["dataIndex"])])
        assert "".join(row["tokens"]) in sequence
    letters = {row["tokens"][row["maxValueTokenIndex"]] for row in texts if row["index"] == "1"}
    assert letters == {"C", "D"}


def test_bins_count_the_activations_above_zero(planted, tmp_path):
    model, data = planted
    values = read_tokens(model, data, "L0.N10").matrix[:, 0].astype(float)
    rows = lines(export_neuronpedia(model, data, "L0.N10", tmp_path)[1], ACTIVATION)
    fires = values[values > 0]
    edges = np.linspace(0, fires.max(), BINS + 1)
    shares = np.histogram(fires, edges)[0] / len(fires)
    for row in rows:
        number = int(np.abs(edges[:-1] - row["binMin"]).argmin())
        assert row["binContains"] == pytest.approx(shares[number])
    assert len({row["dataIndex"] for row in rows}) == len(rows)


def test_the_command_takes_names_or_a_table(planted, tmp_path, capsys):
    model, data = planted
    model.module.save_pretrained(tmp_path / "model")
    data.save(tmp_path / "data")
    pd.DataFrame({"neuron": ["L0.N1"]}).to_parquet(tmp_path / "neurons.parquet")
    common = ["--model", tmp_path / "model", "--dataset", tmp_path / "data", "--out"]
    for place, asked in (("one", ["L0.N1"]), ("two", ["--table", tmp_path / "neurons.parquet"])):
        given = ["--json", "export", "neuronpedia", *asked, *common, tmp_path / place]
        with pytest.raises(SystemExit) as end:
            main([str(one) for one in given])
        assert end.value.code == 0
        assert len(json.loads(capsys.readouterr().out)) == 2
    one, two = (lines(tmp_path / place / "features" / "batch-0.jsonl.gz", FEATURE) for place in ("one", "two"))
    assert one == two
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in ["export", "neuronpedia", *common, tmp_path / "three"]])
    assert end.value.code == 2
    assert "name neurons" in capsys.readouterr().err
