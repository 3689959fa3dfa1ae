"""Tiny random models of every supported architecture, and a tiny model and tiny texts of our own for whole runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import sparseprobe as sp
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


WORDS = {
    "fr": "le la les un une et dans sur maison jardin petite grande rouge fleur matin soir pluie",
    "en": "the a an and in on house garden small large red flower morning evening rain",
    "de": "der die das ein eine und in auf Haus Garten klein rot Blume Morgen Abend Regen",
}


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


@pytest.fixture(scope="session")
def records() -> list[dict[str, str]]:
    """120 short texts in three languages, each its own document."""
    rows = []
    for number in range(120):
        label = list(WORDS)[number % 3]
        words = WORDS[label].split()
        text = " ".join(words[(number * 7 + place * place) % len(words)] for place in range(12 + number % 5))
        rows.append({"text": f"{text} {number}", "label": label, "document": f"d{number}"})
    return rows


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]]) -> Path:
    """The same texts as a JSONL file."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]]) -> Path:
    """A random GPT-NeoX of two layers with its own tokenizer, as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([row["text"] for row in records], trainer)
    hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(0)
    config = hf.GPTNeoXConfig(
        vocab_size=400,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    hf.GPTNeoXForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, texts: Path, model_folder: Path) -> Path:
    """The texts as a saved dataset."""
    out = tmp_path_factory.mktemp("datasets") / "custom"
    sp.load_dataset("custom", source=texts, tokenizer=str(model_folder), context=64).save(out)
    return out


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `architecture` (or `causal_architecture`) for each of them."""
    if "architecture" in metafunc.fixturenames:
        metafunc.parametrize("architecture", list(ARCHITECTURES))
    if "causal_architecture" in metafunc.fixturenames:
        metafunc.parametrize("causal_architecture", CAUSAL)
