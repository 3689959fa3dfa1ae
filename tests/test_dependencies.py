"""Everything that src imports is declared in pyproject.toml, so that an installation of the wheel runs."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import sparseprobe

ROOT = Path(__file__).parent.parent


def imported_packages():
    """Top-level package -> one file that imports it, of all that are neither Python's own nor ours."""
    found = {}
    for path in Path(sparseprobe.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0]: path for name in names}
    return {name: path for name, path in found.items() if name not in {*sys.stdlib_module_names, "sparseprobe"}}


def declared(requirements):
    return {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in requirements}


def test_every_import_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    known = declared(project["dependencies"])
    for extra, requirements in project["optional-dependencies"].items():
        known |= declared(requirements) if extra not in {"dev", "docs", "tools"} else set()
    distributions = packages_distributions()
    missing = {
        name: path
        for name, path in imported_packages().items()
        if not known & {one.lower().replace("_", "-") for one in distributions.get(name, [name])}
    }
    assert not missing
    assert len(imported_packages()) > 10
