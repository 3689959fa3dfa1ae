"""What the input weights say: the product of their norm and the bias, by layer and over depth."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sparseprobe.reports.figures.style import COLUMN, boxes, colour, panels, require, steps, styled


def bias_by_layer(table: pd.DataFrame) -> Figure:
    """||W_in|| * b_in of all neurons, a box for each layer: negative in early layers, where features share neurons.

    `table` has the columns of `tables.WEIGHTS`, one model.
    """
    require(table, ["layer", "norm_in_bias"], "bias_by_layer")
    layers = table.groupby("layer")["norm_in_bias"]
    names = ("q05", "q25", "q50", "q75", "q95")
    rows = pd.DataFrame({name: layers.quantile(int(name[1:]) / 100) for name in names}).reset_index()
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.2)
        boxes(axes, rows, rows["layer"].tolist(), face=colour(0))
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_xticks(rows["layer"].tolist()[:: max(1, len(rows) // 12)])
        axes.set_xlabel("layer")
        axes.set_ylabel("norm of input weights × bias")
    return figure


def median_over_depth(table: pd.DataFrame) -> Figure:
    """The median of ||W_in|| * b_in of each layer, divided by the model's largest, over relative depth.

    `table`: model, relative_depth (0 to 1), normalised_median, as `layer_profile` gives for each model.
    """
    require(table, ["model", "relative_depth", "normalised_median"], "median_over_depth")
    models = list(table.groupby("model", sort=False))
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=2.2)
        for shade, (model, rows) in zip(steps(len(models)), models, strict=True):
            axes.plot(rows["relative_depth"], rows["normalised_median"], color=shade, marker="o", label=str(model))
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_xlabel("relative depth")
        axes.set_ylabel("normalised median")
        axes.legend()
    return figure
