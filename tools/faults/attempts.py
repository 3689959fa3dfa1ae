"""How one attempt may end: what was asked is done, or refused in one sentence. Anything else is a loss."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sparseprobe.errors import SparseProbeError

LONGEST = 30
"""Seconds that a single attempt may take; the usual one takes a thousandth of that."""


class TooLongError(BaseException):
    """An attempt that does not end; no `except Exception` swallows it."""


@dataclass
class Attempts:
    """What was tried of one kind of fault, and how it ended."""

    what: str
    ends: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why nothing was tried."""

    def end(self, how: str) -> None:
        """Count an attempt that ended well."""
        self.ends[how] += 1

    def lose(self, what: str) -> None:
        """Count a loss, and keep what is needed to see it again."""
        self.ends["lost"] += 1
        self.losses.append(f"{self.what}: {what}")

    def attempt(self, what: str, do: Callable[[], object], *, well: str = "read") -> bool:
        """Whether `do` was done; an error of this library counts as told, any other and a hang as lost."""
        try:
            with at_most(LONGEST):
                do()
        except SparseProbeError as error:
            if not str(error).strip() or "\n" in str(error).strip():
                self.lose(f"{what}: the error is not one sentence: {error!s:.500}")
            else:
                self.end("told")
            return False
        except (Exception, TooLongError):
            self.lose(f"{what}\n{traceback.format_exc(limit=-4)[-3000:]}")
            return False
        self.end(well)
        return True


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, where the system has alarms and this is the thread that gets them."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TooLongError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
