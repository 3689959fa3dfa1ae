"""Figures: each a pure function of a result table, by name.

`draw("metric_over_k", table)` gives a matplotlib figure; `save(figure, path)` writes it as SVG and PNG.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sparseprobe.errors import UnknownNameError
from sparseprobe.reports.figures.effects import logits_by_token_class, loss_by_context, loss_heat_map
from sparseprobe.reports.figures.listing import listing
from sparseprobe.reports.figures.on_text import (
    class_histogram,
    compound_parts,
    mean_against_maximum,
    ngram_stimuli,
    property_boxes,
    same_token,
)
from sparseprobe.reports.figures.over_k import basis_over_k, f1_by_rank, metric_over_k, selections_over_k
from sparseprobe.reports.figures.planted import selections_on_planted
from sparseprobe.reports.figures.scale import best_over_k_by_size, feature_over_size, layer_feature_map
from sparseprobe.reports.figures.style import save
from sparseprobe.reports.figures.weights import bias_by_layer, median_over_depth

FIGURES: Mapping[str, Callable[..., Figure]] = {
    figure.__name__: figure
    for figure in (
        metric_over_k,
        layer_feature_map,
        f1_by_rank,
        best_over_k_by_size,
        feature_over_size,
        selections_over_k,
        selections_on_planted,
        basis_over_k,
        class_histogram,
        mean_against_maximum,
        same_token,
        compound_parts,
        property_boxes,
        ngram_stimuli,
        loss_by_context,
        loss_heat_map,
        logits_by_token_class,
        bias_by_layer,
        median_over_depth,
        listing,
    )
}
"""Every figure by its name."""

__all__ = [
    "FIGURES",
    "basis_over_k",
    "best_over_k_by_size",
    "bias_by_layer",
    "class_histogram",
    "compound_parts",
    "draw",
    "f1_by_rank",
    "feature_over_size",
    "layer_feature_map",
    "listing",
    "logits_by_token_class",
    "loss_by_context",
    "loss_heat_map",
    "mean_against_maximum",
    "median_over_depth",
    "metric_over_k",
    "ngram_stimuli",
    "property_boxes",
    "same_token",
    "save",
    "selections_on_planted",
    "selections_over_k",
]


def draw(name: str, table: pd.DataFrame, **settings: Any) -> Figure:
    """The figure of a name; raises `UnknownNameError` with the names that there are, and what the figure raises.

    >>> from sparseprobe.experiments import planted_experiment, sweep
    >>> acts, data = planted_experiment(n=300, width=20, informative=2)
    >>> draw("metric_over_k", sweep(acts, data, k=[1, 2])).axes[0].get_ylabel()
    'F1 on test'
    """
    if name not in FIGURES:
        raise UnknownNameError("figure", name, FIGURES)
    return FIGURES[name](table, **settings)
