"""What the best neurons do on test text is what the model does there, read once for all tables."""

import numpy as np
import pytest

import sparseprobe as sp
from sparseprobe.errors import InputError
from sparseprobe.neurons import disambiguation, read_tokens
from sparseprobe.neurons.on_text.text_stream import class_tokens
from sparseprobe.runs.same_token import in_and_out

TABLES = ["neurons", "cards", "mean_and_maximum", "same_token"]


@pytest.fixture(scope="module")
def finished(dataset, model_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("on_text") / "run"
    return sp.run(model=str(model_folder), dataset=str(dataset), experiments=TABLES, out=out)


def test_means_and_maxima_are_those_over_each_text(finished, model_folder):
    test = finished.dataset.subset(splits=("test",))
    table = finished.tables["mean_and_maximum"]
    assert len(table) == len(test.examples) * 3
    for (feature, neuron), part in table.groupby(["feature", "neuron"]):
        values = read_tokens(sp.load_model(str(model_folder)), test, neuron).matrix[:, 0]
        for row, example in zip(part.itertuples(), test.examples.itertuples(), strict=True):
            begin = test.sequences.offsets[example.sequence]
            own = values[begin + example.start : begin + example.stop]
            assert row.group == str(example.group)
            assert row.mean == pytest.approx(np.nanmean(own), abs=1e-6)
            assert row.max == pytest.approx(np.nanmax(own), abs=1e-6)
        assert part["label"].tolist() == test.labels[feature].tolist()


def test_the_same_token_is_counted_on_both_sides(finished, model_folder):
    test = finished.dataset.subset(splits=("test",))
    read = read_tokens(sp.load_model(str(model_folder)), test, "L1.N3")
    known = disambiguation(read, "fr", least=1).set_index("token")
    rows = list(in_and_out(read, 0, "fr", least=1))
    assert len(rows) == 2 * min(len(known), 20) > 0
    for row in rows:
        assert row["count"] == known.loc[row["token"], "n_inside" if row["inside"] else "n_outside"]
        inside = np.isin(test.sequences.tokens, row["token"]) & class_tokens(test, "fr", int(row["inside"]))
        assert row["q50"] == pytest.approx(np.median(read.matrix[inside, 0]), abs=1e-6)
        assert row["q05"] <= row["q25"] <= row["q50"] <= row["q75"] <= row["q95"]


def test_tokens_that_occur_on_both_sides_too_seldom_have_no_row(finished):
    assert finished.tables["same_token"].empty


def test_another_site_is_refused_first(dataset, model_folder, tmp_path):
    with pytest.raises(InputError, match="'same_token' is about neurons of the site mlp"):
        sp.run(
            model=str(model_folder),
            dataset=str(dataset),
            experiments=["neurons", "same_token"],
            site="residual",
            out=tmp_path / "run",
        )
