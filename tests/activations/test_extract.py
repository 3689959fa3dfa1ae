"""What is read, in which order, how far, and what is refused."""

import copy
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, models

from sparseprobe.activations import Activations, extract
from sparseprobe.errors import (
    InputError,
    ResourceError,
    StorageError,
    TokenizerMismatchError,
    UnknownNameError,
    UnsupportedModelError,
)
from sparseprobe.models import LanguageModel, pad


def hidden_states(model, tokens, layer):
    """(n_tokens, d_model) of one sequence alone, from the model's own output."""
    with torch.no_grad():
        output = model.module(torch.tensor(tokens, dtype=torch.int64)[None], output_hidden_states=True)
    return output.hidden_states[layer + 1][0].numpy()


REDUCE = {"mean": lambda x: x.mean(0), "max": lambda x: x.max(0), "last": lambda x: x[-1]}


@pytest.mark.parametrize("name", ["gpt_neox", "bert"])
@pytest.mark.parametrize("how", ["mean", "max", "last"])
@pytest.mark.parametrize("padding", ["right", "left"])
def test_spans_are_aggregated_over_their_own_tokens(name, how, padding, tiny_model, span_data):
    """The residual stream has values of both signs, so a maximum over padding or masked zeros would show."""
    model = tiny_model(name)
    acts = extract(model, span_data, layers=[0, 1], site="residual", aggregate=how, dtype="float32", padding=padding)
    assert (acts.n_examples, acts.aggregate, acts.site) == (90, how, "residual")
    for layer in (0, 1):
        alone = [hidden_states(model, tokens, layer) for tokens in span_data.sequences]
        examples = span_data.examples.itertuples()
        expected = [REDUCE[how](alone[example.sequence][example.start : example.stop]) for example in examples]
        np.testing.assert_allclose(acts.layer(layer)[:], np.stack(expected), rtol=1e-4, atol=1e-5)
    assert np.stack(expected).min() < 0 < np.stack(expected).max()


def test_store_and_memory_give_the_same(tiny_model, span_data, tmp_path):
    model = tiny_model("llama")
    stored = extract(model, span_data, aggregate="max", out=tmp_path / "acts")
    kept = extract(model, span_data, aggregate="max")
    for layer in kept.layers:
        np.testing.assert_array_equal(stored.layer(layer)[:], kept.layer(layer)[:])
    assert stored.manifest["settings"] == kept.manifest["settings"]


def test_layers_above_the_last_wanted_one_are_not_run(tiny_model, token_data):
    model = tiny_model("gpt_neox")
    called = []
    handles = [
        model.module.get_submodule(name).register_forward_hook(lambda *_, name=name: called.append(name))
        for name in ("gpt_neox.layers.1.mlp", "gpt_neox.layers.1.mlp.dense_4h_to_h", "gpt_neox.layers.2", "embed_out")
        if name in dict(model.module.named_modules())
    ]
    extract(model, token_data, layers=[0])
    assert called == []
    extract(model, token_data, layers=[1])
    assert called == []  # the neurons are the input of dense_4h_to_h, which is not computed either
    extract(model, token_data, layers=[1], site="residual")
    assert set(called) == {"gpt_neox.layers.1.mlp", "gpt_neox.layers.1.mlp.dense_4h_to_h"}
    for handle in handles:
        handle.remove()


def test_sequences_without_examples_and_equal_ones_are_not_run(tiny_model, make_dataset, monkeypatch):
    ids = [[9, 8, 7, 6], [9, 8, 7, 6], [5, 6], [9, 8, 7, 6, 5]]
    data = make_dataset(ids, [(0, 1, 2), (1, 2, 3), (1, 3, 4), (3, 0, 1)])
    shapes = []
    run = LanguageModel.run
    monkeypatch.setattr(
        LanguageModel, "run", lambda model, batch: (shapes.append(batch.mask.sum(1).tolist()), run(model, batch))
    )
    causal = extract(tiny_model("gpt_neox"), data, dtype="float32")
    # sequence 0 ends after its label, 1 is run whole, 2 holds nothing, 3 ends after its first token
    assert shapes == [[4, 2, 1]]
    shapes.clear()
    extract(tiny_model("bert"), data)
    assert shapes == [[5, 4]]  # an encoder sees what follows, so nothing is cut, and 0 equals 1
    alone = extract(tiny_model("gpt_neox"), data, dtype="float32", batch_tokens=1)
    np.testing.assert_allclose(causal.layer(2)[:], alone.layer(2)[:], rtol=1e-4, atol=1e-5)


