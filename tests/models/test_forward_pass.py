"""Padding and positions."""

import numpy as np
import pytest
import torch

from sparseprobe.models import pad
from sparseprobe.models.forward_pass import StopForward, run_until_stopped, tensor_of

SEQUENCES = [np.array([4, 5, 6], np.int32), np.array([7], np.int32)]


def test_right():
    batch = pad(SEQUENCES, pad_id=9)
    assert batch.tokens.tolist() == [[4, 5, 6], [7, 9, 9]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.positions[0].tolist() == [0, 1, 2]
    assert batch.positions[1, 0] == 0
    assert batch.first.tolist() == [0, 0]


def test_left():
    batch = pad(SEQUENCES, side="left", pad_id=9)
    assert batch.tokens.tolist() == [[4, 5, 6], [9, 9, 7]]
    assert batch.mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert batch.positions.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert batch.first.tolist() == [0, 2]


def test_a_stop_is_a_normal_end_and_other_errors_are_not():
    reached = []
    with run_until_stopped():
        reached.append(torch.is_inference_mode_enabled())
        raise StopForward
    assert reached == [True]
    with pytest.raises(RuntimeError, match="another"), run_until_stopped():
        raise RuntimeError("another")


def test_hidden_states_of_what_a_module_returns():
    hidden = torch.zeros(1, 2, 3)
    assert tensor_of(hidden) is hidden
    assert tensor_of((hidden, None)) is hidden
    with pytest.raises(TypeError, match="got dict"):
        tensor_of({})
