"""From a probe to a row of a table: its scores on test, its interval, its validation score, its control.

Experiments differ in the probes that they fit for a feature on a layer; how a probe is scored is the same for all of
them and is defined here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.compiled import clock
from sparseprobe.experiments.probed_layer import ProbedLayer
from sparseprobe.probes.support_probe import SupportProbe, decisions, fit_supports
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores

REPORTED = ("f1", "precision", "recall", "mcc", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss")


def probe_rows(layer: ProbedLayer, feature: int, probes: Sequence[SupportProbe]) -> list[dict[str, Any]]:
    """What a table says of each probe, but for how it was chosen, its control and how long it took."""
    examples = layer.examples
    truth, weights = layer.truth(feature, "test"), layer.score_weights(feature, "test")
    test = examples.rows(feature, "test")
    decision = decisions(probes, layer.X, test)
    low, high = f1_interval(truth, decision > 0, examples.groups[test], weights)
    columns = scores(truth, decision, weights=weights, names=REPORTED) | {"f1_low": low, "f1_high": high}
    columns["f1_validation"] = probe_f1(layer, feature, probes, "validation")
    shared = {
        "feature": examples.features[feature],
        "layer": layer.layer,
        "n_train": len(examples.rows(feature, "train")),
        "n_test": len(truth),
        "n_positive": round(float(truth.sum() if weights is None else weights[truth].sum())),
        "n_positive_groups": len(np.unique(examples.groups[test][truth])),
    }
    return [
        shared
        | {
            "k": len(probe.support),
            "support": probe.support.tolist(),
            "coef": probe.coef.tolist(),
            "intercept": probe.intercept,
            "converged": probe.converged,
        }
        | {name: float(values[place]) for name, values in columns.items()}
        for place, probe in enumerate(probes)
    ]


def probe_f1(
    layer: ProbedLayer, feature: int, probes: Sequence[SupportProbe], split: str, *, control: bool = False
) -> NDArray[np.float64]:
    """F1 of each probe on a split, with `control` on the permuted labels; NaN where the split lacks a class."""
    truth = layer.truth(feature, split, control=control)
    if truth.all() or not truth.any():
        return np.full(len(probes), np.nan)
    weights = layer.score_weights(feature, split, control=control)
    decision = decisions(probes, layer.X, layer.examples.rows(feature, split))
    return scores(truth, decision, weights=weights, names=("f1",))["f1"]


def selection_rows(
    layer: ProbedLayer, feature: int, method: Selection, ks: Sequence[int], *, control: bool = True
) -> list[dict[str, Any]]:
    """For each k a row of the probe on the neurons that a selection chose; without `control` its column is NaN."""
    started = clock()
    preset = layer.examples.preset
    problem = layer.problem(feature)
    choices = choose(method, problem, list(ks))
    rows = probe_rows(layer, feature, fit_supports(problem, choices, preset=preset))
    control_f1 = np.full(len(ks), np.nan)
    if control:
        permuted = layer.problem(feature, control=True)
        beside = fit_supports(permuted, choose(method, permuted, list(ks)), preset=preset)
        control_f1 = probe_f1(layer, feature, beside, "test", control=True)
    told = {"selection": method.name, "seconds": (clock() - started) / len(ks)}
    return [
        row | told | {"control_f1": float(f1)} | ({} if choice.certificate is None else vars(choice.certificate))
        for row, f1, choice in zip(rows, control_f1, choices, strict=True)
    ]
