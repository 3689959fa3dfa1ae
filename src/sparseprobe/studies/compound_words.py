"""Compound words (the paper's first case study): polysemantic neurons, of which a few together tell compounds apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pandas as pd

from sparseprobe.experiments.baselines import RANDOM_BASES
from sparseprobe.experiments.summary import best_rows
from sparseprobe.neurons.weights.weight_statistics import layer_profile
from sparseprobe.reports.findings import Sentence, chosen_rows, told
from sparseprobe.runs.compound_parts import SUM
from sparseprobe.studies.study import Study, StudyFigure, Tables
from sparseprobe.tables import WEIGHTS

_RUN = ["model", "collection"]
_NAMED = 8
"""Compounds and neurons that have a sentence of their own."""
_DRAWN = 6
"""Compounds whose parts are drawn."""


def derive(tables: Tables) -> dict[str, pd.DataFrame]:
    """What is made of the tables of the runs: how many neurons it takes, how polysemantic they are, bases, depth."""
    return {
        "separation": separation(tables["sweep"]),
        "separation_by_k": separation_by_k(tables["sweep"]),
        "polysemanticity": polysemanticity(tables["neurons"], tables["stimuli"]),
        "bases": bases(tables["baselines"]),
        "depth": depth(tables["weights"]),
    }


def separation(sweep: pd.DataFrame) -> pd.DataFrame:
    """The fewest neurons whose probe makes no mistake on test examples, one row for each compound that has such.

    The layer is for each k the one that is best on validation examples.
    """
    best = chosen_rows(sweep, [*_RUN, "feature", "k"])
    perfect = best[best["f1"] == 1].sort_values("k", kind="stable").drop_duplicates([*_RUN, "feature"]).sort_index()
    columns = [*_RUN, "feature", "k", "layer", "neurons", "f1", "f1_low", "f1_validation", "n_test", "n_positive"]
    return perfect[columns].reset_index(drop=True)


def separation_by_k(sweep: pd.DataFrame) -> pd.DataFrame:
    """How many of a run's compounds at most k neurons separate without a mistake, one row for each run and k."""
    few = separation(sweep)
    rows = []
    for run, part in sweep.groupby(_RUN, sort=False):
        own = few[(few[_RUN] == list(run)).all(axis=1)]
        rows += [
            {**dict(zip(_RUN, run, strict=True)), "k": k, "separated": int((own["k"] <= k).sum())}
            | {"compounds": part["feature"].nunique()}
            for k in sorted(part["k"].unique())
        ]
    return pd.DataFrame(rows)


def polysemanticity(neurons: pd.DataFrame, stimuli: pd.DataFrame) -> pd.DataFrame:
    """How many unrelated n-grams drive each neuron above half of its maximum, the most polysemantic first."""
    rows = []
    for run, part in neurons.groupby(_RUN, sort=False):
        here = stimuli[(stimuli[_RUN] == list(run)).all(axis=1)]
        own = here.groupby(here["neuron"].str.rstrip("-"))
        for neuron in best_rows(part)["neuron"].drop_duplicates():
            drivers = own.get_group(neuron) if neuron in own.groups else stimuli.head(0)
            first = drivers.sort_values("median", ascending=False, kind="stable").drop_duplicates("meaning")
            rows.append(
                {
                    **dict(zip(_RUN, run, strict=True)),
                    "neuron": neuron,
                    "ngrams": len(drivers),
                    "unrelated": len(first),
                    "strongest": [f"“{text}”" for text in first["text"].head(5)],
                }
            )
    table = pd.DataFrame(rows)
    return table.sort_values("unrelated", ascending=False, kind="stable", ignore_index=True)


def bases(baselines: pd.DataFrame) -> pd.DataFrame:
    """Mean scores over features, layers and trials for each arm and k: is the basis of neurons special?"""
    scores = baselines.groupby([*_RUN, "arm", "k"], sort=False)[["f1", "log_loss"]].mean()
    return scores.reset_index()


def depth(weights: pd.DataFrame) -> pd.DataFrame:
    """The distribution of ||W_in|| b_in in each layer of each model; nothing of models without biases."""
    parts = []
    for model, part in weights.dropna(subset=["norm_in_bias"]).groupby("model", sort=False):
        own = part.drop_duplicates("neuron")[[column.name for column in WEIGHTS]].reset_index(drop=True)
        profile = layer_profile(own)
        shown = [name for name in profile.columns if name.startswith("norm_in_bias")]
        parts.append(profile[["layer", "relative_depth", *shown, "normalised_median"]].assign(model=model))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"model": []})


def findings(tables: Tables) -> Iterator[Sentence]:
    """How many compounds are separated by how few neurons, how polysemantic the neurons are, and what bases do."""
    yield from _of_separation(tables)
    yield from _of_parts(tables)
    yield from _of_polysemanticity(tables)
    yield from _of_bases(tables)
    yield from _of_depth(tables)


def _of_separation(tables: Tables) -> Iterator[Sentence]:
    by_k = tables["separation_by_k"]
    for _, part in by_k.groupby(_RUN, sort=False):
        for at in sorted({int(part.index[0]), int(part.index[-1])}):
            yield _said(
                tables,
                "separation_by_k",
                at,
                "{model}, {collection}: {separated} of {compounds} compounds are separated without a mistake on test "
                "examples by k ≤ {k} neurons of one layer.",
            )
    for at in range(min(_NAMED, len(tables["separation"]))):
        yield _said(
            tables,
            "separation",
            at,
            "{feature}: k = {k} of layer {layer} ({neurons}) is the least that makes no mistake on test examples, of "
            "which {n_positive} of {n_test} are positive; the 95 % interval of the F1 begins at {f1_low}.",
        )


