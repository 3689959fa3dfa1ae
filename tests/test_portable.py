"""Nothing of one platform, and nothing that is installed by luck."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
#: What exists on some systems only, and what to use for it.
OF_ONE_PLATFORM = {
    "sched_getaffinity": "joblib.cpu_count",
    "/proc/": "psutil",
    "os.sysconf": "psutil",
    "os.getuid": "pathlib",
    "import resource": "psutil",
    "import fcntl": "a library",
    "os.fork": "joblib",
    "SIGKILL": "psutil",
}


@pytest.mark.parametrize("name", OF_ONE_PLATFORM)
def test_nothing_of_one_platform(name):
    found = [str(path.relative_to(ROOT)) for path in SOURCES if name in path.read_text("utf-8")]
    assert found == [], f"use {OF_ONE_PLATFORM[name]}"


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_every_import_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    given = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    declared = {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in given} | {"sparseprobe"}
    distributions = packages_distributions()
    for path in SOURCES:
        for name in imported(path) - set(sys.stdlib_module_names) - {"sparseprobe"}:
            known = {one.lower().replace("_", "-") for one in distributions.get(name, [name])}
            assert known & declared, f"{path.relative_to(ROOT)} imports {name}, which pyproject.toml does not declare"
