"""What a reader wants first: for each feature its best neuron, and how F1 grows with k.

The best neuron, the best layer and so on are those of the largest validation F1; what is shown is test F1 with interval
and control. So nothing shown was chosen by what is shown.
"""

from __future__ import annotations

import pandas as pd

from sparseprobe.errors import InputError

SHOWN_K = (1, 4, 16, 64, 256)


def best_neurons(
    neurons: pd.DataFrame,
    sweep: pd.DataFrame | None = None,
    *,
    ks: tuple[int, ...] = SHOWN_K,
    choose_by: str = "f1_validation",
) -> pd.DataFrame:
    """One row a collection and feature: best neuron (`L3.N609`), f1 with interval and control, and `f1 (k=...)`.

    `neurons` is what `single_neurons` gave; with `sweep`'s table the columns of `ks` give the F1 of the best layer for
    each k (NaN where it was not probed). `choose_by="f1"` chooses by test scores, as the paper does: only for tables of
    its single split, where no validation score exists. Raises `InputError` where there is nothing to choose by.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> best_neurons(single_neurons(acts, data)).columns.tolist()
    ['collection', 'feature', 'neuron', 'layer', 'f1', 'f1_low', 'f1_high', 'control_f1']
    """
    best = _best(neurons, ["collection", "feature"], choose_by)
    named = "L" + best["layer"].astype("str") + ".N" + best["neuron"].astype("str")
    shown = best.assign(neuron=named)[
        ["collection", "feature", "neuron", "layer", "f1", "f1_low", "f1_high", "control_f1"]
    ].reset_index(drop=True)
    if sweep is None:
        return shown
    by_k = _best(sweep[sweep["k"].isin(ks)], ["collection", "feature", "k"], choose_by)
    wide = by_k.pivot_table(index=["collection", "feature"], columns="k", values="f1", observed=True)
    wide.columns = [f"f1 (k={k})" for k in wide.columns]
    return shown.merge(wide.reset_index(), on=["collection", "feature"], how="left")


def _best(table: pd.DataFrame, keys: list[str], choose_by: str) -> pd.DataFrame:
    """The first row of the largest score for each key, keys in order of appearance."""
    if table[choose_by].isna().all() and len(table):
        raise InputError(
            "there are no validation scores to choose by: split with a validation part, "
            'or say choose_by="f1" to choose on test as the paper does'
        )
    order = table.sort_values(choose_by, ascending=False, kind="stable", na_position="last")
    best = order.drop_duplicates(keys).set_index(keys)
    as_they_came = pd.MultiIndex.from_frame(table[keys].drop_duplicates())
    return best.loc[as_they_came].reset_index()
