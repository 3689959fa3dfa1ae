"""Tiny random models of every supported architecture, built from their configs, each once a session."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import transformers as hf

from sparseprobe.models import LanguageModel

VOCABULARY = 50
CONTEXT = 32
SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": CONTEXT,
}
GROUPED = {**SHAPE, "num_key_value_heads": 2, "head_dim": 8}
GPT = {"n_embd": 16, "n_inner": 24, "n_layer": 3, "n_head": 4, "vocab_size": VOCABULARY, "n_positions": CONTEXT}
FALCON = {key: SHAPE[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")}
ROTARY = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

#: name -> (model class, config)
ARCHITECTURES = {
    "gpt_neox": (hf.GPTNeoXForCausalLM, hf.GPTNeoXConfig(**SHAPE, rope_parameters=ROTARY)),
    "gpt2": (hf.GPT2LMHeadModel, hf.GPT2Config(**GPT)),
    "opt": (hf.OPTForCausalLM, hf.OPTConfig(**SHAPE, ffn_dim=24, word_embed_proj_dim=16)),
    "bloom": (hf.BloomForCausalLM, hf.BloomConfig(hidden_size=16, n_layer=3, n_head=4, vocab_size=VOCABULARY)),
    "llama": (hf.LlamaForCausalLM, hf.LlamaConfig(**GROUPED)),
    "mistral": (hf.MistralForCausalLM, hf.MistralConfig(**GROUPED, sliding_window=4)),
    "qwen3": (hf.Qwen3ForCausalLM, hf.Qwen3Config(**GROUPED)),
    "gemma2": (hf.Gemma2ForCausalLM, hf.Gemma2Config(**GROUPED, sliding_window=4, final_logit_softcapping=None)),
    "gemma3": (hf.Gemma3ForCausalLM, hf.Gemma3TextConfig(**GROUPED, sliding_window=4)),
    "phi": (hf.PhiForCausalLM, hf.PhiConfig(**SHAPE)),
    "phi3": (hf.Phi3ForCausalLM, hf.Phi3Config(**{**SHAPE, **SPECIAL}, num_key_value_heads=2)),
    "falcon": (hf.FalconForCausalLM, hf.FalconConfig(**FALCON, ffn_hidden_size=24)),
    "falcon_alibi": (
        hf.FalconForCausalLM,
        hf.FalconConfig(**FALCON, ffn_hidden_size=24, alibi=True, parallel_attn=False, bias=True),
    ),
    "bert": (hf.BertModel, hf.BertConfig(**SHAPE)),
    "roberta": (hf.RobertaModel, hf.RobertaConfig(**SHAPE)),
    "modernbert": (
        hf.ModernBertModel,
        hf.ModernBertConfig(**{**SHAPE, **SPECIAL}, cls_token_id=3, sep_token_id=4, local_attention=4),
    ),
}
CAUSAL = tuple(name for name, (family, _) in ARCHITECTURES.items() if "bert" not in name)


@cache
def build(name: str) -> hf.PreTrainedModel:
    """A model with every weight drawn at random, biases and norms included, so that leaving one out is seen."""
    family, config = ARCHITECTURES[name]
    config._attn_implementation = "eager"
    module = family(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator) + (0.5 if weight.ndim == 1 else 0.0))
    return module


@cache
def find(name: str) -> LanguageModel:
    return LanguageModel.from_module(build(name), name=name)


@pytest.fixture(scope="session")
def tiny_module():
    """A function from an architecture's name to its tiny Hugging Face model; not to be changed."""
    return build


@pytest.fixture(scope="session")
def tiny_model():
    """A function from an architecture's name to its tiny `LanguageModel`; not to be changed."""
    return find


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `architecture` (or `causal_architecture`) for each of them."""
    if "architecture" in metafunc.fixturenames:
        metafunc.parametrize("architecture", list(ARCHITECTURES))
    if "causal_architecture" in metafunc.fixturenames:
        metafunc.parametrize("causal_architecture", CAUSAL)
