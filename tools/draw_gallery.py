"""Draw the gallery of docs/report.md, from planted activations and from the weights of the demo models.

    python tools/draw_gallery.py

The pictures are small PNG files in docs/gallery/, one for each figure that needs no long run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sparseprobe.experiments import (
    PlantedSetting,
    baselines,
    compare_on_planted,
    compare_selections,
    planted_experiment,
    single_neurons,
    sweep,
)
from sparseprobe.neurons import layer_profile, weight_statistics
from sparseprobe.reports.figures import draw

GALLERY = Path(__file__).parent.parent / "docs" / "gallery"
DPI = 110
KS = (1, 2, 4, 8, 16)
MODELS = ("demo-0.1m", "demo-0.6m", "demo-1.8m", "demo-4.7m")


def tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """The name of each figure of the gallery and the table that it is drawn from."""
    planted = planted_experiment(n=1200, width=48, informative=3, n_features=4, n_layers=4)
    over_k = sweep(*planted, k=KS)
    yield "metric_over_k", over_k
    yield "layer_feature_map", over_k
    yield "f1_by_rank", single_neurons(*planted)
    few = planted_experiment(n=600, width=48, informative=3)
    yield "basis_over_k", baselines(*few, k=KS, trials=3)
    names = ["adaptive", "mean_difference", "f_statistic", "random"]
    yield "selections_over_k", compare_selections(*few, k=KS, selections=names)
    settings = [PlantedSetting(n, 60, 5) for n in (100, 200, 400, 800) for _ in range(3)]
    yield "selections_on_planted", compare_on_planted(settings, selections=names)
    weights = {name: weight_statistics(name) for name in MODELS}
    yield "bias_by_layer", weights[MODELS[-1]]
    yield "median_over_depth", pd.concat([layer_profile(one).assign(model=name) for name, one in weights.items()])


def main() -> None:
    """Write one picture for each table."""
    GALLERY.mkdir(exist_ok=True)
    for name, table in tables():
        draw(name, table).savefig(GALLERY / f"{name}.png", dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    main()
