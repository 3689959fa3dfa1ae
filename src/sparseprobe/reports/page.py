"""One self-contained HTML page for a run or a study: what was asked and found, every table, and where it comes from.

The page works from disk without a server and loads nothing: data is aggregated and stands as JSON in one script
element; the libraries that draw it (Tabulator, Observable Plot, d3) are vendored with their licences. Text from data is
escaped where it enters the page, and in the page only ever set as text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparseprobe.artefacts import read_json, read_table, whole_file
from sparseprobe.errors import DataError
from sparseprobe.printable import printable, printable_html
from sparseprobe.reports.findings import Cell, Sentence, findings
from sparseprobe.reports.inline_svg import inline_svg
from sparseprobe.tables import meaning_of

STUDY = "study.json"
"""What the page of a study shows beside its tables: about, findings, and figures with their captions."""
DIGITS = 4
"""Significant digits of a number in the page; the Parquet files have them all."""
_ROUGH = 3
"""Digits of what is only drawn."""
NEURON_ROWS = 16_000
"""Rows of single neurons that a page holds: the best of each feature and layer."""
OTHER_ROWS = 4_000
"""Rows of any other table that a page lists."""
_LEFT_OUT = (
    *("coef", "intercept", "seconds", "support", "index", "log_loss", "mcc", "balanced_accuracy", "pr_auc"),
    *("n_train", "n_test", "mean_difference", "best_threshold_f1"),
)
_FIRST = (
    *(
        "feature",
        "label",
        "neuron",
        "neurons",
        "sign",
        "selection",
        "arm",
        "layer",
        "k",
        "step",
        "f1",
        "f1_low",
        "f1_high",
    ),
    *("r2", "r2_low", "r2_high", "change", "change_low", "change_high", "control_f1", "control_r2", "control_change"),
)
"""Columns that a reader looks for first, in this order."""


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into the folder of a run or a study, from its tables, and return its path.

    Raises:
        DataError: the folder has no tables.
    """
    place = Path(folder)
    tables = {path.stem: read_table(path) for path in sorted((place / "tables").glob("*.parquet"))}
    if not tables:
        raise DataError(f"{place} has no tables to report: give the folder of a run, with tables/*.parquet in it")
    if (place / STUDY).is_file():
        text = _page_of_study(place, tables)
    else:
        record = place / "provenance.json"
        text = page(tables, read_json(record) if record.is_file() else {}, title=place.name)
    path = place / "report.html"
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _page_of_study(folder: Path, tables: Mapping[str, pd.DataFrame]) -> str:
    study = read_json(folder / STUDY)
    sentences = [
        Sentence(tuple(part if isinstance(part, str) else Cell(**part) for part in parts))
        for parts in study["findings"]
    ]
    provenance = {name: read_json(folder / name / "provenance.json") for name in study["runs"]}
    drawings = [
        _figure(number, (folder / "figures" / f"{one['name']}.svg").read_text(encoding="utf-8"), one["caption"])
        for number, one in enumerate(study["figures"])
    ]
    return page(
        tables,
        {"runs": provenance},
        title=study["study"],
        about=study["about"],
        sentences=sentences,
        drawings=drawings,
    )


def _figure(number: int, svg: str, caption: str) -> str:
    drawn = inline_svg(svg, f"figure-{number}", label=caption)
    return f"<figure>{drawn}<figcaption>{printable_html(caption)}</figcaption></figure>"


def page(
    tables: Mapping[str, pd.DataFrame],
    provenance: Mapping[str, Any],
    *,
    title: str = "run",
    about: str = "",
    sentences: Sequence[Sentence] | None = None,
    drawings: Sequence[str] = (),
) -> str:
    """The whole page as text.

    `sentences` are the findings (None: those of a run), `drawings` figures as HTML. The plots over k are those of one
    model and dataset; a study has figures instead.
    """
    found = findings(tables) if sentences is None else sentences
    data = {
        "title": title,
        "about": about,
        "provenance": provenance,
        "findings": [_finding(one) for one in found],
        "tables": {
            name: listed(name, table, _referred(name, found)) for name, table in tables.items() if name != "cards"
        },
        "over_k": over_k(tables.get("sweep")) if sentences is None else None,
        "cards": cards(tables.get("cards")),
    }
    assets = files("sparseprobe.reports") / "assets"

    def asset(name: str) -> str:
        return (assets / name).read_text(encoding="utf-8")

    return Template(asset("page.html")).substitute(
        title=printable_html(title),
        style=asset("vendor/tabulator.min.css") + asset("report.css"),
        figures=f'<section id="figures">{"".join(drawings)}</section>' if drawings else "",
        d3=asset("vendor/d3.min.js"),
        plot=asset("vendor/plot.min.js"),
        tabulator=asset("vendor/tabulator.min.js"),
        report=asset("report.js"),
        data=embedded(data),
    )


