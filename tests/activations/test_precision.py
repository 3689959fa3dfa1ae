"""Stored precisions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.activations.precision import READ, STORED, decode, require_finite
from sparseprobe.errors import InputError


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_bfloat16_is_read_exactly(values):
    tensor = torch.tensor(values).to(torch.bfloat16)
    bits = tensor.view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(decode(bits, "bfloat16"), tensor.float().numpy())


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("spoiled", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_found(precision, spoiled):
    values = torch.tensor([[1.0, -65504.0], [spoiled, 0.0]])
    as_stored = values.to(getattr(torch, precision))
    bits = as_stored.view(torch.int16) if precision == "bfloat16" else as_stored
    array = bits.numpy().view(STORED[precision])
    require_finite(array[:1], precision, "here")
    nan, half = np.isnan(spoiled), precision == "float16"
    told = "not a number .* no dtype can fix" if nan else "use dtype='bfloat16' or 'float32'" if half else "infinite"
    with pytest.raises(InputError, match=f"here has .*{told}"):
        require_finite(array, precision, "here")


def test_dtypes():
    assert {name: dtype.itemsize for name, dtype in STORED.items()} == {"float16": 2, "bfloat16": 2, "float32": 4}
    assert READ["bfloat16"] == np.float32
