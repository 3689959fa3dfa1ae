"""Each figure draws the numbers of its table, refuses what it cannot draw, and gives the same bytes twice."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.experiments import PlantedSetting, baselines, compare_on_planted, planted_experiment
from sparseprobe.experiments import single_neurons as find_neurons
from sparseprobe.experiments import sweep as sweep_over_k
from sparseprobe.reports import figures

BOX = ("q05", "q25", "q50", "q75", "q95")


@pytest.fixture(scope="module")
def planted():
    return planted_experiment(n=300, width=24, informative=2, n_layers=2)


@pytest.fixture(scope="module")
def sweep(planted):
    return sweep_over_k(*planted, k=[1, 2, 4])


def boxed(names, **columns):
    """A row for each name, with quantiles 0 to 4."""
    rows = [{**name, **dict(zip(BOX, range(5), strict=True))} for name in names]
    return pd.DataFrame(rows).assign(**columns)


def binned(**columns):
    low = np.arange(4.0)
    return pd.DataFrame({"low": low, "high": low + 1, "share": [0.1, 0.2, 0.3, 0.4]}).assign(**columns)


@pytest.fixture(scope="module")
def examples(planted, sweep):
    """A table for every figure."""
    ablation = pd.DataFrame(
        {
            "neurons": [["L0.N1"], ["L1.N2"]] * 2,
            "feature": ["fr", "fr", "de", "de"],
            "label": 1,
            "change": [0.3, 0.0, 0.0, 0.2],
            "change_low": -0.1,
            "change_high": 0.4,
            "control_change": 0.01,
            "control_low": 0.0,
            "control_high": 0.02,
        }
    )
    sized = pd.DataFrame(
        {
            "collection": "c",
            "model": ["small", "large"],
            "n_parameters": [1e5, 1e6],
            "feature": "f",
            "k": 1,
            "f1": [0.4, 0.9],
            "change": "emerging",
        }
    )
    return {
        "metric_over_k": sweep,
        "layer_feature_map": sweep,
        "selections_over_k": sweep,
        "f1_by_rank": find_neurons(*planted),
        "best_over_k_by_size": sized,
        "feature_over_size": sized,
        "selections_on_planted": compare_on_planted(
            [PlantedSetting(200, 20, 2, shift=6.0)], selections=["mean_difference", "random"]
        ),
        "basis_over_k": baselines(*planted, k=[1, 2], trials=2),
        "class_histogram": pd.concat([binned(neuron="L0.N1", feature="f", label=label) for label in (0, 1)]),
        "mean_against_maximum": pd.DataFrame(
            {"neuron": "L0.N1", "feature": "f", "label": [0, 1], "mean": [0.1, 0.9], "max": [1.0, 2.0]}
        ),
        "same_token": boxed([{"inside": True}, {"inside": False}], neuron="L0.N1", text=" de"),
        "compound_parts": boxed(
            [{"context": context} for context in figures.on_text.CONTEXTS], neuron="sum", compound="high school"
        ),
        "property_boxes": boxed([{"feature": "actor"}, {"feature": "singer"}], neuron="L0.N1", label=1),
        "ngram_stimuli": pd.DataFrame(
            {"neuron": "L0.N1", "text": ["a|b", "$c$"], "median": [2.0, 1.0], "max": 3.0, "meaning": [0, 1], "count": 4}
        ),
        "loss_by_context": ablation,
        "loss_heat_map": ablation,
        "logits_by_token_class": binned(neuron="L0.N1", token_class="capitalised"),
        "bias_by_layer": pd.DataFrame({"layer": [0, 0, 1], "norm_in_bias": [-1.0, -2.0, 0.5]}),
        "median_over_depth": pd.DataFrame({"model": "m", "relative_depth": [0.0, 1.0], "normalised_median": [-1, 0.2]}),
        "listing": pd.DataFrame({"name": ["a"], "examples": [12345]}),
    }


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_and_written_the_same_twice(name, examples, tmp_path):
    table = examples[name]
    before = table.copy()
    written = [figures.save(figures.draw(name, table), tmp_path / str(turn)) for turn in range(2)]
    assert written[0][0].read_bytes() == written[1][0].read_bytes()
    assert written[0][1].read_bytes() == written[1][1].read_bytes()
    pd.testing.assert_frame_equal(table, before)
    plt.close("all")


@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_table_without_rows_is_refused(name, examples):
    with pytest.raises(InputError, match=rf"the figure '{name}' (has nothing to draw|needs)"):
        figures.draw(name, examples[name][:0])


def test_a_missing_column_and_an_unknown_figure_are_named(sweep):
    with pytest.raises(InputError, match="'metric_over_k' needs the column 'f1'"):
        figures.draw("metric_over_k", sweep.drop(columns="f1"))
    with pytest.raises(UnknownNameError, match="metric_over_k"):
        figures.draw("metric_over", sweep)
    with pytest.raises(InputError, match="give 'layer' or 'feature'"):
        figures.draw("metric_over_k", sweep, by="model")


def test_lines_over_k_are_the_means_of_the_table(sweep):
    (axes,) = figures.metric_over_k(sweep).axes
    lines = {line.get_label(): line for line in axes.lines}
    of_layer = sweep[sweep["layer"] == 1].groupby("k")["f1"].mean()
    np.testing.assert_allclose(lines["layer 1"].get_ydata(), of_layer)
    np.testing.assert_allclose(lines["control"].get_ydata(), sweep.groupby("k")["control_f1"].mean())


def test_the_layer_of_a_feature_is_chosen_on_validation(sweep):
    (axes,) = figures.metric_over_k(sweep, by="feature").axes
    feature = sweep["feature"].iloc[0]
    rows = sweep[sweep["feature"] == feature].sort_values("f1_validation", ascending=False, kind="stable")
    best = rows.drop_duplicates("k").sort_values("k")
    line = next(line for line in axes.lines if line.get_label() == feature)
    np.testing.assert_allclose(line.get_ydata(), best["f1"])


def test_the_heat_map_shows_the_change_of_each_set_on_each_text(examples):
    figure = figures.loss_heat_map(examples["loss_heat_map"])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.3, 0.0], [0.0, 0.2]])


def test_text_is_shown_as_it_is(examples, tmp_path):
    """Dollar signs are not mathematics, and SVG text stays text."""
    svg, _ = figures.save(figures.draw("ngram_stimuli", examples["ngram_stimuli"]), tmp_path / "stimuli")
    assert ">$c$</text>" in svg.read_text(encoding="utf-8")
