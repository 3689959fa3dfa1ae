"""Whatever names neurons is taken wherever neurons are: names, pairs, and each table of the library."""

from collections.abc import Callable

import pandas as pd
import pytest

from sparseprobe.activations import extract
from sparseprobe.errors import InputError
from sparseprobe.experiments import (
    baselines,
    best_neurons,
    candidate_neurons,
    confirm,
    neuron_significance,
    pruning,
    selection_stability,
    single_neurons,
    sweep,
)
from sparseprobe.neuron import Neuron
from sparseprobe.neurons import (
    ablate,
    by_class,
    by_token,
    describe_neuron,
    logit_moments,
    name_of,
    neuron_sets,
    promoted_tokens,
    read_tokens,
    specificity,
    stimuli,
    summarise,
    weight_statistics,
)
from sparseprobe.neurons.planted_language import planted_model, planted_text

MODEL, DATA = planted_model(), planted_text(40)
ACTS = extract(MODEL, DATA)


def ones() -> pd.DataFrame:
    return single_neurons(ACTS, DATA, keep=2)


def effects() -> pd.DataFrame:
    return ablate(MODEL, DATA, ["L0.N0", "L0.N1"], features=["g"], controls=1)


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "neurons": ones,
    "best_neurons": lambda: best_neurons(ones()),
    "candidate_neurons": lambda: candidate_neurons(ones()),
    "sweep": lambda: sweep(ACTS, DATA, k=[1, 2]),
    "pruning": lambda: pruning(ACTS, DATA, k=2, steps=2, selection="adaptive"),
    "baselines": lambda: baselines(ACTS, DATA, k=[2], arms=["neurons", "random_neurons"], trials=1),
    "stability": lambda: selection_stability(ACTS, DATA, k=[1], resamples=2),
    "significance": lambda: neuron_significance(ACTS, DATA, permutations=20).head(5),
    "confirm": lambda: confirm(ACTS, DATA, ones(), permutations=20),
    "ablation": effects,
    "specificity": lambda: specificity(effects()),
    "weights": lambda: weight_statistics(MODEL).head(3),
    "logit_moments": lambda: logit_moments(MODEL).head(3),
    "summary": lambda: summarise(MODEL, DATA, examples=1).table().head(3),
    "promoted": lambda: promoted_tokens(MODEL, ["L0.N0", "L0.N2"], tokenizer=DATA.tokenizer, n=1),
    "by_token": lambda: by_token(read_tokens(MODEL, DATA, ["L0.N0", "L0.N2"])),
    "by_class": lambda: by_class(read_tokens(MODEL, DATA, ["L0.N0", "L0.N2"])),
    "stimuli": lambda: stimuli(read_tokens(MODEL, DATA, "L0.N1")).table,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_names_its_neurons(name: str) -> None:
    table = TABLES[name]()
    sets = neuron_sets(table, MODEL)
    listed = table["neurons"] if "neurons" in table else table["neuron"].map(lambda one: [one])
    assert {name_of(chosen) for chosen in sets} == {"+".join(names) for names in listed}
    assert all(neuron.kind == "N" and neuron.index < 24 for chosen in sets for neuron in chosen)
    if "index" in table:
        assert [Neuron.parse(one).index for one in table["neuron"]] == table["index"].tolist()
    if "support" in table:
        indices = [[Neuron.parse(one).index for one in names] for names in table["neurons"]]
        assert indices == table["support"].tolist()


def test_tables_are_taken_where_neurons_are() -> None:
    best = best_neurons(ones())
    found = ablate(MODEL, DATA, best, features=["g"], controls=0)
    assert found["neurons"].map("+".join).drop_duplicates().tolist() == best["neuron"].drop_duplicates().tolist()
    assert read_tokens(MODEL, DATA, best).neurons == tuple(map(Neuron.parse, dict.fromkeys(best["neuron"])))
    row = best[best["feature"] == "b_after_a"]
    assert describe_neuron(MODEL, DATA, row, ablation=False).neuron == Neuron(0, 0)


def test_the_sign_is_that_of_the_coefficient() -> None:
    for table in (ones(), sweep(ACTS, DATA, k=[2]).explode(["neurons", "sign", "coef"])):
        assert table["sign"].tolist() == ["-" if coef < 0 else "+" for coef in table["coef"]]


def test_pairs_are_taken_where_neurons_are() -> None:
    [pair, name] = (ablate(MODEL, DATA, one, features=["g"], controls=0) for one in ([(0, 4)], ["L0.N4"]))
    pd.testing.assert_frame_equal(pair, name)
    assert describe_neuron(MODEL, DATA, (0, 3), ablation=False).neuron == Neuron(0, 3)
    assert [name_of(chosen) for chosen in neuron_sets([(0, 3), [(0, 2), "L0.N1"]])] == ["L0.N3", "L0.N1+L0.N2"]


def test_both_sides_of_neurons_in_one_name() -> None:
    [chosen] = neuron_sets("L0.N1-+L0.N2++L0.N3", MODEL)
    assert list(map(str, chosen)) == ["L0.N1-", "L0.N2+", "L0.N3"]


def test_directions_and_dimensions_are_refused() -> None:
    acts = extract(MODEL, DATA, site="residual")
    with pytest.raises(InputError, match=r"L0\.D\d+ is a dimension of the residual stream"):
        ablate(MODEL, DATA, single_neurons(acts, DATA, keep=1))
    directions = baselines(ACTS, DATA, k=[2], arms=["gaussian_basis"], trials=1)
    with pytest.raises(InputError, match="rows of random directions have none"):
        ablate(MODEL, DATA, directions)
    with pytest.raises(InputError, match=r"planted has no experts: write L0\.E1\.N2 as L0\.N2"):
        ablate(MODEL, DATA, "L0.E1.N2")
