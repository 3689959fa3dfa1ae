from __future__ import annotations

import numpy as np

from sparseprobe.solvers.compiled import compiled


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