def test_no_gradients_and_no_hooks_are_left(tiny_model, token_data):
    model = tiny_model("opt")

    def hooks():  # transformers keeps some of its own
        return [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.module.modules()]

    before = hooks()
    extract(model, token_data)
    assert hooks() == before
    assert all(weight.grad is None for weight in model.module.parameters())


def test_same_bits_every_time(tiny_model, span_data):
    one, two = (extract(tiny_model("phi"), span_data, aggregate="mean", dtype="float32") for _ in range(2))
    np.testing.assert_array_equal(one.layer(2)[:], two.layer(2)[:])


def test_progress_counts_tokens(tiny_model, token_data):
    class Recorder:
        def __init__(self):
            self.tasks, self.steps = [], []

        def task(self, label, *, total, unit, done=0):
            self.tasks.append((label, total, unit, done))
            return nullcontext(lambda amount=1: self.steps.append(amount))

    recorder = Recorder()
    extract(tiny_model("gpt2"), token_data, batch_tokens=30, progress=recorder)
    assert recorder.tasks == [("activations", token_data.n_tokens, "tokens", 0)]
    assert sum(recorder.steps) == token_data.n_tokens
    assert len(recorder.steps) > 3


def test_spans_for_none(tiny_model, span_data):
    with pytest.raises(InputError, match=r"has examples of up to \d+ tokens, and .*choose 'mean', 'max' or 'last'"):
        extract(tiny_model("gpt2"), span_data)


def test_tokens_the_model_does_not_know(tiny_model, make_dataset):
    with pytest.raises(InputError, match="random has token id 50, gpt2 knows 0 to 49: use its own tokenizer"):
        extract(tiny_model("gpt2"), make_dataset([[1, 50]], [(0, 0, 1)]))


def test_sequence_longer_than_the_context(tiny_model, make_dataset):
    with pytest.raises(
        InputError, match=r"has a sequence of 33 tokens, gpt2 was made for 32: build .* context=32 or less"
    ):
        extract(tiny_model("gpt2"), make_dataset([[1] * 33], [(0, 0, 1)]))


def test_dataset_of_another_tokenizer(tiny_module, token_data):
    words = hf.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?")))
    model = LanguageModel.from_module(tiny_module("gpt2"), tokenizer=words)
    with pytest.raises(TokenizerMismatchError):
        extract(model, token_data)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"site": "mpl"}, "unknown site 'mpl': did you mean 'mlp'?"),
        ({"aggregate": "sum"}, "unknown aggregate 'sum': "),
        ({"dtype": "int8"}, "unknown dtype 'int8': "),
        ({"padding": "middle"}, "unknown padding 'middle': "),
    ],
)
def test_unknown_names(settings, message, tiny_model, token_data):
    with pytest.raises(UnknownNameError) as error:
        extract(tiny_model("gpt2"), token_data, **settings)
    assert message in str(error.value)


def test_unknown_layer_and_missing_site(tiny_model, token_data):
    with pytest.raises(InputError, match="no layer 7: the model has layers 0 to 2"):
        extract(tiny_model("gpt2"), token_data, layers=[7])
    with pytest.raises(UnsupportedModelError, match="has no site 'mlp_up'"):
        extract(tiny_model("gpt2"), token_data, site="mlp_up")


def test_values_beyond_float16(tiny_module, token_data):
    module = hf.GPT2LMHeadModel(tiny_module("gpt2").config)
    module.transformer.h[1].mlp.c_fc.bias.data.fill_(70_000.0)
    model = LanguageModel.from_module(module, name="loud")
    with pytest.raises(
        InputError, match=r"layer 1 \(mlp\) has activations beyond 65504, .*use dtype='bfloat16' or 'float32'"
    ):
        extract(model, token_data)
    assert extract(model, token_data, dtype="bfloat16").layer(1)[:].min() > 69_000


def test_values_that_the_model_itself_spoils(tiny_module, token_data):
    module = hf.GPT2LMHeadModel(tiny_module("gpt2").config)
    module.transformer.h[0].mlp.c_fc.bias.data.fill_(np.nan)
    with pytest.raises(InputError, match="no dtype can fix: the model computes them, so check its weights"):
        extract(LanguageModel.from_module(module), token_data, dtype="float32")


