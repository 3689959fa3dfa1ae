"""Experts of seven families: their neurons are found, equal a pass by hand, and are ablated as their weights say.

The oracle computes each expert from its stacked weights, for the tokens and with the weights that the model's own
router gave, and shares nothing with the library's reading.
"""

import re

import numpy as np
import pytest
import torch
import transformers as hf
from torch.nn import functional

import sparseprobe as sp
from sparseprobe.activations import extract
from sparseprobe.models import LanguageModel
from sparseprobe.neuron import Neuron
from sparseprobe.neurons.interventions.loss_stream import changed_logits

SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 50,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
OF_DEEPSEEK = {
    "num_local_experts": 8,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 12,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 2,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 4,
    "qk_rope_head_dim": 4,
    "v_head_dim": 4,
    "head_dim": 4,
}
SIX = {"num_local_experts": 6, "num_experts_per_tok": 2}
QWEN = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 12, "head_dim": 8}

#: family -> (class, config, its module of experts, the router's module beside it, shared neurons)
FAMILIES = {
    "mixtral": (hf.MixtralForCausalLM, hf.MixtralConfig(**SHAPE, **SIX), "mlp.experts", "mlp.gate", 0),
    "qwen3_moe": (hf.Qwen3MoeForCausalLM, hf.Qwen3MoeConfig(**SHAPE, **QWEN), "mlp.experts", "mlp.gate", 0),
    "olmoe": (
        hf.OlmoeForCausalLM,
        hf.OlmoeConfig(**SHAPE, num_experts=6, num_experts_per_tok=2),
        "mlp.experts",
        "mlp.gate",
        0,
    ),
    "gpt_oss": (hf.GptOssForCausalLM, hf.GptOssConfig(**SHAPE, **SIX, head_dim=8), "mlp.experts", "mlp.router", 0),
    "deepseek_v3": (
        hf.DeepseekV3ForCausalLM,
        hf.DeepseekV3Config(**{**SHAPE, "num_key_value_heads": 4}, **OF_DEEPSEEK),
        "mlp.experts",
        "mlp.gate",
        24,
    ),
    "granite_moe": (
        hf.GraniteMoeForCausalLM,
        hf.GraniteMoeConfig(**SHAPE, **SIX),
        "block_sparse_moe.experts",
        "block_sparse_moe.router",
        0,
    ),
    "phimoe": (hf.PhimoeForCausalLM, hf.PhimoeConfig(**SHAPE, **SIX), "mlp.experts", "mlp.router", 0),
}


@pytest.fixture(scope="module")
def build():
    kept = {}

    def of(family):
        if family not in kept:
            model_class, config, *_ = FAMILIES[family]
            config._attn_implementation = "eager"
            module = model_class(config).eval()
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for weight in module.parameters():
                    drawn = 0.3 * torch.randn(weight.shape, generator=generator)
                    weight.copy_(drawn + (0.5 if weight.ndim == 1 else 0.0))
            kept[family] = LanguageModel.from_module(module, name=family)
        return kept[family]

    return of


def expert_by_hand(family, experts, number, x):
    """Neurons (n, width) of one expert for the tokens x (n, d_model), from its stacked weights."""
    if family == "gpt_oss":
        both = x @ experts.gate_up_proj[number] + experts.gate_up_proj_bias[number]
        gate, up = both[:, ::2].clamp(max=experts.limit), both[:, 1::2].clamp(-experts.limit, experts.limit)
        return (up + 1) * gate * torch.sigmoid(experts.alpha * gate)
    gate, up = (x @ experts.gate_up_proj[number].T).chunk(2, dim=-1)
    return functional.silu(gate) * up


