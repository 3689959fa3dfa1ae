"""How often each way to choose neurons finds the proven optimum, and what F1 it costs where it does not.

    python -m benchmarks.heuristics [--collections people latex --features 4 --layer 3 --time-limit 10]

Activations of the shipped model on the shipped texts, one layer. For each feature and k the hinge problem of the paper
is solved to a proof; then every registered selection chooses on the same training examples, and the probe of the
library is refitted on its neurons and on the optimal ones. What is done is kept in `--out`, by feature, so that a run
that was stopped goes on; other settings want another `--out`. At the end the tables in docs/exact.md are written anew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import sparseprobe as sp
from sparseprobe.datasets.collections import COLLECTIONS
from sparseprobe.experiments.labelled_examples import LabelledExamples
from sparseprobe.experiments.probed_layer import ProbedLayer
from sparseprobe.experiments.scored_probes import probe_f1
from sparseprobe.keyed_random import generator
from sparseprobe.probes.support_probe import fit_supports
from sparseprobe.selection import Choice, Problem, TrainingLayer, selection_named, selection_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparseprobe.datasets import ProbingDataset
    from sparseprobe.models import LanguageModel

KS = (1, 2, 4, 8)
POWERS = {"n^-1/2": -1 / 2, "n^-1/3": -1 / 3}  # gamma as a power of n; the first is the paper's
NEIGHBOURS_UP_TO = 500_000  # activations, beyond which the k-nearest-neighbour estimate is left out: minutes a feature
EXAMPLES = 20_000  # of a collection, in whole documents: the features of single tokens have more than are needed
RESAMPLES = 2000
PAGE = Path(__file__).parent.parent / "docs" / "exact.md"
BEGIN, END = "<!-- written by benchmarks/heuristics.py -->", "<!-- end of what it writes -->"


@dataclass(frozen=True)
class Asked:
    """The settings of a run."""

    model: str
    collections: list[str]
    features: int
    layer: int | None
    rows: int
    time_limit: float
    out: Path


def measure(asked: Asked) -> tuple[pd.DataFrame, str]:
    """All rows, and a sentence that says what was measured."""
    model = sp.load_model(asked.model, device="cpu")
    layer = model.n_layers // 2 if asked.layer is None else asked.layer
    folder = asked.out / f"{asked.model}-{model.fingerprint[:8]}-L{layer}"
    parts = []
    for collection in asked.collections:
        data = few_documents(sp.load_dataset(collection, tokenizer=model.tokenizer), EXAMPLES)
        names = usable(data)[: asked.features]
        files = {name: folder / collection / f"{number}.parquet" for number, name in enumerate(names)}
        missing = [name for name in names if not files[name].exists()]
        for name, rows in measured(model, data, missing, layer, asked) if missing else ():
            files[name].parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_parquet(files[name])
            print(f"{collection}: {name}", flush=True)
        parts += [pd.read_parquet(file) for file in files.values()]
    said = (
        f"`{asked.model}`, layer {layer} of {model.n_layers} ({model.d_mlp:,} neurons), at most {asked.rows:,} "
        f"training examples of a feature, {asked.time_limit:g} s for each optimum."
    )
    return pd.concat(parts, ignore_index=True), said


def few_documents(data: ProbingDataset, most: int) -> ProbingDataset:
    """The dataset on documents drawn until they hold about `most` examples."""
    names, member, sizes = np.unique(data.examples["group"], return_inverse=True, return_counts=True)
    order = generator(0, "few documents", data.name).permutation(len(names))
    kept = order[: 1 + np.searchsorted(np.cumsum(sizes[order]), most)]
    return data.subset(examples=np.isin(member, kept))


def usable(data: ProbingDataset) -> list[str]:
    """Binary features with at least five examples of each class in training and test."""
    binary = data.features.loc[data.features["kind"] == "binary", "name"]
    sides = [(data.examples["split"] == part, label) for part in ("train", "test") for label in (0, 1)]
    return [name for name in binary if min(((data.labels[name] == label) & part).sum() for part, label in sides) >= 5]


def measured(
    model: LanguageModel, data: ProbingDataset, names: list[str], layer: int, asked: Asked
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows for each feature."""
    acts = sp.extract(model, data, layers=[layer], aggregate=data.settings.get("aggregate", "none"))
    probed = ProbedLayer.read(acts, layer, LabelledExamples.of(data, names))
    for feature, name in enumerate(names):
        yield name, rows_of(probed, feature, {"collection": data.name, "feature": name}, asked)


def rows_of(layer: ProbedLayer, feature: int, where: dict[str, Any], asked: Asked) -> list[dict[str, Any]]:
    """One row for each ridge, k and selection."""
    problem = few_rows(layer, feature, asked.rows)
    X, n = problem.matrix(), len(problem.rows)
    settings = {"class_weight": None, "sample_weight": problem.weights, "time_limit": asked.time_limit}
    chosen = {name: selection_named(name).path(problem, KS) for name in heuristics(problem)}
    probes = {name: fit_supports(problem, choices) for name, choices in chosen.items()}
    f1 = partial(probe_f1, layer, feature, split="test")
    rows = []
    for ridge, power in POWERS.items():
        found = sp.optimal_path(X, problem.y, KS, gamma=n**power, **settings)
        optimal = fit_supports(problem, [Choice(best.support) for best in found])
        for i, (k, best) in enumerate(zip(KS, found, strict=True)):
            exact = where | {"n": n, "ridge": ridge, "k": k, "proven": best.proven, "gap": best.gap}
            exact |= {"trivial": best.top_mean_difference, "seconds": best.seconds}
            own = {"selection": "optimal", "same": True, "overlap": 1.0, "excess": 0.0, "f1": f1(optimal[i])}
            rows.append(exact | own)
            for name, choices in chosen.items():
                support = choices[i].support
                on_it = sp.optimal_support(X[:, support], problem.y, k, gamma=n**power, **settings)
                shared = len(np.intersect1d(support, best.support)) / k
                excess = on_it.objective / best.objective - 1
                judged = {"same": shared == 1, "overlap": shared, "excess": excess, "f1": f1(probes[name][i])}
                rows.append(exact | {"selection": name} | judged)
    return rows