def test_too_little_memory(tiny_model, token_data, monkeypatch):
    with pytest.raises(ResourceError, match=r"memory='1MB' is too little: .* give at least "):
        extract(tiny_model("gpt2"), token_data, memory="1MB")
    monkeypatch.setattr("sparseprobe.activations.budget.free_memory", lambda: 1000)
    with pytest.raises(ResourceError, match="of memory are left: give out= a folder"):
        extract(tiny_model("gpt2"), token_data)


def test_too_little_disk(tiny_model, token_data, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(ResourceError, match=r"the disk of .* has 10 bytes left: choose another folder"):
        extract(tiny_model("gpt2"), token_data, out=tmp_path / "acts")


def test_folder_that_cannot_be_written(tiny_model, token_data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        extract(tiny_model("gpt2"), token_data, out=tmp_path / "file" / "acts")


def test_model_in_half_precision(tiny_module, token_data):
    model = LanguageModel.from_module(hf.GPT2LMHeadModel(tiny_module("gpt2").config).bfloat16())
    acts = extract(model, token_data, dtype="float32")
    assert acts.manifest["settings"]["model_dtype"] == "bfloat16"
    assert acts.layer(0).dtype == np.float32


def test_examples_keep_their_order(tiny_model, token_data):
    """Rows are stored by sequence; they are handed out by example."""
    model = tiny_model("gpt_neox")
    acts = extract(model, token_data, dtype="float32")
    shuffled = pd.Series(np.arange(token_data.n_examples)).sample(frac=1, random_state=0).to_numpy()
    again = extract(model, token_data.subset(examples=shuffled), dtype="float32")
    np.testing.assert_allclose(again.layer(1)[:], acts.layer(1)[shuffled], rtol=1e-5, atol=1e-6)
    assert isinstance(again, Activations)


def test_padding_is_never_seen(tiny_model):
    """What stands on padded places changes nothing, on either side."""
    model = tiny_model("mistral")
    sequences = [np.array([7, 8, 9, 10, 11], np.int32), np.array([12, 13], np.int32)]
    for side in ("left", "right"):
        seen = []
        handle = model.module.model.layers[2].register_forward_hook(lambda *given, seen=seen: seen.append(given[-1]))
        for pad_id in (0, 33):
            model.run(pad(sequences, side=side, pad_id=pad_id))
        handle.remove()
        real = pad(sequences, side=side).mask.bool()
        torch.testing.assert_close(seen[0][real], seen[1][real], rtol=0, atol=1e-6)


#: Two that left padding changes: BART's decoder ignores position ids, RecurrentGemma's recurrent blocks read padding.
LEFT_OUT = {
    "bart": (
        hf.BartForCausalLM,
        hf.BartConfig(d_model=16, decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=24, vocab_size=50),
    ),
    "recurrent_gemma": (
        hf.RecurrentGemmaForCausalLM,
        hf.RecurrentGemmaConfig(
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=3,
            num_attention_heads=4,
            lru_width=16,
            vocab_size=50,
            attention_window_size=32,
        ),
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_left_padding_is_refused_where_it_changes_activations(name, token_data):
    family, config = LEFT_OUT[name]
    module = family(config)
    with torch.no_grad():
        for weight in module.parameters():  # biases too, which are zero at first and then hide what padding does
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    model = LanguageModel.from_module(module, name=name)
    with pytest.raises(InputError, match=f"{name} gives different activations when .* leave it at 'right'"):
        extract(model, token_data, padding="left")
    assert extract(model, token_data).n_examples == token_data.n_examples


@pytest.mark.parametrize("pad_id", [-1, 50])
def test_a_padding_id_that_the_embedding_has_not(pad_id, tiny_module, token_data):
    module = hf.GPT2LMHeadModel(tiny_module("gpt2").config)
    plain = extract(LanguageModel.from_module(module), token_data, layers=1).layer(1)[:]
    module.config = copy.deepcopy(module.config)
    module.config.pad_token_id = pad_id
    np.testing.assert_array_equal(extract(LanguageModel.from_module(module), token_data, layers=1).layer(1)[:], plain)
