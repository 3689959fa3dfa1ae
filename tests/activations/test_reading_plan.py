"""Every example is read once, where it is, within the token budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprobe.activations.reading_plan import ReadingPlan


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 100), st.integers(1, 200), st.booleans(), st.sampled_from(["left", "right"]))
def test_every_example_once_and_at_its_tokens(span_data, rows_per_block, batch_tokens, causal, padding):
    plan = ReadingPlan(span_data, rows_per_block, batch_tokens, causal=causal, padding=padding)
    seen, run = [], 0
    for block in range(plan.n_blocks):
        examples = plan.order[plan.block_rows(block)]
        for reading in plan.readings(block):
            tokens, spans = reading.batch.tokens.numpy(), reading.spans
            assert tokens.size <= max(batch_tokens, tokens.shape[1])
            run += reading.n_tokens
            seen.extend(examples[reading.rows])
            for row, start, stop, example in zip(
                spans.row, spans.start, spans.stop, examples[reading.rows], strict=True
            ):
                place = span_data.examples.iloc[example]
                expected = span_data.sequences[place["sequence"]][place["start"] : place["stop"]]
                np.testing.assert_array_equal(tokens[row, start:stop], expected)
                assert reading.batch.mask[row, start:stop].all()
    assert sorted(seen) == list(range(span_data.n_examples))
    assert run == plan.total_tokens()


def test_longest_first_so_that_too_large_a_batch_fails_at_once(span_data):
    plan = ReadingPlan(span_data, 1000, 30, causal=False)
    widths = [reading.batch.tokens.shape[1] for reading in plan.readings(0)]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) > 3


@pytest.mark.parametrize("causal", [True, False])
def test_only_sequences_with_examples_and_only_as_far_as_needed(causal, span_data):
    plan = ReadingPlan(span_data, 1000, 30, causal=causal)
    used = np.unique(span_data.examples["sequence"])
    ends = span_data.examples.groupby("sequence")["stop"].max()
    lengths = {i: span_data.sequences[i][: ends[i] if causal else None].tobytes() for i in used}
    assert plan.total_tokens() == sum(len(ids) // 4 for ids in set(lengths.values()))
