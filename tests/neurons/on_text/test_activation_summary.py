"""Streaming summaries equal those of one array, and tables by token and class equal plain pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from sparseprobe.errors import InputError, ResourceError
from sparseprobe.neurons.on_text.activation_summary import LargestActivations, _Accumulator, summarise
from sparseprobe.neurons.on_text.mean_activation_by_token import by_class, by_token, disambiguation, read_tokens
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text
from sparseprobe.statistics import histogram
from sparseprobe.tables import SUMMARY, check_table


@pytest.fixture(scope="module")
def model():
    return planted_model()


@pytest.fixture(scope="module")
def data():
    return planted_text(20)


@pytest.fixture(scope="module")
def everything(model, data):
    """(n_tokens, 24) in one array."""
    return read_tokens(model, data, [f"L0.N{index}" for index in range(24)]).matrix


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32)))
@settings(deadline=None, max_examples=50)
def test_bins_hold_their_values(values):
    bins = histogram.bin_of(values)
    assert ((histogram.EDGES[bins] <= values) & (values <= histogram.EDGES[bins + 1])).all()
    assert histogram.count(values[:, None]).sum() == len(values)


def test_edges():
    assert len(histogram.EDGES) == histogram.N_BINS + 1
    assert (np.diff(histogram.EDGES) > 0).all()
    inner = histogram.EDGES[histogram.N_BINS // 2 + 1 : -1]
    assert (np.diff(inner) / inner[:-1] <= 1 / 8 + 1e-12).all()
    tails = np.array([np.inf, -np.inf, 1e30], np.float32)
    assert histogram.bin_of(tails).tolist() == [histogram.N_BINS - 1, 0, histogram.N_BINS - 1]


def test_quantiles_do_not_lie_in_the_gaps():
    """A rectified neuron: no value is between 0 and 4, and so no quantile."""
    values = np.repeat([0, 4], [80, 20]).astype(np.float32)[:, None]
    shares = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    found = histogram.quantiles(histogram.count(values), shares, values.min(0), values.max(0))
    np.testing.assert_allclose(found[0], [0, 0, 0, 0, 4], rtol=1 / 8, atol=2.0**histogram.SMALLEST)


def test_quantiles_are_within_a_bin():
    values = np.random.default_rng(0).gamma(2, size=(5000, 2)).astype(np.float32)
    shares = np.array([0.01, 0.3, 0.5, 0.99])
    found = histogram.quantiles(histogram.count(values), shares, values.min(0), values.max(0))
    np.testing.assert_allclose(found, np.quantile(values, shares, axis=0).T, rtol=1 / 8)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 30))
@settings(deadline=None, max_examples=40)
def test_largest_equals_sorting(seed, k, portions):
    """Many ties, portions in any order."""
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 4, size=(60, 3)).astype(np.float32)
    largest = LargestActivations(3, k)
    for places in np.array_split(draw.permutation(60), portions):
        largest.add(places, values[places])
    order = np.stack([np.lexsort((np.arange(60), -column))[:k] for column in values.T])
    assert (largest.places == order).all()
    assert (largest.activations == np.take_along_axis(values.T, order, 1)).all()


def test_streaming_equals_one_array(model, data, everything):
    for batch_tokens in (50, 10_000):
        found = summarise(model, data, examples=4, batch_tokens=batch_tokens).layers[0]
        values = everything.astype(np.float64)
        np.testing.assert_allclose(found.mean, values.mean(0), atol=1e-6)
        np.testing.assert_allclose(found.std, values.std(0), atol=1e-6)
        np.testing.assert_allclose(found.skewness, stats.skew(values), rtol=1e-5)
        np.testing.assert_allclose(found.kurtosis, stats.kurtosis(values), rtol=1e-5)
        np.testing.assert_allclose(found.above_zero, (values > 0).mean(0))
        assert (found.histogram == histogram.count(everything)).all()
        np.testing.assert_allclose(found.largest, -np.sort(-everything, axis=0)[:4].T, atol=1e-6)
        np.testing.assert_allclose(found.smallest, np.sort(everything, axis=0)[:4].T, atol=1e-6)
        np.testing.assert_allclose(everything[found.largest_places, np.arange(24)[:, None]], found.largest, atol=1e-6)
        np.testing.assert_allclose(found.sample, everything[found.sample_places], atol=1e-6)


def test_moments_far_from_zero():
    values = (1000 + np.random.default_rng(0).normal(size=(3000, 2))).astype(np.float32)
    accumulator = _Accumulator(2, 1, 3000, 0)
    for places in np.array_split(np.arange(3000), 7):
        accumulator.add(places, values[places])
    found = accumulator.result()
    np.testing.assert_allclose(found.std, values.astype(np.float64).std(0), rtol=1e-9)
    np.testing.assert_allclose(found.kurtosis, stats.kurtosis(values.astype(np.float64)), atol=1e-8)


def test_constant_neuron():
    accumulator = _Accumulator(1, 1, 10, 0)
    accumulator.add(np.arange(10), np.full((10, 1), 0.3, np.float32))
    found = accumulator.result()
    assert np.isnan(found.skewness[0])
    assert found.quantiles()[0] == pytest.approx([0.3] * 5)


def test_table_and_examples(model, data, everything):
    summary = summarise(model, data, examples=3)
    table = check_table(summary.table(), SUMMARY)
    assert len(table) == 24
    np.testing.assert_allclose(table["max"], everything.max(0), atol=1e-6)
    examples = summary.layers[0].examples_at(7, (0.0, 0.5, 1.0))
    values = [value for _, value in examples]
    assert values == sorted(values)
    for place, value in examples:
        assert everything[place, 7] == pytest.approx(value, abs=1e-6)


def test_by_token(model, data, everything):
    table = by_token(read_tokens(model, data, ["L0.N1", "L0.N7"]), least=3)
    top = table[table["neuron"] == "L0.N1"].iloc[:2]
    assert set(top["text"]) == {"C", "D"}
    assert (top["mean"].round(4) == 1).all()
    row = table[table["neuron"] == "L0.N7"].iloc[4]
    values = everything[data.sequences.tokens == row["token"], 7].astype(np.float64)
    found = [row[name] for name in ("count", "mean", "std", "min", "q25", "q50", "q75", "max")]
    quartiles = np.quantile(values, (0.25, 0.5, 0.75))
    wanted = [len(values), values.mean(), values.std(), values.min(), *quartiles, values.max()]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_by_class(model, data):
    table = by_class(read_tokens(model, data, ["L0.N1"])).query("feature == 'c_or_d'")
    assert table["mean"].round(4).tolist() == [1, 0]
    assert table["count"].sum() == data.n_examples


def test_disambiguation(model, data):
    """N0 tells B after A from other Bs; the letter is the same."""
    only_b = data.sequences.tokens == LETTERS.index("B")
    examples = data.examples[only_b[data.sequences.offsets[data.examples["sequence"]] + data.examples["start"]]]
    table = disambiguation(read_tokens(model, data.subset(examples=examples.index), "L0.N0"), "b_after_a", least=2)
    assert table["text"].tolist() == ["B"]
    assert table["difference"].round(4).tolist() == [1]
    with pytest.raises(InputError, match="no token occurs 500 times both inside and outside of 'g'"):
        disambiguation(read_tokens(model, data, "L0.N0"), "g", least=500)


def test_errors(model, data):
    with pytest.raises(InputError, match="examples=0 keeps none"):
        summarise(model, data, examples=0)
    with pytest.raises(ResourceError):
        read_tokens(model, data, "L0.N0", memory=1)


def test_tokens_are_in_order(model, data):
    one = read_tokens(model, data, "L0.N4", batch_tokens=30).matrix[:, 0]
    pd.testing.assert_series_equal(
        pd.Series(one > 0.5), pd.Series(data.sequences.tokens == LETTERS.index("H")), check_names=False
    )
