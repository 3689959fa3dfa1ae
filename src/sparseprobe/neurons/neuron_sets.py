"""Which neurons are meant: one name, several, sets to be taken together, or a table of results.

Everything in this package works on sets, because a feature often needs more than one neuron: `L3.N609` is a set of one,
`L3.N609+L4.N2` and a list inside a list are sets of two. A table of single neurons (columns layer, neuron), of a sweep
(layer, support) or of an ablation (neurons) gives one set a row, each different one once.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel, Neuron

NEURON_SITES = ("mlp", "mlp_pre", "mlp_gate", "mlp_up")
RANDOM_BASES = ("gaussian_basis", "orthonormal")
"""Arms of the baselines whose numbers are directions."""

NeuronSet = tuple[Neuron, ...]
Neurons = str | Neuron | Iterable[str | Neuron | Iterable[str | Neuron]] | pd.DataFrame


def neuron_sets(neurons: Neurons, model: LanguageModel | None = None) -> tuple[NeuronSet, ...]:
    """The sets that `neurons` names, in order, each different one once, its neurons ascending.

    Raises `InputError` for what is no neuron, for an empty list, and, with `model`, for neurons that it does not have.

    >>> [name_of(chosen) for chosen in neuron_sets(["L3.N609", ["L4.N2", "L3.N1"]])]
    ['L3.N609', 'L3.N1+L4.N2']
    """
    sets = tuple(dict.fromkeys(_sets(neurons)))
    if not sets or not all(sets):
        raise InputError("no neuron is named: give a name such as 'L3.N609', a list of names, or a table of neurons")
    if model is not None:
        for neuron in (neuron for chosen in sets for neuron in chosen):
            width = model.width("mlp", neuron.layer)
            if neuron.index >= width:
                raise InputError(f"no neuron {neuron} in {model.name}: layer {neuron.layer} has N0 to N{width - 1}")
    return sets


def named_neurons(model: LanguageModel, neurons: Neurons) -> tuple[Neuron, ...]:
    """The neurons of all sets, in order, each once."""
    return tuple(dict.fromkeys(neuron for chosen in neuron_sets(neurons, model) for neuron in chosen))


def name_of(neurons: NeuronSet) -> str:
    """How a set is written: its neurons with plus signs between."""
    return "+".join(map(str, neurons))


def _sets(neurons: Neurons) -> Iterable[NeuronSet]:
    if isinstance(neurons, pd.DataFrame):
        return _of_table(neurons)
    if isinstance(neurons, str | Neuron):
        return [_one_set(neurons)]
    return [_one_set(chosen) for chosen in neurons]


def _one_set(chosen: str | Neuron | Iterable[str | Neuron]) -> NeuronSet:
    if isinstance(chosen, Neuron):
        return (chosen,)
    names = chosen.split("+") if isinstance(chosen, str) else chosen
    return tuple(sorted({Neuron.parse(name) for name in names}))


def _of_table(table: pd.DataFrame) -> Iterable[NeuronSet]:
    _refuse_other_directions(table)
    if "neurons" in table.columns:
        return [_one_set(list(row)) for row in table["neurons"]]
    if "layer" in table.columns and "support" in table.columns:
        pairs = zip(table["layer"], table["support"], strict=True)
        return [tuple(sorted(Neuron(int(layer), int(index)) for index in support)) for layer, support in pairs]
    if "layer" in table.columns and "neuron" in table.columns:
        return [(Neuron(int(layer), int(index)),) for layer, index in zip(table["layer"], table["neuron"], strict=True)]
    raise InputError(
        f"a table with the columns {', '.join(map(str, table.columns))} names no neurons: it needs layer and neuron, "
        "layer and support, or neurons"
    )


def _refuse_other_directions(table: pd.DataFrame) -> None:
    """See that the numbers in a table are those of neurons, not of the residual stream or of a random basis."""
    sites = sorted(set(table["site"]) - set(NEURON_SITES)) if "site" in table.columns else []
    if sites:
        raise InputError(
            f"the table's rows are of the site {', '.join(sites)}, whose numbers are no neurons: give rows of "
            f"{', '.join(NEURON_SITES)}"
        )
    bases = sorted(set(table["arm"]) & set(RANDOM_BASES)) if "arm" in table.columns else []
    if bases:
        raise InputError(
            f"the table has rows of {', '.join(bases)}, whose numbers are directions of a random basis and no neurons: "
            "leave them out"
        )