def _of_parts(tables: Tables) -> Iterator[Sentence]:
    table = tables["compound_parts"]
    for _, part in list(table[table["neuron"] == SUM].groupby([*_RUN, "compound"], sort=False))[:_NAMED]:
        first, *rest = (int(at) for at in part.index)
        others = [told(tables, "compound_parts", at, ", {q50} on “{context}”") for at in rest]
        start = told(
            tables,
            "compound_parts",
            first,
            "{compound}: the sum of its few neurons of layer {layer} has the median {q50} on “{context}”",
        )
        yield Sentence((*start, *chain(*others), "."))


def _of_polysemanticity(tables: Tables) -> Iterator[Sentence]:
    table = tables["polysemanticity"]
    for at in range(int((table["unrelated"] > 1).head(_NAMED).sum())):
        yield _said(
            tables,
            "polysemanticity",
            at,
            "{neuron} is polysemantic: {unrelated} unrelated n-grams drive it above half of its maximum, "
            "the strongest {strongest}.",
        )


def _of_bases(tables: Tables) -> Iterator[Sentence]:
    for _, part in tables["bases"].groupby([*_RUN, "k"], sort=False):
        places = dict(zip(part["arm"], part.index.astype(int), strict=True))
        if not {"neurons", *RANDOM_BASES} <= places.keys():
            continue
        gaussian, orthonormal = (places[arm] for arm in RANDOM_BASES)
        yield Sentence(
            (
                *told(
                    tables, "bases", places["neurons"], "{model}, {collection}: with k = {k} neurons the mean log loss "
                ),
                *told(tables, "bases", places["neurons"], "is {log_loss}, in a random Gaussian basis "),
                *told(tables, "bases", gaussian, "{log_loss}, on random orthonormal directions "),
                *told(tables, "bases", orthonormal, "{log_loss}."),
            )
        )


def _of_depth(tables: Tables) -> Iterator[Sentence]:
    table = tables["depth"]
    for at in table.groupby("model", sort=False)["norm_in_bias_q50"].idxmin() if len(table) else ():
        yield _said(
            tables,
            "depth",
            int(at),
            "{model}: the median of ||W_in|| b_in is least in layer {layer}, {norm_in_bias_q50}.",
        )


def _said(tables: Tables, name: str, at: int, template: str) -> Sentence:
    return Sentence(tuple(told(tables, name, at, template)))


def _drawn_parts(tables: Tables) -> pd.DataFrame:
    table = tables["compound_parts"]
    return table[table["compound"].isin(table["compound"].drop_duplicates().head(_DRAWN))]


def _most_polysemantic(tables: Tables) -> pd.DataFrame:
    first = tables["polysemanticity"].iloc[0]
    stimuli = tables["stimuli"]
    whole = stimuli.assign(whole=stimuli["neuron"].str.rstrip("-"))
    return stimuli[(whole[[*_RUN, "whole"]] == first[[*_RUN, "neuron"]].tolist()).all(axis=1)]


def _with_bias(tables: Tables) -> pd.DataFrame:
    return tables["weights"].dropna(subset=["norm_in_bias"]).drop_duplicates(["model", "neuron"])


COMPOUND_WORDS = Study(
    name="compound-words",
    about="Do a few polysemantic neurons of early layers, taken together, tell a compound from its words?",
    models=("demo-4.7m",),
    datasets=("compound_words",),
    experiments=("sweep", "neurons", "baselines", "compound_parts", "stimuli", "weights", "cards"),
    settings={"k": [1, 2, 3, 4, 8, 16]},
    derive=derive,
    figures=(
        StudyFigure(
            name="compound-parts",
            kind="compound_parts",
            caption="Activations of a few neurons and of their sum (each with the sign of its coefficient) on the "
            "compound, on its words alone and on other test text; boxes from 25 % to 75 %, whiskers from 5 % to 95 %.",
            table=_drawn_parts,
            by=("model", "collection"),
        ),
        StudyFigure(
            name="f1-over-k",
            kind="metric_over_k",
            caption="F1 on test examples over the number of neurons, in the layer that is best on validation examples.",
            table="sweep",
            settings={"by": "feature"},
            by=("model", "collection"),
        ),
        StudyFigure(
            name="ngram-stimuli",
            kind="ngram_stimuli",
            caption="The n-grams that drive the most polysemantic of the best neurons, a colour for each meaning.",
            table=_most_polysemantic,
        ),
        StudyFigure(
            name="basis-over-k",
            kind="basis_over_k",
            caption="Log loss over k: neurons beside random bases, permuted labels and random neurons.",
            table="baselines",
            by=("model", "collection"),
        ),
        StudyFigure(
            name="bias-by-layer",
            kind="bias_by_layer",
            caption="The product of input norm and input bias of all neurons, by layer.",
            table=_with_bias,
            by=("model",),
        ),
        StudyFigure(
            name="median-over-depth",
            kind="median_over_depth",
            caption="Its median in each layer, divided by the largest in magnitude, over relative depth.",
            table="depth",
        ),
    ),
    findings=findings,
)
