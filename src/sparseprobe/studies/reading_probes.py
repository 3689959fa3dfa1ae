"""What a probe reads (the paper's fourth case study): how what is found lies to the label that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sparseprobe.datasets.collections.treebank import END
from sparseprobe.reports.findings import Sentence, chosen_rows, told
from sparseprobe.studies.study import Study, StudyFigure, Tables

_RUN = ["model", "collection"]
_NAMED = 6
"""Features and neurons of each kind that have a sentence of their own."""
_PEOPLE = ("occupation=", "sport=")
"""The features whose neurons are drawn on one another, where a collection has them."""


def derive(tables: Tables) -> dict[str, pd.DataFrame]:
    """What is made of the tables of the runs: one neuron against several, decisions counted, tokens that mislead."""
    growth = growth_with_k(tables["sweep"], tables["union"])
    return {"growth": growth, "decisions": decisions(growth), "tokens": telling_tokens(tables)}


def growth_with_k(sweep: pd.DataFrame, union: pd.DataFrame) -> pd.DataFrame:
    """F1 of one neuron and of the k that is best, each chosen on validation examples, and why it grows.

    One row a feature, the largest gain first; `decision` and the scores behind it are those of the union test.
    """
    keys = [*_RUN, "feature"]
    single = chosen_rows(sweep[sweep["k"] == 1], keys)[[*keys, "f1"]].rename(columns={"f1": "f1_k1"})
    best = chosen_rows(sweep[sweep["k"] > 1], keys)[[*keys, "k", "layer", "f1", "f1_low", "f1_high"]]
    evidence = union[[*keys, "decision", "neurons", "f1_single", "f1_union", "f1_together", "least_together"]]
    table = single.merge(best, on=keys).merge(evidence, on=keys)
    table["gain"] = table["f1"] - table["f1_k1"]
    return table.sort_values("gain", ascending=False, kind="stable", ignore_index=True)


def decisions(growth: pd.DataFrame) -> pd.DataFrame:
    """How many features of each run are read in each way."""
    counts = growth.groupby([*_RUN, "decision"], sort=False).size().rename("features").reset_index()
    counts["of"] = counts.groupby(_RUN)["features"].transform("sum")
    return counts


def telling_tokens(tables: Tables) -> pd.DataFrame:
    """For each best neuron the token of the largest mean, and that of the largest maximum with its own mean.

    Of neurons whose large activations say yes.
    """
    by_token = tables["by_token"]
    keys = [*_RUN, "neuron"]
    shown = ["text", "count", "mean", "max"]
    parts = [
        by_token.loc[by_token.groupby(keys, sort=False)[score].idxmax(), [*keys, *shown]].rename(
            columns={name: f"{name}_of_{words}" for name in shown}
        )
        for score, words in (("mean", "largest_mean"), ("max", "largest_max"))
    ]
    best = tables["relation"].loc[tables["relation"]["sign"] == "+", [*keys, "feature"]]
    return best.merge(parts[0].merge(parts[1], on=keys), on=keys)


def findings(tables: Tables) -> Iterator[Sentence]:
    """How features are read, how the best neurons lie to their labels, and what they are for."""
    for at in range(len(tables["decisions"])):
        yield _said(
            tables, "decisions", at, "{model}, {collection}: {features} of {of} features are read as “{decision}”."
        )
    yield from _of_growth(tables)
    yield from _of_relations(tables)
    yield from _of_tokens(tables)
    yield from _of_ends(tables)


def _of_growth(tables: Tables) -> Iterator[Sentence]:
    grown = tables["growth"][tables["growth"]["decision"] != "single"]
    for at in grown.index[:_NAMED]:
        yield _said(
            tables,
            "growth",
            int(at),
            "{feature}: one neuron reaches an F1 of {f1_k1}, {k} neurons of layer {layer} reach {f1} (95 % interval "
            "{f1_low} to {f1_high}). The union test of {neurons} says {decision}: the best of them alone {f1_single}, "
            "some of them fires {f1_union}, at least {least_together} fire {f1_together}.",
        )


def _of_relations(tables: Tables) -> Iterator[Sentence]:
    table = tables["relation"]
    for relation in ("more specific", "more general"):
        rows = table[table["relation"] == relation].sort_values("f1", ascending=False, kind="stable")
        for at in rows.index[:_NAMED]:
            yield _said(
                tables,
                "relation",
                int(at),
                "{feature}: what {neuron} fires on is {relation} than the label (precision {precision}, recall "
                "{recall}).",
            )


def _of_tokens(tables: Tables) -> Iterator[Sentence]:
    table = tables["tokens"]
    differ = table[table["text_of_largest_mean"] != table["text_of_largest_max"]]
    for at in differ.index[:_NAMED]:
        yield _said(
            tables,
            "tokens",
            int(at),
            "{neuron} ({feature}) has its largest mean, {mean_of_largest_mean}, on “{text_of_largest_mean}”; its "
            "largest maximum, {max_of_largest_max}, would mislead: it is on “{text_of_largest_max}”, whose mean is "
            "{mean_of_largest_max}.",
        )


def _of_ends(tables: Tables) -> Iterator[Sentence]:
    table = ends_of_sentences(tables).drop_duplicates([*_RUN, "neuron", "token_class"])
    for _, part in table.groupby([*_RUN, "neuron"], sort=False):
        places = dict(zip(part["token_class"], part.index.astype(int), strict=True))
        if {"capitalised", "lower case"} <= places.keys():
            start = (
                "{model}: a unit of {neuron}, the best neuron for ends of sentences, moves the logits of capitalised "
            )
            yield Sentence(
                (
                    *told(tables, "logit_classes", places["capitalised"], start + "tokens by {mean:+.3f} on average, "),
                    *told(tables, "logit_classes", places["lower case"], "those of lower-case words by {mean:+.3f}."),
                )
            )


def ends_of_sentences(tables: Tables) -> pd.DataFrame:
    """The rows of `logit_classes` of the neurons that are best for ends of sentences; none without the feature."""
    relation = tables["relation"]
    best = relation[relation["feature"] == END].assign(neuron=_sides(relation))[[*_RUN, "neuron"]]
    wanted = pd.MultiIndex.from_frame(best)
    return tables["logit_classes"][pd.MultiIndex.from_frame(tables["logit_classes"][[*_RUN, "neuron"]]).isin(wanted)]


def properties(tables: Tables) -> pd.DataFrame:
    """The rows of `by_class` for people's occupations and sports, of the neurons that are best for them."""
    relation, table = tables["relation"], tables["by_class"]
    best = set(relation["neuron"][relation["feature"].str.startswith(_PEOPLE)])
    rows = table[table["feature"].str.startswith(_PEOPLE) & table["neuron"].isin(best)]
    return rows.assign(feature=rows["feature"].str.split("=").str[-1])


