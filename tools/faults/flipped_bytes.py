"""One bit of one file of a run flipped: what is read is what was written, or the damage is told."""

from __future__ import annotations

import random
import warnings
from dataclasses import asdict
from pathlib import Path

import sparseprobe as sp
from tools.faults.attempts import Attempts

FREE = ("experiments", "device", "memory")
"""Settings that no number depends on."""
READ_BY_NOBODY = (".html", ".npz")
"""The report is written from the tables, and what the ablation knows of the training text is checked by its name."""


def flipped_bytes(whole: Path, n_flips: int, rng: random.Random) -> Attempts:
    """The files take turns, so that each has its share whatever its size."""
    found = Attempts("bytes flipped in a run")
    files = sorted(path for path in whole.rglob("*") if path.is_file() and path.suffix not in READ_BY_NOBODY)
    expected = content(whole)
    for number in range(n_flips):
        path = files[number % len(files)]
        before = path.read_bytes()
        if not before:
            continue
        place, bit = rng.randrange(len(before)), 1 << rng.randrange(8)
        path.write_bytes(before[:place] + bytes([before[place] ^ bit]) + before[place + 1 :])
        read: dict[str, object] = {}
        what = f"{path.relative_to(whole)}, byte {place}, bit {bit}"
        done = found.attempt(what, lambda: read.update(content(whole)), well="harmless")  # noqa: B023 # called at once
        path.write_bytes(before)
        changed = [name for name in expected | read if read.get(name) != expected.get(name)]
        if done and changed:
            found.ends["harmless"] -= 1
            found.lose(f"{what} changed {', '.join(changed)} without a word")
    return found


def content(folder: Path) -> dict[str, object]:
    """All that is read of a run's folder: settings, data, activations, tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = sp.open_run(folder)
        data, acts = run.dataset, run.activations
    spec = {name: value for name, value in asdict(run.spec).items() if name not in FREE}
    how = (acts.site, acts.aggregate, acts.model_name, acts.layers)
    return {
        "settings": repr(spec),
        "data": repr((data.hash(), data.name, data.tokenizer, data.settings)),
        "labels": data.labels.to_json(),
        "how they were read": repr(how),
        **{f"layer {layer}": hash(acts.layer(layer)[:].tobytes()) for layer in acts.layers},
        **{f"table {name}": table.to_json(double_precision=15) for name, table in run.tables.items()},
    }
