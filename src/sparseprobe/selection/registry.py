"""Selections by name: those of this package and those that a user adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparseprobe.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from sparseprobe.selection.contract import Selection

_SELECTIONS: dict[str, dict[str, Selection]] = {}


def register_selection(selection: Selection, *, preset: str = "default", replace: bool = False) -> Selection:
    """Make a selection known under its name; one with settings of its own for `preset="paper"` is registered twice.

    Raises `InputError` if the name is taken, unless `replace`.

    >>> from sparseprobe.selection import Random
    >>> register_selection(Random(), replace=True).name
    'random'
    """
    presets = _SELECTIONS.setdefault(selection.name, {})
    if preset in presets and not replace:
        raise InputError(f"there is a selection {selection.name!r} already: choose another name, or say replace=True")
    presets[preset] = selection
    return selection


def selection_named(selection: str | Selection, *, preset: str = "default") -> Selection:
    """The selection of a name, with the settings of a preset where it has any; a selection itself is handed back.

    Raises `UnknownNameError` with the list of known names.

    >>> selection_named("mean_difference").name
    'mean_difference'
    """
    if not isinstance(selection, str):
        return selection
    if selection not in _SELECTIONS:
        raise UnknownNameError("selection", selection, selection_names())
    presets = _SELECTIONS[selection]
    return presets.get(preset, presets["default"])


def selection_names() -> tuple[str, ...]:
    """All known names.

    >>> "adaptive" in selection_names()
    True
    """
    return tuple(sorted(_SELECTIONS))
