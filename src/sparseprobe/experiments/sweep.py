"""The sweep over k: for each feature and layer, choose k neurons, fit a probe on them, and score it and its control.

Neurons are chosen, scaled and fitted on training examples; use the validation score to choose among rows; all other
scores are on test examples, from groups that were not trained on. The control is the whole procedure on labels permuted
over groups. By default the probe on the chosen neurons is an L2 logistic regression (C = 10 on scaled activations);
`preset="paper"` takes the paper's fits (see `support_probe`) and its single split (section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sparseprobe import paper
from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset
from sparseprobe.errors import InputError
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import LayerPlan, ProbedLayer, chosen_layers, table_of
from sparseprobe.experiments.scored_probes import selection_rows
from sparseprobe.progress import SILENT, Progress
from sparseprobe.selection.contract import Selection
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.registry import selection_named
from sparseprobe.tables import CERTIFICATE, SWEEP


def sweep(
    acts: Activations,
    data: ProbingDataset,
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = paper.K,
    seed: int = 0,
    preset: str = "default",
    features: Iterable[str] | None = None,
    layers: Iterable[int] | int | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """k-sparse probes of every feature on every layer, one row for each k; columns as in `tables.SWEEP`.

    `features` (binary ones) and `layers` are all by default. Raises `UnknownNameError` for an unknown selection, preset
    or feature; `InputError` for k above the width, an unknown layer, labels of one class, or activations that are not
    of this dataset.

    >>> from sparseprobe.experiments import planted_experiment
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> table = sweep(acts, data, k=[1, 2])
    >>> table[["layer", "k"]].values.tolist(), bool((table["f1"] > table["control_f1"]).all())
    ([[0, 1], [0, 2]], True)
    """
    widths = chosen_layers(acts, data, layers)
    examples = LabelledExamples.of(data, features, seed=seed, preset=preset)
    return table_of(plan_sweep(examples, widths, selection=selection, k=k), acts, examples, widths, progress)


def plan_sweep(
    examples: LabelledExamples,
    widths: Mapping[int, int],
    *,
    selection: str | Selection = "adaptive",
    k: Sequence[int] | int = paper.K,
) -> LayerPlan:
    """The sweep of layers of these widths; raises `InputError` for what cannot be done."""
    method, ks = selection_named(selection, preset=examples.preset), checked_ks(k, widths)
    refuse_more_than_candidates(method, ks)

    def pieces(layer: ProbedLayer) -> Iterator[list[dict[str, Any]]]:
        for feature in range(layer.n_features):
            yield selection_rows(layer, feature, method, ks[layer.layer])

    return LayerPlan("sweep", SWEEP, pieces, optional=CERTIFICATE)


def checked_ks(k: Sequence[int] | int, widths: Mapping[int, int]) -> dict[int, list[int]]:
    """The ascending k for each layer; the paper's list goes up to the width, any other k above it is an error.

    >>> checked_ks([2, 1], {0: 8}), checked_ks(paper.K, {0: 3})
    ({0: [1, 2]}, {0: [1, 2, 3]})
    """
    asked = [k] if isinstance(k, int | np.integer) else list(k)
    if not asked or not all(isinstance(one, int | np.integer) and one >= 1 for one in asked):
        raise InputError(f"k must be positive integers such as [1, 2, 4, 8], got {k!r}")
    ks = sorted({int(one) for one in asked})
    for layer, width in widths.items():
        if ks[-1] > width and tuple(asked) != paper.K:
            raise InputError(f"k = {ks[-1]} is larger than the width {width} of layer {layer}: ask for at most {width}")
    return {layer: [one for one in ks if one <= width] for layer, width in widths.items()}


def refuse_more_than_candidates(method: Selection, ks: Mapping[int, Sequence[int]]) -> None:
    """Raise `InputError` for a k above the number of candidates that a selection chooses among."""
    if isinstance(method, Prefiltered):
        method.refuse_more_than_candidates(max(max(of_layer) for of_layer in ks.values()))
