"""A batch for which memory does not suffice is read in halves, which is said once and gives the same activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sparseprobe.activations import extract
from sparseprobe.errors import ResourceError
from sparseprobe.models import LanguageModel


def narrow(model: LanguageModel, most: int, error: Exception) -> Any:
    """Let the model's first block take no more than `most` sequences."""

    def refuse(_: object, arguments: tuple[torch.Tensor, ...], named: dict[str, torch.Tensor]) -> None:
        hidden = arguments[0] if arguments else named["hidden_states"]
        if len(hidden) > most:
            raise error

    block = model.module.get_submodule(model.layers[0].block)
    return block.register_forward_pre_hook(refuse, with_kwargs=True)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_halves_give_the_same_activations(error, tiny_model, span_data) -> None:
    model = tiny_model("gpt_neox")
    expected = extract(model, span_data, dtype="float32", aggregate="mean")
    handle = narrow(model, 2, error)
    try:
        with pytest.warns(UserWarning, match="memory ran out on a batch of .* going on with batches of half") as said:
            found = extract(model, span_data, dtype="float32", aggregate="mean")
    finally:
        handle.remove()
    assert len(said) == 1
    for layer in expected.layers:
        np.testing.assert_allclose(found[layer][:], expected[layer][:], rtol=1e-5, atol=1e-5)


def test_one_sequence_that_is_too_much_is_told(tiny_model, span_data) -> None:
    handle = narrow(tiny_model("gpt_neox"), 0, MemoryError())
    try:
        with (
            pytest.warns(UserWarning, match="half the size"),
            pytest.raises(ResourceError, match=r"memory ran out on a batch of 1 x \d+ tokens"),
        ):
            extract(tiny_model("gpt_neox"), span_data, aggregate="mean")
    finally:
        handle.remove()


def test_any_other_error_of_the_model_is_its_own(tiny_model, span_data) -> None:
    handle = narrow(tiny_model("gpt_neox"), 2, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    try:
        with pytest.raises(RuntimeError, match="mat1"):
            extract(tiny_model("gpt_neox"), span_data, aggregate="mean")
    finally:
        handle.remove()
