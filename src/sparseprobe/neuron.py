"""The name of a neuron, the same in every table: its layer and its column, both counted from 0.

    L3.N609      neuron 609 of layer 3              L3.E5.N609    neuron 609 of expert 5
    L3.D21       dimension 21 of the residual       L3.S0.N12     neuron 12 of shared expert 0
                 stream or the attention output     L8.F1234      latent 1234 of a sparse autoencoder

A sign at the end means one side of a neuron with values of both signs: `L5.N701+` is its part above 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import total_ordering
from numbers import Integral, Real
from typing import Literal

from sparseprobe.errors import InputError

Kind = Literal["N", "D", "F"]
"""N: neuron, D: dimension of the residual stream or of the attention output, F: latent of a sparse autoencoder."""

_NAME = re.compile(r"L([0-9]{1,9})(?:\.([ES])([0-9]{1,9}))?\.([NDF])([0-9]{1,9})([+-]?)")


@total_ordering
@dataclass(frozen=True, slots=True)
class Neuron:
    """One column of a layer's activations; neurons sort by layer, then expert, then index.

    >>> Neuron.parse("L3.N609")
    Neuron('L3.N609')
    >>> Neuron(3, 609).side("-"), Neuron.parse((2, 849)).index
    (Neuron('L3.N609-'), 849)
    """

    layer: int
    index: int
    kind: Kind = "N"
    expert: int | None = None
    """In a mixture of experts, the expert to which it belongs."""
    shared: bool = False
    """Whether that expert is a shared one, which processes every token."""
    sign: Literal["", "+", "-"] = ""
    """The side that is meant, if it is not the whole neuron."""
    first: int = 0
    """The layer's column at which its expert begins, if known; `index` then counts from the layer's first column."""

    def __post_init__(self) -> None:
        if self.layer < 0 or self.index < 0 or (self.expert or 0) < 0:
            raise InputError(f"a neuron's layer and index count from 0, given layer {self.layer}, index {self.index}")

    def __str__(self) -> str:
        expert = "" if self.expert is None else f".{'S' if self.shared else 'E'}{self.expert}"
        return f"L{self.layer}{expert}.{self.kind}{self.index - self.first}{self.sign}"

    def __repr__(self) -> str:
        return f"Neuron({str(self)!r})"

    def __lt__(self, other: Neuron) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[object, ...]:
        expert = -1 if self.expert is None else self.expert
        return self.layer, self.kind, self.shared, expert, self.index, self.sign

    @property
    def whole(self) -> Neuron:
        """The neuron without a sign."""
        return self.side("")

    def side(self, sign: Literal["", "+", "-"]) -> Neuron:
        """One side of the neuron, or with "" all of it."""
        return replace(self, sign=sign)

    @classmethod
    def parse(cls, name: str | Neuron | Sequence[int]) -> Neuron:
        """The neuron that a name, a pair (layer, index) or a `Neuron` means.

        Raises `InputError` for anything else.
        """
        if isinstance(name, Neuron):
            return name
        if is_pair(name):
            return cls(int(name[0]), int(name[1]))
        match = _NAME.fullmatch(name.strip()) if isinstance(name, str) else None
        if match is None:
            raise InputError(
                f"{name!r} is not the name of a neuron: write layer and index as L3.N609, or give a pair "
                "such as (3, 609)"
            )
        layer, group, expert, kind, index, sign = match.groups()
        number = None if expert is None else int(expert)
        return cls(int(layer), int(index), kind, number, group == "S", sign)  # type: ignore[arg-type] # as the pattern says


@dataclass(frozen=True)
class ExpertColumns:
    """Which columns of a layer belong to which expert: the routed ones in order, then the shared one.

    >>> columns = ExpertColumns(n_experts=8, width=1000, shared_width=500)
    >>> columns.neuron(3, 5609), columns.neuron(3, 8012), columns.total
    (Neuron('L3.E5.N609'), Neuron('L3.S0.N12'), 8500)
    >>> columns.place(Neuron.parse("L3.E5.N609")).index
    5609
    """

    n_experts: int
    """Routed experts."""
    width: int
    """Neurons of each of them."""
    shared_width: int = 0
    """Neurons of the shared expert; 0 where there is none."""

    @property
    def total(self) -> int:
        """Neurons of the layer."""
        return self.n_experts * self.width + self.shared_width

    def neuron(self, layer: int, column: int) -> Neuron:
        """The neuron in a column of a layer."""
        expert = min(column // self.width, self.n_experts)
        shared = expert == self.n_experts
        return Neuron(layer, column, "N", 0 if shared else expert, shared, "", expert * self.width)

    def place(self, neuron: Neuron) -> Neuron:
        """The neuron with its column as index; raises `InputError` if there is none of its name."""
        if neuron.first:
            return neuron
        if neuron.expert is None:
            if neuron.index < self.total:
                return self.neuron(neuron.layer, neuron.index).side(neuron.sign)
        elif neuron.shared and neuron.expert == 0 and neuron.index < self.shared_width:
            return self.neuron(neuron.layer, self.n_experts * self.width + neuron.index).side(neuron.sign)
        elif not neuron.shared and neuron.expert < self.n_experts and neuron.index < self.width:
            return self.neuron(neuron.layer, neuron.expert * self.width + neuron.index).side(neuron.sign)
        shared = f", and S0 with N0 to N{self.shared_width - 1}" if self.shared_width else ""
        raise InputError(
            f"no neuron {neuron}: layer {neuron.layer} has experts E0 to E{self.n_experts - 1} with N0 to "
            f"N{self.width - 1}{shared}"
        )


def is_pair(value: object) -> bool:
    """Whether this is a layer and an index, as (2, 849)."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(one, Integral) and not isinstance(one, bool) for one in value)
    )


def site_kind(site: str) -> Kind:
    """What the columns of a site are.

    >>> site_kind("mlp_pre"), site_kind("residual"), site_kind("sae")
    ('N', 'D', 'F')
    """
    return {"residual": "D", "attention": "D", "sae": "F"}.get(site, "N")  # type: ignore[return-value] # all of Kind


def signs_of(coef: Iterable[Real]) -> list[str]:
    """The sign of each coefficient: "-" below 0, else "+"."""
    return ["-" if one < 0 else "+" for one in coef]
