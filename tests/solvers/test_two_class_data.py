from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from sparseprobe.errors import InputError
from sparseprobe.solvers.two_class_data import TwoClassData
from sparseprobe.statistics.class_weights import balanced_weights


def test_balanced_weights_equal_scikit_learns():
    y = np.array([0, 0, 0, 1, 0, 1, 0])
    np.testing.assert_allclose(balanced_weights(y), compute_sample_weight("balanced", y))
    with pytest.raises(InputError, match="labels of one class cannot be balanced"):
        balanced_weights(np.ones(3))


def test_arrays_come_in_the_dtypes_of_the_kernels():
    data = TwoClassData.of(np.ones((3, 2), np.float16), [True, False, True])
    assert data.X.dtype == np.float64
    assert data.positive.tolist() == [True, False, True]
    assert data.weights.tolist() == [1.0, 1.0, 1.0]
