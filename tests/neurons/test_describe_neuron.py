"""The card of a planted neuron says what was planted, in a terminal, in HTML and as JSON."""

import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as hf
from rich.console import Console
from scipy import stats

from sparseprobe.errors import InputError
from sparseprobe.models import LanguageModel, load_model
from sparseprobe.neurons import ablate, describe_neuron, logit_effect, weight_statistics
from sparseprobe.neurons.on_text.contexts import contexts
from sparseprobe.neurons.on_text.mean_activation_by_token import read_tokens
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text


@pytest.fixture(scope="module")
def model():
    return planted_model()


@pytest.fixture(scope="module")
def data():
    return planted_text(40)


@pytest.fixture(scope="module")
def card(model, data):
    return describe_neuron(model, data, "L0.N0", examples=3, controls=1)


def test_card_says_what_was_planted(card):
    assert card.stimuli.table["text"].tolist() == ["A|B"]
    assert [example.kind for example in card.examples] == ["largest"] * 3 + ["75%", "50%", "25%"] + ["smallest"] * 3
    for example in card.examples[:3]:
        assert example.tokens[example.at - 1 : example.at + 1] == ("A", "B")
        assert "A⟦B⟧" in example.text()
    assert card.promoted["text"].tolist()[0] == "Z"
    assert card.by_token["text"].tolist()[0] == "B"
    inside, outside = card.by_class.query("feature == 'b_after_a'")["mean"]
    assert inside == pytest.approx(1, abs=1e-4)
    assert outside == pytest.approx(0, abs=1e-4)


def test_parts_are_those_of_the_functions(model, data, card):
    values = read_tokens(model, data, "L0.N0").matrix[:, 0].astype(np.float64)
    assert card.statistics["count"] == len(values)
    np.testing.assert_allclose(card.statistics["kurtosis"], stats.kurtosis(values), rtol=1e-6)
    np.testing.assert_allclose(card.statistics["skewness"], stats.skew(values), rtol=1e-6)
    assert card.histogram.sum() == len(values)
    row = weight_statistics(model).iloc[0]
    assert card.weights["norm_in_bias"] == pytest.approx(row["norm_in_bias"])
    assert card.ablation.equals(ablate(model, data, "L0.N0", controls=1))


def test_text_is_read_once(model, data, card):
    """The model runs over each text once, and again only where the neuron and its control are set to 0."""
    counts = []
    handle = model.embedding.register_forward_pre_hook(lambda _, given: counts.append(given[0].numel()))
    describe_neuron(model, data, "L0.N0", controls=1)
    handle.remove()
    measured = data.subset(splits=["test"]).n_tokens
    assert sum(counts) == data.n_tokens + 2 * measured + 2  # and two single tokens on which the unembedding is tried


def test_parts_do_not_depend_on_where_the_ablation_is_measured(model, data, card):
    for splits in (None, ["train"], ["validation", "test"]):
        other = describe_neuron(model, data, "L0.N0", examples=3, controls=1, splits=splits)
        assert other.statistics == card.statistics
        pd.testing.assert_frame_equal(other.promoted, card.promoted)
        pd.testing.assert_frame_equal(
            other.ablation, ablate(model, data, "L0.N0", controls=1, splits=splits), rtol=1e-6, atol=1e-9
        )


def gated(seed=0):
    """A small gated model, and a text in which one of its neurons is made to read the letter G by going negative."""
    torch.manual_seed(seed)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = hf.LlamaConfig(**shape, num_key_value_heads=2, vocab_size=16, max_position_embeddings=32)
    model = LanguageModel.from_module(hf.LlamaForCausalLM(config), name="gated")
    embedding = model.embedding.weight
    with torch.no_grad():
        model.module.model.layers[0].self_attn.o_proj.weight.zero_()
        direction = embedding[LETTERS.index("G")] / embedding[LETTERS.index("G")].norm()
        embedding.sub_((embedding @ direction)[:, None] * direction)
        embedding[LETTERS.index("G")] = direction
        weights = model.neuron_weights(0)
        weights.W_gate[5], weights.W_in[5] = 4 * direction, -4 * direction
    return model


