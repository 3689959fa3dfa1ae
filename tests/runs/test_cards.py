"""The cards of a run hold what the model and the stored activations say of the best neurons."""

import json

import numpy as np
import pytest

import sparseprobe as sp
from sparseprobe.errors import InputError
from sparseprobe.models import load_model
from sparseprobe.neuron import Neuron
from sparseprobe.neurons import read_tokens


@pytest.fixture(scope="module")
def finished(dataset, model_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("cards") / "run"
    return sp.run(model=str(model_folder), dataset=str(dataset), experiments=["neurons", "cards"], out=out)


def test_each_feature_has_the_card_of_its_best_neuron(finished):
    best = sp.best_neurons(finished.neurons)
    table = finished.tables["cards"]
    assert table[["feature", "neuron", "sign"]].values.tolist() == best[["feature", "neuron", "sign"]].values.tolist()


def test_histograms_are_those_of_the_stored_activations(finished):
    data, acts = finished.dataset, finished.activations
    for row in finished.tables["cards"].to_dict("records"):
        neuron = Neuron.parse(row["neuron"])
        bins = json.loads(row["card"])["histogram"]
        for label in (0, 1):
            of_label = [one for one in bins if one["label"] == label]
            test = (data.examples["split"] == "test") & (data.labels[row["feature"]] == label)
            values = acts.layer(neuron.layer)[:][test.to_numpy(), neuron.index]
            assert sum(one["share"] for one in of_label) == pytest.approx(1, abs=2e-3)
            assert of_label[0]["low"] <= values.min() + 1e-4
            assert of_label[-1]["high"] >= values.max() - 1e-4


def test_texts_show_the_largest_and_the_smallest_activation(finished, model_folder):
    model = load_model(str(model_folder))
    test = finished.dataset.subset(splits=("test",))
    for row in finished.tables["cards"].to_dict("records"):
        values = read_tokens(model, test, row["neuron"]).matrix
        examples = json.loads(row["card"])["examples"]
        first = {end: shown[0]["values"][shown[0]["at"]] for end, shown in examples.items()}
        assert first["positive"] == pytest.approx(float(np.nanmax(values)), abs=1e-3)
        assert first["negative"] == pytest.approx(float(np.nanmin(values)), abs=1e-3)


def test_the_report_stands_in_the_run_folder(finished):
    assert "sparseprobe report" in (finished.folder / "report.html").read_text(encoding="utf-8")


def test_cards_of_another_site_are_refused_first(dataset, model_folder, tmp_path):
    with pytest.raises(InputError, match="'cards' is about neurons of the site mlp"):
        sp.run(
            model=str(model_folder),
            dataset=str(dataset),
            experiments=["neurons", "cards"],
            site="residual",
            out=tmp_path / "run",
        )
