"""Which neurons are meant: one name, several, sets to be taken together, or any table of results.

Everything in this package works on sets, because a feature often needs more than one neuron: `L3.N609` is a set of one,
`L3.N609+L4.N2` and a list inside a list are sets of two. A pair (3, 609) is a layer and an index. Of a table, each
different entry of the column `neuron` (a name) or `neurons` (a list of names) is a set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron, is_pair

NeuronSet = tuple[Neuron, ...]
OneNeuron = str | Neuron | Sequence[int]
Neurons = OneNeuron | Iterable[OneNeuron | Iterable[OneNeuron]] | pd.DataFrame

_BETWEEN = re.compile(r"\+(?=L)")


def neuron_sets(neurons: Neurons, model: LanguageModel | None = None) -> tuple[NeuronSet, ...]:
    """The sets that `neurons` names, in order, each different set once, its neurons ascending.

    Raises `InputError` for anything that is not a neuron, for an empty list, and, with `model`, for neurons that it
    does not have.

    >>> [name_of(chosen) for chosen in neuron_sets(["L3.N609", ["L4.N2", (3, 1)]])]
    ['L3.N609', 'L3.N1+L4.N2']
    """
    sets = tuple(dict.fromkeys(_one_set(entry) for entry in _entries(neurons)))
    if not sets or not all(sets):
        raise InputError(
            "no neuron is named: give a name such as 'L3.N609', a list of names, or a table of neurons (rows of random "
            "directions have none)"
        )
    if model is not None:
        sets = tuple(tuple(sorted(_placed(neuron, model) for neuron in chosen)) for chosen in sets)
    return sets


def named_neurons(model: LanguageModel, neurons: Neurons) -> tuple[Neuron, ...]:
    """The neurons of all sets, in order, each once."""
    return tuple(dict.fromkeys(neuron for chosen in neuron_sets(neurons, model) for neuron in chosen))


def one_neuron(neurons: Neurons, model: LanguageModel | None = None) -> Neuron:
    """The only neuron that is named; raises `InputError` where there are several."""
    sets = neuron_sets(neurons, model)
    if len(sets) != 1 or len(sets[0]) != 1:
        named = ", ".join(map(name_of, sets))
        raise InputError(f"one neuron is needed, got {named}: give them one by one")
    return sets[0][0]


def name_of(neurons: NeuronSet) -> str:
    """The name of a set: its neurons joined by plus signs."""
    return "+".join(map(str, neurons))


def _entries(neurons: Neurons) -> Iterable[Any]:
    if isinstance(neurons, pd.DataFrame):
        for column in ("neurons", "neuron"):
            if column in neurons.columns:
                return neurons[column]
        raise InputError(
            f"a table with the columns {', '.join(map(str, neurons.columns))} names no neurons: it needs a column "
            "neuron of names such as L3.N609, or neurons of lists of them"
        )
    if isinstance(neurons, str | Neuron) or is_pair(neurons) or not isinstance(neurons, Iterable):
        return [neurons]
    return neurons


def _one_set(entry: Any) -> NeuronSet:
    if isinstance(entry, str):
        entry = _BETWEEN.split(entry)
    elif isinstance(entry, Neuron) or is_pair(entry) or not isinstance(entry, Iterable):
        entry = [entry]
    return tuple(sorted({Neuron.parse(name) for name in entry}))


def _placed(neuron: Neuron, model: LanguageModel) -> Neuron:
    """The neuron with its column in the layer as index; raises `InputError` if the model does not have it."""
    if neuron.kind != "N":
        what = {"D": "a dimension of the residual stream or of an attention output", "F": "a latent"}[neuron.kind]
        raise InputError(f"{neuron} is {what}, not a neuron: give neurons, written as L3.N609")
    width = model.width("mlp", neuron.layer)
    experts = model.layers[neuron.layer].experts
    if experts is not None:
        return experts.columns.place(neuron)
    if neuron.index >= width:
        raise InputError(f"no neuron {neuron} in {model.name}: layer {neuron.layer} has N0 to N{width - 1}")
    if neuron.expert is not None:
        raise InputError(
            f"layer {neuron.layer} of {model.name} has no experts: write {neuron} as L{neuron.layer}.N{neuron.index}"
        )
    return neuron
