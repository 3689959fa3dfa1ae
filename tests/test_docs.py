"""The documentation agrees with the code: columns, names, Python blocks, commands, and the map of the paper's terms."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer

from sparseprobe.cli.app import app

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


PAGES = sorted((ROOT / "docs").glob("*.md"))
TERMS = re.findall(r"^\| ([^|`]+) \| `(src/\S+\.py)` \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
HOUSE_TERMS = {
    *("adaptive thresholding", "mean difference", "optimal probing", "pruning", "ablation", "W_in norm x bias"),
    *("compound words", "aggregation", "direct logit effect", "rotation baseline", "mean activation by token"),
    "balanced class weights",
}


def test_the_map_has_the_terms_of_the_paper() -> None:
    assert {term for term, _ in TERMS} == HOUSE_TERMS


@pytest.mark.parametrize(("term", "path"), TERMS)
def test_the_file_of_a_term_begins_with_it(term: str, path: str) -> None:
    first_line = (ROOT / path).read_text(encoding="utf-8").splitlines()[0]
    assert term.lower() in first_line.lower()


@pytest.mark.filterwarnings("ignore::sparseprobe.errors.DatasetWarning")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```python" in page.read_text("utf-8")], ids=lambda p: p.stem
)
def test_the_python_of_the_docs_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(page), "exec"), names)


def _commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("sparseprobe ")]


@pytest.mark.parametrize("line", [line for page in PAGES for line in _commands(page)])
def test_the_commands_of_the_docs_have_these_options(line: str) -> None:
    """Parsed as the command line parses them, but not carried out."""
    command, words = typer.main.get_command(app), shlex.split(line)[1:]
    with command.make_context("sparseprobe", words.copy(), resilient_parsing=True) as context:
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context(str(command.name), words, parent=context)
