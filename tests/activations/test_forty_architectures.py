"""Texts in one batch are read as they are alone, in 40 architectures beyond the sixteen of the other tests, or refused.

The oracle runs the model itself on one text after the other, without padding and without the library's reading. Every
weight is random and large enough that whatever a token sees, it shows.
"""

import re

import numpy as np
import pytest
import torch
import transformers as hf

from sparseprobe.activations import extract
from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import LanguageModel

SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 50,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
UNHEADED = {name: value for name, value in SHAPE.items() if name != "num_attention_heads"}
GROUPED = {**SHAPE, "num_key_value_heads": 2}
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 32}
T5 = {"d_model": 16, "d_ff": 24, "num_layers": 2, "num_heads": 4, "d_kv": 4, "vocab_size": 50, "pad_token_id": 0}
LANDMARKS = {"num_landmarks": 32, "segment_means_seq_len": 32, "conv_kernel_size": 5}
NEO = {"hidden_size": 16, "num_layers": 2, "num_heads": 4, "vocab_size": 50, "max_position_embeddings": 32}
OF_XLM = {"vocab_size": 50, "emb_dim": 16, "n_layers": 2, "n_heads": 4, "pad_index": 0}
OF_REFORMER = {
    "attn_layers": ["local"],
    "attention_head_size": 8,
    "axial_pos_shape": [4, 8],
    "axial_pos_embds_dim": [8, 8],
    "feed_forward_size": 24,
    "is_decoder": True,
}

#: name -> (class, config, sides on which padding changes nothing)
BOTH, RIGHT, NEITHER = ("right", "left"), ("right",), ()
READ = {
    "electra": (hf.ElectraModel, hf.ElectraConfig(**SHAPE, embedding_size=16), BOTH),
    "distilbert": (
        hf.DistilBertModel,
        hf.DistilBertConfig(dim=16, hidden_dim=24, n_layers=2, n_heads=4, vocab_size=50),
        BOTH,
    ),
    "mpnet": (hf.MPNetModel, hf.MPNetConfig(**SHAPE), RIGHT),
    "deberta": (hf.DebertaModel, hf.DebertaConfig(**SHAPE), BOTH),
    "deberta_v2": (hf.DebertaV2Model, hf.DebertaV2Config(**SHAPE), BOTH),
    "xlm_roberta": (hf.XLMRobertaModel, hf.XLMRobertaConfig(**SHAPE), BOTH),
    "xlm_roberta_xl": (hf.XLMRobertaXLModel, hf.XLMRobertaXLConfig(**SHAPE), BOTH),
    "megatron_bert": (hf.MegatronBertModel, hf.MegatronBertConfig(**SHAPE), BOTH),
    "rembert": (hf.RemBertModel, hf.RemBertConfig(**SHAPE, input_embedding_size=16), BOTH),
    "roformer": (hf.RoFormerModel, hf.RoFormerConfig(**SHAPE), RIGHT),
    "ernie": (hf.ErnieModel, hf.ErnieConfig(**SHAPE), BOTH),
    "esm": (hf.EsmModel, hf.EsmConfig(**SHAPE, mask_token_id=5), BOTH),
    "data2vec_text": (hf.Data2VecTextModel, hf.Data2VecTextConfig(**SHAPE), BOTH),
    "luke": (hf.LukeModel, hf.LukeConfig(**SHAPE, entity_vocab_size=5, entity_emb_size=16), BOTH),
    "splinter": (hf.SplinterModel, hf.SplinterConfig(**SHAPE), BOTH),
    "roberta_prelayernorm": (hf.RobertaPreLayerNormModel, hf.RobertaPreLayerNormConfig(**SHAPE), BOTH),
    "nomic_bert": (hf.NomicBertModel, hf.NomicBertConfig(**SHAPE), BOTH),
    "eurobert": (hf.EuroBertModel, hf.EuroBertConfig(**SHAPE), BOTH),
    "t5_encoder": (hf.T5EncoderModel, hf.T5Config(**T5), BOTH),
    "mt5_encoder": (hf.MT5EncoderModel, hf.MT5Config(**T5), BOTH),
    "umt5_encoder": (hf.UMT5EncoderModel, hf.UMT5Config(**T5), BOTH),
    "big_bird": (hf.BigBirdModel, hf.BigBirdConfig(**SHAPE, attention_type="original_full"), BOTH),
    "fnet": (hf.FNetModel, hf.FNetConfig(**UNHEADED), NEITHER),
    "yoso": (hf.YosoModel, hf.YosoConfig(**SHAPE), NEITHER),
    "nystromformer": (hf.NystromformerModel, hf.NystromformerConfig(**SHAPE, **LANDMARKS), NEITHER),
    "convbert": (hf.ConvBertModel, hf.ConvBertConfig(**SHAPE, embedding_size=16), NEITHER),
    "gpt_neo": (hf.GPTNeoForCausalLM, hf.GPTNeoConfig(**NEO, attention_types=[[["global", "local"], 1]]), BOTH),
    "gptj": (hf.GPTJForCausalLM, hf.GPTJConfig(**GPT, rotary_dim=4), BOTH),
    "codegen": (hf.CodeGenForCausalLM, hf.CodeGenConfig(**GPT, rotary_dim=4), BOTH),
    "gpt_bigcode": (hf.GPTBigCodeForCausalLM, hf.GPTBigCodeConfig(**GPT), BOTH),
    "mpt": (hf.MptForCausalLM, hf.MptConfig(d_model=16, n_heads=4, n_layers=2, vocab_size=50), BOTH),
    "xglm": (
        hf.XGLMForCausalLM,
        hf.XGLMConfig(vocab_size=50, d_model=16, ffn_dim=24, num_layers=2, attention_heads=4),
        BOTH,
    ),
    "biogpt": (hf.BioGptForCausalLM, hf.BioGptConfig(**SHAPE), BOTH),
    "stablelm": (hf.StableLmForCausalLM, hf.StableLmConfig(**GROUPED), BOTH),
    "starcoder2": (hf.Starcoder2ForCausalLM, hf.Starcoder2Config(**GROUPED), BOTH),
    "cohere": (hf.CohereForCausalLM, hf.CohereConfig(**GROUPED), BOTH),
    "olmo2": (hf.Olmo2ForCausalLM, hf.Olmo2Config(**GROUPED), BOTH),
    "qwen2": (hf.Qwen2ForCausalLM, hf.Qwen2Config(**GROUPED), BOTH),
    "granite": (hf.GraniteForCausalLM, hf.GraniteConfig(**GROUPED), BOTH),
    "persimmon": (hf.PersimmonForCausalLM, hf.PersimmonConfig(**SHAPE), BOTH),
}

