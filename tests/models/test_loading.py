"""A model is loaded as it was saved, and each way in which that fails is one sentence."""

import huggingface_hub
import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers

from sparseprobe.datasets.tokenising import load_tokenizer
from sparseprobe.errors import DataError, InputError, UnknownNameError, UnsupportedModelError
from sparseprobe.models import checkpoint_folder, load_model, loading, shipped_models


@pytest.fixture
def folder(tmp_path, tiny_module):
    path = tmp_path / "tiny"
    tiny_module("gpt_neox").save_pretrained(path)
    return path


@pytest.fixture
def no_hub(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no network in tests")

    monkeypatch.setattr(loading.HfApi, "model_info", unreachable)


def test_weights_are_untouched_and_nothing_is_printed(folder, tiny_module, capfd):
    capfd.readouterr()
    model = load_model(folder)
    assert capfd.readouterr() == ("", "")
    saved = tiny_module("gpt_neox").state_dict()
    loaded = model.module.state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    assert not model.module.training
    assert model.module.config._attn_implementation == "eager"
    assert (model.name, model.dtype, model.tokenizer) == (str(folder), torch.float32, None)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_precision(folder, dtype):
    assert load_model(folder, dtype=dtype, device="cpu").dtype == getattr(torch, dtype)


def test_tokenizer_beside_the_model(folder):
    words = Tokenizer(models.WordLevel({"?": 0, "one": 1, "two": 2}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    hf.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(folder)
    assert load_model(folder).tokenizer("two one three", add_special_tokens=False).input_ids == [2, 1, 0]


def test_masked_language_model_is_loaded_as_an_encoder(tmp_path):
    config = hf.BertConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=30
    )
    hf.BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    model = load_model(tmp_path / "bert")
    assert (model.kind, type(model.module)) == ("encoder", hf.BertModel)


def test_trunk_without_a_head_is_loaded_by_its_family(tmp_path, tiny_module):
    tiny_module("bert").save_pretrained(tmp_path / "bert")
    assert load_model(tmp_path / "bert").kind == "encoder"


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", ["nobody/nothing", "a-model-that-nobody-made"])
def test_unknown_model(name):
    with pytest.raises(
        InputError, match=rf"unknown model '{name}': it is not a folder here, the .* hub could not be reached"
    ):
        load_model(name)


def test_impossible_name():
    with pytest.raises(
        InputError, match="it is not a valid name on the Hugging Face hub, and the models shipped are: "
    ):
        load_model("not / a // name")


def test_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match=r"holds no model: a Hugging Face folder has a config\.json"):
        load_model(tmp_path)
    file = tmp_path / "model.bin"
    file.touch()
    with pytest.raises(InputError, match=r"is a file: give a \.gguf file, or the folder"):
        load_model(file)


def test_broken_config(folder):
    (folder / "config.json").write_text("{ not json")
    with pytest.raises(DataError, match=r"the model in .* cannot be read"):
        load_model(folder)


def test_broken_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DataError, match=r"the model in .* cannot be read"):
        load_model(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"the model in .* cannot be read"):
        load_model(folder)


def test_missing_weights_are_not_drawn_at_random(folder, tiny_module):
    state = tiny_module("gpt_neox").state_dict()
    lacking = {name: value for name, value in state.items() if "layers.1.mlp" not in name}
    tiny_module("gpt_neox").save_pretrained(folder, state_dict=lacking)
    with pytest.raises(DataError, match=r"the weights of .* do not fit its config: 4 missing .*layers\.1\.mlp"):
        load_model(folder)


def test_encoder_decoder_is_refused_before_it_is_loaded(tmp_path):
    hf.T5Config(d_model=16).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match="is an encoder-decoder"):
        load_model(tmp_path)


def test_unknown_precision_and_device(folder):
    with pytest.raises(UnknownNameError, match=r"unknown dtype 'float64': .*Known: float32, float16, bfloat16"):
        load_model(folder, dtype="float64")
    with pytest.raises(InputError, match="device 'tpu' cannot be used here: choose 'cpu'"):
        load_model(folder, device="tpu")


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_load(name):
    model = load_model(name, device="cpu")
    assert model.name == name
    assert model.tokenizer is not None
    assert model.n_layers > 0


@pytest.mark.usefixtures("no_hub")
def test_the_files_of_a_hub_model_are_found_in_the_cache_without_a_network(tmp_path, monkeypatch):
    """As huggingface_hub lays them out: models--OWNER--NAME/refs/main names a folder under snapshots."""
    repository = tmp_path / "models--someone--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123")
    snapshot = repository / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert checkpoint_folder("someone/tiny") == snapshot
    with pytest.raises(InputError, match="unknown model 'someone/other'"):
        checkpoint_folder("someone/other")


def test_a_model_folder_without_a_tokenizer_has_none_to_build_data_with(folder):
    """transformers makes one up that knows its special tokens only."""
    with pytest.raises(InputError, match="holds no tokenizer: give a hub id, or a folder with tokenizer"):
        load_tokenizer(folder)
