"""Class statistics while the model is read equal those of stored activations."""

import numpy as np
import pytest

from sparseprobe.activations import class_statistics, extract, stream_class_statistics


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_streamed_from_the_model_as_from_the_store(dtype, tiny_model, span_data):
    model = tiny_model("gpt_neox")
    acts = extract(model, span_data, aggregate="max", dtype=dtype)
    streamed = stream_class_statistics(model, span_data, aggregate="max", dtype=dtype)
    assert list(streamed) == [0, 1, 2]
    for layer, statistics in streamed.items():
        stored = class_statistics(acts.layer(layer), span_data.labels)
        assert statistics.features == stored.features == ("a", "b")
        np.testing.assert_array_equal(statistics.count, stored.count)
        np.testing.assert_allclose(statistics.mean, stored.mean, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(statistics.f_statistic(), stored.f_statistic(), rtol=1e-3, atol=1e-3)
