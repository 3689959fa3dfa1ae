"""Whether neurons matter: what their ablation does to the loss, and which tokens they promote."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sparseprobe.reports.figures.style import COLUMN, GREY, PAGE, colour, panels, require, shorten, styled


def loss_by_context(table: pd.DataFrame) -> Figure:
    """What the model loses on each feature's text without that feature's neurons, beside matched random neurons.

    `table` has the columns of `tables.ABLATION`; for each feature the set with the largest change on its text is drawn,
    with its 95 % interval.
    """
    require(table, ["neurons", "feature", "label", "change", "change_low", "change_high"], "loss_by_context")
    inside = table[(table["label"] == 1) & table["feature"].notna()]
    require(inside, ["feature"], "loss_by_context")
    best = inside.sort_values("change", ascending=False, kind="stable").drop_duplicates("feature")
    places = np.arange(len(best))[::-1]
    with styled():
        figure, (axes,) = panels(1, width=COLUMN, height=0.75 + 0.21 * len(best))
        for shade, name, offset, prefix in ((colour(1), "neurons", 0.12, "change"), (GREY, "random", -0.12, "control")):
            middle = best["change" if prefix == "change" else "control_change"]
            spread = [middle - best[f"{prefix}_low"], best[f"{prefix}_high"] - middle]
            axes.errorbar(
                middle,
                places + offset,
                xerr=np.abs(np.array(spread, dtype=np.float64)),
                fmt="o",
                color=shade,
                elinewidth=1.0,
                label=name if prefix == "change" else "matched random neurons",
            )
        axes.axvline(0, color="black", linewidth=0.6)
        names = ["+".join(chosen) for chosen in best["neurons"]]
        labels = [f"{feature}  {shorten(name, 18)}" for feature, name in zip(best["feature"], names, strict=True)]
        axes.set_yticks(places, labels)
        axes.set_xlabel("change of loss (nats per token)")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def loss_heat_map(table: pd.DataFrame) -> Figure:
    """Neurons against contexts: the change of loss on each feature's text without each set of neurons.

    `table` has the columns of `tables.ABLATION`. A bright diagonal: each neuron matters to its own context.
    """
    require(table, ["neurons", "feature", "label", "change"], "loss_heat_map")
    inside = table[(table["label"] == 1) & table["feature"].notna()]
    named = inside.assign(set=["+".join(chosen) for chosen in inside["neurons"]])
    grid = named.pivot_table(index="set", columns="feature", values="change", sort=False)
    with styled():
        width = COLUMN if grid.shape[1] <= 10 else PAGE
        figure, (axes,) = panels(1, width=width, height=0.9 + 0.2 * len(grid))
        largest = max(float(np.nanmax(np.abs(grid.to_numpy()))), 1e-12)
        image = axes.imshow(grid, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
        axes.grid(visible=False)
        axes.set_xticks(range(grid.shape[1]), [shorten(str(name), 14) for name in grid.columns], rotation=60)
        axes.set_yticks(range(len(grid)), [shorten(str(name), 24) for name in grid.index])
        axes.set_xlabel("text")
        figure.colorbar(image, ax=axes, label="change of loss (nats per token)", shrink=0.8)
    return figure


def logits_by_token_class(table: pd.DataFrame) -> Figure:
    """A neuron's direct effect on the logits of kinds of tokens, such as capitalised and lower-case words.

    `table`: neuron, token_class, low, high (edges of a bin of effect), share of the class's tokens; one panel for each
    neuron, a step line for each class.
    """
    require(table, ["neuron", "token_class", "low", "high", "share"], "logits_by_token_class")
    neurons = list(table.groupby("neuron", sort=False))[:6]
    with styled():
        figure, all_axes = panels(len(neurons), width=PAGE if len(neurons) > 1 else COLUMN, height=2.1)
        for axes, (neuron, part) in zip(all_axes, neurons, strict=True):
            for number, (kind, bins) in enumerate(part.groupby("token_class", sort=False)):
                edges = [*bins["low"], bins["high"].iloc[-1]]
                label = str(kind).replace("_", " ")
                axes.stairs(bins["share"], edges, color=colour(number), linewidth=1.2, label=label)
            axes.set_title(str(neuron))
            axes.set_xlabel("effect on the logit")
            axes.set_ylabel("share of tokens")
        all_axes[0].legend()
    return figure
