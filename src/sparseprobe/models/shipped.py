"""The models that ship inside the package: `demo/models/<name>/`, each a standard Hugging Face folder."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "demo" / "models"


def shipped_models() -> tuple[str, ...]:
    """Names of the shipped models, in order of their names.

    >>> all((FOLDER / name / "config.json").is_file() for name in shipped_models())
    True
    """
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/config.json")))


def shipped_path(name: str) -> Path | None:
    """The folder of the shipped model `name`, or None if no such model ships.

    >>> shipped_path("a model that nobody made") is None
    True
    """
    return FOLDER / name if name in shipped_models() else None
