"""Runs that are stopped at random moments, or whose disk gets full, and then resumed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.compare_tables import compare
from tools.faults.attempts import Attempts

ASKED = {
    "model": "demo-4.7m",
    "dataset": "natural_language",
    "layers": "2,3",
    "k": "1,4",
    "features": "fr,en",
    "experiments": "sweep,neurons,ablation",
}
PROGRAM = (sys.executable, "-c", "from sparseprobe.cli import main; main()")
WAIT = 1200
"""Seconds after which a run counts as hanging."""


@dataclass(frozen=True)
class WholeRun:
    """A run that nothing disturbed."""

    folder: Path
    asked: dict[str, str]
    seconds: float

    @classmethod
    def do(cls, folder: Path, asked: dict[str, str] | None = None) -> WholeRun:
        """Do it."""
        chosen, begun = asked or ASKED, time.monotonic()
        subprocess.run(begin(chosen, folder), check=True, capture_output=True, timeout=WAIT)
        return cls(folder, chosen, time.monotonic() - begun)


def begin(asked: dict[str, str], out: Path) -> list[str]:
    """The command of a run."""
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    return [*PROGRAM, "run", *options, "--out", str(out), "--quiet"]


def stopped_runs(whole: WholeRun, number: int, folder: Path, rng: random.Random) -> Attempts:
    """Two SIGKILLs for each SIGINT, spread over the time that a run takes."""
    found = Attempts("runs stopped and resumed")
    for turn in range(number):
        out = folder / f"stopped-{turn}"
        after = (turn + rng.random()) / number * whole.seconds
        how = signal.SIGINT if turn % 3 == 2 else signal.SIGKILL
        with subprocess.Popen(begin(whole.asked, out), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.send_signal(how)
                process.wait(WAIT)
        stage = _stage(out)
        _resume(found, whole, out, f"{how.name} after {after:.1f} s ({stage})")
        shutil.rmtree(out, ignore_errors=True)
    return found


def full_disks(whole: WholeRun, number: int, folder: Path) -> Attempts:
    """Disks that hold a part of what a run writes: it says so, and goes on once there is room."""
    found = Attempts("runs on a disk that gets full")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        found.skipped = "skipped: only root can make a disk"
        return found
    written = sum(path.stat().st_size for path in whole.folder.rglob("*") if path.is_file())
    for turn in range(number):
        disk = folder / f"disk-{turn}"
        disk.mkdir()
        size = int(written * (turn + 1) / (number + 1))
        if not _mount(disk, f"size={size}"):
            found.skipped = "skipped: no disk can be mounted here"
            return found
        try:
            done = subprocess.run(
                begin(whole.asked, disk / "run"), capture_output=True, text=True, check=False, timeout=WAIT
            )
            last = done.stderr.strip().splitlines()[-1:]
            if done.returncode != 2 or not last or not last[0].startswith("error:") or "Traceback" in done.stderr:
                found.lose(f"a disk of {size} bytes ended a run with {done.returncode}: {done.stderr[-2000:]}")
                continue
            _mount(disk, f"remount,size={4 * written}")
            _resume(found, whole, disk / "run", f"a disk of {size} bytes")
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    return found


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return (
        shutil.which("mount") is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


def _resume(found: Attempts, whole: WholeRun, out: Path, what: str) -> None:
    """Resume, or begin where nothing had been asked yet, and compare the tables with the undisturbed ones."""
    asked = (out / "spec.yaml").exists()
    command = [*PROGRAM, "resume", str(out), "--quiet"] if asked else begin(whole.asked, out)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT)
    differences = compare(whole.folder, out) if done.returncode == 0 else [done.stderr[-2000:]]
    left = [path.name for path in out.rglob(".*")] if out.exists() else []
    if differences or left:
        found.lose(f"{what}: {'; '.join(differences)}{f' left {left}' if left else ''}")
    else:
        found.end("same tables" if asked else "begun again, as nothing was asked yet")


def _stage(out: Path) -> str:
    """How far a run came."""
    for name, stage in (("tables", "experiments"), ("activations", "extraction"), ("dataset", "dataset saved")):
        if (out / name).exists():
            return stage
    return "model loading" if (out / "spec.yaml").exists() else "before it began"
