"""The models that ship inside the package: `demo/models/<name>/`, each a standard Hugging Face folder."""

from __future__ import annotations

import json
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


def shipped_origin(name: str) -> str:
    """Where the shipped model `name` is from, in a few words; its card says the rest.

    >>> shipped_origin("demo-4.7m").startswith("trained for sparseprobe")
    True
    """
    training = json.loads((FOLDER / name / "training.json").read_text(encoding="utf-8"))
    return f"trained for sparseprobe: {training['tokens'] / 1e6:.1f} M tokens"
