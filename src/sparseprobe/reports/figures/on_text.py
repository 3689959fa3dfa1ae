"""What neurons do on text: histograms by class, means against maxima, the same token in two contexts, n-grams."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sparseprobe.errors import InputError
from sparseprobe.reports.figures.style import COLUMN, PAGE, boxes, colour, panels, require, shorten, styled
from sparseprobe.tables import QUANTILES

CONTEXTS = ("compound", "first word alone", "second word alone", "other")
"""The contexts of `compound_parts`, in this order."""


def class_histogram(table: pd.DataFrame, *, orientation: str = "vertical") -> Figure:
    """How a neuron's activations are spread in positive and in negative examples, one panel for each neuron.

    `table`: neuron, feature, label (1, 0), low and high (edges of a bin), share (of the label's examples). `horizontal`
    lays the activation along the upright axis, which suits panels side by side.

    Raises `InputError` for another orientation or a table without the columns.
    """
    require(table, ["neuron", "feature", "label", "low", "high", "share"], "class_histogram")
    if orientation not in {"vertical", "horizontal"}:
        raise InputError(f"orientation={orientation!r} is unknown: give 'vertical' or 'horizontal'")
    pairs = list(table.groupby(["feature", "neuron"], sort=False))[:12]
    upright = orientation == "vertical"
    with styled():
        figure, all_axes = panels(len(pairs), width=PAGE if len(pairs) > 1 else COLUMN, height=1.9)
        for axes, ((feature, neuron), part) in zip(all_axes, pairs, strict=True):
            for label, shade, name in ((0, 6, "other"), (1, 1, "feature")):
                bins = part[part["label"] == label]
                edges = [*bins["low"], bins["high"].iloc[-1]] if len(bins) else []
                if edges:
                    axes.stairs(
                        bins["share"],
                        edges,
                        fill=True,
                        alpha=0.55,
                        color=colour(shade),
                        label=name,
                        orientation="vertical" if upright else "horizontal",
                    )
            axes.set_title(f"{shorten(str(feature), 16)}: {neuron}")
            (axes.set_xlabel if upright else axes.set_ylabel)("activation")
            (axes.set_ylabel if upright else axes.set_xlabel)("share of examples")
        all_axes[0].legend()
    return figure


def mean_against_maximum(table: pd.DataFrame) -> Figure:
    """Each text as a point: a neuron's mean over its tokens against its maximum, by label.

    `table`: neuron, feature, label (1, 0), mean, max; a row for each text. A maximum alone can mislead: one token of
    any text may reach it.
    """
    require(table, ["neuron", "feature", "label", "mean", "max"], "mean_against_maximum")
    pairs = list(table.groupby(["feature", "neuron"], sort=False))[:9]
    with styled():
        figure, all_axes = panels(len(pairs), width=PAGE if len(pairs) > 1 else COLUMN, height=2.2)
        for axes, ((feature, neuron), part) in zip(all_axes, pairs, strict=True):
            for label, shade, marker, name in ((0, 6, "x", "other"), (1, 1, "o", "feature")):
                points = part[part["label"] == label]
                axes.scatter(
                    points["mean"], points["max"], s=9, marker=marker, color=colour(shade), alpha=0.6, label=name
                )
            axes.set_title(f"{shorten(str(feature), 16)}: {neuron}")
            axes.set_xlabel("mean over tokens")
            axes.set_ylabel("maximum")
        all_axes[0].legend()
    return figure


def same_token(table: pd.DataFrame, *, most: int = 12) -> Figure:
    """The same token inside and outside its context: what differs is the context, not the word.

    `table`: neuron, text, and for `inside` (True, False) the quantiles q05 q25 q50 q75 q95; one panel for each neuron,
    the tokens with the largest difference of medians.
    """
    require(table, ["neuron", "text", "inside", *QUANTILES], "same_token")
    neurons = list(table.groupby("neuron", sort=False))[:4]
    with styled():
        figure, all_axes = panels(len(neurons), width=PAGE if len(neurons) > 1 else COLUMN, height=2.5, columns=2)
        for axes, (neuron, part) in zip(all_axes, neurons, strict=True):
            medians = part.pivot_table(index="text", columns="inside", values="q50").dropna()
            difference = (medians[True] - medians[False]).abs().sort_values(ascending=False)
            tokens = list(difference.index[:most])
            for inside, offset, shade in ((True, -0.18, 1), (False, 0.18, 6)):
                rows = part[part["inside"] == inside].set_index("text").loc[tokens]
                boxes(axes, rows, [place + offset for place in range(len(tokens))], face=colour(shade), width=0.32)
            axes.set_xticks(range(len(tokens)), [shorten(repr(token)[1:-1], 10) for token in tokens], rotation=60)
            axes.set_ylabel("activation")
            axes.set_title(str(neuron))
        all_axes[0].legend(handles=[_swatch(1, "in the context"), _swatch(6, "elsewhere")])
    return figure


def compound_parts(table: pd.DataFrame) -> Figure:
    """Single neurons and their sum on a compound, on each of its words alone, and on other text.

    `table`: compound, neuron (a name, or `sum`), context (see `CONTEXTS`), q05 q25 q50 q75 q95; one panel for each
    compound. Neurons that fire on one word as well overlap with it; their sum separates the compound.
    """
    require(table, ["compound", "neuron", "context", *QUANTILES], "compound_parts")
    compounds = list(table.groupby("compound", sort=False))[:6]
    with styled():
        figure, all_axes = panels(len(compounds), width=PAGE, height=2.3, columns=2)
        for axes, (compound, part) in zip(all_axes, compounds, strict=True):
            neurons = list(part["neuron"].unique())
            for number, context in enumerate(CONTEXTS):
                rows = part[part["context"] == context].set_index("neuron")
                here = [neuron for neuron in neurons if neuron in rows.index]
                places = [neurons.index(neuron) + 0.2 * (number - 1.5) for neuron in here]
                boxes(axes, rows.loc[here], places, face=colour(number), width=0.17)
            axes.set_xticks(range(len(neurons)), neurons)
            axes.set_title(str(compound))
            axes.set_ylabel("activation")
        handles = [_swatch(number, context) for number, context in enumerate(CONTEXTS)]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def property_boxes(table: pd.DataFrame) -> Figure:
    """A neuron's activation for each value of a property, such as the occupation of people, one panel for each neuron.

    `table`: neuron, feature, label (1, 0) and q05 q25 q50 q75 q95, as `by_class` gives; positives are drawn.
    """
    require(table, ["neuron", "feature", "label", *QUANTILES], "property_boxes")
    neurons = list(table.groupby("neuron", sort=False))[:6]
    with styled():
        figure, all_axes = panels(len(neurons), width=PAGE if len(neurons) > 1 else COLUMN, height=2.4)
        for axes, (neuron, part) in zip(all_axes, neurons, strict=True):
            rows = part[part["label"] == 1].sort_values("q50", ascending=False)
            boxes(axes, rows, range(len(rows)), face=colour(0))
            axes.set_xticks(range(len(rows)), [shorten(str(name), 18) for name in rows["feature"]], rotation=60)
            for tick in axes.get_xticklabels():
                tick.set_horizontalalignment("right")
            axes.set_title(str(neuron))
            axes.set_ylabel("activation")
    return figure


def ngram_stimuli(table: pd.DataFrame, *, most: int = 25) -> Figure:
    """The n-grams that drive one neuron: median activation (dot) to maximum (line), unrelated meanings in colours.

    `table` is that of one neuron's stimuli (`tables.STIMULI`). Many colours: a polysemantic neuron.
    """
    require(table, ["neuron", "text", "median", "max", "meaning", "count"], "ngram_stimuli")
    rows = table.sort_values("median", ascending=False).head(most)
    places = np.arange(len(rows))[::-1]
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=0.6 + 0.155 * len(rows))
        shades = [colour(int(number)) for number in pd.factorize(rows["meaning"])[0]]
        axes.hlines(places, rows["median"], rows["max"], color=shades, linewidth=1.2)
        axes.scatter(rows["median"], places, color=shades, s=14, zorder=3)
        axes.set_yticks(places, [shorten(repr(text)[1:-1], 30) for text in rows["text"]])
        axes.set_xlim(left=0)
        axes.set_xlabel("activation (median to maximum)")
        axes.set_title(f"{rows['neuron'].iloc[0]}: {table['meaning'].nunique()} unrelated n-grams")
    return figure


def _swatch(number: int, label: str) -> Patch:
    return Patch(facecolor=colour(number), alpha=0.75, label=label)
