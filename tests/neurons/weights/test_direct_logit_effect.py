"""Direct effects equal the difference of logits with the norm's scale frozen, whatever the norm is."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as hf
from scipy import stats

from sparseprobe.errors import InputError, UnsupportedModelError
from sparseprobe.models import LanguageModel, pad
from sparseprobe.neurons.neuron_sets import named_neurons
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text
from sparseprobe.neurons.weights.direct_logit_effect import (
    effect_by_token_class,
    input_tokens,
    logit_effect,
    logit_moments,
    promoted_tokens,
)
from sparseprobe.neurons.weights.folded_norm import folded_norm, mean_inverse_scale
from sparseprobe.neurons.weights.token_classes import class_masks
from sparseprobe.tables import LOGIT_MOMENTS, PROMOTED, TOKEN_CLASSES, check_table

NEURON, LAYER, STEP = 5, 2, 0.7


def frozen_logits(model, residual, added):
    """Logits of residual + added by the formulas of the norms, with the scale of `residual`."""
    norm = model.final_norm
    weight = norm.weight.detach()
    if "RMS" in type(norm).__name__:
        weight = 1 + weight if "Gemma" in type(norm).__name__ else weight
        scale = (
            (residual.square().mean(-1, keepdim=True) + norm.eps).sqrt()
            if hasattr(norm, "eps")
            else (residual.square().mean(-1, keepdim=True) + norm.variance_epsilon).sqrt()
        )
        normed = weight * (residual + added) / scale
    else:
        scale = (residual.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
        total = residual + added
        normed = weight * (total - total.mean(-1, keepdim=True)) / scale + norm.bias.detach()
    head = model.unembedding
    return normed @ head.weight.detach().T + (0 if head.bias is None else head.bias.detach()), scale


def test_equals_the_difference_of_logits(tiny_module, causal_architecture):
    model = LanguageModel.from_module(copy.deepcopy(tiny_module(causal_architecture)).double())
    residual = torch.randn(3, model.d_model, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    added = STEP * model.neuron_weights(LAYER).W_out[NEURON]
    if "gemma" in causal_architecture:  # its MLP's output goes through a norm by itself
        added = added * (1 + model.module.get_submodule(f"model.layers.{LAYER}.post_feedforward_layernorm").weight)
        added = added.detach()
    before, scale = frozen_logits(model, residual, 0 * added)
    after, _ = frozen_logits(model, residual, added)
    effect = torch.from_numpy(logit_effect(model, f"L{LAYER}.N{NEURON}"))
    close = 1e-6 if "gemma" in causal_architecture else 1e-10  # Gemma's norm computes its gain in float32
    torch.testing.assert_close(after - before, STEP * effect / scale, atol=close, rtol=close)


def test_frozen_logits_are_the_models(tiny_module):
    """The formulas above are those of the models: with nothing added they give the model's own norm and head."""
    for name in ("gpt_neox", "llama", "gemma2"):
        model = LanguageModel.from_module(copy.deepcopy(tiny_module(name)).double())
        residual = torch.randn(3, model.d_model, dtype=torch.float64)
        with torch.inference_mode():
            wanted = model.unembedding(model.final_norm(residual))
        torch.testing.assert_close(frozen_logits(model, residual, 0)[0], wanted, atol=1e-6, rtol=1e-6)


TINY = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def other_family(name):
    """Models whose MLPs reach the logits in a way of their own."""
    torch.manual_seed(0)
    if name == "olmo2":
        module = hf.Olmo2ForCausalLM(hf.Olmo2Config(**TINY, **SPECIAL))
    elif name == "granite":
        scales = {"residual_multiplier": 0.22, "logits_scaling": 8.0}
        module = hf.GraniteForCausalLM(hf.GraniteConfig(**TINY, **SPECIAL, **scales))
    else:
        shape = {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 32}
        module = hf.OpenAIGPTLMHeadModel(hf.OpenAIGPTConfig(**shape))
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.3 * torch.randn(weight.shape))
    return LanguageModel.from_module(module.eval().double(), name=name)


