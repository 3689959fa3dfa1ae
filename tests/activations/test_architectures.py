"""Extracted activations are what the model itself computes, in every architecture, however they are batched.

The oracle here shares nothing with the library: it names the modules of each architecture itself, runs the model on one
unpadded sequence after the other, and computes the neurons from the MLP's input and weights.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sparseprobe.activations import extract


def gelu_tanh(x):
    return functional.gelu(x, approximate="tanh")


#: architecture -> (block, MLP input seen at, weights of gate or input, weights of up, nonlinearity, attention out)
BY_HAND = {
    "gpt_neox": ("gpt_neox.layers", "mlp", "mlp.dense_h_to_4h", None, functional.gelu, "attention.dense"),
    "gpt2": ("transformer.h", "mlp", "mlp.c_fc", None, gelu_tanh, "attn.c_proj"),
    "opt": ("model.decoder.layers", "fc1", "fc1", None, functional.relu, "self_attn.out_proj"),
    "bloom": ("transformer.h", "mlp", "mlp.dense_h_to_4h", None, gelu_tanh, "self_attention.dense"),
    "llama": ("model.layers", "mlp", "mlp.gate_proj", "mlp.up_proj", functional.silu, "self_attn.o_proj"),
    "gemma2": ("model.layers", "mlp", "mlp.gate_proj", "mlp.up_proj", gelu_tanh, "self_attn.o_proj"),
    "phi": ("model.layers", "mlp", "mlp.fc1", None, gelu_tanh, "self_attn.dense"),
    "phi3": ("model.layers", "mlp", "mlp.gate_up_proj", "mlp.gate_up_proj", functional.silu, "self_attn.o_proj"),
    "falcon": ("transformer.h", "mlp", "mlp.dense_h_to_4h", None, functional.gelu, "self_attention.dense"),
    "bert": ("encoder.layer", "intermediate", "intermediate.dense", None, functional.gelu, "attention.output.dense"),
    "modernbert": ("layers", "mlp", "mlp.Wi", "mlp.Wi", functional.gelu, "attn.Wo"),
}
BY_HAND |= {"mistral": BY_HAND["llama"], "qwen3": BY_HAND["llama"], "gemma3": BY_HAND["gemma2"]}
BY_HAND |= {"falcon_alibi": BY_HAND["falcon"], "roberta": BY_HAND["bert"]}


def affine(module, x):
    bias = 0 if module.bias is None else module.bias
    return x @ (module.weight if type(module).__name__ == "Conv1D" else module.weight.T) + bias


def by_hand(module, architecture, tokens, layer):
    """site -> (n_tokens, width) for one sequence, from the model's own hidden states and weights."""
    blocks, mlp, first, second, nonlinearity, attention = BY_HAND[architecture]
    block = module.get_submodule(f"{blocks}.{layer}")
    seen = {}

    def keep_input(name):
        def hook(_, given, keywords):
            seen[name] = (given[0] if given else keywords["hidden_states"]).clone().reshape(len(tokens), -1)

        return hook

    handles = [
        block.get_submodule(name).register_forward_pre_hook(keep_input(name), with_kwargs=True)
        for name in {mlp, attention}
    ]
    with torch.no_grad():
        output = module(torch.tensor(tokens, dtype=torch.int64)[None], output_hidden_states=True, use_cache=False)
        for handle in handles:
            handle.remove()
        pre = affine(block.get_submodule(first), seen[mlp])
        up = None if second is None else affine(block.get_submodule(second), seen[mlp])
        if first == second:
            pre, up = pre.chunk(2, dim=-1)
        neurons = nonlinearity(pre) if up is None else nonlinearity(pre) * up
    sites = {"mlp": neurons, "mlp_pre": pre, "attention": seen[attention]}
    if layer < 2:  # the last of the model's hidden states has gone through the final norm
        sites["residual"] = output.hidden_states[layer + 1][0]
    return sites | ({} if up is None else {"mlp_gate": pre, "mlp_up": up})


@pytest.fixture(scope="module")
def expected(token_data, tiny_module):
    kept = {}

    def rows(architecture, layer):
        if (architecture, layer) not in kept:
            module = tiny_module(architecture)
            kept[architecture, layer] = [by_hand(module, architecture, ids, layer) for ids in token_data.sequences]
        sequences = kept[architecture, layer]
        where = list(zip(token_data.examples["sequence"], token_data.examples["start"], strict=True))
        return {site: np.stack([sequences[i][site][t].numpy() for i, t in where]) for site in sequences[0]}

    return rows


def expect_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("padding", ["right", "left"])
def test_neurons_are_the_models_own(architecture, padding, tiny_model, token_data, expected):
    """In one large padded batch, on either side; the oracle runs each sequence alone."""
    acts = extract(tiny_model(architecture), token_data, dtype="float32", padding=padding, batch_tokens=10_000)
    for layer in (0, 1, 2):
        expect_close(acts.layer(layer)[:], expected(architecture, layer)["mlp"])


@pytest.mark.parametrize("layer", [0, 1])
def test_other_sites(architecture, layer, tiny_model, token_data, expected):
    model = tiny_model(architecture)
    oracle = expected(architecture, layer)
    assert set(model.sites()) == set(oracle)
    for site, values in oracle.items():
        acts = extract(model, token_data, layers=layer, site=site, dtype="float32", batch_tokens=64)
        expect_close(acts.layer(layer)[:], values)


@pytest.mark.parametrize("padding", ["right", "left"])
def test_one_by_one(architecture, padding, tiny_model, token_data):
    """A batch of many equals one sequence at a time."""
    model = tiny_model(architecture)
    many = extract(model, token_data, site="residual", dtype="float32", padding=padding, batch_tokens=10_000)
    alone = extract(model, token_data, site="residual", dtype="float32", padding=padding, batch_tokens=1)
    for layer in many.layers:
        expect_close(many.layer(layer)[:], alone.layer(layer)[:])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_its_rounding_of_the_same_numbers(dtype, tiny_model, token_data):
    model = tiny_model("llama")
    full = extract(model, token_data, dtype="float32").layer(1)[:]
    half = extract(model, token_data, dtype=dtype).layer(1)[:]
    rounded = torch.from_numpy(full).to(getattr(torch, dtype)).float().numpy()
    np.testing.assert_array_equal(half.astype(np.float32), rounded)
    assert np.abs(rounded - full).max() > 0
