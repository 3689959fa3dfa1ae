"""Ablation against a by-hand computation, its intervals against a slow twin, planted neurons, and its errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sparseprobe.datasets import ProbingDataset, Sequences
from sparseprobe.errors import InputError, UnknownNameError
from sparseprobe.neurons import (
    ABLATION,
    SPECIFICITY,
    ablate,
    changed_logits,
    describe_neuron,
    neuron_sets,
    specificity,
    token_losses,
)
from sparseprobe.neurons.interventions.reference_text import matched_sets, read_reference
from sparseprobe.neurons.interventions.replacement import ClassMean
from sparseprobe.neurons.planted_language import LETTERS, planted_model, planted_text
from sparseprobe.tables import check_table


@pytest.fixture(scope="module")
def model():
    return planted_model(dtype=torch.float64)


@pytest.fixture(scope="module")
def data():
    return planted_text(30)


def spans(data):
    """The same texts with examples that are spans of many tokens, two documents in a group."""
    lengths = data.sequences.lengths
    rows = np.arange(len(lengths))
    examples = pd.DataFrame(
        {
            "sequence": np.repeat(rows, 2),
            "start": np.tile([0, 5], len(rows)),
            "stop": np.stack([np.full(len(rows), 5), lengths - rows % 3], 1).ravel(),
            "group": [f"g{row // 2}" for row in np.repeat(rows, 2)],
            "split": "test",
        }
    )
    label = np.resize(np.array([1, 0, -1, 1], np.int8), len(examples))
    sequences = Sequences.of([ids[: len(ids) - row % 4] for row, ids in enumerate(data.sequences)])
    examples["stop"] = np.minimum(examples["stop"], sequences.lengths[examples["sequence"]])
    return ProbingDataset(
        name="spans",
        sequences=sequences,
        examples=examples,
        labels=pd.DataFrame({"odd": label}),
        features=pd.DataFrame({"name": ["odd"], "description": "", "category": "", "kind": "binary"}),
        tokenizer=data.tokenizer,
    )


def by_hand(model, ids):
    """Loss of each position from the plain model, one sequence."""
    with torch.inference_mode():
        log_p = model.module(torch.from_numpy(ids[None].astype(np.int64))).logits[0].log_softmax(-1)
    return -log_p.numpy()[np.arange(len(ids) - 1), ids[1:]]


def zeroed(indices):
    model = planted_model(dtype=torch.float64)
    model.neuron_weights(0).W_out[indices] = 0
    return model


def test_table_equals_by_hand(model, data):
    text = spans(data)
    table = ablate(model, text, ["L0.N0", "L0.N4"], splits=None, controls=0, batch_tokens=100)
    check_table(table, ABLATION)
    assert list(table["neurons"].map("+".join)) == 3 * ["L0.N0"] + 3 * ["L0.N4"] + 3 * ["L0.N0+L0.N4"]
    group_of = text.examples.drop_duplicates("sequence")["group"].to_numpy()
    before = [by_hand(model, ids) for ids in text.sequences]
    for names, part in table.groupby(table["neurons"].map("+".join)):
        after_model = zeroed([int(name[4:]) for name in names.split("+")])
        after = [by_hand(after_model, ids) for ids in text.sequences]
        for row in part.itertuples():
            if pd.isna(row.label):
                units = [(group_of[i], before[i], after[i]) for i in range(len(before))]
            else:
                chosen = text.examples[text.labels["odd"] == row.label]
                units = [
                    (e.group, before[e.sequence][e.start : e.stop], after[e.sequence][e.start : e.stop])
                    for e in chosen.itertuples()
                ]
            means = {"loss": [], "loss_ablated": []}
            for group in dict.fromkeys(unit[0] for unit in units):
                mine = [unit for unit in units if unit[0] == group]
                means["loss"].append(np.concatenate([unit[1] for unit in mine]).mean())
                means["loss_ablated"].append(np.concatenate([unit[2] for unit in mine]).mean())
            assert row.n_groups == len(means["loss"])
            assert row.n_tokens == sum(len(unit[1]) for unit in units)
            np.testing.assert_allclose(row.loss, np.mean(means["loss"]), atol=1e-10)
            np.testing.assert_allclose(row.loss_ablated, np.mean(means["loss_ablated"]), atol=1e-10)
            np.testing.assert_allclose(row.change, row.loss_ablated - row.loss, atol=1e-12)
            assert row.change_low <= row.change <= row.change_high


def test_batches_change_nothing(model, data):
    settings = {"neurons": "L0.N0+L0.N1", "value": "resampled", "controls": 2}
    small, large = (ablate(model, data, batch_tokens=size, **settings) for size in (1, 5000))
    pd.testing.assert_frame_equal(small, large, rtol=1e-9)


def test_paired_intervals_are_narrow(model, data):
    """A change that is the same in all groups has no spread, however much their losses differ."""
    table = ablate(model, data, "L0.N0", value="x1", controls=0, splits=None)
    assert (table["change"].abs() < 1e-12).all()
    assert (table["change_high"] - table["change_low"] < 1e-12).all()


def test_values(model, data):
    train = data.subset(splits=["train"])
    reference = read_reference(model, train, [0], value=ClassMean("c_or_d", 1))
    letters = train.sequences.tokens
    is_c_or_d = np.isin(letters, [LETTERS.index("C"), LETTERS.index("D")])
    np.testing.assert_allclose(reference.mean[0][1], is_c_or_d.mean(), atol=1e-6)
    np.testing.assert_allclose(reference.class_mean[0][1], 1, atol=1e-6)
    for value, number in (("mean", is_c_or_d.mean()), ("mean(c_or_d=1)", 1.0), ("mean(c_or_d=0)", 0.0)):
        words, fixed = (ablate(model, data, "L0.N1", value=v, controls=0) for v in (value, float(number)))
        np.testing.assert_allclose(words["change"], fixed["change"], atol=1e-8)
        assert set(words["value"]) == {value}


def test_resampled_keeps_the_distribution_and_the_company(model, data):
    """Neurons of a set are drawn from one token: C or D (N1) never goes with H (N4), E or G with F or G at times."""
    reference = read_reference(model, data, [0])
    pool = reference.pool[0][:, [1, 2, 3, 4]]
    assert not (pool[:, 0] * pool[:, 3]).any()
    assert (pool[:, 1] * pool[:, 2]).any()
    first, again, other = (
        token_losses(model, data, "L0.N1+L0.N4", value="resampled", seed=seed).changed for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_planted_neuron_matters_where_it_writes(model):
    """N0 raises Z after "AB"; in text where Z does follow it, taking it away costs loss there, and nowhere else."""
    data = planted_text(40)
    ids = np.stack(list(data.sequences)).copy()
    rows, columns = np.nonzero((ids[:, :-2] == 0) & (ids[:, 1:-1] == 1))
    ids[rows, columns + 2] = LETTERS.index("Z")
    changed = ProbingDataset(
        name="z",
        sequences=Sequences.of(ids),
        examples=data.examples,
        labels=data.labels[["b_after_a"]],
        features=data.features[:1],
        tokenizer=data.tokenizer,
    )
    holds = (ids[:, 1:] == 1) & (ids[:, :-1] == 0)
    changed = ProbingDataset(**{**vars(changed), "labels": pd.DataFrame({"b_after_a": holds.ravel().astype(np.int8)})})
    effects = ablate(model, changed, "L0.N0", splits=None)
    verdict = specificity(effects)
    check_table(verdict, SPECIFICITY)
    assert verdict["specific"].tolist() == [True]
    on, off = (effects[effects["label"] == label].iloc[0] for label in (1, 0))
    assert on["change_low"] > 1
    assert on["difference"] == pytest.approx(on["change"] - off["change"]) == -off["difference"]
    assert on["difference_low"] > 1
    assert on["difference_low"] == -off["difference_high"]
    assert abs(on["control_difference"]) < 0.1
    assert abs(off["change"]) < 1e-12
    assert abs(on["control_change"]) < 0.1
    others = specificity(ablate(model, changed, "L0.N12", splits=None))
    assert not others["specific"].any()


def test_matched_sets(model, data):
    reference = read_reference(model, data, [0])
    (chosen,) = neuron_sets("L0.N1+L0.N4")
    sets = matched_sets(chosen, reference, 20)
    assert all(len(set(matched)) == 2 and not set(matched) & set(chosen) for matched in sets)
    assert len(set(sets)) > 5
    assert matched_sets(chosen, reference, 3) == sets[:3]
    (whole,) = neuron_sets([[f"L0.N{index}" for index in range(13)]])
    with pytest.raises(InputError, match=r"layer 0 has no 13 other neurons .* pass controls=0"):
        matched_sets(whole, reference, 1)


def test_matched_sets_are_the_nearest(model, data):
    reference = read_reference(model, data, [0])
    (chosen,) = neuron_sets("L0.N4")
    distance = np.abs(reference.mean[0] - reference.mean[0][4])
    distance[4] = np.inf
    assert matched_sets(chosen, reference, 1, nearest=1) == [(neuron_sets(f"L0.N{distance.argmin()}")[0][0],)]


def test_what_was_read_of_the_reference_text_is_read_once(model, data, tmp_path):
    settings = {"neurons": "L0.N0", "value": "mean(g=0)", "controls": 2}
    fresh = ablate(model, data, **settings)
    first = ablate(model, data, cache=tmp_path, **settings)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = ablate(model, data, cache=tmp_path, **settings)
    pd.testing.assert_frame_equal(first, fresh)
    pd.testing.assert_frame_equal(again, fresh)
    assert kept == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 1
    ablate(model, data, cache=tmp_path, **{**settings, "value": "mean(g=1)"})
    assert len(list(tmp_path.iterdir())) == 2


def test_one_side_of_a_neuron(model, data):
    """The model is a ReLU: a neuron's upper side is all of it, its lower side nothing."""
    found = ablate(model, data, ["L0.N0", "L0.N0+", "L0.N0-"], together=False, features=["g"], controls=1)
    whole, upper, lower = (part["change"].to_numpy() for _, part in found.groupby(found["neurons"].map("+".join)))
    np.testing.assert_allclose(upper, whole)
    assert (lower == 0).all()


