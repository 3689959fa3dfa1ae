"""A small share of `make faults`: generated inputs of every kind, and flipped bytes in a run."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

import sparseprobe as sp
from sparseprobe.errors import SparseProbeError
from tools.faults.attempts import Attempts, TooLongError, at_most
from tools.faults.flipped_bytes import flipped_bytes
from tools.faults.generated import KINDS, SLOW_KINDS, Kind, generated_inputs


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_is_one_sentence(kind: Kind, tmp_path: Path) -> None:
    found = generated_inputs(kind, range(1000, 1150), tmp_path)
    assert not found.losses
    assert found.ends.total() == 150


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_commands_and_folders_say_what_is_wrong(kind: Kind, tmp_path: Path) -> None:
    found = generated_inputs(kind, range(1000, 1020), tmp_path)
    assert not found.losses
    assert found.ends.total() == 20


def test_a_flipped_byte_is_told_or_harmless(dataset: Path, model_folder: Path, tmp_path: Path) -> None:
    sp.run(model=model_folder, dataset=dataset, k=1, keep=5, layers=1, device="cpu", out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "reference", ignore_errors=True)
    found = flipped_bytes(tmp_path / "run", 45, random.Random(0))
    assert not found.losses
    assert found.ends["told"] > 10


class TestAttempts:
    """What counts as lost."""

    def test_an_error_of_the_library_is_told_and_any_other_lost(self) -> None:
        found = Attempts("x")

        def fail(error: BaseException) -> None:
            raise error

        for error in (SparseProbeError("say so"), SparseProbeError("one\ntwo"), KeyError("a"), RecursionError()):
            found.attempt("y", lambda: fail(error))  # noqa: B023 # called at once
        found.attempt("y", lambda: None)
        assert found.ends == {"told": 1, "lost": 3, "read": 1}
        assert len(found.losses) == 3

    def test_what_does_not_end_is_interrupted(self) -> None:
        with at_most(0.05), pytest.raises(TooLongError):
            time.sleep(60)