def few_rows(layer: ProbedLayer, feature: int, most: int) -> Problem:
    """The problem on groups drawn until there are about `most` training examples."""
    examples = layer.examples
    rows = examples.rows(feature, "train")
    names, member = np.unique(examples.groups[rows], return_inverse=True)
    place = generator(0, "few rows", examples.features[feature]).permutation(len(names))[member]
    kept = np.sort(np.argsort(place, kind="stable")[:most])
    labels = examples.labels[rows[kept], feature]
    return Problem(TrainingLayer(layer.X[rows[kept]], labels[:, None]), 0, 0, layer.problem(feature).name)


def heuristics(problem: Problem) -> list[str]:
    """All registered selections but the exact one, and but the slowest where it would take minutes."""
    slow = problem.layer.X.size > NEIGHBOURS_UP_TO
    return [name for name in selection_names() if name != "optimal" and not (slow and name.endswith("_knn"))]


def report(table: pd.DataFrame, said: str) -> str:
    """The tables as Markdown."""
    exact = table[table["selection"] == "optimal"]
    counts = table.groupby("collection")["feature"].nunique()
    lines = [
        f"{said} {counts.sum()} features: {', '.join(f'{name} {n}' for name, n in counts.items())}.",
        "k = " + ", ".join(map(str, KS)) + ". Only proven optima count. Intervals: 95 %, from resamples of features.",
        "",
    ]
    for ridge in POWERS:
        solved = exact[exact["ridge"] == ridge]
        open_ones = solved[~solved["proven"]]
        largest = f", the largest gap {open_ones['gap'].max():.1%}" if len(open_ones) else ""
        seconds = solved["seconds"]
        lines += [
            f"**gamma = {ridge}**: {len(solved)} problems, {len(open_ones)} of them not proven{largest}.",
            f"In {solved['trivial'].mean():.0%} no search was needed (the top by mean difference, margins below 1).",
            f"Seconds for each: median {seconds.median():.2f}, slowest {seconds.max():.1f}.",
            "",
            *selection_table(table[(table["ridge"] == ridge) & table["proven"]]),
            "",
        ]
    return "\n".join(lines)


def selection_table(proven: pd.DataFrame) -> list[str]:
    """A row for each selection, the one that finds the optimum most often first."""
    heads = [f"same, k = {k}" for k in KS]
    lines = [
        f"| selection | problems | same neurons | {' | '.join(heads)} | overlap | excess objective | F1 lost |",
        "|---" * (6 + len(KS)) + "|",
    ]
    best = proven[proven["selection"] == "optimal"].set_index(["collection", "feature", "k"])["f1"]
    chance = proven[proven["selection"] != "optimal"].groupby("selection")["same"].mean().sort_values(ascending=False)
    for name in chance.index:
        own = proven[proven["selection"] == name].set_index(["collection", "feature", "k"])
        lost = best.loc[own.index] - own["f1"]
        by_k = own.groupby("k")["same"].mean()
        cells = [
            f"`{name}`",
            str(len(own)),
            interval(own["same"], "{:.0%}"),
            *(f"{by_k.get(k, np.nan):.0%}" for k in KS),
            f"{own['overlap'].mean():.2f}",
            f"{own['excess'].mean():.2%}",
            interval(lost, "{:+.3f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def interval(values: pd.Series, style: str) -> str:
    """Mean of values by (collection, feature, k), and its interval over resamples of features."""
    sums = values.astype(float).groupby(level=[0, 1]).agg(["sum", "count"]).to_numpy()
    draw = generator(0, "resampled features").multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    total, count = (draw @ sums).T
    low, high = np.percentile(total / count, (2.5, 97.5))
    mean = style.format(values.astype(float).mean())
    return f"{mean} ({style.format(low)} to {style.format(high)})"


def write(text: str) -> None:
    """Put the tables between their marks in the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    shipped = [name for name, one in COLLECTIONS.items() if one.has_shipped_texts() and name != "position"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo-4.7m")
    parser.add_argument("--collections", nargs="+", default=shipped, choices=shipped, metavar="NAME")
    parser.add_argument("--features", type=int, default=4, help="at most so many of each collection")
    parser.add_argument("--layer", type=int, help="the middle one if not given")
    parser.add_argument("--rows", type=int, default=1000, help="at most so many training examples of a feature")
    parser.add_argument("--time-limit", type=float, default=5.0, help="seconds for each optimum")
    parser.add_argument("--out", type=Path, default=Path("runs/heuristics"))
    parser.add_argument("--print", action="store_true", help="show the tables and leave docs/exact.md as it is")
    given = vars(parser.parse_args())
    only_print = given.pop("print")
    text = report(*measure(Asked(**given)))
    print(text) if only_print else write(text)


if __name__ == "__main__":
    main()