def test_token_losses(model, data):
    found = token_losses(model, data, ["L0.N0", "L0.N1"], batch_tokens=100)
    wanted = np.concatenate([by_hand(model, ids) for ids in data.sequences])
    np.testing.assert_allclose(found.loss, wanted, atol=1e-10)
    np.testing.assert_allclose(
        found.changed[1], np.concatenate([by_hand(zeroed([1]), ids) for ids in data.sequences]), atol=1e-10
    )
    assert (np.diff(found.places) > 0).all()


def test_special_tokens_are_no_targets(model, data):
    special = replace(data, tokenizer=replace(data.tokenizer, special_ids=(3, 7)))
    found = token_losses(model, special, "L0.N0")
    targets = data.sequences.tokens[found.places + 1]
    assert not np.isin(targets, [3, 7]).any()
    inner = np.setdiff1d(np.arange(data.n_tokens), data.sequences.offsets[1:] - 1)
    assert len(found.places) == (~np.isin(data.sequences.tokens[inner + 1], [3, 7])).sum()


def test_changed_logits(model, data):
    positions = [(3, 4), (0, 0), (3, 9)]
    before, after = changed_logits(model, data, ["L0.N1", "L0.N8"], positions)
    for row, (sequence, token) in enumerate(positions):
        ids = torch.from_numpy(data.sequences[sequence][None].astype(np.int64))
        with torch.inference_mode():
            np.testing.assert_allclose(before[row], model.module(ids).logits[0, token], atol=1e-10)
            np.testing.assert_allclose(after[1, row], zeroed([8]).module(ids).logits[0, token], atol=1e-10)
    with pytest.raises(InputError, match=r"position \(0, 99\) is not in planted"):
        changed_logits(model, data, "L0.N1", [(0, 99)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neurons": "L0.N24"}, "no neuron L0.N24 in planted: layer 0 has N0 to N23"),
        ({"neurons": "L1.N0"}, "no layer 1 in planted"),
        ({"neurons": []}, "no neuron is named"),
        ({"value": "median"}, "value='median' is not an intervention: give a number, 'mean'"),
        ({"value": float("nan")}, "value=nan is not an intervention"),
        ({"value": "mean(nothing=0)"}, "unknown feature 'nothing'"),
        ({"controls": -1}, "give 0 or more controls"),
        ({"batch_tokens": 0}, "batch_tokens=0 is too small"),
    ],
)
def test_errors(model, data, settings, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        ablate(model, data, **{"neurons": "L0.N0", **settings})


def test_unknown_features_and_splits(model, data):
    with pytest.raises(UnknownNameError, match="unknown binary feature 'gg': did you mean 'g'"):
        ablate(model, data, "L0.N0", features=["gg"])
    with pytest.raises(InputError, match="has no examples in test for the ablation: it has train"):
        ablate(model, data.subset(splits=["train"]), "L0.N0")


def test_features_without_a_next_token_are_refused(model, data):
    """Spans that end their text have no loss; beside a feature that has one they are left out with a warning."""
    rows = np.arange(len(data.sequences))
    last = data.sequences.lengths
    table = pd.DataFrame({"sequence": rows, "start": last - 1, "stop": last})
    kept = {"group": rows.astype(str), "split": "test"}
    examples = pd.concat([table, table - [0, 1, 1]], ignore_index=True).assign(
        **{name: np.tile(value, 2) if name == "group" else value for name, value in kept.items()}
    )
    here, there = np.repeat([1, -1], len(rows)).astype(np.int8), np.repeat([-1, 1], len(rows)).astype(np.int8)
    text = replace(
        data,
        examples=examples,
        labels=pd.DataFrame({"end": here, "before": there}),
        features=pd.DataFrame({"name": ["end", "before"], "description": "", "category": "", "kind": "binary"}),
    )
    given = {"controls": 0, "splits": None}
    with pytest.raises(InputError, match="no token follows the labelled spans of end in planted, so there is no"):
        ablate(model, text, "L0.N0", features=["end"], **given)
    with pytest.warns(UserWarning, match="the labelled spans of end in planted, .* the ablation leaves them out"):
        table = ablate(model, text, "L0.N0", **given)
    assert set(table["feature"].dropna()) == {"before"}
    with pytest.raises(InputError, match="of end in planted"):
        ablate(model, text.subset(features=["end"]), "L0.N0", **given)
    assert describe_neuron(model, text.subset(features=["end"]), "L0.N0", **given).ablation["feature"].isna().all()


def test_neuron_sets_from_tables():
    singles = pd.DataFrame({"neuron": ["L1.N5", "L1.N5", "L0.N2"]})
    assert [str(chosen[0]) for chosen in neuron_sets(singles)] == ["L1.N5", "L0.N2"]
    effects = pd.DataFrame({"neurons": [["L1.N3", "L0.N7"]]})
    assert [list(map(str, chosen)) for chosen in neuron_sets(effects)] == [["L0.N7", "L1.N3"]]
    with pytest.raises(InputError, match="a table with the columns a names no neurons"):
        neuron_sets(pd.DataFrame({"a": [1]}))


def test_columns_that_are_no_neurons_are_refused(model):
    with pytest.raises(InputError, match=r"L0\.D7 is a dimension of the residual stream .* not a neuron"):
        neuron_sets(pd.DataFrame({"neuron": ["L0.D7"]}), model)
    with pytest.raises(InputError, match="rows of random directions have none"):
        neuron_sets(pd.DataFrame({"neurons": [["L0.N1"], []]}))


def test_a_sequence_without_an_example_is_left_out(model, data):
    """Whatever part is asked for, all of them included."""
    longer = replace(data, sequences=Sequences.of([*data.sequences, data.sequences[0]]))
    plain, more = (ablate(model, text, "L0.N0", splits=None, controls=0) for text in (data, longer))
    pd.testing.assert_frame_equal(plain, more)
