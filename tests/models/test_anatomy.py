"""The neurons are found where they are, in every architecture, without names being known in advance."""

import pytest
import torch
import transformers as hf
from torch import nn

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import LanguageModel

KINDS = {"bert": "encoder", "roberta": "encoder", "modernbert": "encoder"}

#: architecture -> module names in layer 2: (mlp_out, mlp_in, mlp_gate, attention_out, final norm)
PLACES = {
    "gpt_neox": (
        "gpt_neox.layers.2",
        ("mlp.dense_4h_to_h", "mlp.dense_h_to_4h", None, "attention.dense"),
        "gpt_neox.final_layer_norm",
    ),
    "gpt2": ("transformer.h.2", ("mlp.c_proj", "mlp.c_fc", None, "attn.c_proj"), "transformer.ln_f"),
    "opt": ("model.decoder.layers.2", ("fc2", "fc1", None, "self_attn.out_proj"), "model.decoder.final_layer_norm"),
    "bloom": (
        "transformer.h.2",
        ("mlp.dense_4h_to_h", "mlp.dense_h_to_4h", None, "self_attention.dense"),
        "transformer.ln_f",
    ),
    "phi": ("model.layers.2", ("mlp.fc2", "mlp.fc1", None, "self_attn.dense"), "model.final_layernorm"),
    "phi3": (
        "model.layers.2",
        ("mlp.down_proj", "mlp.gate_up_proj", "mlp.gate_up_proj", "self_attn.o_proj"),
        "model.norm",
    ),
    "bert": ("encoder.layer.2", ("output.dense", "intermediate.dense", None, "attention.output.dense"), None),
    "modernbert": ("layers.2", ("mlp.Wo", "mlp.Wi", "mlp.Wi", "attn.Wo"), "final_norm"),
}
PLACES["roberta"] = PLACES["bert"]
PLACES["falcon"] = PLACES["falcon_alibi"] = PLACES["bloom"]
for name in ("llama", "mistral", "qwen3", "gemma2", "gemma3"):
    PLACES[name] = (
        "model.layers.2",
        ("mlp.down_proj", "mlp.up_proj", "mlp.gate_proj", "self_attn.o_proj"),
        "model.norm",
    )


def test_places(architecture, tiny_model):
    model = tiny_model(architecture)
    block, names, norm = PLACES[architecture]
    layer = model.layers[2]
    assert layer.index == 2
    assert layer.block == block
    found = (layer.mlp_out, layer.mlp_in, layer.mlp_gate, layer.attention_out)
    assert found == tuple(name and f"{block}.{name}" for name in names)
    assert model.final_norm_name == norm
    assert model.kind == KINDS.get(architecture, "causal")
    assert model.numbering == ("own" if architecture == "roberta" else "explicit")
    assert [layer.index for layer in model.layers] == [0, 1, 2]


def test_finding_leaves_no_hook_behind(architecture, tiny_module):
    module = tiny_module(architecture)

    def hooks():  # transformers keeps some of its own
        return [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()]

    before = hooks()
    LanguageModel.from_module(module)
    assert hooks() == before


def test_experts_in_some_layers_only():
    """Dense first, experts after."""
    config = hf.Qwen3MoeConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=30,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=8,
        mlp_only_layers=[0],
    )
    dense, mixture = LanguageModel.from_module(hf.Qwen3MoeForCausalLM(config)).layers
    assert (dense.mlp_out, dense.d_mlp, dense.experts) == ("model.layers.0.mlp.down_proj", 24, None)
    assert (mixture.experts.module, mixture.experts.weight) == ("model.layers.1.mlp.experts", "down_proj")
    assert (mixture.d_mlp, mixture.experts.shared_out, mixture.attention_out) == (
        32,
        None,
        "model.layers.1.self_attn.o_proj",
    )


