"""Time as a value that is handed in, so that no test sleeps and no stage asks the machine."""

from __future__ import annotations

import time
from typing import Protocol


class SleepCut(Exception):
    """The run is to end: a sleep is over before its time, or is not begun."""


class Clock(Protocol):
    """What a stage may know of time."""

    def now(self) -> float:
        """Return the wall time, in seconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`. Raises `SleepCut` where the run is to end before that."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Return the wall time, in seconds since 1970 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        time.sleep(seconds)