def _referred(table: str, sentences: Sequence[Sentence]) -> list[int]:
    """Rows of a table that sentences refer to."""
    cells = [part for one in sentences for part in one.parts if isinstance(part, Cell)]
    return sorted({cell.row for cell in cells if cell.table == table})


def embedded(data: object) -> str:
    r"""JSON that can be placed inside a script element: no character of it can end the element.

    >>> print(embedded({"text": "</script>"}))
    {"text":"\u003c/script\u003e"}
    """
    text = json.dumps(_plain(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def listed(name: str, table: pd.DataFrame, referred: Sequence[int] = ()) -> dict[str, Any]:
    """A table as the page lists it: columns that vary, rows that fit and those referred to, and how many in all.

    `row` is the position of each row in the whole table, to which findings refer.
    """
    numbered = table.reset_index(drop=True)
    shown = numbered.loc[_most_telling(name, numbered).index.union(pd.Index(referred, dtype=np.int64))]
    known = [column for column in _FIRST if column in shown]
    columns = [column for column in (*known, *(shown.columns.difference(known, sort=False))) if column not in _LEFT_OUT]
    same = [column for column in columns if len(numbered) > 1 and _one_value(numbered[column])]
    varying = [column for column in columns if column not in same]
    return {
        "rows_in_all": len(table),
        "row": shown.index.tolist(),
        "columns": [
            {"name": column, "meaning": meaning_of(str(column)), "values": _values(shown[column])} for column in varying
        ],
        "same": {column: _plain(numbered[column].iloc[0]) for column in same},
    }


def cards(table: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The cards that a run made for its best neurons."""
    rows = [] if table is None else table.to_dict("records")
    return [{name: row[name] for name in ("neuron", "feature", "sign")} | json.loads(row["card"]) for row in rows]


def over_k(sweep: pd.DataFrame | None) -> dict[str, Any] | None:
    """F1 with its interval and control for each feature, layer and k, as columns."""
    if sweep is None:
        return None
    kept = sweep.groupby(["feature", "layer", "k"], sort=False)[["f1", "f1_low", "f1_high", "control_f1"]].mean()
    columns = kept.reset_index().items()
    return {str(column): _values(values, _ROUGH) for column, values in columns}


def _most_telling(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """All rows of a small table; of a large one the best by the choosing score of each feature and layer."""
    most = NEURON_ROWS if name == "neurons" else OTHER_ROWS
    if len(table) <= most or not {"feature", "layer"} <= set(table.columns):
        return table.head(most)
    groups = table.groupby(["feature", "layer"], sort=False)
    return groups.head(max(1, most // groups.ngroups))


def _one_value(values: pd.Series) -> bool:
    try:
        return int(values.nunique(dropna=False)) == 1
    except TypeError:
        return False


def _values(values: pd.Series, digits: int = DIGITS) -> dict[str, Any] | list[Any]:
    """A column, its numbers rounded; words that recur as a list of words and places in it."""
    if pd.api.types.is_float_dtype(values.dtype):
        rounded = _rounded(values.to_numpy(np.float64), digits)
        return [value if math.isfinite(value) else None for value in rounded.tolist()]
    if not (values.dtype == object or isinstance(values.dtype, pd.StringDtype)):
        return [_plain(value) for value in values.tolist()]
    words = [" + ".join(map(str, value)) if isinstance(value, list | np.ndarray) else value for value in values]
    codes, kinds = pd.factorize(pd.Series(words, dtype=object))
    if len(kinds) * 2 < len(words):
        return {"words": [printable(str(kind)) for kind in kinds], "places": codes.tolist()}
    return [_plain(word) for word in words]


def _rounded(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Numbers rounded to this many significant digits, for whole arrays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** (digits - 1 - np.where(np.isfinite(size), size, 0))
        return np.round(values * scale) / scale


def _finding(finding: Sentence) -> list[Any]:
    return [asdict(part) if isinstance(part, Cell) else part for part in finding.parts]


def _plain(value: Any) -> Any:
    """As JSON knows it; numbers with few digits, what is not a number as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if not math.isfinite(value) else float(f"{value:.{DIGITS}g}")
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, int | bool) else printable(str(value))