def test_experts_that_are_not_multiplied_one_by_one_are_refused():
    config = hf.MixtralConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2, vocab_size=30)
    config.num_attention_heads = config.num_key_value_heads = config.num_local_experts = 2
    module = hf.MixtralForCausalLM(config)

    class AtOnce(type(module.model.layers[0].mlp.experts)):
        def forward(self, hidden_states, top_k_index, top_k_weights):
            return torch.einsum("td,eid,edi->td", hidden_states, self.gate_up_proj[:, :24], self.down_proj)

    for layer in module.model.layers:
        layer.mlp.experts.__class__ = AtOnce
    with pytest.raises(
        UnsupportedModelError, match=r"it is a mixture of experts, and its mlp\.experts does not multiply"
    ):
        LanguageModel.from_module(module)


def test_model_without_mlp_is_refused():
    module = hf.MambaForCausalLM(hf.MambaConfig(hidden_size=16, num_hidden_layers=2, vocab_size=30))
    with pytest.raises(
        UnsupportedModelError, match=r"cannot find the neurons of MambaBlock: .* one plain or gated MLP"
    ):
        LanguageModel.from_module(module)


def test_a_recurrent_block_is_not_called_a_mixture_of_experts():
    config = hf.RwkvConfig(hidden_size=16, attention_hidden_size=16, num_hidden_layers=2, vocab_size=30)
    with pytest.raises(UnsupportedModelError, match="cannot find the neurons of RwkvBlock: weights outside attention"):
        LanguageModel.from_module(hf.RwkvForCausalLM(config))


def test_encoder_decoder_is_refused():
    module = hf.T5ForConditionalGeneration(hf.T5Config(d_model=16, d_ff=24, num_layers=1, num_heads=2, vocab_size=30))
    with pytest.raises(UnsupportedModelError, match="is an encoder-decoder, which is not supported"):
        LanguageModel.from_module(module)


def llama(**changes):
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return hf.LlamaForCausalLM(hf.LlamaConfig(**{**shape, "vocab_size": 30, **changes}))


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu", "gelu"])
def test_gate_is_told_from_up_whatever_the_nonlinearity(activation):
    layer = LanguageModel.from_module(llama(hidden_act=activation)).layers[0]
    assert layer.mlp_gate == "model.layers.0.mlp.gate_proj"
    assert layer.mlp_in == "model.layers.0.mlp.up_proj"


def test_gate_is_found_by_what_it_does_and_not_by_its_name():
    module = llama()
    for block in module.model.layers:
        block.mlp.gate_proj, block.mlp.up_proj = block.mlp.up_proj, block.mlp.gate_proj
        block.mlp.forward = lambda x, mlp=block.mlp: mlp.down_proj(mlp.act_fn(mlp.up_proj(x)) * mlp.gate_proj(x))
    layer = LanguageModel.from_module(module).layers[1]
    assert layer.mlp_gate == "model.layers.1.mlp.up_proj"
    assert layer.mlp_in == "model.layers.1.mlp.gate_proj"


def test_square_mlp():
    """As many neurons as the residual stream is wide: every projection has the same shape."""
    layer = LanguageModel.from_module(llama(intermediate_size=16)).layers[0]
    assert (layer.mlp_out, layer.d_mlp) == ("model.layers.0.mlp.down_proj", 16)
    assert layer.attention_out == "model.layers.0.self_attn.o_proj"


def test_silent_attention_leaves_the_neurons_found():
    """Weights written by hand often have no attention; then only the site `attention` is missing."""
    module = llama()
    for block in module.model.layers:
        nn.init.zeros_(block.self_attn.o_proj.weight)
        nn.init.zeros_(block.self_attn.v_proj.weight)
    model = LanguageModel.from_module(module)
    assert model.layers[1].mlp_out == "model.layers.1.mlp.down_proj"
    assert "attention" not in model.sites()
    with pytest.raises(
        UnsupportedModelError, match=r"layer 0 of .* has no site 'attention': choose one of mlp, mlp_pre"
    ):
        model.width("attention", 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_of_the_model_does_not_matter(architecture, tiny_model, dtype):
    family, config = type(tiny_model(architecture).module), tiny_model(architecture).module.config
    torch.manual_seed(1)
    model = LanguageModel.from_module(family(config).to(dtype))
    assert model.layers == tiny_model(architecture).layers
    assert model.dtype == dtype
