"""Can the numbers be believed? Coverage, choices and false alarms on data of known truth: `make bench-statistics`.

Seeded repeats on Gaussian activations, 600 examples in 150 groups of 4 (90 / 30 / 30 for training, validation and
test, 12 / 4 / 4 of them positive), correlation .3 within a group, 1,000 neurons; one is shifted for positives, or none.
What a probe is worth is known exactly: its decision is Gaussian, so its true F1 follows from two normal tails.

    coverage      share of 95 % intervals that hold the true F1; at least 93 % is asked of every row
    choice        share of repeats in which the shifted neuron is the best neuron
    control       mean of f1 - control_f1 without any shift: 0 but for its standard error
    significance  share of null p up to .05, of repeats with a null p_family up to .05, mean share of false neurons
                  among those of q up to .1, and power for the shifted neuron; `test` is a fifth of the data

`python -m benchmarks.statistics --quick` makes few repeats; the numbers then have large standard errors. Exit code 1
where a row that is asked for something is below it by more than two standard errors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from sparseprobe.activations import Activations
from sparseprobe.datasets.probing_dataset import ProbingDataset, Sequences, TokenizerRecord
from sparseprobe.experiments import best_neurons, neuron_significance, single_neurons, sweep
from sparseprobe.statistics.f1_interval import f1_interval

SIZE, GROUPS, POSITIVE = 4, (90, 30, 30), (12, 4, 4)
SHARE = POSITIVE[2] / GROUPS[2]
CORRELATION = 0.3
KS = (1, 4, 16)


@dataclass(frozen=True)
class Measured:
    """One row of the report."""

    name: str
    value: float
    repeats: int
    asked: str = ""
    low: float = -np.inf
    high: float = np.inf

    @property
    def error(self) -> float:
        """Standard error of a share."""
        return float(np.sqrt(max(self.value * (1 - self.value), 0.0) / self.repeats)) if 0 <= self.value <= 1 else 0.0

    @property
    def holds(self) -> bool:
        """Whether it is what is asked for, within two standard errors."""
        return self.low - 2 * self.error <= self.value <= self.high + 2 * self.error

    def __str__(self) -> str:
        verdict = "" if not self.asked else f"  asked: {self.asked}{'' if self.holds else '  NOT MET'}"
        return f"{self.name:58} {self.value:6.3f} +- {self.error:.3f}  ({self.repeats} repeats){verdict}"


def drawn(seed: int, shift: float, width: int = 1000) -> tuple[Activations, ProbingDataset]:
    """Activations and labels of one repeat; neuron 0 is shifted by so many standard deviations for positives."""
    rng = np.random.default_rng(seed)
    split = np.repeat(["train", "validation", "test"], GROUPS)
    positive = np.concatenate([np.arange(n) < up for n, up in zip(GROUPS, POSITIVE, strict=True)])
    group = np.repeat(np.arange(len(split)), SIZE)
    own = rng.standard_normal((len(group), width), np.float32)
    shared = rng.standard_normal((len(split), width), np.float32)[group]
    X = np.float32(np.sqrt(CORRELATION)) * shared + np.float32(np.sqrt(1 - CORRELATION)) * own
    X[positive[group], 0] += np.float32(shift)
    n = len(group)
    table = pd.DataFrame(
        {"sequence": np.arange(n), "start": 0, "stop": 1, "group": [f"g{one}" for one in group], "split": split[group]}
    )
    features = pd.DataFrame({"name": ["f"], "description": "planted", "category": "planted", "kind": "binary"})
    data = ProbingDataset(
        name="gaussian",
        sequences=Sequences.of([[0]] * n),
        examples=table,
        labels=pd.DataFrame({"f": positive[group].astype(np.int8)}),
        features=features,
        tokenizer=TokenizerRecord(name="none", fingerprint="none", bos="none", bos_id=None),
        settings={},
    )
    return Activations.from_arrays({0: X}, model_name="gaussian"), data


def true_f1(coef: NDArray[np.float64], index: NDArray[np.int64], intercept: float, shift: float) -> float:
    """F1 of a linear probe on fresh examples: the decision is Gaussian in each class."""
    spread = float(np.linalg.norm(coef))
    moved = float(coef[index == 0].sum()) * shift
    found, alarm = norm.sf(-(intercept + moved) / spread), norm.sf(-intercept / spread)
    return float(2 * SHARE * found / (SHARE + SHARE * found + (1 - SHARE) * alarm))


def probes(shift: float, repeats: int) -> Iterator[Measured]:
    """Coverage, choice and bias of the control, for single neurons and the sweep."""
    covered: dict[str, list[bool]] = {}
    gained: dict[str, list[float]] = {}
    found = {"log loss of training and validation": 0, "validation F1 alone": 0, "sweep, k = 1": 0}
    for seed in range(repeats):
        acts, data = drawn(seed, shift)
        ones, swept = single_neurons(acts, data, keep=None), sweep(acts, data, k=KS)
        best = ones.nsmallest(1, "log_loss_choosing").iloc[0]
        rows = {"neuron": (np.array([best["coef"]]), np.array([best["index"]]), best)}
        rows |= {
            f"k = {row.k}": (np.array(row.coef), np.array(row.support), row._asdict()) for row in swept.itertuples()
        }
        for name, (coef, index, row) in rows.items():
            truth = true_f1(coef, index, row["intercept"], shift)
            covered.setdefault(name, []).append(row["f1_low"] <= truth <= row["f1_high"])
            gained.setdefault(name, []).append(row["f1"] - row["control_f1"])
        found["log loss of training and validation"] += best_neurons(ones)["index"].tolist() == [0]
        found["validation F1 alone"] += best_neurons(ones, choose_by="f1_validation")["index"].tolist() == [0]
        found["sweep, k = 1"] += swept["support"].iloc[0] == [0]
    what = f"shift {shift}" if shift else "noise"
    for name, inside in covered.items():
        yield Measured(f"coverage, {what}, 4 positive groups, {name}", np.mean(inside), repeats, ">= .93", low=0.93)
    if shift:
        for name, hits in found.items():
            yield Measured(f"choice, {what}, {name}", hits / repeats, repeats)
    else:
        for name, differences in gained.items():
            error = 3 * np.std(differences) / np.sqrt(repeats)
            asked = f"0, within {error:.3f} (three standard errors)"
            yield Measured(f"control, f1 - control_f1, {name}", np.mean(differences), repeats, asked, -error, error)


def intervals(repeats: int) -> Iterator[Measured]:
    """Coverage of the interval itself, for probes of a known recall and rate of false alarms."""
    cases = [(6, 1, 0.95, 0.0), (12, 1, 0.95, 0.0), (16, 1, 0.95, 0.0), (12, 4, 0.95, 0.5), (40, 4, 0.95, 0.3)]
    for up, size, f1, correlation in cases:
        rng = np.random.default_rng(up)
        truth = np.repeat(np.arange(6 * up) < up, size)
        groups = np.arange(len(truth)) // size
        recall, alarm = f1, (1 - f1) / 5  # five negatives for each positive: precision equals recall
        inside = []
        for _ in range(repeats):
            said = np.where(truth, _yes(rng, groups, recall, correlation), _yes(rng, groups, alarm, correlation))
            low, high = f1_interval(truth, said, groups)
            inside.append(low <= 2 * recall / (recall + 1 + 5 * alarm) <= high)
        name = f"coverage, true F1 {f1}, {up} positive groups of {size}, ICC {correlation}"
        yield Measured(name, np.mean(inside), repeats, ">= .93", low=0.93)


def _yes(rng: np.random.Generator, groups: NDArray[np.int64], share: float, correlation: float) -> NDArray[np.bool_]:
    """Answers (n,) that are yes in a share of cases, alike within groups (beta-binomial)."""
    own = np.full(groups.max() + 1, share)
    if correlation > 0 and 0 < share < 1:
        scale = (1 - correlation) / correlation
        own = rng.beta(share * scale, (1 - share) * scale, len(own))
    return rng.random(len(groups)) < own[groups]


def significance(repeats: int) -> Iterator[Measured]:
    """False alarms on noise, false neurons in lists, and power, by the part that is tested on."""
    for part in ("test", "all"):
        null, family, false, power = [], [], [], []
        for seed in range(repeats):
            quiet = neuron_significance(*drawn(seed, 0.0, 300), part=part, permutations=200, seed=seed)
            null.append((quiet["p"] <= 0.05).mean())
            family.append(quiet["p_family"].min() <= 0.05)
            shifted = neuron_significance(*drawn(seed, 1.0, 300), part=part, permutations=200, seed=seed)
            listed = shifted[shifted["q"] <= 0.1]
            false.append((listed["index"] != 0).mean() if len(listed) else 0.0)
            power.append(bool((shifted[shifted["index"] == 0]["p_family"] <= 0.05).all()))
        yield Measured(f"significance, {part}: null p <= .05", np.mean(null), repeats, "<= .05", high=0.05)
        yield Measured(f"significance, {part}: null p_family <= .05", np.mean(family), repeats, "<= .05", high=0.05)
        yield Measured(f"significance, {part}: false share at q <= .1", np.mean(false), repeats, "<= .1", high=0.1)
        yield Measured(f"significance, {part}: power at 1 sd (p_family <= .05)", np.mean(power), repeats)


def main() -> None:
    """Print every row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the repeats")
    few = 10 if parser.parse_args().quick else 1
    began = time.perf_counter()
    failed = 0
    for measured in (
        *_each(intervals(2000 // few)),
        *_each(probes(0.0, 300 // few)),
        *_each(probes(0.5, 300 // few)),
        *_each(probes(1.0, 300 // few)),
        *_each(significance(200 // few)),
    ):
        failed += not measured.holds
    print(f"{time.perf_counter() - began:.0f} s; rows that do not hold: {failed}")
    raise SystemExit(1 if failed else 0)


def _each(rows: Iterator[Measured]) -> Iterator[Measured]:
    for row in rows:
        print(row, flush=True)
        yield row


if __name__ == "__main__":
    main()
