"""The selections by name: those of this package and those that a user registers."""

from __future__ import annotations

from sparseprobe.choices import PRESETS
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.selection.contract import Selection

_SELECTIONS: dict[str, dict[str, Selection]] = {}


def register_selection(selection: Selection, *, preset: str = "default", replace: bool = False) -> Selection:
    """Register a selection under its name; one with other settings for `preset="paper"` is registered twice.

    Raises `InputError` if the name is taken, unless `replace`, and for an object that is not a selection.

    >>> from sparseprobe.selection import Random
    >>> register_selection(Random(), replace=True).name
    'random'
    """
    name = _checked(selection).name
    presets = _SELECTIONS.setdefault(name, {})
    if preset in presets and not replace:
        raise InputError(f"there is a selection {name!r} already: choose another name, or pass replace=True")
    presets[preset] = selection
    return selection


def selection_named(selection: str | Selection, *, preset: str = "default") -> Selection:
    """The selection of a name, with the settings of a preset if it has any; a selection object is returned as it is.

    Raises `UnknownNameError` with the list of known names or presets, `InputError` for anything that is not a
    selection.

    >>> selection_named("mean_difference").name
    'mean_difference'
    """
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, PRESETS)
    if not isinstance(selection, str):
        return _checked(selection)
    if selection not in _SELECTIONS:
        raise UnknownNameError("selection", selection, selection_names())
    presets = _SELECTIONS[selection]
    return presets.get(preset, presets["default"])


def _checked(selection: Selection) -> Selection:
    """The selection, checked to have a name and a path."""
    named = isinstance(getattr(selection, "name", None), str) and callable(getattr(selection, "path", None))
    if not named or isinstance(selection, type):
        raise InputError(
            f"{selection!r} is not a selection: give a name ({', '.join(selection_names())}), "
            "or an object with a name and path(problem, ks)"
        )
    return selection


def selection_names() -> tuple[str, ...]:
    """All known names.

    >>> "adaptive" in selection_names()
    True
    """
    return tuple(sorted(_SELECTIONS))