@pytest.mark.parametrize("name", ["llama", "olmo2", "granite"])
def test_equals_a_small_change_of_the_models_own_logits(name, tiny_module):
    """The last MLP's output is changed by a little along a neuron.

    Two scales follow the change, and are frozen in an effect. The one of the MLP's own norm stays when the neuron is
    first made orthogonal to the output. With the final norm's, the logits shrink as the residual stream grows.
    """
    model = (
        other_family(name) if name != "llama" else LanguageModel.from_module(copy.deepcopy(tiny_module(name)).double())
    )
    layer = model.layers[-1]
    weights = model.neuron_weights(layer.index).W_out

    def run(change):
        """Logits, what the MLP's output projection gave, and what entered the final norm, at the last token."""
        seen = []
        handles = [
            model.module.get_submodule(layer.mlp_out).register_forward_hook(lambda _, __, gave: gave + change),
            model.module.get_submodule(layer.mlp_out).register_forward_hook(lambda _, __, gave: seen.append(gave)),
            model.final_norm.register_forward_pre_hook(lambda _, given: seen.append(given[0])),
        ]
        with torch.inference_mode():
            logits = model.module(torch.tensor([[5, 7, 9, 11]])).logits
        for handle in handles:
            handle.remove()
        return (values[0, -1] for values in (logits, *seen))

    plain, written, residual = run(torch.zeros(model.d_model, dtype=torch.float64))
    neuron = weights[NEURON].clone()
    own_scale = 1.0
    if layer.mlp_norm is not None:
        neuron -= written * (neuron @ written) / written.square().sum()
        own_scale = written.square().mean().sqrt()
    weights[NEURON] = neuron
    effect = torch.from_numpy(logit_effect(model, f"L{layer.index}.N{NEURON}")[0])
    frozen = effect / own_scale / residual.square().mean().sqrt()
    step = 0.01  # both ways: the rest is of order step^2, and the norms' float32 of order 1e-7 / step
    (more, _, after), (less, _, before) = run(step * neuron), run(-step * neuron)
    growth = (residual @ (after - before)) / residual.square().sum() / (2 * step)
    torch.testing.assert_close((more - less) / (2 * step), frozen - growth * plain, atol=1e-3, rtol=1e-3)
    assert (layer.mlp_norm is not None) is (name == "olmo2")
    assert layer.mlp_factor == (pytest.approx(0.22) if name == "granite" else 1)


def test_a_model_that_normalises_its_residual_stream_is_refused():
    model = other_family("openai-gpt")
    assert model.layers[0].mlp_factor is None
    with pytest.raises(UnsupportedModelError, match="openai-gpt does not just add what its MLPs give"):
        logit_effect(model, "L0.N0")


def test_scale():
    """1 / s, averaged over text, turns an effect into the logits that the neuron adds to the last layer's output."""
    model = planted_model(dtype=torch.float64)
    data = planted_text(5)
    residuals = []
    handle = model.final_norm.register_forward_pre_hook(lambda _, arguments: residuals.append(arguments[0]))
    with torch.inference_mode():
        for ids in data.sequences:
            model.module(pad([ids]).tokens)
    handle.remove()
    wanted = (1 / torch.cat(residuals).var(-1, correction=0).sqrt()).mean()
    np.testing.assert_allclose(mean_inverse_scale(model, data), float(wanted), rtol=1e-5)
    halved = logit_effect(model, "L0.N3", scale=2.0)
    np.testing.assert_allclose(2 * halved, logit_effect(model, "L0.N3"))


@pytest.mark.parametrize("width", [16, 15])
def test_norms_by_what_they_do(width):
    class Holder:
        name, d_model = "held", width

        def __init__(self, norm):
            self.final_norm = norm

    layer_norm, rms_norm = torch.nn.LayerNorm(width), torch.nn.RMSNorm(width, eps=1e-6)
    for norm, centred in ((layer_norm, True), (rms_norm, False)):
        torch.nn.init.normal_(norm.weight)
        found = folded_norm(Holder(norm))
        assert found.centred is centred
        torch.testing.assert_close(found.gain, norm.weight.detach().double(), atol=1e-9, rtol=1e-9)
    with pytest.raises(UnsupportedModelError, match=r"the final norm of held \(Tanh\) is neither a LayerNorm nor"):
        folded_norm(Holder(torch.nn.Tanh()))
    identity = folded_norm(Holder(None))
    assert not identity.centred
    assert (identity.gain == 1).all()


