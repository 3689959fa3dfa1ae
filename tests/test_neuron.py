"""Names of neurons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparseprobe.errors import InputError
from sparseprobe.neuron import Neuron

neurons = st.builds(
    lambda layer, index, kind, expert, sign: Neuron(layer, index, kind, *(expert or (None, False)), sign),
    st.integers(0, 200),
    st.integers(0, 10**6),
    st.sampled_from("NDF"),
    st.none() | st.tuples(st.integers(0, 500), st.booleans()),
    st.sampled_from(["", "+", "-"]),
)


@given(neurons)
def test_what_is_written_is_read(neuron):
    assert Neuron.parse(str(neuron)) == neuron
    assert hash(Neuron.parse(str(neuron))) == hash(neuron)
    assert Neuron.parse(neuron) is neuron


@pytest.mark.parametrize("name", ["L3.N609", "L3.D21", "L3.E5.N609", "L3.S0.N12", "L8.F1234", "L5.N701+", "L5.N701-"])
def test_every_form_is_known(name):
    assert str(Neuron.parse(name)) == str(Neuron.parse(f" {name} ")) == name


def test_pairs_are_a_layer_and_an_index():
    assert Neuron.parse((2, 849)) == Neuron.parse([2, 849]) == Neuron.parse("L2.N849")


def test_one_side_of_a_neuron_is_another_value():
    neuron = Neuron.parse("L5.N701")
    assert neuron.side("-").whole == neuron != neuron.side("-")


def test_order_is_by_layer_then_expert_then_index():
    names = ["L10.N1", "L2.N30", "L2.E10.N1", "L2.E9.N7", "L2.N4", "L2.N4-", "L2.N4+"]
    ordered = [str(neuron) for neuron in sorted(map(Neuron.parse, names))]
    assert ordered == ["L2.N4", "L2.N4+", "L2.N4-", "L2.N30", "L2.E9.N7", "L2.E10.N1", "L10.N1"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "3.609", "L3N609", "L3.N", "L-1.N2", "L3.N609x", "L3.N609++", "L3.E.N2", "L3.X5", "l3.n609"),
        *("L\u0663.N\u0661", "L3.N" + "9" * 30, "L3.N6 09", None, 3.5, (1,), (1, 2, 3), (True, 2), ("L", 2)),
    ],
)
def test_other_spellings_are_refused(name):
    with pytest.raises(InputError, match=r"is not the name of a neuron: write layer and index as L3\.N609"):
        Neuron.parse(name)


def test_counts_from_zero():
    with pytest.raises(InputError, match="count from 0"):
        Neuron(-1, 3)