#: name -> (class, config, what the refusal says)
REFUSED = {
    "albert": (
        hf.AlbertModel,
        hf.AlbertConfig(**SHAPE, embedding_size=16),
        "cannot find the neurons of AlbertLayerGroup",
    ),
    "mobilebert": (
        hf.MobileBertModel,
        hf.MobileBertConfig(**SHAPE, embedding_size=16, true_hidden_size=16, intra_bottleneck_size=16),
        "6 linear maps lead from the residual stream to its 24 neurons",
    ),
    "longformer": (
        hf.LongformerModel,
        hf.LongformerConfig(**SHAPE, attention_window=8),
        "LongformerLayer is not called on one row of hidden states per token",
    ),
    "big_bird_sparse": (
        hf.BigBirdModel,
        hf.BigBirdConfig(**SHAPE, block_size=4),
        "exchanges its attention when it is given a short text",
    ),
    "ibert": (hf.IBertModel, hf.IBertConfig(**SHAPE), "does not run block by block on token ids alone"),
    "canine": (hf.CanineModel, hf.CanineConfig(**SHAPE), "does not run block by block on token ids alone"),
    "reformer": (
        hf.ReformerModelWithLMHead,
        hf.ReformerConfig(hidden_size=16, vocab_size=50, num_attention_heads=2, **OF_REFORMER),
        "does not run block by block on token ids alone",
    ),
    "xlm": (hf.XLMModel, hf.XLMConfig(**OF_XLM), "XLMModel attends outside ffns, the list of its MLPs"),
    "flaubert": (hf.FlaubertModel, hf.FlaubertConfig(**OF_XLM), "FlaubertModel attends outside ffns"),
}


def build(family, config):
    config._attn_implementation = "eager"
    module = family(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator) + (0.5 if weight.ndim == 1 else 0.0))
    return module


def alone(model, tokens):
    """For each layer the input (n_tokens, d_mlp) of its output projection, in a pass over this text only."""
    seen = []
    handles = [
        model.module.get_submodule(layer.mlp_out).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        for layer in model.layers
    ]
    with torch.no_grad():
        model.module(input_ids=torch.from_numpy(tokens.astype(np.int64))[None])
    for handle in handles:
        handle.remove()
    return [values.reshape(len(tokens), -1).numpy() for values in seen]


@pytest.mark.parametrize("name", READ)
def test_batched_equals_alone(name, token_data):
    family, config, sides = READ[name]
    model = LanguageModel.from_module(build(family, config), name=name)
    assert model.padding == sides
    texts = [alone(model, tokens) for tokens in token_data.sequences]
    where = list(zip(token_data.examples["sequence"], token_data.examples["start"], strict=True))
    for padding in sides or ("right",):
        acts = extract(model, token_data, dtype="float32", padding=padding, batch_tokens=10_000)
        for layer in acts.layers:
            expected = np.stack([texts[text][layer][token] for text, token in where])
            np.testing.assert_allclose(acts.layer(layer)[:], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_true_sentence(name):
    family, config, reason = REFUSED[name]
    with pytest.raises(UnsupportedModelError, match=re.escape(reason)) as refusal:
        LanguageModel.from_module(build(family, config), name=name)
    assert "\n" not in str(refusal.value)


def test_there_are_forty():
    assert len(READ) == 40
