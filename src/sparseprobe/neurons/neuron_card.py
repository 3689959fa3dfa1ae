"""All that is known of one neuron, as a value that shows itself in a terminal and in a notebook."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sparseprobe.neuron import Neuron
from sparseprobe.neurons.on_text.contexts import Context
from sparseprobe.neurons.on_text.stimuli import Stimuli
from sparseprobe.printable import printable, printable_html
from sparseprobe.statistics import histogram

BARS = "▁▂▃▄▅▆▇█"
SHOWN_BINS = 40
SHOWN_ROWS = 8


@dataclass(frozen=True, eq=False)
class NeuronCard:
    """One neuron of one model on one dataset's text."""

    neuron: Neuron
    sign: Literal["+", "-"]
    """The side that the card leads with, the one that a probe uses."""
    model: str
    collection: str
    statistics: Mapping[str, float]
    """count, mean, std, skewness, kurtosis, above_zero, min, q01, q25, q50, q75, q99, max of its activation; in a gated
    MLP also gate_open, the share of tokens with an open gate."""
    histogram: NDArray[np.int64]
    """(histogram.N_BINS,) counts, edges in `histogram.EDGES`."""
    examples: tuple[Context, ...]
    """The leading end, its quartiles, the other end."""
    by_token: pd.DataFrame
    """Its mean by token, the leading end first, `tables.BY_TOKEN`."""
    by_class: pd.DataFrame
    """Its activation on each side of each feature, `tables.BY_CLASS`."""
    stimuli: Stimuli
    """The n-grams that drive it to the leading side."""
    other_stimuli: Stimuli
    """Those that drive it to the other side."""
    promoted: pd.DataFrame
    """Tokens whose logits the leading side raises and lowers most, `tables.PROMOTED`; empty without such an effect."""
    token_classes: pd.DataFrame
    """Its effect by kind of token, `tables.TOKEN_CLASSES`."""
    weights: Mapping[str, float]
    """Norms, bias and cosines, `tables.WEIGHTS`."""
    ablation: pd.DataFrame
    """What the model loses without it, `tables.ABLATION`; empty if it was not asked for."""

    def __repr__(self) -> str:
        return f"NeuronCard({self.neuron} of {self.model!r} on {self.collection!r})"

    def show(self, console: Console | None = None) -> None:
        """Write the card to a terminal."""
        (console or Console()).print(self)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values for JSON, tables as lists of rows."""
        tables = {"by_token": self.by_token.head(SHOWN_ROWS), "by_class": self.by_class, "promoted": self.promoted}
        tables |= {"token_classes": self.token_classes, "stimuli": self.stimuli.table, "ablation": self.ablation}
        tables["other_stimuli"] = self.other_stimuli.table
        return {
            "neuron": str(self.neuron),
            "sign": self.sign,
            "model": self.model,
            "collection": self.collection,
            "statistics": _numbers(self.statistics),
            "weights": _numbers(self.weights),
            "polysemanticity": self.stimuli.polysemanticity,
            "examples": [
                {"kind": example.kind, "activation": example.activation, "text": example.text()}
                for example in self.examples
            ],
            **{name: json.loads(table.to_json(orient="records")) for name, table in tables.items()},
        }

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [Text(printable(self._title()), style="bold"), Text(self._numbers())]
        low, bars, high = spark(self.histogram)
        parts.append(Text(f"{low:.3g} {bars} {high:.3g}  (log counts)"))
        parts += [_rich_table(title, table) for title, table in self._tables() if len(table)]
        lines = Table(title="examples", title_justify="left", header_style="bold")
        for name in ("kind", "activation", "text"):
            lines.add_column(name)
        for example in self.examples:
            lines.add_row(example.kind, f"{example.activation:.3f}", Text(example.text()))
        return Group(*parts, lines)

    def _repr_html_(self) -> str:
        scale = max(abs(self.statistics["max"]), abs(self.statistics["min"]))
        low, bars, high = spark(self.histogram)
        rows = "".join(
            f"<tr><td>{printable_html(example.kind)}</td><td>{example.activation:.3f}</td>"
            f'<td style="text-align:left">{example.html(scale)}</td></tr>'
            for example in self.examples
        )
        tables = "".join(
            f"<h4>{printable_html(title)}</h4>{table.map(_plain).to_html(index=False, float_format=_number, border=0)}"
            for title, table in self._tables()
            if len(table)
        )
        return (
            f"<h3>{printable_html(self._title())}</h3><p>{printable_html(self._numbers())}</p>"
            f"<p><code>{low:.3g} {bars} {high:.3g}</code></p>"
            f"<h4>examples</h4><table>{rows}</table>{tables}"
        )

    def _title(self) -> str:
        return f"{self.neuron} of {self.model} on {self.collection}, read on its {self.sign} side"

    def _numbers(self) -> str:
        names = ("mean", "std", "skewness", "kurtosis", "above_zero", "min", "q01", "q50", "q99", "max", "gate_open")
        activation = "  ".join(f"{name} {self.statistics[name]:.3g}" for name in names if name in self.statistics)
        weights = "  ".join(f"{name} {value:.3g}" for name, value in self.weights.items() if not math.isnan(value))
        drivers = f"{self.stimuli.polysemanticity} unrelated n-grams drive it, {self.stimuli.explained:.0%} explained"
        return f"activation: {activation}\nweights: {weights}\nstimuli: {drivers}"

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """The tables that are shown, the side that the probe uses first."""
        other = "-" if self.sign == "+" else "+"
        ablation = self.ablation
        return [
            (f"stimuli, {self.sign} side", self._drivers(self.stimuli)),
            (f"tokens, {self.sign} end", self._tokens(self.by_token)),
            (f"stimuli, {other} side", self._drivers(self.other_stimuli)),
            (f"tokens, {other} end", self._tokens(self.by_token[::-1])),
            (f"logits, {self.sign} side", self._promoted()),
            ("kinds of token", self.token_classes[["token_class", "n_tokens", "separation"]]),
            ("features", self.by_class[["feature", "label", "count", "mean", "std", "max"]]),
            (
                "ablation",
                ablation[["feature", "label", "loss", "change", "change_low", "change_high", "control_change"]],
            ),
        ]

    def _drivers(self, found: Stimuli) -> pd.DataFrame:
        return found.table[["text", "count", "median", "max"]].head(SHOWN_ROWS)

    def _tokens(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[["text", "count", "mean", "min", "q50", "max"]].head(SHOWN_ROWS)

    def _promoted(self) -> pd.DataFrame:
        """Promoted and suppressed tokens side by side."""
        sides = {
            name: self.promoted[self.promoted["direction"] == name].head(SHOWN_ROWS).reset_index(drop=True)
            for name in ("promoted", "suppressed")
        }
        columns = {
            label: side[column]
            for name, side in sides.items()
            for label, column in ((name, "text"), (f"{name} by", "effect"))
        }
        return pd.DataFrame(columns)


def spark(counts: NDArray[np.int64]) -> tuple[float, str, float]:
    """A histogram in one line of text over the bins that hold anything: lower edge, bars of log counts, upper edge.

    >>> import numpy as np
    >>> low, bars, high = spark(histogram.count(np.array([[1.0], [1.0], [2.0]], np.float32))[0])
    >>> low, len(bars), high
    (1.0, 9, 2.25)
    """
    filled = counts.nonzero()[0]
    first, last = int(filled[0]), int(filled[-1])
    n = min(SHOWN_BINS, last - first + 1)
    edges = [first + (last - first + 1) * part // n for part in range(n + 1)]
    heights = [float(counts[start:stop].sum() + 1) for start, stop in pairwise(edges)]
    logs = [math.log(height) for height in heights]
    tallest = max(logs)
    bars = "".join(
        BARS[round(level / tallest * (len(BARS) - 1))] if height > 1 else " "
        for level, height in zip(logs, heights, strict=True)
    )
    return float(histogram.EDGES[first]), bars, float(histogram.EDGES[last + 1])


def _numbers(named: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in named.items()}


def _rich_table(title: str, table: pd.DataFrame) -> Table:
    shown = Table(title=title, title_justify="left", header_style="bold")
    for name in table.columns:
        shown.add_column(str(name))
    for row in table.itertuples(index=False):
        shown.add_row(*(Text(_cell(value)) for value in row))
    return shown


def _cell(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return _number(value) if isinstance(value, float) else printable(str(value)).replace("\n", "⏎")


def _plain(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _number(value: float) -> str:
    """Three decimals, and two significant digits where those would be all zero."""
    return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"
