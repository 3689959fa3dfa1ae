"""Aggregation against a loop over examples."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprobe.activations import aggregation
from sparseprobe.activations.aggregation import Spans, aggregate

LOOP = {
    "none": lambda x: x[-1],
    "last": lambda x: x[-1],
    "mean": lambda x: x.float().mean(0),
    "max": lambda x: x.max(0).values,
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["none", "last", "mean", "max"]), st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 40))
def test_loop(how, seed, width, n_examples):
    draw = np.random.default_rng(seed)
    hidden = torch.from_numpy(draw.normal(-3, 1, (4, width, 5)).astype(np.float32))
    row, start = draw.integers(0, 4, n_examples), draw.integers(0, width, n_examples)
    stop = start + 1 if how == "none" else draw.integers(start + 1, width + 1)
    expected = torch.stack([LOOP[how](hidden[r, a:b]) for r, a, b in zip(row, start, stop, strict=True)])
    torch.testing.assert_close(aggregate(hidden, Spans(row, start, stop), how), expected, rtol=1e-6, atol=1e-6)


def test_what_is_outside_a_span_cannot_enter():
    hidden = torch.full((1, 6, 2), torch.inf)
    hidden[0, 5] = torch.nan
    hidden[0, 2:4] = torch.tensor([[-5.0, -1.0], [-7.0, -3.0]])
    span = Spans(*(np.array([value]) for value in (0, 2, 4)))
    assert aggregate(hidden, span, "max").tolist() == [[-5.0, -1.0]]
    assert aggregate(hidden, span, "mean").tolist() == [[-6.0, -2.0]]
    assert aggregate(hidden, span, "last").tolist() == [[-7.0, -3.0]]


def test_mean_of_half_precision_is_taken_in_float32():
    hidden = torch.full((1, 4000, 1), 40.0, dtype=torch.float16)
    whole = Spans(*(np.array([value]) for value in (0, 0, 4000)))
    assert aggregate(hidden, whole, "mean").item() == 40.0
    assert torch.isinf(hidden[0].sum(0)).all()


@pytest.mark.parametrize("how", ["none", "last", "mean", "max"])
@pytest.mark.parametrize("length", [1, 40])
def test_a_copy_and_not_a_view(how, length):
    hidden = torch.zeros(1, 40, 3)
    row = aggregate(hidden, Spans(*(np.array([value]) for value in (0, 0, length))), how)
    hidden += 1
    assert row.tolist() == [[0.0, 0.0, 0.0]]
    assert row.untyped_storage().nbytes() == 12


def test_many_short_spans_are_gathered_in_parts(monkeypatch):
    hidden = torch.arange(40.0).reshape(2, 20, 1)
    row = np.repeat([0, 1], 18)
    start = np.tile(np.arange(18), 2)
    spans = Spans(row, start, start + 3)
    at_once = aggregate(hidden, spans, "mean")
    monkeypatch.setattr(aggregation, "GATHERED_TOKENS", 7)
    torch.testing.assert_close(aggregate(hidden, spans, "mean"), at_once, rtol=0, atol=0)
