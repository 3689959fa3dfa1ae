from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from sparseprobe.compiled import clock, compiled


def test_where_nothing_can_be_kept_the_kernel_still_compiles():
    """Code without a file has nowhere to keep machine code, as a package in a read-only place has."""
    scope = {"compiled": compiled}
    exec(compile("@compiled()\ndef double(x):\n    return 2 * x\n", "<nowhere>", "exec"), scope)
    assert scope["double"](21) == 42


def test_division_follows_ieee_rules():
    @compiled()
    def ratio(a: float, b: float) -> float:
        return a / b

    assert ratio(1.0, 0.0) == np.inf


def test_the_clock_stands_still_while_a_kernel_is_compiled_and_runs_on_after():
    @compiled()
    def total(values: np.ndarray) -> float:
        return np.sort(values).sum() + values.mean()

    def without_compilation() -> float:
        return clock() - time.perf_counter()

    before = without_compilation()
    total(np.ones(3))
    after = without_compilation()
    assert after < before
    total(np.ones(4))  # compiled already
    assert without_compilation() == pytest.approx(after, abs=1e-3)


def test_a_cold_process_says_once_that_it_compiles_and_does_not_count_it(tmp_path):
    script = """
import time
import numpy as np
from sparseprobe.compiled import clock, compiled

@compiled()
def slow(values):
    return np.linalg.solve(np.outer(values, values) + np.eye(values.size), np.sort(values))

began, wall = clock(), time.perf_counter()
slow(np.arange(3.0))
print(clock() - began < time.perf_counter() - wall)
"""
    file = tmp_path / "cold.py"
    file.write_text(script)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "True\n"
    assert done.stderr.count("compiling") == 1
