"""Probes know arrays and nothing of models: they can be used where no model library is loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sparseprobe

PACKAGES = ("statistics", "solvers", "selection", "probes")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_of_numbers_load_no_model_library_and_no_storage(package: str) -> None:
    program = (
        f"import sys, sparseprobe.{package}; "
        "print(*(name for name in ('torch', 'transformers', 'zarr') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_their_files_import_no_tables() -> None:
    """scikit-learn loads pandas by itself; our own files do without it."""
    root = Path(sparseprobe.__file__).parent
    for file in (file for package in PACKAGES for file in (root / package).rglob("*.py")):
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"pandas", "torch", "transformers", "zarr"}, file
