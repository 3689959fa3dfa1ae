"""How the tables of experiments are printed: the best rows, what was left out and where it is.

One rule for all tables. For each feature (and k, selection, arm, step, where the table has them) the row of the best
choosing score is shown, so of many layers or neurons the best; where that is still too much, fewer k. A note says how
many of how many rows are shown and which file has all of them. With `--json` the whole table is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import sparseprobe as sp
from sparseprobe.choices import EXPERIMENTS
from sparseprobe.cli.show import Show

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("feature", "selection", "arm", "k", "step")
"""The columns that identify a printed row; of its layers, neurons and trials the best is shown."""
SHOWN_COLUMNS = (
    *("feature", "layer", "selection", "arm", "k", "step", "neuron", "neurons", "sign"),
    *("f1", "f1_low", "f1_high", "control_f1", "r2", "r2_low", "r2_high", "control_r2"),
    *("frequency", "stability", "correlation", "p_family", "q"),
)
CHOOSING = {
    "log_loss_choosing": "log loss on training and validation examples",
    "f1_validation": "validation F1",
    "r2_validation": "validation R2",
    "f1": "test F1, as in the paper",
    "r2": "test R2, as in the paper",
    "frequency": "frequency",
    "correlation": "size of the correlation",
}
"""The columns by which the best row is chosen (the first that has values), and how they are named in a sentence."""
FOR_THE_REPORT = EXPERIMENTS[EXPERIMENTS.index("cards") :]
"""Tables that only the report shows: cards, and those of the case studies."""
FEW_POSITIVE_GROUPS = 10
"""A note warns if there are fewer positive test documents."""
SHOWN_ROWS = 40
"""Rows that are printed at most."""
SHOWN_KS, FEW_KS = 8, 5
"""Columns of k in the table of the best neurons if all fit, and their number if they do not."""
SHOWN_NEURONS = 3
"""Neurons of a set that are printed by name."""


def show_summary(show: Show, finished: sp.Run) -> None:
    """The best neurons of a run and what their ablation does, and where its report is."""
    for name, part in _OWN.items():
        if name in finished.tables:
            part(show, finished)
    show.note(f"report: {finished.folder.resolve() / 'report.html'}")


def show_run(show: Show, finished: sp.Run) -> None:
    """Every table of a run by the rule above, the best neurons first; with `--json` the first of them alone."""
    first = [name for name in _OWN if name in finished.tables]
    for name in first or list(finished.tables)[:1] if show.json else [*first, *finished.tables]:
        if name in _OWN and name in first:
            _OWN[name](show, finished)
            first.remove(name)
            if show.json:
                return
        elif name not in _OWN and name not in FOR_THE_REPORT:
            show_table(show, finished.tables[name], title=name, path=_path(finished, name))
    show.note(f"report: {finished.folder.resolve() / 'report.html'}")


def best_of(finished: sp.Run) -> pd.DataFrame:
    """For each feature the best neuron, and how the score grows with k."""
    neurons = finished.neurons
    return sp.best_neurons(neurons, finished.tables.get("sweep"), choose_by=choosing_score(neurons) or "f1")


def show_table(show: Show, table: pd.DataFrame, *, title: str, path: Path) -> None:
    """Any experiment's table by the rule of this module; `path` is the file that has all of it."""
    if show.json:
        show.frame(table)
        return
    score = choosing_score(table)
    keys = [name for name in KEYS if name in table and len(table[name].unique()) > 1]
    keys = keys or [name for name in KEYS if name in table][:1]
    best = _best_rows(table, keys, score)
    if "k" in keys:
        ks = _some(sorted(best["k"].unique()), max(1, SHOWN_ROWS * best["k"].nunique() // len(best)))
        best = best[best["k"].isin(ks)]
    best = best.head(SHOWN_ROWS)
    columns = [name for name in SHOWN_COLUMNS if name in best]
    rows = [
        {name: _FEW[name](row[name]) if isinstance(row[name], list | np.ndarray) else row[name] for name in columns}
        for row in best[columns].to_dict("records")
    ]
    chosen = "" if score is None else f": for each {', '.join(keys)} the row of the best {CHOOSING[score]}"
    show.rows(rows, title=f"{title}{chosen}")
    show.note(f"{len(best)} of {len(table)} rows; all are in {path}")


def show_best_neurons(show: Show, neurons: pd.DataFrame, sweep: pd.DataFrame | None, *, title: str, path: Path) -> None:
    """For each feature the best neuron, its score with interval and control, and how the score grows with k."""
    score = choosing_score(neurons) or "f1"
    best = sp.best_neurons(neurons, sweep, choose_by=score)
    if show.json:
        show.frame(best)
        return
    asked = [int(name.removeprefix("f1_k")) for name in map(str, best.columns) if name.startswith("f1_k")]
    ks = asked if len(asked) <= SHOWN_KS else _some(asked, FEW_KS)
    rows = best.to_dict("records")
    show.rows(
        [_summary(row, ks) for row in rows],
        title=f"{title}: best single neuron, chosen by {CHOOSING[score]}; F1 on test",
    )
    show.note(
        "95 % intervals; control: permuted labels; ties: kept neurons that share the best F1 on training and "
        "validation examples; "
        "k=: F1 of k neurons in the layer that is best for that k"
    )
    few = [row["feature"] for row in rows if row["n_positive_groups"] < FEW_POSITIVE_GROUPS]
    if few:
        show.note(
            f"fewer than {FEW_POSITIVE_GROUPS} positive test documents, so the scores are uncertain: {', '.join(few)}"
        )
    if any(_other_neuron(row) for row in rows):
        show.note("* k=1 reads another neuron than the one named: the sweep ranks neurons by its own selection")
    show.note(f"{len(rows)} of {len(neurons)} rows; all are in {path}")


def choosing_score(table: pd.DataFrame) -> str | None:
    """The column that the best row is chosen by: without validation scores (the paper's split) those on test."""
    return next((name for name in CHOOSING if name in table and table[name].notna().any()), None)


def _best_rows(table: pd.DataFrame, keys: list[str], score: str | None) -> pd.DataFrame:
    """The row of the largest score for each value of the keys, in the order in which those come."""
    if score is None:
        return table.drop_duplicates(keys)
    size = (lambda column: column.abs()) if score == "correlation" else None
    rising = score.startswith("log_loss")
    best = table.sort_values(score, ascending=rising, kind="stable", key=size).drop_duplicates(keys)
    if "feature" not in table:
        return best.sort_values(keys, kind="stable")
    order = {feature: place for place, feature in enumerate(table["feature"].drop_duplicates())}
    return best.sort_values(keys, key=lambda one: one.map(order) if one.name == "feature" else one, kind="stable")


def _some(values: Sequence[int], n: int) -> list[int]:
    """At most n of some ascending positive numbers, with the first and the last, spread evenly in their ratios.

    >>> _some([1, 2, 3, 6, 12, 16, 32], 3), _some([1, 2], 5)
    ([1, 6, 32], [1, 2])
    """
    if len(values) <= n:
        return list(values)
    wanted = np.geomspace(values[0], values[-1], n)
    return sorted({min(values, key=lambda value: abs(np.log(value / one))) for one in wanted})


def _neurons(names: Sequence[str]) -> str:
    shown = "+".join(names[:SHOWN_NEURONS])
    return shown if len(names) <= SHOWN_NEURONS else f"{shown}+ {len(names) - SHOWN_NEURONS} more"


def _signs(signs: Sequence[str]) -> str:
    return " ".join(signs[:SHOWN_NEURONS]) + (" ..." if len(signs) > SHOWN_NEURONS else "")


_FEW: Mapping[str, Callable[[Sequence[str]], str]] = {"neurons": _neurons, "sign": _signs}
"""How a list in a table is shortened."""


def _path(finished: sp.Run, name: str) -> Path:
    return finished.folder / "tables" / f"{name}.parquet"


def _show_neurons(show: Show, finished: sp.Run) -> None:
    sweep, path = finished.tables.get("sweep"), _path(finished, "neurons")
    show_best_neurons(show, finished.neurons, sweep, title=str(finished.folder), path=path)


def _show_ablation(show: Show, finished: sp.Run) -> None:
    """What each feature's own neurons do to the loss on its text and elsewhere."""
    from sparseprobe.neurons import own_features, specificity
    from sparseprobe.runs.ablation import few_best_neurons

    few = few_best_neurons(finished.neurons, finished.spec.ablated)
    own = own_features(specificity(finished.tables["ablation"]), few)
    columns = ["feature", "change", "change_low", "change_high", "change_elsewhere", "control_change", "specific"]
    rows = [
        {"neurons": _neurons(row["neurons"]), **{name: row[name] for name in columns}} for row in own.to_dict("records")
    ]
    chosen = CHOOSING[choosing_score(finished.neurons) or "f1"]
    title = f"{finished.folder}: change of next-token loss without the neurons, nats per token on test"
    show.rows(rows, title=f"{title}; neurons chosen by {chosen}")
    show.note(f"{len(rows)} of {len(finished.tables['ablation'])} rows; all are in {_path(finished, 'ablation')}")


_OWN: Mapping[str, Callable[[Show, sp.Run], None]] = {"neurons": _show_neurons, "ablation": _show_ablation}
"""Tables that are shown in a form of their own, the first ones of a run."""


def _summary(row: Mapping[Hashable, Any], ks: Sequence[int]) -> dict[str, Any]:
    """A row of the table for people: one column for a score and its interval, short names for the sweep."""
    shown = {
        "feature": row["feature"],
        "neuron": row["neuron"],
        "sign": row["sign"],
        "F1": f"{row['f1']:.3f}",
        "interval": f"{row['f1_low']:.2f}-{row['f1_high']:.2f}",
        "control": f"{row['control_f1']:.2f}",
        "ties": row["ties"],
    }
    mark = "*" if _other_neuron(row) else ""
    return shown | {f"k={k}": f"{row[f'f1_k{k}']:.2f}{mark if k == 1 else ''}" for k in ks}


def _other_neuron(row: Mapping[Hashable, Any]) -> bool:
    return isinstance(row.get("neuron_k1"), str) and row["neuron_k1"] != row["neuron"]
