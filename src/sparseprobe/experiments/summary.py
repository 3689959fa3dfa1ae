"""What a reader wants first: for each feature its best neuron or few, and how F1 grows with k.

The best neuron, the best layer and so on are those of the largest validation F1; what is shown is test F1 with interval
and control. So nothing shown was chosen by what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sparseprobe.errors import InputError


def best_neurons(
    neurons: pd.DataFrame,
    sweep: pd.DataFrame | None = None,
    *,
    ks: Sequence[int] | None = None,
    choose_by: str = "f1_validation",
) -> pd.DataFrame:
    """One row a collection and feature: best neuron (`L3.N609`), sign, f1 with interval and control, and `f1_k...`.

    `neurons` is what `single_neurons` gave; `ties` counts those kept that share the best score. With `sweep`'s table,
    `f1_k4` is the F1 at k = 4 of the layer that is best for that k, for all `ks` of the sweep if none are named (NaN
    where it was not probed), and `neuron_k1` the neuron that its probe of k = 1 reads, which need not be the best one.
    Neurons of one score are told apart by how far they part the classes: the difference of the mean log odds on
    training examples, which has no unit. That is all there is to go by for a feature whose validation part has one
    class; its `f1_k...` are NaN. `choose_by="f1"` chooses by test scores, as the paper
    does: only for tables of its single split, where no validation score exists. Raises `InputError` where there is
    nothing to choose by.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> best_neurons(single_neurons(acts, data)).columns.tolist()
    ['collection', 'feature', 'neuron', 'layer', 'index', 'sign', 'f1', 'f1_low', 'f1_high', 'control_f1', 'ties']
    """
    parted = neurons.assign(parted=neurons["coef"] * neurons["mean_difference"])
    best = _best(parted, ["collection", "feature"], [choose_by, "parted"])
    columns = ["collection", "feature", "neuron", "layer", "index", "sign", "f1", "f1_low", "f1_high", "control_f1"]
    shown = best[columns].reset_index(drop=True)
    shown["ties"] = _ties(neurons, choose_by)
    if sweep is None:
        return shown
    by_k = _best(sweep if ks is None else sweep[sweep["k"].isin(ks)], ["collection", "feature", "k"], [choose_by])
    chosen = by_k.dropna(subset=choose_by)
    wide = chosen.pivot_table(index=["collection", "feature"], columns="k", values="f1", observed=True)
    wide.columns = [f"f1_k{k}" for k in wide.columns]
    one = chosen[chosen["k"] == 1]
    index = pd.MultiIndex.from_frame(one[["collection", "feature"]])
    wide["neuron_k1"] = pd.Series([names[0] for names in one["neurons"]], index=index, dtype=object)
    return shown.merge(wide.reset_index(), on=["collection", "feature"], how="left")


def candidate_neurons(
    neurons: pd.DataFrame, n: int = 3, *, within: float = 0.05, choose_by: str = "f1_validation"
) -> pd.DataFrame:
    """The few neurons of each feature that are worth a closer look: rows of `single_neurons`' table.

    Of the neurons that fire on the feature (mean difference above 0) and whose `choose_by` is `within` reach of the
    best, those `n` with the largest mean difference: F1 alone cannot tell perfect neurons from each other. A feature
    that alone has no such score, since its validation part has one class, is left to the mean difference, which is of
    training examples. Raises `InputError` where no feature has one (of validation in the paper's split).

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> candidate_neurons(single_neurons(acts, data), 1)["index"].tolist() == data.settings["planted"]["f0"]
    True
    """
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    _refuse_unvalidated(neurons, choose_by)
    firing = neurons[neurons["mean_difference"] > 0]
    keys = ["collection", "feature"]
    best = firing.groupby(keys, observed=True)[choose_by].transform("max")
    near = firing[(firing[choose_by] >= best - within) | best.isna()]
    ordered = near.sort_values("mean_difference", ascending=False, kind="stable")
    few = ordered.groupby(keys, observed=True).head(n)
    order = {feature: place for place, feature in enumerate(neurons["feature"].drop_duplicates())}
    return few.sort_values("feature", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)


def _best(table: pd.DataFrame, keys: list[str], scores: list[str]) -> pd.DataFrame:
    """The first row of the largest scores (the first, then the next between equals) for each key, keys as they come."""
    _refuse_unvalidated(table, scores[0])
    order = table.sort_values(scores, ascending=False, kind="stable", na_position="last")
    best = order.drop_duplicates(keys).set_index(keys)
    as_they_came = pd.MultiIndex.from_frame(table[keys].drop_duplicates())
    return best.loc[as_they_came].reset_index()


def _ties(neurons: pd.DataFrame, choose_by: str) -> list[int]:
    """How many neurons of each feature have its largest score, in the order of the features."""
    keys = ["collection", "feature"]
    best = neurons.groupby(keys, observed=True)[choose_by].transform("max")
    tied = neurons.assign(tied=neurons[choose_by] == best)
    return [int(n) for n in tied.groupby(keys, sort=False, observed=True)["tied"].sum()]


def _refuse_unvalidated(table: pd.DataFrame, choose_by: str) -> None:
    if table[choose_by].isna().all() and len(table):
        raise InputError(
            "there are no validation scores to choose by: split with a validation part, "
            'or say choose_by="f1" to choose on test as the paper does'
        )
