"""Shapes, weights and names of a model are those of the model itself."""

import numpy as np
import pytest
import torch

from sparseprobe.errors import InputError, UnsupportedModelError
from sparseprobe.models import LanguageModel, load_model

TOKENS = torch.arange(7)[None]
SHAPE = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 30}


def test_unembedding_of_final_norm_gives_the_logits(causal_architecture, tiny_model):
    model = tiny_model(causal_architecture)
    residual = []
    handle = model.module.get_submodule(model.layers[-1].block).register_forward_hook(
        lambda _, __, output: residual.append(output if torch.is_tensor(output) else output[0])
    )
    with torch.no_grad():
        logits = model.module(TOKENS).logits
        handle.remove()
        ours = model.unembedding(model.final_norm(residual[0]))
    torch.testing.assert_close(ours, logits, rtol=1e-5, atol=1e-5)


def test_neuron_weights_give_the_mlp_output(architecture, tiny_model):
    """Sum over neurons of activation times output weights, plus the bias, is what the MLP's output projection gives."""
    model = tiny_model(architecture)
    for layer in (0, 2):
        seen = {}
        handle = model.module.get_submodule(model.layers[layer].mlp_out).register_forward_hook(
            lambda _, given, output, seen=seen: seen.update(neurons=given[0], output=output.clone())
        )
        with torch.no_grad():
            model.module(TOKENS)
        handle.remove()
        weights = model.neuron_weights(layer)
        bias = 0 if weights.b_out is None else weights.b_out
        torch.testing.assert_close(seen["neurons"] @ weights.W_out + bias, seen["output"], rtol=1e-5, atol=1e-5)
        assert weights.W_in.shape == weights.W_out.shape == (model.width("mlp", layer), model.d_model)
        assert (weights.W_gate is None) == (not model.layers[layer].gated)


def test_neuron_weights_are_the_models_own(tiny_module):
    """Views: what is changed in them is changed in the model, so nothing was folded or copied."""
    for name, weight in (("gpt2", "transformer.h.1.mlp.c_proj"), ("llama", "model.layers.1.mlp.down_proj")):
        module = tiny_module(name)
        weights = LanguageModel.from_module(module).neuron_weights(1)
        own = module.get_submodule(weight).weight
        assert weights.W_out.untyped_storage().data_ptr() == own.untyped_storage().data_ptr()


def test_counts(tiny_model):
    model = tiny_model("gpt_neox")
    per_layer = 16 * 48 + 48 + 16 * 16 + 16 + 2 * 16 * 24 + 24 + 16 + 4 * 16
    assert model.n_non_embedding == 3 * per_layer + 2 * 16
    assert model.n_parameters == model.n_non_embedding + 2 * 50 * 16
    tied = tiny_model("gpt2")
    assert tied.n_parameters == tied.n_non_embedding + 50 * 16 + 32 * 16
    assert (model.n_layers, model.d_model, model.d_mlp, model.n_context) == (3, 16, 24, 32)
    assert tiny_model("bloom").n_context is None
    assert model.embedding.weight.shape == (50, 16)


def test_widths(architecture, tiny_model):
    model = tiny_model(architecture)
    assert model.width("residual", 2) == 16
    assert model.width("mlp", 2) == model.width("mlp_pre", 2) == (64 if architecture == "bloom" else 24)
    assert model.width("attention", 2) == (
        32 if architecture in ("llama", "mistral", "qwen3", "gemma2", "gemma3") else 16
    )


def test_encoders_have_no_unembedding(tiny_model):
    assert tiny_model("bert").unembedding is None
    assert tiny_model("bert").final_norm is None


def test_unknown_layer_and_site(tiny_model):
    model = tiny_model("gpt_neox")
    with pytest.raises(InputError, match="no layer 3 in gpt_neox: its 3 layers count from 0"):
        model.width("mlp", 3)
    with pytest.raises(UnsupportedModelError, match="has no site 'mlp_gate': choose one of mlp, mlp_pre, residual"):
        model.width("mlp_gate", 0)


def test_quantised_weights_are_refused(tiny_module):
    module = LanguageModel.from_module(tiny_module("gpt_neox"))
    place = module.module.gpt_neox.layers[0].mlp.dense_h_to_4h
    kept = place.weight
    try:
        place.weight = torch.nn.Parameter(torch.zeros(4, 4, dtype=torch.uint8), requires_grad=False)
        with pytest.raises(UnsupportedModelError, match="quantised or off-loaded, so they cannot be read"):
            module.neuron_weights(0)
    finally:
        place.weight = kept


def test_fingerprint_tells_fine_tuned_weights_and_precision_apart(tiny_module):
    module = tiny_module("phi")
    before = LanguageModel.from_module(module).fingerprint
    assert before == LanguageModel.from_module(module).fingerprint
    weight = module.model.layers[1].mlp.fc1.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(1.001)
        changed = LanguageModel.from_module(module).fingerprint
        weight.copy_(kept)
    half = LanguageModel.from_module(type(module)(module.config).half()).fingerprint
    assert len({before, changed, half}) == 3
    assert LanguageModel.from_module(module).fingerprint == before


def test_fingerprint_is_kept_by_saving(tmp_path, tiny_module):
    module = type(tiny_module("gpt_neox"))(type(tiny_module("gpt_neox").config)(**SHAPE))
    before = LanguageModel.from_module(module).fingerprint
    module.save_pretrained(tmp_path)
    assert load_model(tmp_path).fingerprint == before


def test_says_what_it_is(tiny_model):
    text = repr(tiny_model("gpt_neox"))
    assert text.startswith("LanguageModel('gpt_neox', causal, 3 layers, d_model=16, d_mlp=24, ")
    assert np.all([part in text for part in ("float32", "cpu")])


def test_context_of_position_tables_that_begin_after_the_padding(tiny_model):
    """RoBERTa's first token has position padding_idx + 1, so of 32 rows 30 hold tokens; more of them fail."""
    model = tiny_model("roberta")
    assert (model.n_context, tiny_model("bert").n_context) == (30, 32)
    with torch.no_grad():
        model.module(torch.full((1, 30), 5))
        with pytest.raises((IndexError, RuntimeError)):
            model.module(torch.full((1, 31), 5))
