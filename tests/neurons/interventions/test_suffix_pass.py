"""Changing neurons on the way equals changing the model's weights, in every architecture; and only the rest is run."""

import copy

import numpy as np
import pytest
import torch
import transformers as hf

from sparseprobe.errors import UnsupportedModelError
from sparseprobe.models import LanguageModel, pad
from sparseprobe.neurons.interventions.edits import Edit
from sparseprobe.neurons.interventions.suffix_pass import changed_pass, first_pass, logits, logits_of, next_token_losses

NEURONS = [1, 5, 6]
#: Less padding than the sliding windows: in float64 eager attention makes a row that sees nothing NaN.
LENGTHS = (11, 9, 12)


@pytest.fixture(scope="module")
def double(tiny_module):
    """A function from an architecture's name to a copy of its tiny model in float64, small enough to stay finite."""

    def build(name):
        module = copy.deepcopy(tiny_module(name)).double()
        return LanguageModel.from_module(module, name=name)

    return build


def batch(seed=0):
    draw = np.random.default_rng(seed)
    return pad([draw.integers(3, 50, size=length).astype(np.int32) for length in LENGTHS])


def model_logits(model, given):
    arguments = {"input_ids": given.tokens, "attention_mask": given.mask}
    if model.numbering == "explicit":
        arguments["position_ids"] = given.positions
    with torch.inference_mode():
        return model.module(**arguments).logits[given.mask.bool()]


def passed(model, first, edits):
    with torch.inference_mode():
        return logits(model, changed_pass(model, first, [edits])[0][first.batch.mask.bool()])


def zero(layer):
    return Edit(layer, torch.tensor(NEURONS), 0.0, torch.zeros(len(NEURONS)))


def test_zero_is_zero_output_weights(double, causal_architecture):
    model, given = double(causal_architecture), batch()
    first = first_pass(model, given, starts=[0, 1, 2])
    plain = model_logits(model, given)
    torch.testing.assert_close(logits(model, first.hidden[given.mask.bool()]), plain, atol=1e-10, rtol=0)
    for layers in ([0], [1], [2], [0, 2]):
        kept = {layer: model.neuron_weights(layer).W_out[NEURONS].clone() for layer in layers}
        for layer in layers:
            model.neuron_weights(layer).W_out[NEURONS] = 0
        edited = model_logits(model, given)
        for layer in layers:
            model.neuron_weights(layer).W_out[NEURONS] = kept[layer]
        changed = passed(model, first, [zero(layer) for layer in layers])
        torch.testing.assert_close(changed, edited, atol=1e-10, rtol=0)
        assert (edited - plain).abs().max() > 1e-6  # the neurons do something
    torch.testing.assert_close(model_logits(model, given), plain, atol=0, rtol=0)


def test_fixed_value_is_an_output_bias(double):
    """a = 2 everywhere is weight 0 and 2 W_out more in the bias."""
    model, given = double("gpt_neox"), batch()
    first = first_pass(model, given, starts=[1])
    edit = Edit(1, torch.tensor(NEURONS), 0.0, torch.full((3,), 2.0))
    changed = passed(model, first, [edit])
    weights = model.neuron_weights(1)
    weights.b_out.add_(2 * weights.W_out[NEURONS].sum(0))
    weights.W_out[NEURONS] = 0
    torch.testing.assert_close(changed, model_logits(model, given), atol=1e-10, rtol=0)


def test_factor_is_a_scale_of_output_weights(double):
    model, given = double("llama"), batch()
    first = first_pass(model, given, starts=[0])
    changed = passed(model, first, [Edit(0, torch.tensor(NEURONS), -1.5, torch.zeros(3))])
    model.neuron_weights(0).W_out[NEURONS] *= -1.5
    torch.testing.assert_close(changed, model_logits(model, given), atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["gpt2", "bloom", "falcon", "phi3", "gemma2", "opt"])
def test_a_value_at_each_token(double, name):
    """With the neurons' own values as the shift, nothing changes; with those of one token changed, that one does."""
    model, given = double(name), batch()
    seen = []
    handle = model.module.get_submodule(model.layers[1].mlp_out).register_forward_pre_hook(
        lambda _, arguments: seen.append(arguments[0].clone())
    )
    first = first_pass(model, given, starts=[1])
    handle.remove()
    own = seen[0].reshape(*given.tokens.shape, -1)[..., NEURONS]
    same = changed_pass(model, first, [[Edit(1, torch.tensor(NEURONS), 0.0, own)]])[0]
    torch.testing.assert_close(same, first.hidden, atol=1e-12, rtol=0)
    own[2, 7] += 5
    other = changed_pass(model, first, [[Edit(1, torch.tensor(NEURONS), 0.0, own)]])[0]
    moved = ((other - first.hidden).abs().amax(-1) > 1e-9) & given.mask.bool()
    assert moved[2, 7]
    assert not moved[:2].any()
    assert not moved[2, :7].any()


