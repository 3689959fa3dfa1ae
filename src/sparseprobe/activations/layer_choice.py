"""A choice of layers: "all", 3, "3", "0:4", "0,2,-1" or a list; negative layers count from the last one."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable

from sparseprobe.errors import SHOWN, InputError

_LAYERS = re.compile(r"(?P<start>-?[0-9]{1,9})?(?P<colon>:)?(?P<stop>-?[0-9]{1,9})?")
LayerChoice = str | int | Iterable[int]


def choose_layers(layers: LayerChoice, n_layers: int) -> tuple[int, ...]:
    """The layers that `layers` names, ascending, each once.

    Raises `InputError` for a layer that does not exist and for anything that does not name layers.

    >>> choose_layers("0:2,-1", 6)
    (0, 1, 5)
    """
    if isinstance(layers, str):
        chosen = [layer for part in layers.split(",") for layer in _part(part.strip(), n_layers)]
    else:
        chosen = [_one(number, n_layers) for number in _numbers(layers)]
    if not chosen:
        raise InputError(f"layers={layers!r} names no layer: the model has layers 0 to {n_layers - 1}")
    return tuple(sorted(set(chosen)))


def _numbers(layers: int | Iterable[int]) -> list[int]:
    """The integers given, NumPy's too; `InputError` for anything else, also for truth values."""
    try:
        listed = list(layers) if isinstance(layers, Iterable) else [layers]
        numbers = [operator.index(number) for number in listed]
    except TypeError as error:
        raise _not_understood(layers) from error
    if any(isinstance(number, bool) for number in listed):
        raise _not_understood(layers)
    return numbers


def _part(text: str, n_layers: int) -> list[int]:
    if text == "all":
        return list(range(n_layers))
    match = _LAYERS.fullmatch(text)
    if match is None or not text or (match["colon"] is None and match["stop"]):
        raise _not_understood(text)
    if match["colon"] is None:
        return [_one(int(match["start"]), n_layers)]
    start, stop = (int(match[end]) if match[end] else None for end in ("start", "stop"))
    for end in (start, stop):
        if end is not None and not -n_layers <= end <= n_layers:
            raise InputError(f"no layer {end}: the model has layers 0 to {n_layers - 1}")
    return list(range(n_layers))[start:stop]


def _one(layer: int, n_layers: int) -> int:
    if not -n_layers <= layer < n_layers:
        raise InputError(f"no layer {layer}: the model has layers 0 to {n_layers - 1}")
    return layer % n_layers


def _not_understood(layers: object) -> InputError:
    return InputError(f"layers={str(layers)[:SHOWN]!r} is not understood: write all, 3, 0:4 or 0,2,5")
