"""Time that passes only when somebody sleeps."""

from __future__ import annotations

import threading

START = 1_790_000_000.0


class FakeClock:
    """A `reconciler.clock.Clock` in which sleeping takes no time and moves the hands."""

    def __init__(self, now: float = START) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += max(0.0, seconds)
