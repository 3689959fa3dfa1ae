"""The headline findings of a run, as sentences whose every number is a cell of a table.

A finding is text with references in it: which table, which row, which column. So the report can link each number to
its row, and a test can look each of them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import Formatter

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]
_FEATURES_NAMED = 12
"""Features that have a sentence of their own; the sentence before them counts all."""
_CLEAR = 0.9


@dataclass(frozen=True)
class Cell:
    """A number in a sentence: where it stands in the run's tables, and how it is written."""

    table: str
    row: int
    """Position in the table, counted from 0."""
    column: str
    text: str


@dataclass(frozen=True)
class Sentence:
    """One sentence."""

    parts: tuple[str | Cell, ...]

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


def findings(tables: Tables) -> list[Sentence]:
    """What the tables of a run say, the most important first; nothing is said of a table that is not there.

    >>> from sparseprobe.experiments import planted_experiment, single_neurons
    >>> acts, data = planted_experiment(n=300, width=20, informative=1)
    >>> str(findings({"neurons": single_neurons(acts, data, keep=2)})[1]).startswith("f0: the neuron L0.N")
    True
    """
    return [*_of_neurons(tables), *_of_sweep(tables), *_of_ablation(tables), *_of_regression(tables)]


def chosen_rows(table: pd.DataFrame, by: list[str], score: str = "f1") -> pd.DataFrame:
    """The row of each group that does best by the score that rows are chosen by; on test only without validation.

    The index is the position in the table.
    """
    numbered = table.reset_index(drop=True)
    candidates = ["log_loss_choosing", f"{score}_validation"]
    choose_by = next((name for name in candidates if name in table and table[name].notna().any()), score)
    ordered = numbered.sort_values(choose_by, ascending=choose_by == "log_loss_choosing", kind="stable")
    return ordered.drop_duplicates(by).sort_index()


def told(tables: Tables, name: str, at: int, template: str) -> list[str | Cell]:
    """A template with the row `at` of the table `name` in it: `{f1}` is a cell, `{f1:.2f}` says how it is written.

    Text of the row stands as it is, a list with commas between.

    >>> tables = {"sweep": pd.DataFrame({"feature": ["fr"], "k": [2], "f1": [0.5]})}
    >>> told(tables, "sweep", 0, "{feature}: {f1}")
    ['fr', ': ', Cell(table='sweep', row=0, column='f1', text='0.500')]
    """
    row = tables[name].iloc[at]
    parts: list[str | Cell] = []
    for literal, column, form, _ in Formatter().parse(template):
        parts += [literal] if literal else []
        if column is None:
            continue
        value = row[column]
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, Iterable):
            parts.append(", ".join(map(str, value)))
        else:
            plain = "d" if isinstance(value, int | np.integer) else ".3f"
            parts.append(Cell(name, at, column, format(value, form or plain)))
    return parts


def _cell(table: str, row: int, column: str, value: float, form: str = "{:.3f}") -> Cell:
    return Cell(table, row, column, form.format(value))


def _interval(table: str, at: int, row: pd.Series, name: str, form: str = "{:.3f}") -> list[str | Cell]:
    low, high = f"{name}_low", f"{name}_high"
    return [
        " (95 % interval ", _cell(table, at, low, row[low], form), " to ", _cell(table, at, high, row[high], form), ")",
    ]  # fmt: skip


def _of_neurons(tables: Tables) -> Iterator[Sentence]:
    if "neurons" not in tables:
        return
    best = chosen_rows(tables["neurons"], ["feature"])
    clear = best[best["f1"] >= _CLEAR]
    yield Sentence(
        (f"For {len(clear)} of {len(best)} features one single neuron reaches an F1 of {_CLEAR} or more on test data.",)
    )
    for at, row in best.sort_values("f1", ascending=False, kind="stable").head(_FEATURES_NAMED).iterrows():
        place = int(str(at))
        yield Sentence(
            (
                f"{row['feature']}: the neuron {row['neuron']} reads it with an F1 of ",
                _cell("neurons", place, "f1", row["f1"]),
                *_interval("neurons", place, row, "f1"),
                "; the same search on permuted labels reaches ",
                _cell("neurons", place, "control_f1", row["control_f1"]),
                ".",
            )
        )


def _of_sweep(tables: Tables) -> Iterator[Sentence]:
    """For each feature that one neuron does not read as well as many: how many it takes."""
    if "sweep" not in tables:
        return
    best = chosen_rows(tables["sweep"], ["feature", "k"])
    features = list(best.groupby("feature", sort=False))
    enough = {str(feature): _enough(rows) for feature, rows in features}
    single = sum(few["k"] == 1 for few, _ in enough.values())
    yield Sentence((f"For {single} of {len(features)} features one neuron reaches 95 % of the best F1 in the sweep.",))
    more = [(feature, few, top) for feature, (few, top) in enough.items() if few["k"] > 1]
    for feature, few, top in more[:_FEATURES_NAMED]:
        at, best_at = int(str(few.name)), int(str(top.name))
        yield Sentence(
            (
                f"{feature}: ",
                _cell("sweep", at, "k", few["k"], "{:.0f}"),
                " neurons of layer ",
                _cell("sweep", at, "layer", few["layer"], "{:.0f}"),
                " reach an F1 of ",
                _cell("sweep", at, "f1", few["f1"]),
                *_interval("sweep", at, few, "f1"),
                ", at least 95 % of the best in the sweep, ",
                _cell("sweep", best_at, "f1", top["f1"]),
                " with ",
                _cell("sweep", best_at, "k", top["k"], "{:.0f}"),
                ".",
            )
        )


def _enough(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The row of fewest neurons that reaches 95 % of the best F1, and the row that has it."""
    top = rows.iloc[int(rows["f1"].argmax())]
    return rows[rows["f1"] >= 0.95 * top["f1"]].sort_values("k").iloc[0], top


def _of_ablation(tables: Tables) -> Iterator[Sentence]:
    if "ablation" not in tables:
        return
    table = tables["ablation"].reset_index(drop=True)
    inside = table[(table["label"] == 1) & table["feature"].notna()]
    best = inside.sort_values("change", ascending=False, kind="stable").drop_duplicates("feature")
    for at, row in best.head(_FEATURES_NAMED).iterrows():
        place = int(str(at))
        yield Sentence(
            (
                f"Without {' and '.join(row['neurons'])} the loss on {row['feature']} changes by ",
                _cell("ablation", place, "change", row["change"], "{:+.4f}"),
                " nats per token",
                *_interval("ablation", place, row, "change", "{:+.4f}"),
                *_random_neurons(place, row["control_change"]),
                ".",
            )
        )


def _random_neurons(row: int, change: float) -> list[str | Cell]:
    if pd.isna(change):
        return []
    return ["; without matched random neurons by ", _cell("ablation", row, "control_change", change, "{:+.4f}")]


def _of_regression(tables: Tables) -> Iterator[Sentence]:
    if "regression" not in tables:
        return
    best = chosen_rows(tables["regression"], ["feature"], "r2")
    for at, row in best.head(_FEATURES_NAMED).iterrows():
        place = int(str(at))
        yield Sentence(
            (
                f"{row['feature']}: ",
                _cell("regression", place, "k", row["k"], "{:.0f}"),
                " neurons of layer ",
                _cell("regression", place, "layer", row["layer"], "{:.0f}"),
                " explain a share of ",
                _cell("regression", place, "r2", row["r2"]),
                " of its variance",
                *_interval("regression", place, row, "r2"),
                "; permuted labels ",
                _cell("regression", place, "control_r2", row["control_r2"]),
                ".",
            )
        )