def test_moments_in_blocks(tiny_model):
    model = tiny_model("gpt_neox")
    whole = check_table(logit_moments(model), LOGIT_MOMENTS)
    pd.testing.assert_frame_equal(logit_moments(model, effect_bytes=8 * 50 * 7), whole)
    effects = logit_effect(model, [f"L1.N{index}" for index in range(model.d_mlp)])
    rows = whole[whole["layer"] == 1]
    for column, wanted in (
        ("mean", effects.mean(1)),
        ("variance", effects.var(1)),
        ("skewness", stats.skew(effects, axis=1)),
        ("kurtosis", stats.kurtosis(effects, axis=1)),
    ):
        np.testing.assert_allclose(rows[column], wanted)


def test_planted_neuron_promotes_z():
    model, tokenizer = planted_model(), planted_text(2).tokenizer
    table = check_table(promoted_tokens(model, "L0.N0", tokenizer=tokenizer, n=3), PROMOTED)
    assert table["direction"].tolist() == ["promoted"] * 3 + ["suppressed"] * 3
    first = table.iloc[0]
    assert (first["text"], first["token"], first["rank"]) == ("Z", LETTERS.index("Z"), 0)
    assert (np.diff(table["effect"][:3]) <= 0).all()


def test_planted_neurons_read_their_letters():
    cosines = input_tokens(planted_model(), ["L0.N1", "L0.N4"])
    assert {LETTERS[token] for token in np.argsort(-cosines[0])[:2]} == {"C", "D"}
    assert LETTERS[cosines[1].argmax()] == "H"


def test_token_classes(tiny_model):
    tokenizer = planted_text(2).tokenizer
    assert class_masks(tokenizer, 16)["digits"][0].sum() == 0
    table = effect_by_token_class(planted_model(), "L0.N0", tokenizer=tokenizer)
    check_table(table, TOKEN_CLASSES)
    assert table.empty  # sixteen capital letters are all of one kind


def test_classes_of_a_vocabulary(monkeypatch):
    texts = (" The", "the", "THE", " 12", ".", "\n", "é", "\ufffd", "", "<eos>")
    monkeypatch.setattr("sparseprobe.neurons.weights.token_classes.token_texts", lambda _: texts)

    class Record:
        definition, special_ids = "{}", (9,)

    masks = class_masks(Record(), 12)
    members = {name: np.flatnonzero(inside).tolist() for name, (inside, _) in masks.items()}
    assert members == {
        "capitalised": [0, 2],
        "all capitals": [2],
        "lower case": [1, 6],
        "leading space": [0, 3],
        "within a word": [1, 2, 6],
        "digits": [3],
        "punctuation": [4],
        "white space": [5],
        "line break": [5],
        "not ASCII": [6],
    }
    assert not any(inside[token] or outside[token] for inside, outside in masks.values() for token in (7, 8, 9, 10, 11))


def test_separation(monkeypatch):
    """By hand on a vocabulary of which half is digits."""
    model, tokenizer = planted_model(), planted_text(2).tokenizer
    inside = np.arange(16) < 8
    monkeypatch.setattr(
        "sparseprobe.neurons.weights.direct_logit_effect.class_masks", lambda *_: {"half": (inside, ~inside)}
    )
    row = effect_by_token_class(model, "L0.N0", tokenizer=tokenizer).iloc[0]
    effect = logit_effect(model, "L0.N0")[0]
    np.testing.assert_allclose(row["separation"], (effect[:8].mean() - effect[8:].mean()) / effect.std())
    assert row["n_tokens"] == 8


def test_errors(tiny_model):
    with pytest.raises(UnsupportedModelError, match=r"has no unembedding of its residual stream \(width 16\)"):
        logit_effect(tiny_model("bert"), "L0.N0")
    with pytest.raises(InputError, match=r"scale=0 is not the scale of a norm"):
        logit_effect(tiny_model("gpt2"), "L0.N0", scale=0)
    assert len(named_neurons(tiny_model("gpt2"), ["L0.N0", ["L0.N0", "L1.N1"]])) == 2
