"""Two whole forward passes written out in float64: embeddings, attention, positions, norms, MLP, residual stream."""

import numpy as np
from scipy.special import erf

from sparseprobe.activations import extract


def weights(module):
    return {name: value.detach().double().numpy() for name, value in module.state_dict().items()}


def layer_norm(x, w, name, eps):
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def attend(q, k, v):
    """(n_heads, n_tokens, d_head) each; causal."""
    n = q.shape[1]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True) @ v


def heads(x, n_heads):
    return x.reshape(len(x), n_heads, -1).transpose(1, 0, 2)


def rotate(x, n_rotary, base=10_000.0):
    """Rotary positions on the first `n_rotary` of each head's dimensions, in halves (GPT-NeoX)."""
    frequency = base ** (-np.arange(0, n_rotary, 2) / n_rotary)
    angle = np.arange(x.shape[1])[:, None] * frequency
    cos, sin = (np.concatenate([f(angle)] * 2, -1) for f in (np.cos, np.sin))
    turned, kept = x[..., :n_rotary], x[..., n_rotary:]
    half = n_rotary // 2
    swapped = np.concatenate([-turned[..., half:], turned[..., :half]], -1)
    return np.concatenate([turned * cos + swapped * sin, kept], -1)


def gpt_neox(w, config, tokens):
    """Attention and MLP side by side: h + attention(LN1 h) + MLP(LN2 h)."""
    h = w["gpt_neox.embed_in.weight"][tokens]
    neurons = []
    for layer in range(config.num_hidden_layers):
        p = f"gpt_neox.layers.{layer}"
        x = layer_norm(h, w, f"{p}.input_layernorm", config.layer_norm_eps)
        mixed = x @ w[f"{p}.attention.query_key_value.weight"].T + w[f"{p}.attention.query_key_value.bias"]
        q, k, v = np.split(heads(mixed, config.num_attention_heads), 3, axis=-1)
        n_rotary = int(q.shape[-1] * config.rope_parameters["partial_rotary_factor"])
        z = attend(rotate(q, n_rotary), rotate(k, n_rotary), v).transpose(1, 0, 2).reshape(len(tokens), -1)
        attention = z @ w[f"{p}.attention.dense.weight"].T + w[f"{p}.attention.dense.bias"]
        y = layer_norm(h, w, f"{p}.post_attention_layernorm", config.layer_norm_eps)
        pre = y @ w[f"{p}.mlp.dense_h_to_4h.weight"].T + w[f"{p}.mlp.dense_h_to_4h.bias"]
        neurons.append(pre * (1 + erf(pre / np.sqrt(2))) / 2)
        mlp = neurons[-1] @ w[f"{p}.mlp.dense_4h_to_h.weight"].T + w[f"{p}.mlp.dense_4h_to_h.bias"]
        h = h + attention + mlp
    return neurons


def gpt2(w, config, tokens):
    """One after the other: h += attention(LN1 h); h += MLP(LN2 h); learnt positions."""
    h = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"][: len(tokens)]
    neurons = []
    for layer in range(config.n_layer):
        p = f"transformer.h.{layer}"
        x = layer_norm(h, w, f"{p}.ln_1", config.layer_norm_epsilon)
        mixed = x @ w[f"{p}.attn.c_attn.weight"] + w[f"{p}.attn.c_attn.bias"]
        q, k, v = (heads(part, config.n_head) for part in np.split(mixed, 3, axis=-1))
        z = attend(q, k, v).transpose(1, 0, 2).reshape(len(tokens), -1)
        h = h + z @ w[f"{p}.attn.c_proj.weight"] + w[f"{p}.attn.c_proj.bias"]
        y = layer_norm(h, w, f"{p}.ln_2", config.layer_norm_epsilon)
        pre = y @ w[f"{p}.mlp.c_fc.weight"] + w[f"{p}.mlp.c_fc.bias"]
        neurons.append(pre * (1 + np.tanh(np.sqrt(2 / np.pi) * (pre + 0.044715 * pre**3))) / 2)
        h = h + neurons[-1] @ w[f"{p}.mlp.c_proj.weight"] + w[f"{p}.mlp.c_proj.bias"]
    return neurons


def expect_same_neurons(model, data, forward):
    acts = extract(model, data, dtype="float32")
    passes = [forward(weights(model.module), model.module.config, tokens) for tokens in data.sequences]
    for layer in range(model.n_layers):
        where = zip(data.examples["sequence"], data.examples["start"], strict=True)
        expected = np.stack([passes[i][layer][t] for i, t in where])
        np.testing.assert_allclose(acts.layer(layer)[:], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_gpt_neox(tiny_model, token_data):
    expect_same_neurons(tiny_model("gpt_neox"), token_data, gpt_neox)


def test_gpt2(tiny_model, token_data):
    expect_same_neurons(tiny_model("gpt2"), token_data, gpt2)
