"""Ways to name layers."""

import numpy as np
import pytest

from sparseprobe.activations.layer_choice import choose_layers
from sparseprobe.errors import InputError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("all", (0, 1, 2, 3, 4, 5)),
        (3, (3,)),
        ("3", (3,)),
        (-1, (5,)),
        ("-2", (4,)),
        ("0:4", (0, 1, 2, 3)),
        ("-2:", (4, 5)),
        (":2, 5", (0, 1, 5)),
        ([4, 0, 4, -6], (0, 4)),
        (range(2), (0, 1)),
        (np.int64(0), (0,)),
        (np.array([1, -1]), (1, 5)),
    ],
)
def test_choices(given, expected):
    assert choose_layers(given, 6) == expected


@pytest.mark.parametrize("given", [6, -7, "6", [0, 9], "0:7", "-9:2"])
def test_layers_that_are_not_there(given):
    with pytest.raises(InputError, match=r"no layer -?\d: the model has layers 0 to 5"):
        choose_layers(given, 6)


@pytest.mark.parametrize("given", ["first", "1:2:3", "1.5", "", None, 0.9, [0.9], ["0", "1"], True, [True]])
def test_what_is_not_understood(given):
    with pytest.raises(InputError, match="is not understood: write all, 3, 0:4 or 0,2,5"):
        choose_layers(given, 6)


@pytest.mark.parametrize("given", [[], "3:3"])
def test_no_layer(given):
    with pytest.raises(InputError, match="names no layer"):
        choose_layers(given, 6)