def by_hand(family, model, layer, tokens, *, weighted=False):
    """(n_tokens, n_columns) of one text, run alone."""
    _, _, experts_name, _, n_shared = FAMILIES[family]
    block = model.module.get_submodule(model.layers[layer].block)
    experts, seen = block.get_submodule(experts_name), {}

    def keep(_, given):
        seen["x"], seen["index"], seen["weights"] = given

    handles = [experts.register_forward_pre_hook(keep)]
    if n_shared:
        down = block.mlp.shared_experts.down_proj
        handles.append(down.register_forward_pre_hook(lambda _, given: seen.update(shared=given[0])))
    with torch.no_grad():
        model.module(torch.tensor(tokens, dtype=torch.int64)[None], use_cache=False)
        for handle in handles:
            handle.remove()
        x, (n_experts, *_) = seen["x"].reshape(len(tokens), -1), experts.down_proj.shape
        rows = torch.zeros(len(tokens), n_experts, 12)
        for token in range(len(tokens)):
            for place, expert in enumerate(seen["index"][token].tolist()):
                if expert < n_experts:
                    neurons = expert_by_hand(family, experts, expert, x[token : token + 1])[0]
                    rows[token, expert] = neurons * (seen["weights"][token, place] if weighted else 1)
    rows = rows.reshape(len(tokens), -1)
    return torch.cat([rows, seen["shared"].reshape(len(tokens), -1)], dim=1) if n_shared else rows


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_equal_to_a_pass_by_hand(family, weighted, build, token_data):
    model = build(family)
    acts = extract(model, token_data, layers=1, site="mlp_weighted" if weighted else "mlp", dtype="float32")
    texts = [by_hand(family, model, 1, tokens, weighted=weighted).numpy() for tokens in token_data.sequences]
    where = zip(token_data.examples["sequence"], token_data.examples["start"], strict=True)
    expected = np.stack([texts[text][token] for text, token in where])
    np.testing.assert_allclose(acts.layer(1)[:], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert (expected == 0).mean() > 0.4


@pytest.mark.parametrize("aggregate", ["mean", "max", "last"])
def test_spans(aggregate, build, span_data):
    acts = extract(build("mixtral"), span_data, layers=1, aggregate=aggregate, dtype="float32")
    texts = [by_hand("mixtral", build("mixtral"), 1, tokens).numpy() for tokens in span_data.sequences]
    take = {"mean": lambda span: span.mean(0), "max": lambda span: span.max(0), "last": lambda span: span[-1]}[
        aggregate
    ]
    places = span_data.examples[["sequence", "start", "stop"]].to_numpy()
    expected = np.stack([take(texts[text][start:stop]) for text, start, stop in places])
    np.testing.assert_allclose(acts.layer(1)[:], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("family", FAMILIES)
def test_ablation_equals_a_zero_column_of_the_expert(family, build, token_data):
    model = build(family)
    name, n_shared = "L1.E3.N7", FAMILIES[family][-1]
    positions = [(text, token) for text in range(4) for token in range(len(token_data.sequences[text]))]
    for name in ("L1.E3.N7", "L1.S0.N20") if n_shared else ("L1.E3.N7",):
        neuron = Neuron.parse(name)
        plain, changed = changed_logits(model, token_data, name, positions, value=0.0)
        block = model.module.get_submodule(model.layers[1].block)
        if neuron.shared:
            column = block.mlp.shared_experts.down_proj.weight[:, neuron.index]
        else:
            weight = block.get_submodule(FAMILIES[family][2]).down_proj[neuron.expert]
            column = weight[neuron.index] if family == "gpt_oss" else weight[:, neuron.index]
        kept = column.detach().clone()
        with torch.no_grad():
            column.zero_()
            expected = [
                model.module(torch.tensor(token_data.sequences[text], dtype=torch.int64)[None]).logits[0].numpy()
                for text in range(4)
            ]
            column.copy_(kept)
        expected = np.concatenate(expected)
        np.testing.assert_allclose(changed[0], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        assert np.abs(plain - expected).max() > 1e-3


def test_names_in_tables(build, token_data):
    acts = extract(build("deepseek_v3"), token_data, layers="all", dtype="float32")
    assert acts.experts.keys() == {1}
    columns = acts.experts[1]
    assert (columns.n_experts, columns.width, columns.shared_width, acts.width(1)) == (8, 12, 24, 8 * 12 + 24)
    assert [str(columns.neuron(1, column)) for column in (0, 95, 96, 119)] == [
        "L1.E0.N0",
        "L1.E7.N11",
        "L1.S0.N0",
        "L1.S0.N23",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_equal_one_by_one(family, build, token_data):
    model = build(family)
    assert "right" in model.padding
    assert model.kind == "causal"
    many = extract(model, token_data, layers=1, dtype="float32", batch_tokens=10_000).layer(1)[:]
    alone = extract(model, token_data, layers=1, dtype="float32", batch_tokens=1).layer(1)[:]
    np.testing.assert_allclose(many, alone, rtol=1e-5, atol=1e-5 * np.abs(alone).max())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_memory_of_many_experts_is_that_of_the_non_zeros(dtype, token_data, tmp_path):
    """128 experts of which each token passes 2: one part in 64 of the layer."""
    config = hf.MixtralConfig(**{**SHAPE, "num_hidden_layers": 1}, num_local_experts=128, num_experts_per_tok=2)
    model = LanguageModel.from_module(hf.MixtralForCausalLM(config), name="many")
    layer = extract(model, token_data, dtype=dtype).layer(0)
    stored = extract(model, token_data, dtype=dtype, out=tmp_path / "acts").layer(0)
    np.testing.assert_array_equal(layer[:], stored[:])
    np.testing.assert_array_equal(layer[[5, 0], :40], stored[[5, 0], :40])
    assert layer.shape == (token_data.n_examples, 128 * 12)
    value_and_column = 2 * 12 * (layer.stored.dtype.itemsize + 4)
    assert layer.n_bytes <= token_data.n_examples * (value_and_column + 4) + 8
    assert layer.n_bytes < 0.1 * stored.n_bytes


def test_from_activations_to_a_card(build, token_data):
    """Experiments and neuron tools take the names of experts' neurons from table to table."""
    model = build("mixtral")
    acts = extract(model, token_data, layers=1, dtype="float32")
    best = sp.single_neurons(acts, token_data)["neuron"].iloc[0]
    assert re.fullmatch(r"L1\.E[0-5]\.N[0-9]+", best)
    swept = sp.sweep(acts, token_data, k=[2])["neurons"].iloc[0]
    assert all(name.startswith("L1.E") for name in swept)
    lost = sp.ablate(model, token_data, [best], controls=1)
    assert lost["neurons"].iloc[0] == [best]
    assert lost["change"].abs().max() > 0
    card = sp.describe_neuron(model, token_data, best)
    assert str(card.neuron) == best
    assert best in str(card)