def _sides(relation: pd.DataFrame) -> pd.Series:
    """Neurons as `logit_classes` names them: `L5.N701-` where the probe uses that side."""
    return relation["neuron"].where(relation["sign"] == "+", relation["neuron"] + "-")


def _said(tables: Tables, name: str, at: int, template: str) -> Sentence:
    return Sentence(tuple(told(tables, name, at, template)))


READING_PROBES = Study(
    name="reading-probes",
    about="Is what a probe found the feature that was asked for, a part of it, more than it, or several at once?",
    models=("demo-4.7m",),
    datasets=("treebank", "people"),
    experiments=("sweep", "neurons", "union", "relation", "by_token", "by_class", "logit_classes", "cards"),
    settings={"k": [1, 2, 3, 4, 8, 16]},
    derive=derive,
    figures=(
        StudyFigure(
            name="f1-over-k",
            kind="metric_over_k",
            caption="F1 on test examples over the number of neurons, in the layer that is best on validation examples.",
            table="sweep",
            settings={"by": "feature"},
            by=("model", "collection"),
        ),
        StudyFigure(
            name="properties",
            kind="property_boxes",
            caption="Activations of the neurons that are best for occupations and sports on people of each of them; a "
            "neuron that is high on several kinds is more general than its label.",
            table=properties,
            by=("model",),
        ),
        StudyFigure(
            name="ends-of-sentences",
            kind="logits_by_token_class",
            caption="What the best neuron for ends of sentences adds to the logits of kinds of tokens, per unit of "
            "activation.",
            table=ends_of_sentences,
            by=("model",),
        ),
    ),
    findings=findings,
)
