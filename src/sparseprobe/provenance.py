"""Provenance of a run: software and hardware, so that its numbers can be reproduced or differences explained.

An independent review of the paper found its exact splits, hardware, software versions and full settings missing. A
run folder holds all of them: the settings in `spec.yaml`, the splits in `dataset/`, the rest in the record made here.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from datetime import UTC, datetime
from typing import Any

import joblib
import psutil

#: The packages whose version can change a result.
PACKAGES = (
    "sparseprobe",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
    "zarr",
)


def environment() -> dict[str, Any]:
    """The software and the hardware of this process.

    >>> sorted(environment())
    ['hardware', 'packages', 'platform', 'python']
    """
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "hardware": {
            "processor": platform.processor() or platform.machine(),
            "cores": joblib.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "accelerators": _accelerators(),
        },
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _accelerators() -> list[str]:
    import torch  # noqa: PLC0415 - slow to import, and only wanted here

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
