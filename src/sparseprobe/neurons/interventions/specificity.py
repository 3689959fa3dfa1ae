"""Do neurons matter for a feature in particular: change of loss on its text, against other text and random neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe.tables import ABLATION, SPECIFICITY, check_table, make_table

LEAST_RATIO = 3.0


def specificity(effects: pd.DataFrame, *, least_ratio: float = LEAST_RATIO) -> pd.DataFrame:
    """One row for each set of neurons and feature of a table that `ablate` made; columns of `SPECIFICITY`.

    A set is `specific` to a feature if it costs more there than elsewhere: the difference has an interval above zero
    and above that of the matched random neurons (where there are any), and the change there is at least `least_ratio`
    times that elsewhere.

    >>> from sparseprobe.neurons import ablate
    >>> from sparseprobe.neurons.planted_language import planted_model, planted_text
    >>> effects = ablate(planted_model(), planted_text(), ["L0.N0"], features=["b_after_a"], controls=2)
    >>> specificity(effects)[["feature", "specific"]].to_dict("records")
    [{'feature': 'b_after_a', 'specific': False}]
    """
    check_table(effects, ABLATION)
    keys = ["key", "value", "feature"]
    labelled = effects[effects["feature"].notna()].assign(key=lambda table: table["neurons"].map("+".join))
    on, off = (labelled[labelled["label"] == label] for label in (1, 0))
    pairs = on.merge(off[[*keys, "change"]], on=keys, suffixes=("", "_elsewhere"))
    return make_table([_row(pair, least_ratio) for pair in pairs.to_dict("records")], SPECIFICITY)


def own_features(specific: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """The rows of `specificity` in which each neuron of the set is a candidate for the feature of the row.

    `candidates` has the columns feature and neuron, as `experiments.candidate_neurons` gives them.

    >>> import pandas as pd
    >>> specific = pd.DataFrame({"neurons": [["L0.N1"], ["L0.N1"]], "feature": ["fr", "de"]})
    >>> candidates = pd.DataFrame({"feature": ["fr"], "neuron": ["L0.N1"]})
    >>> own_features(specific, candidates)["feature"].tolist()
    ['fr']
    """
    few = {feature: set(names) for feature, names in candidates.groupby("feature")["neuron"]}
    own = [
        set(neurons) <= few.get(feature, set())
        for neurons, feature in zip(specific["neurons"], specific["feature"], strict=True)
    ]
    return specific[own].reset_index(drop=True)


def _row(pair: Mapping[Any, Any], least_ratio: float) -> dict[str, Any]:
    kept = {column.name: pair[column.name] for column in SPECIFICITY if column.name in pair}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.float64(pair["change"]) / np.abs(np.float64(pair["change_elsewhere"])))
    chance = np.nan_to_num(pair["control_difference_high"], nan=0.0)
    specific = pair["difference_low"] > max(0.0, chance) and ratio >= least_ratio
    return kept | {"ratio": ratio, "specific": bool(specific)}