def test_the_card_leads_with_the_side_that_reads_the_feature(data):
    model = gated()
    card = describe_neuron(model, data.subset(features=["g"]), "L0.N5", controls=0)
    assert card.sign == "-"
    assert [example.kind for example in card.examples[:2]] == ["smallest"] * 2
    assert all(example.tokens[example.at] == "G" for example in card.examples[:6])
    assert card.stimuli.table["text"].tolist() == ["G"]
    assert card.by_token["text"].iloc[0] == "G"
    assert 0 < card.statistics["gate_open"] < 1
    assert "on its - side" in card._repr_html_()
    effect = logit_effect(model, ["L0.N5", "L0.N5-"])
    np.testing.assert_allclose(effect[1], -effect[0])


def test_a_table_says_which_side_the_probe_uses(model, data):
    row = pd.DataFrame({"neuron": ["L0.N0"], "sign": ["-"]})
    assert describe_neuron(model, data, row, ablation=False).sign == "-"
    assert describe_neuron(model, data, "L0.N0-", ablation=False).sign == "-"
    assert describe_neuron(model, data, (0, 0), ablation=False).sign == "+"


def test_terminal(card):
    file = io.StringIO()
    card.show(Console(file=file, width=200))
    shown = file.getvalue()
    for part in ("L0.N0 of planted on planted", "A|B", "A⟦B⟧", "norm_in_bias", "b_after_a", "1 unrelated n-grams"):
        assert part in shown
    assert "nan" not in shown


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html(card):
    page = card._repr_html_()
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    assert "rgba(220,60,40,1.00);outline" in page
    assert "<script" not in page


def test_text_of_others_is_escaped(model, data):
    read = read_tokens(model, data, "L0.N0")
    (context,) = contexts(read, 0, [("largest", 5)])
    hostile = replace(context, tokens=("<script>", *context.tokens[1:]))
    assert "<script>" not in hostile.html(1.0)
    assert "&lt;script&gt;" in hostile.html(1.0)


def test_json(card):
    record = json.loads(json.dumps(card.to_dict(), allow_nan=False))
    assert record["neuron"] == "L0.N0"
    assert record["stimuli"][0]["text"] == "A|B"
    assert record["ablation"][0]["feature"] is None


def test_contexts_stay_in_their_sequence(model, data):
    read = read_tokens(model, data, "L0.N1")
    for place in (0, 23, 24, data.n_tokens - 1):
        (context,) = contexts(read, 0, [("at", place)], width=5)
        sequence, position = divmod(place, 24)
        assert context.group == f"t{sequence}"
        assert "".join(context.tokens) == data.tokenizer.decode(
            data.sequences[sequence][max(0, position - 5) : position + 6].tolist()
        )
        assert context.activation == context.activations[context.at]


def test_encoder_has_a_card_without_logits(tiny_model, data):
    card = describe_neuron(tiny_model("bert"), data, "L1.N3")
    assert card.promoted.empty
    assert card.ablation.empty
    assert "L1.N3" in card._repr_html_()


def test_a_model_that_normalises_its_residual_stream_has_a_card_without_logits(data):
    """It has a next-token loss all the same."""
    shape = {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 16, "n_positions": 128}
    module = hf.OpenAIGPTLMHeadModel(hf.OpenAIGPTConfig(**shape))
    card = describe_neuron(LanguageModel.from_module(module, name="gpt"), data, "L0.N0", controls=0)
    assert card.promoted.empty
    assert not card.ablation.empty


def test_errors(model, data):
    with pytest.raises(InputError, match=r"one neuron is needed, got L0\.N0\+L0\.N1: give them one by one"):
        describe_neuron(model, data, "L0.N0+L0.N1")
    with pytest.raises(InputError, match="examples=0 shows none"):
        describe_neuron(model, data, "L0.N0", examples=0)


def test_planted_model_can_be_saved_and_found_again(model, data, tmp_path):
    model.module.save_pretrained(tmp_path)
    again = load_model(tmp_path)
    assert describe_neuron(again, data, "L0.N0", ablation=False).stimuli.table["text"].tolist() == ["A|B"]


def test_control_characters_of_the_data_are_shown_as_signs_on_a_card(capsys):
    data = replace(planted_text(), name="text\x1b]0;title\x07")
    card = describe_neuron(planted_model(), data, "L0.N0", ablation=False)
    card.show()
    for shown in (capsys.readouterr().out, card._repr_html_()):
        assert "text␛]0;title␇" in shown
        assert "\x1b]0" not in shown