def test_only_the_rest_is_run(double):
    model, given = double("gpt_neox"), batch()
    calls = []
    for index, block in enumerate(model.module.gpt_neox.layers):
        block.mlp.register_forward_pre_hook(lambda *_, index=index: calls.append(index))
    first = first_pass(model, given, starts=[1, 2])
    assert calls == [0, 1, 2]
    changed_pass(model, first, [[zero(2)], [zero(2)]])
    changed_pass(model, first, [[zero(1), zero(2)]])
    assert calls == [0, 1, 2, 2, 1, 2]


def test_nothing_is_left_behind(double):
    model, given = double("gpt2"), batch()

    def hooks():
        """transformers may have left hooks of its own on the module that this one is a copy of."""
        return [(list(part._forward_hooks), list(part._forward_pre_hooks)) for part in model.module.modules()]

    before = hooks()
    first = first_pass(model, given, starts=[2])
    changed_pass(model, first, [[zero(2)]])
    assert hooks() == before
    assert all("forward" not in part.__dict__ for part in model.module.modules())


def test_a_forward_of_its_own_is_put_back(double):
    """Models spread over devices have a forward method on the instance."""
    model, given = double("gpt2"), batch()
    block = model.module.transformer.h[0]
    own = block.forward
    block.forward = own
    first = first_pass(model, given, starts=[1])
    changed_pass(model, first, [[zero(1)]])
    assert block.__dict__["forward"] is own


def test_losses_are_those_of_the_model(double, causal_architecture):
    model, given = double(causal_architecture), batch()
    first = first_pass(model, given, starts=[])
    counted = given.mask.bool() & torch.roll(given.mask, -1, 1).bool()
    counted[:, -1] = False
    targets = torch.roll(given.tokens, -1, 1)[counted]
    losses = next_token_losses(model, first.hidden[counted], targets)
    with torch.inference_mode():
        scores = logits(model, first.hidden[counted])
    log_p = scores - scores.logsumexp(-1, keepdim=True)
    torch.testing.assert_close(losses, -log_p.gather(1, targets[:, None])[:, 0], atol=1e-10, rtol=0)
    assert losses.dtype == torch.float64


def test_losses_in_portions(double):
    model, given = double("gpt_neox"), batch()
    hidden = first_pass(model, given, starts=[]).hidden[given.mask.bool()]
    targets = given.tokens[given.mask.bool()]
    whole = next_token_losses(model, hidden, targets)
    portions = next_token_losses(model, hidden, targets, logit_bytes=4 * 50 * 2)
    torch.testing.assert_close(portions, whole, atol=1e-12, rtol=0)


def test_logits_are_capped_where_the_model_caps_them():
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = hf.Gemma2Config(**shape, vocab_size=50, num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.02)
    model = LanguageModel.from_module(hf.Gemma2ForCausalLM(config).double())
    given = batch()
    found = logits(model, first_pass(model, given, starts=[]).hidden[given.mask.bool()])
    torch.testing.assert_close(found, model_logits(model, given), atol=1e-12, rtol=0)
    assert found.abs().max() <= 0.02
    torch.testing.assert_close(logits_of(model)(first_pass(model, given).hidden[given.mask.bool()]), found)


def test_the_unembedding_alone_is_read_where_it_gives_the_logits(double, causal_architecture):
    model, given = double(causal_architecture), batch()
    hidden = first_pass(model, given).hidden[given.mask.bool()]
    with torch.inference_mode():
        torch.testing.assert_close(logits_of(model)(hidden), logits(model, hidden), atol=1e-10, rtol=0)


def test_changes_side_by_side_are_those_one_by_one(double, causal_architecture):
    model, given = double(causal_architecture), batch()
    first = first_pass(model, given, starts=[1])
    own = Edit(1, torch.tensor([2]), 0.5, torch.arange(given.tokens.numel()).reshape(*given.tokens.shape, 1) / 50)
    changes = [[zero(1)], [own], [zero(1), zero(2)]]
    together = changed_pass(model, first, changes)
    for change, hidden in zip(changes, together, strict=True):
        alone = changed_pass(model, first, [change])[0]
        torch.testing.assert_close(hidden[given.mask.bool()], alone[given.mask.bool()], atol=1e-10, rtol=0)


def test_one_side_of_a_neuron_is_clipped(double):
    """Both sides set to 0, one after the other, are what the whole neuron set to 0 is; each alone is a part of it."""
    model, given = double("llama"), batch()
    seen = first_pass(model, given, read=[(1, "mlp")]).read[1, "mlp"][..., NEURONS]
    first = first_pass(model, given, starts=[1])
    found = {}
    for side, kept in ((1, seen.clamp(max=0)), (-1, seen.clamp(min=0)), (0, 0 * seen)):
        edit = Edit(1, torch.tensor(NEURONS), 0.0, torch.zeros(3), torch.full((3,), side))
        found[side] = passed(model, first, [edit])
        wanted = passed(model, first, [Edit(1, torch.tensor(NEURONS), 0.0, kept)])
        torch.testing.assert_close(found[side], wanted, atol=1e-10, rtol=0)
    assert (found[1] - found[-1]).abs().max() > 1e-6


def test_encoders_have_no_next_token(double):
    model = double("bert")
    with pytest.raises(UnsupportedModelError, match=r"predicts no next token .* use a causal language model"):
        first_pass(model, batch(), starts=[0])
