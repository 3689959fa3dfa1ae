"""Names of neurons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.errors import InputError
from sparseprobe.models import Neuron


@given(st.integers(0, 200), st.integers(0, 10**6))
def test_what_is_written_is_read(layer, index):
    neuron = Neuron(layer, index)
    assert Neuron.parse(str(neuron)) == neuron
    assert Neuron.parse(neuron) is neuron


def test_order_is_by_layer_then_index():
    names = ["L10.N1", "L2.N30", "L2.N4"]
    assert [str(neuron) for neuron in sorted(map(Neuron.parse, names))] == ["L2.N4", "L2.N30", "L10.N1"]


@pytest.mark.parametrize("name", ["", "3.609", "L3N609", "L3.N", "L-1.N2", "L3.N609x"])
def test_other_spellings_are_refused(name):
    with pytest.raises(InputError, match=r"is not the name of a neuron: write layer and index as L3\.N609"):
        Neuron.parse(name)


def test_counts_from_zero():
    with pytest.raises(InputError, match="count from 0"):
        Neuron(-1, 3)
