"""Options of commands from the settings of a run: name, help text and choices stand in `RunSpec` and nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from typing import Annotated, Any

import typer

from sparseprobe.artefacts import parse_yaml
from sparseprobe.errors import DataError, InputError
from sparseprobe.runs.spec import RunSpec, Setting, settings_of_a_run


def asks(*names: str, **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these settings; it receives those that were given as the mapping `given`.

    An option whose setting has no default is required, unless it is among `defaults`, the command's own.
    """
    spec = {field.name: field.default for field in fields(RunSpec)} | defaults

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        options = [_option(name, settings_of_a_run()[name], spec[name]) for name in names]

        @wraps(command)
        def with_options(**values: Any) -> None:
            asked = {name: values.pop(name) for name in names}
            given = {name: _value(name, value) for name, value in asked.items() if value not in (None, [])}
            command(**values, given=given)

        parameters = [parameter for parameter in own.values() if parameter.name != "given"]
        keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*parameters, *options)]
        with_options.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
        with_options.__annotations__ = {one.name: one.annotation for one in keyword}
        return with_options

    return decorate


def _option(name: str, setting: Setting, default: Any) -> inspect.Parameter:
    required = default is MISSING
    shown = f"{setting.help} Default: {default}." if isinstance(default, str | int) else setting.help
    kind = list[str] if setting.repeated else str
    option = typer.Option(_flag(name), help=shown, metavar=_metavar(setting))
    annotation = Annotated[kind, option] if required else Annotated[kind | None, option]
    empty = inspect.Parameter.empty if required else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=empty, annotation=annotation)


def _flag(name: str) -> str:
    return "--set" if name == "settings" else f"--{name.replace('_', '-')}"


def _metavar(setting: Setting) -> str:
    return "NAMES" if setting.listed else "TEXT"


def _value(name: str, given: Any) -> Any:
    """What was written, as a setting's plain value; a mistake is an `InputError` that names the option."""
    setting = settings_of_a_run()[name]
    if name == "settings":
        return _pairs(given)
    if setting.listed:
        given = [part.strip() for part in given.split(",") if part.strip()]
    plain = setting.plain(_flag(name), given)
    setting.check(plain, name)
    return plain


def _pairs(written: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair!r} is not a setting: write it as name=value, for example context=256")
        try:
            settings[name.strip()] = parse_yaml(value, f"--set {name}")
        except DataError as error:
            raise InputError(
                f"--set {pair!r}: the value is not YAML; write a list as [a, b], a text as it is"
            ) from error
    return settings
