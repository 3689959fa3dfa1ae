"""Reading: every way of asking for rows and columns gives what NumPy gives on the whole array."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparseprobe.activations import Activations, budget, extract
from sparseprobe.errors import InputError, UnknownNameError

KEYS = [
    slice(None),
    slice(3, 40),
    slice(40, 3, -2),
    5,
    -1,
    [4, 80, 4],
    np.arange(90) % 7 == 0,
    (slice(10, 20), 3),
    (slice(None), [5, 1]),
    ([2, 60], slice(4, 8)),
    (np.arange(0, 90, 11), [0, 23]),
    [],
]


@pytest.fixture(scope="module", params=["float16", "bfloat16", "float32"])
def pair(request, tiny_model, span_data, tmp_path_factory):
    """Activations on disk in chunks of 16 rows, in an order of their own, and the array they stand for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "BLOCK_ROWS", 16)
        folder = tmp_path_factory.mktemp("acts") / "a"
        acts = extract(tiny_model("gpt2"), span_data, aggregate="mean", dtype=request.param, out=folder)
        array = extract(tiny_model("gpt2"), span_data, aggregate="mean", dtype=request.param).layer(1)[:]
    return acts.layer(1), array


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing(key, pair):
    layer, array = pair
    if isinstance(key, tuple) and isinstance(key[0], np.ndarray | list) and isinstance(key[1], list):
        expected = array[np.ix_(*key)]  # rows and columns are chosen independently
    else:
        expected = array[key]
    found = layer[key]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == layer.dtype == array.dtype
    assert layer.shape == array.shape == (len(layer), 24)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-90, 89), max_size=20), st.lists(st.integers(0, 23), min_size=1, max_size=5))
def test_any_rows_and_columns(pair, rows, columns):
    layer, array = pair
    np.testing.assert_array_equal(layer[rows, columns], array[np.asarray(rows, int)][:, columns])


@pytest.mark.parametrize("rows_per_block", [None, 1, 7, 1000])
def test_blocks_are_all_rows_in_order(rows_per_block, pair):
    layer, array = pair
    blocks = list(layer.blocks(rows_per_block))
    np.testing.assert_array_equal(np.concatenate(blocks), array)
    assert max(map(len, blocks)) <= (rows_per_block or 16)


def test_whole_array_by_protocol(pair):
    layer, array = pair
    np.testing.assert_array_equal(np.asarray(layer), array)
    assert np.asarray(layer, np.float64).dtype == np.float64


def test_from_arrays():
    draw = np.random.default_rng(0)
    arrays = {4: draw.normal(size=(5, 3)).astype(np.float32), 2: draw.normal(size=(5, 8)).astype(np.float16)}
    acts = Activations.from_arrays(arrays, model_name="mine", site="sae")
    assert (acts.layers, acts.n_examples, acts.site, acts.model_name, acts.manifest) == ((2, 4), 5, "sae", "mine", {})
    assert (acts.width(2), acts.width(4)) == (8, 3)
    assert np.shares_memory(acts.layer(4)[:], arrays[4])
    np.testing.assert_array_equal(acts.columns(2, [7, 0]), arrays[2][:, [7, 0]])
    np.testing.assert_array_equal(np.concatenate(list(acts.layer(2).blocks(2))), arrays[2])
    assert Activations.from_arrays({0: [[1, 2]]}, model_name="lists").layer(0).dtype == np.float32


def test_from_arrays_refuses():
    with pytest.raises(InputError, match=r"layer 1 has shape \(3,\): activations are \(n_examples, width\)"):
        Activations.from_arrays({1: np.zeros(3)}, model_name="m")
    with pytest.raises(InputError, match=r"layers differ in their number of examples: \{0: 2, 1: 3\}"):
        Activations.from_arrays({0: np.zeros((2, 1)), 1: np.zeros((3, 1))}, model_name="m")
    with pytest.raises(InputError, match="no activations given"):
        Activations.from_arrays({}, model_name="m")


def test_unknown_layer_and_neuron():
    acts = Activations.from_arrays({3: np.zeros((2, 4))}, model_name="m")
    with pytest.raises(UnknownNameError, match="unknown layer 1: Known: 3"):
        acts.layer(1)
    with pytest.raises(InputError, match="layer 3 has neurons 0 to 3, asked for 0 to 4"):
        acts.columns(3, [0, 4])


def test_says_what_it_is():
    acts = Activations.from_arrays({3: np.zeros((2, 4))}, model_name="m")
    assert repr(acts) == "Activations('m', site='mlp', aggregate='none', 2 examples, layers (3,))"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_torch_as_they_come_out_of_a_model(dtype):
    values = torch.tensor([[1.5, -2.0], [0.0, 3.0]], dtype=dtype, requires_grad=True)
    acts = Activations.from_arrays({0: values}, model_name="mine")
    np.testing.assert_array_equal(acts.layer(0)[:], [[1.5, -2.0], [0.0, 3.0]])
    assert acts.layer(0).precision == ("float16" if dtype == torch.float16 else "float32")
