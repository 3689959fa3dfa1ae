"""Transfer: do chosen neurons read their feature on another dataset, on which nothing was tuned?

The chosen neurons come with the probes that were fitted where they were chosen. On another dataset with features of the
same names each probe is scored as it is, on all labelled examples: `f1` of its coefficient and intercept,
`best_threshold_f1` of its best training threshold. `lost` is by how much that F1 is below the one on the test examples
of the dataset that it comes from. Beside it the neuron is fitted anew on the other dataset's training and validation
examples and scored on its test examples: where `f1_refitted` is high and `f1` is low the neuron still reads the
feature, and only its threshold does not carry over. F1 depends on the share of positives; `roc_auc` does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import chosen_layers
from sparseprobe.experiments.summary import best_rows
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.selection.contract import Choice
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.statistics.confusion import Confusion
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores
from sparseprobe.tables import NEURONS, TRANSFER, make_table


def transfer(neurons: pd.DataFrame, acts: Activations, data: ProbingDataset, *, n: int = 1) -> pd.DataFrame:
    """A row for each of the `n` best neurons of each feature that the other dataset has; columns as in `TRANSFER`.

    `neurons` is a table of single neurons of the dataset where they were chosen, `acts` the activations of the same
    model, site and aggregation on `data`, of the neurons' layers at least. Raises `InputError` where these do not
    match, a layer is missing, or no feature has the same name.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=600, width=20, informative=1)
    >>> row = transfer(single_neurons(acts, data), acts, data).iloc[0]
    >>> row["neuron"] == f"L0.N{data.settings['planted']['f0'][0]}", bool(row["f1"] > 0.7)
    (True, True)
    """
    lacking = [column.name for column in NEURONS if column.name not in neurons]
    if lacking or neurons.empty:
        raise InputError(
            "transfer needs the table of single_neurons, and this one "
            + (f"lacks {', '.join(lacking[:3])}" if lacking else "has no rows")
        )
    _require_same_reading(neurons, acts)
    shared = [name for name in neurons["feature"].unique() if name in set(data.features["name"])]
    if not shared:
        raise InputError(
            f"no feature of {data.name} has the name of one of the neurons': "
            f"they read {', '.join(neurons['feature'].unique()[:10])}"
        )
    chosen = best_rows(neurons[neurons["feature"].isin(shared)], n)
    layers = chosen_layers(acts, data, sorted(chosen["layer"].unique().tolist()))
    examples = LabelledExamples.of(data, shared)
    rows: dict[int, dict[str, Any]] = {}
    for layer in layers:
        own = chosen[chosen["layer"] == layer]
        X = np.asarray(acts.columns(layer, own["index"].to_numpy()), np.float64)
        rows |= dict(zip(own.index, _rows(own, X, examples), strict=True))
    return make_table(pd.DataFrame([rows[place] for place in chosen.index]), TRANSFER)


def _require_same_reading(neurons: pd.DataFrame, acts: Activations) -> None:
    """Check that model, site and aggregation are those to which the neurons' probes were fitted."""
    for name, given in (("model", acts.model_name), ("site", acts.site), ("aggregation", acts.aggregate)):
        if {given} != set(neurons[name]):
            raise InputError(
                f"the neurons are of the {name} {neurons[name].iloc[0]}, and the activations of {given}: "
                "extract those of the other dataset in the same way"
            )


def _rows(chosen: pd.DataFrame, X: NDArray[np.float64], examples: LabelledExamples) -> Iterator[dict[str, Any]]:
    """A row for each chosen neuron of a layer, whose activations are the columns of X (n, m)."""
    for column, (_, neuron) in zip(X.T, chosen.iterrows(), strict=True):
        feature = examples.features.index(neuron["feature"])
        rows = examples.rows(feature, "train", "validation", "test")
        truth, x = examples.labels[rows, feature] == 1, column[rows]
        decision = x * neuron["coef"] + neuron["intercept"]
        beyond = x > neuron["threshold"] if neuron["coef"] > 0 else x < neuron["threshold"]
        found = scores(truth, decision, names=("f1", "precision", "recall", "roc_auc"))
        low, high = f1_interval(truth, decision > 0, examples.groups[rows])
        kept = ("model", "site", "layer", "aggregation", "feature", "neuron", "index", "sign", "coef", "intercept")
        yield {
            **{name: neuron[name] for name in kept},
            "collection": examples.collection,
            "chosen_on": neuron["collection"],
            "n": len(rows),
            "n_positive": int(truth.sum()),
            "n_positive_groups": len(np.unique(examples.groups[rows][truth])),
            "f1_source": neuron["f1"],
            **{name: float(value) for name, value in found.items()},
            "f1_low": float(low),
            "f1_high": float(high),
            "lost": neuron["f1"] - float(found["f1"]),
            "best_threshold_f1": float(Confusion.of(truth, beyond).f1()),
            **_refitted(column, feature, examples),
        }


def _refitted(column: NDArray[np.float64], feature: int, examples: LabelledExamples) -> dict[str, float]:
    """Test F1, with interval, of a probe on the neuron that is fitted to the other dataset."""
    train, test = examples.rows(feature, "train", "validation"), examples.rows(feature, "test")
    layer = TrainingLayer(column[train, None].astype(np.float32), examples.labels[train][:, [feature]])
    [probe] = fit_supports(Problem(layer, 0), [Choice(np.array([0]))], preset=examples.preset)
    truth, said = examples.labels[test, feature] == 1, probe.decision(column[test, None]) > 0
    low, high = f1_interval(truth, said, examples.groups[test])
    f1 = float(Confusion.of(truth, said).f1())
    return {"f1_refitted": f1, "f1_refitted_low": float(low), "f1_refitted_high": float(high)}
