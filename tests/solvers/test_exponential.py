from __future__ import annotations

import numpy as np

from sparseprobe.solvers.exponential import exponential


def test_it_equals_numpys_over_the_whole_range():
    z = np.concatenate([np.linspace(-700, 700, 100_001), np.linspace(-1, 1, 10_001), [0.0]])
    out = np.empty_like(z)
    exponential(z, out, np.empty_like(z))
    np.testing.assert_allclose(out, np.exp(z), rtol=5e-16)


def test_beyond_the_range_it_stays_finite_and_positive():
    z = np.array([-1e9, -701.0, 701.0, 1e9])
    out = np.empty_like(z)
    exponential(z, out, np.empty_like(z))
    np.testing.assert_allclose(out, np.exp([-700.0, -700.0, 700.0, 700.0]), rtol=5e-16)
