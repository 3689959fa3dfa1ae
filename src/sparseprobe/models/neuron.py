"""The name of one neuron: its layer and its index, written `L3.N609` everywhere (layers and neurons count from 0)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparseprobe.errors import InputError

_NAME = re.compile(r"L(\d+)\.N(\d+)")


@dataclass(frozen=True, order=True, slots=True)
class Neuron:
    """One coordinate of a layer's activations; neurons sort by layer, then index.

    >>> Neuron.parse("L3.N609")
    Neuron(layer=3, index=609)
    >>> str(Neuron(3, 609))
    'L3.N609'
    """

    layer: int
    index: int

    def __post_init__(self) -> None:
        if self.layer < 0 or self.index < 0:
            raise InputError(f"a neuron's layer and index count from 0, given layer {self.layer}, index {self.index}")

    def __str__(self) -> str:
        return f"L{self.layer}.N{self.index}"

    @classmethod
    def parse(cls, name: str | Neuron) -> Neuron:
        """The neuron that `name` writes; a `Neuron` is handed back as it is.

        Raises `InputError` for anything that is not written as `L<layer>.N<index>`.
        """
        if isinstance(name, Neuron):
            return name
        match = _NAME.fullmatch(name.strip())
        if match is None:
            raise InputError(f"{name!r} is not the name of a neuron: write layer and index as L3.N609")
        return cls(int(match[1]), int(match[2]))
