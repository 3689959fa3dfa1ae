"""The models that ship inside the package: `demo/models/<name>/`, each a standard Hugging Face folder."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

FOLDER = Path(__file__).parent / "models"


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


def shipped_shape(name: str) -> dict[str, Any]:
    """Layers, widths and numbers of weights of a shipped model, from its config and its file's header alone.

    >>> shape = shipped_shape("demo-0.1m")
    >>> shape["d_mlp"] == 4 * shape["d_model"], shape["non_embedding"] < shape["parameters"]
    (True, True)
    """
    config = json.loads((FOLDER / name / "config.json").read_text(encoding="utf-8"))
    with safe_open(FOLDER / name / "model.safetensors", "numpy") as file:
        sizes = {weight: prod(file.get_slice(weight).get_shape()) for weight in file.keys()}  # noqa: SIM118
    tables = sum(size for weight, size in sizes.items() if "embed" in weight)
    return {
        "layers": config["num_hidden_layers"],
        "d_model": config["hidden_size"],
        "d_mlp": config["intermediate_size"],
        "parameters": sum(sizes.values()),
        "non_embedding": sum(sizes.values()) - tables,
        "bytes": sum(path.stat().st_size for path in (FOLDER / name).iterdir() if path.is_file()),
    }
