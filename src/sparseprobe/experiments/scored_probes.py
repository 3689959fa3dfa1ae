"""From a probe to a row of a table: its scores on test, its interval, its validation score, its control.

Experiments differ in the probes that they fit for a feature on a layer; how a probe is scored is the same for all of
them and is defined here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparseprobe.compiled import clock
from sparseprobe.experiments.probed_layer import ProbedLayer
from sparseprobe.probes.support_probe import SupportProbe, fit_supports
from sparseprobe.selection.contract import Selection, choose
from sparseprobe.statistics.f1_interval import f1_interval
from sparseprobe.statistics.metrics import scores

REPORTED = ("f1", "precision", "recall", "mcc", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss")


def probe_row(layer: ProbedLayer, feature: int, probe: SupportProbe) -> dict[str, Any]:
    """What a table says of a probe, but for how it was chosen, its control and how long it took."""
    examples = layer.examples
    truth, weights = layer.truth(feature, "test"), layer.score_weights(feature, "test")
    test = examples.rows(feature, "test")
    decision = probe.decision(layer.X, test)
    low, high = f1_interval(truth, decision > 0, examples.groups[test], weights)
    found = scores(truth, decision, weights=weights, names=REPORTED)
    return {
        "feature": examples.features[feature],
        "layer": layer.layer,
        "k": len(probe.support),
        "n_train": len(examples.rows(feature, "train")),
        "n_test": len(truth),
        "n_positive": round(float(truth.sum() if weights is None else weights[truth].sum())),
        "n_positive_groups": len(np.unique(examples.groups[test][truth])),
        "support": probe.support.tolist(),
        "coef": probe.coef.tolist(),
        "intercept": probe.intercept,
        "f1_validation": probe_f1(layer, feature, probe, "validation"),
        **{name: float(value) for name, value in found.items()},
        "f1_low": float(low),
        "f1_high": float(high),
        "converged": probe.converged,
    }


def probe_f1(layer: ProbedLayer, feature: int, probe: SupportProbe, split: str, *, control: bool = False) -> float:
    """F1 on a split, with `control` on the permuted labels; NaN where the split lacks a class."""
    truth = layer.truth(feature, split, control=control)
    if truth.all() or not truth.any():
        return np.nan
    weights = layer.score_weights(feature, split, control=control)
    decision = probe.decision(layer.X, layer.examples.rows(feature, split))
    return float(scores(truth, decision, weights=weights, names=("f1",))["f1"])


def selection_rows(
    layer: ProbedLayer, feature: int, method: Selection, ks: Sequence[int], *, control: bool = True
) -> list[dict[str, Any]]:
    """For each k a row of the probe on the neurons that a selection chose; without `control` its column is NaN."""
    started = clock()
    preset = layer.examples.preset
    problem = layer.problem(feature)
    choices = choose(method, problem, list(ks))
    probes = fit_supports(problem, choices, preset=preset)
    beside: Sequence[SupportProbe | None] = [None] * len(ks)
    if control:
        permuted = layer.problem(feature, control=True)
        beside = fit_supports(permuted, choose(method, permuted, list(ks)), preset=preset)
    shared = (clock() - started) / len(ks)
    rows = []
    for probe, other, choice in zip(probes, beside, choices, strict=True):
        started = clock()
        row = {"selection": method.name, **probe_row(layer, feature, probe)}
        row["control_f1"] = np.nan if other is None else probe_f1(layer, feature, other, "test", control=True)
        row["seconds"] = shared + clock() - started
        rows.append(row | (vars(choice.certificate) if choice.certificate is not None else {}))
    return rows
