"""The documentation's tables of columns are those of the code, and its reference names what is there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")


def test_the_page_of_schemas_is_what_the_tool_writes() -> None:
    path = ROOT / "tools" / "write_schemas.py"
    spec = importlib.util.spec_from_file_location("write_schemas", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page(), "run python tools/write_schemas.py"


@pytest.mark.parametrize("name", re.findall(r"^::: (\S+)", REFERENCE, re.MULTILINE))
def test_the_reference_names_functions_and_classes(name: str) -> None:
    """And no module of a function's name, which would be shown in its place."""
    if name == "sparseprobe.errors":
        return
    parent, _, last = name.rpartition(".")
    assert not (ROOT / "src" / Path(*name.split("."))).with_suffix(".py").exists()
    found = getattr(importlib.import_module(parent), last)
    assert inspect.isfunction(found) or inspect.isclass(found)
