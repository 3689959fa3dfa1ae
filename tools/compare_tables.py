"""Whether two folders hold the same tables, row for row, in every column but `seconds`.

    python tools/compare_tables.py BEFORE AFTER [--omit f1_low,f1_high] [--renamed neuron=index] [--tolerance 1e-9]

BEFORE and AFTER are run folders, or folders of run folders (as `sparseprobe demo` writes); all `tables/*.parquet` of
BEFORE are looked for at the same place in AFTER. Columns that only one side has are named, and columns that differ with
the number of rows and the largest difference. Numbers must be the same, or differ by no more than the tolerance times
their size (or 1): another number of threads adds up in another order. Exit code 1 where anything differs that
was not omitted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ALWAYS_OMITTED = ("seconds",)
"""Wall time, the one column that says nothing of the data."""


def differences(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    omit: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
    tolerance: float = 0.0,
) -> list[str]:
    """One sentence for each way in which two tables differ; `renamed` maps old names of columns to new ones.

    >>> one, other = pd.DataFrame({"f1": [0.5, 0.7], "seconds": [1.0, 2.0]}), pd.DataFrame({"f1": [0.5, 0.8]})
    >>> differences(one, one), differences(one, other)
    ([], ['f1 differs in 1 of 2 rows, by up to 0.1'])
    """
    before = before.drop(columns=[*(renamed or {}).values()], errors="ignore").rename(columns=dict(renamed or {}))
    left_out = {*ALWAYS_OMITTED, *omit}
    names = [name for name in before.columns if name not in left_out]
    found = [f"{name} is gone" for name in names if name not in after.columns]
    found += [f"{name} is new" for name in after.columns if name not in {*before.columns, *left_out}]
    if len(before) != len(after):
        return [*found, f"{len(before)} rows became {len(after)}"]
    for name in names:
        if name in after.columns:
            found += _difference(name, before[name], after[name], tolerance)
    return found


def _difference(name: str, before: pd.Series, after: pd.Series, tolerance: float) -> list[str]:
    pairs = list(zip(map(_plain, before), map(_plain, after), strict=True))
    unequal = [pair for pair in pairs if not _equal(*pair, tolerance)]
    if not unequal:
        return []
    numbers = [abs(one - other) for one, other in unequal if isinstance(one, float) and isinstance(other, float)]
    by = f", by up to {max(numbers):.3g}" if numbers else f", first {unequal[0][0]} and {unequal[0][1]}"
    return [f"{name} differs in {len(unequal)} of {len(pairs)} rows{by}"]


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return float(value) if isinstance(value, np.floating) else value


def _equal(one: object, other: object, tolerance: float) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_equal(*pair, tolerance) for pair in zip(one, other, strict=True))
    missing = [not isinstance(value, list) and bool(pd.isna(value)) for value in (one, other)]
    if isinstance(one, float) and isinstance(other, float) and not any(missing):
        return abs(one - other) <= tolerance * max(1.0, abs(one))
    return all(missing) if any(missing) else one == other


def compare(before: Path, after: Path, **how: Any) -> list[str]:
    """One sentence for each difference of two folders, `how` as for `differences`.

    Raises `SystemExit` where the first folder holds no tables.
    """
    paths = sorted(before.rglob("tables/*.parquet"))
    if not paths:
        sys.exit(f"{before} holds no tables/*.parquet: give a run folder, or a folder of run folders")
    found = []
    for path in paths:
        place = path.relative_to(before)
        if not (after / place).is_file():
            found.append(f"{place}: is not in {after}")
            continue
        own = differences(pd.read_parquet(path), pd.read_parquet(after / place), **how)
        found += [f"{place}: {sentence}" for sentence in own]
    return found


def main() -> None:
    """Compare two folders."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--omit", default="", help="Columns that may differ, with commas between.")
    parser.add_argument("--renamed", default="", help="Columns with other names now: old=new, with commas between.")
    parser.add_argument("--tolerance", type=float, default=0.0, help="How much numbers may differ, of their size.")
    given = parser.parse_args()
    omit = [name for name in given.omit.split(",") if name]
    renamed = dict(pair.split("=", 1) for pair in given.renamed.split(",") if pair)
    found = compare(given.before, given.after, omit=omit, renamed=renamed, tolerance=given.tolerance)
    sys.stdout.write(("\n".join(found) or "the tables are the same") + "\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
