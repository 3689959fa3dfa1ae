"""What is lost when things go wrong: prints what was tried and what was lost, and fails unless nothing was.

    python -m tools.faults --inputs 100000 --flips 300 --kills 10 --disks 3

- Generated inputs: each is read, or refused in one sentence, within seconds.
- Flipped bytes in every file of a run: what is read is what was written, or the damage is told.
- Runs that are killed (or interrupted) at random moments, and runs on a disk that gets full: after `sparseprobe resume`
  all tables equal those of a run that nothing disturbed, but for `seconds`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tools.faults.attempts import Attempts
from tools.faults.disturbed_runs import WholeRun, full_disks, stopped_runs
from tools.faults.flipped_bytes import flipped_bytes
from tools.faults.generated import KINDS, SLOW_KINDS, SLOW_SHARE, generated_inputs


def everything(asked: argparse.Namespace, folder: Path) -> Iterator[Attempts]:
    """What was tried, kind by kind."""
    slow = asked.inputs // SLOW_SHARE // len(SLOW_KINDS)
    quick = (asked.inputs - slow * len(SLOW_KINDS)) // len(KINDS)
    for kinds, number in ((KINDS, quick), (SLOW_KINDS, slow)):
        for kind in kinds:
            yield generated_inputs(kind, range(asked.seed, asked.seed + number), folder)
    if not (asked.flips or asked.kills or asked.disks):
        return
    whole = WholeRun.do(folder / "whole")
    yield flipped_bytes(whole.folder, asked.flips, random.Random(asked.seed))
    yield stopped_runs(whole, asked.kills, folder, random.Random(asked.seed))
    yield full_disks(whole, asked.disks, folder)


def main() -> int:
    """Try everything and print it as it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("inputs", 100_000), ("flips", 300), ("kills", 10), ("disks", 3), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    done = []
    line = "{:<34}{:>8}{:>8}  {:<34}{:>8}"
    say(line.format("what", "tried", "lost", "how the others ended", "seconds"))
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        for found in everything(asked, Path(folder)):
            ends = ", ".join(f"{count} {how}" for how, count in sorted(found.ends.items()) if how != "lost")
            took, begun = time.monotonic() - begun, time.monotonic()
            say(line.format(found.what, found.ends.total(), found.ends["lost"], found.skipped or ends, f"{took:.0f}"))
            for loss in found.losses[:5]:
                say(f"  LOST: {loss}")
            done.append(found)
    lost = sum(found.ends["lost"] for found in done)
    say(f"tried {sum(found.ends.total() for found in done)}, lost {lost or 'nothing'}")
    return int(lost > 0)


def say(line: str) -> None:
    """Print a line at once, whatever is in it."""
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
