"""Summaries: the best neuron or neurons of each feature, and how F1 grows with k.

The best neuron has the lowest log loss on training and validation examples, and the best layer for a k has the highest
validation F1. The scores shown are test F1 with interval and control, so nothing is chosen by the scores shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sparseprobe.errors import InputError

_SHOWN = (
    *("collection", "feature", "neuron", "layer", "index", "sign", "f1", "f1_low", "f1_high", "control_f1"),
    "n_positive_groups",
)


def best_neurons(
    neurons: pd.DataFrame,
    sweep: pd.DataFrame | None = None,
    *,
    ks: Sequence[int] | None = None,
    choose_by: str = "log_loss_choosing",
) -> pd.DataFrame:
    """One row per collection and feature: best neuron (`L3.N609`), sign, f1 with interval and control, and `f1_k...`.

    `neurons` is the table of `single_neurons`; `n_positive_groups` is the number of positive test documents; `ties`
    counts the kept neurons that share the best F1 on training and validation examples, among which the log loss
    decides. With `sweep`'s table, `f1_k4` is the F1 at k = 4 of the layer that is best for that k, by default for all k
    of the sweep (NaN where a k was not probed or the validation split has one class), and `neuron_k1` the neuron that
    its probe of k = 1 reads, which need not be the best one. `choose_by` may be another column of scores;
    `choose_by="f1"` chooses by test scores, as the paper does: only for tables of its single split. Neurons with equal
    scores are ordered by the difference of the mean log odds of the classes on training examples. Raises `InputError`
    if the column to choose by has no values.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> best_neurons(single_neurons(acts, data)).columns.tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['collection', 'feature', 'neuron', 'layer', 'index', 'sign', 'f1', 'f1_low', 'f1_high', 'control_f1',
     'n_positive_groups', 'ties']
    """
    shown = _best(_parted(neurons), ["collection", "feature"], [choose_by, "parted"])[list(_SHOWN)]
    shown["ties"] = _ties(neurons, "f1_choosing" if choose_by == "log_loss_choosing" else choose_by)
    if sweep is None:
        return shown
    score = "f1" if choose_by == "f1" else "f1_validation"
    by_k = _best(sweep if ks is None else sweep[sweep["k"].isin(ks)], ["collection", "feature", "k"], [score])
    chosen = by_k.dropna(subset=score)
    wide = chosen.pivot_table(index=["collection", "feature"], columns="k", values="f1", observed=True)
    wide.columns = [f"f1_k{k}" for k in wide.columns]
    one = chosen[chosen["k"] == 1]
    index = pd.MultiIndex.from_frame(one[["collection", "feature"]])
    wide["neuron_k1"] = pd.Series([names[0] for names in one["neurons"]], index=index, dtype=object)
    return shown.merge(wide.reset_index(), on=["collection", "feature"], how="left")


def candidate_neurons(neurons: pd.DataFrame, n: int = 3, *, choose_by: str = "log_loss_choosing") -> pd.DataFrame:
    """The few neurons of each feature that are worth a closer look: rows of `single_neurons`' table, the best first.

    They are the `n` of the best `choose_by` among the neurons that fire on the feature (mean difference above 0).
    Raises `InputError` if the column to choose by has no values.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> candidate_neurons(single_neurons(acts, data), 1)["index"].tolist() == data.settings["planted"]["f0"]
    True
    """
    _refuse_nothing_to_choose_by(neurons, choose_by)
    return best_rows(neurons[neurons["mean_difference"] > 0], n, choose_by=choose_by)


def best_rows(neurons: pd.DataFrame, n: int = 1, *, choose_by: str | None = None) -> pd.DataFrame:
    """The `n` best rows of each feature, best first, features as they come.

    `choose_by` is by default the log loss on training and validation examples, or test F1 in the paper's split.
    """
    if n < 1:
        raise InputError(f"n must be at least 1, got {n}")
    score = choose_by or ("f1" if neurons["log_loss_choosing"].isna().all() else "log_loss_choosing")
    best = _best_first(_parted(neurons), [score, "parted"])
    few = best.groupby(["collection", "feature"], observed=True).head(n)
    order = {feature: place for place, feature in enumerate(neurons["feature"].drop_duplicates())}
    few = few.sort_values("feature", key=lambda names: names.map(order), kind="stable")
    return few.drop(columns="parted").reset_index(drop=True)


def _parted(neurons: pd.DataFrame) -> pd.DataFrame:
    """The table with the difference of the mean log odds between the classes, on training examples."""
    return neurons.assign(parted=neurons["coef"] * neurons["mean_difference"])


def _best_first(table: pd.DataFrame, scores: list[str]) -> pd.DataFrame:
    """Rows by the first score, then the next between equals: the largest first, of a log loss the least."""
    rising = [score.startswith("log_loss") for score in scores]
    return table.sort_values(scores, ascending=rising, kind="stable", na_position="last")


def _best(table: pd.DataFrame, keys: list[str], scores: list[str]) -> pd.DataFrame:
    """The best row for each key, keys as they come."""
    _refuse_nothing_to_choose_by(table, scores[0])
    best = _best_first(table, scores).drop_duplicates(keys).set_index(keys)
    as_they_came = pd.MultiIndex.from_frame(table[keys].drop_duplicates())
    return best.loc[as_they_came].reset_index()


def _ties(neurons: pd.DataFrame, choose_by: str) -> list[int]:
    """How many neurons of each feature have its largest score, in the order of the features."""
    keys = ["collection", "feature"]
    best = neurons.groupby(keys, observed=True)[choose_by].transform("max")
    tied = neurons.assign(tied=neurons[choose_by] == best)
    return [int(n) for n in tied.groupby(keys, sort=False, observed=True)["tied"].sum()]


def _refuse_nothing_to_choose_by(table: pd.DataFrame, choose_by: str) -> None:
    if table[choose_by].isna().all() and len(table):
        raise InputError(
            f"the table has no values of {choose_by!r} to choose by: make a split with validation examples, "
            'or pass choose_by="f1" to choose on test as the paper does'
        )
