"""Options are the settings of a run: said once, checked before anything heavy is imported, and shown as they are."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import pytest

from sparseprobe import choices
from sparseprobe.cli.options import asks
from sparseprobe.runs.catalogue import EXPERIMENTS
from sparseprobe.runs.spec import RunSpec, settings_of_a_run
from sparseprobe.selection import selection_names
from sparseprobe.selection.regression_selection import REGRESSION_SELECTIONS

HEAVY = ("torch", "transformers", "zarr", "sklearn")
RUN = ("run", "--model", "demo-4.7m", "--out", "no/such/folder")


def test_the_names_that_are_known_without_loading_are_those_that_there_are() -> None:
    assert set(choices.EXPERIMENTS) == set(EXPERIMENTS)
    assert {*selection_names(), *REGRESSION_SELECTIONS} == set(choices.SELECTIONS)


def test_every_setting_of_a_run_is_an_option_with_its_help(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = " ".join(command("run", "--help").out.split())
    for name, setting in settings_of_a_run().items():
        assert f"--{'set' if name == 'settings' else name.replace('_', '-')} " in shown
        assert setting.help in shown
    assert len(settings_of_a_run()) == len(fields(RunSpec))


def test_help_keeps_its_brackets(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert "[[start, stop, label], ...]" in " ".join(command("datasets", "build", "--help").out.split())


def test_a_command_takes_the_settings_that_it_names() -> None:
    received: dict[str, Any] = {}

    @asks("k", "features", "seed", "settings")
    def command(given: dict[str, Any]) -> None:
        received.update(given)

    command(k="4,1", features="fr, en", seed="3", settings=["context=64", "unit=token"])
    assert received == {
        "k": [1, 4],
        "features": ["fr", "en"],
        "seed": 3,
        "settings": {"context": 64, "unit": "token"},
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*RUN, "--dataset", "custom", "--site", "mpl"), "did you mean 'mlp'"),
        ((*RUN, "--dataset", "custom", "--selection", "adaptiv"), "did you mean 'adaptive'"),
        ((*RUN, "--dataset", "custom", "--experiments", "sweep,dens"), "did you mean 'dense'"),
        ((*RUN, "--dataset", "custom", "--preset", "papers"), "did you mean 'paper'"),
        ((*RUN, "--dataset", "custom", "--layers", "x"), "write all, 3, 0:4 or 0,2,5"),
        ((*RUN, "--dataset", "custom", "--device", "gpu"), "unknown device 'gpu'"),
        ((*RUN, "--dataset", "natural_langage"), "did you mean 'natural_language'"),
        ((*RUN, "--dataset", "no/such.csv"), "there is no file or folder no/such.csv"),
        (("run", "--dataset", "custom"), "a run needs --model and --dataset"),
        (("sweep", "--k", "0", "--activations", "a", "--dataset", "d", "--out", "t"), "integers of at least 1"),
        (("run", "--modle", "demo-4.7m"), "No such option"),
        (("experiment", "dens", "--activations", "a", "--dataset", "d", "--out", "t"), "did you mean 'dense'"),
    ],
)
def test_a_mistake_is_answered_before_anything_heavy_is_imported(arguments: tuple[str, ...], sentence: str) -> None:
    program = (
        "import sys\nfrom sparseprobe.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as stop:\n    print(stop.code)\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert sentence in " ".join(done.stderr.split())
    assert done.stdout.split() == ["2"]


@pytest.mark.parametrize("digits", ["1²", "٣", "9" * 5000, "1e3", "1_0", "½"])
@pytest.mark.parametrize("option", ["--k", "--layers", "--seed", "--keep", "--memory"])
def test_digits_that_are_none_are_one_short_sentence(command: Any, option: str, digits: str) -> None:
    refused = command(*RUN, "--dataset", "custom", option, digits)
    assert refused.code == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert len(refused.err) < 400


def test_the_version_is_that_of_the_package(command: Any) -> None:
    assert command("--version").out.strip() == version("sparseprobe")


def test_the_list_of_models_loads_none_of_them() -> None:
    program = "import sys\nfrom sparseprobe.cli import main\ntry:\n    main(['models', 'list', '--json'])\nexcept SystemExit:\n    pass\nprint(*(name for name in sys.modules if name in ('torch', 'transformers')), file=sys.stderr)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert '"parameters"' in done.stdout
