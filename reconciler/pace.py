"""What a run takes of an account's allowance: so much in any minute, and so much in all, whoever takes it."""

from __future__ import annotations

import threading
from collections import deque

from reconciler.clock import Clock

_MINUTE = 60.0


class Pacer:
    """Lets at most `per_minute` requests start in any 60 seconds, however many threads ask.

    The first `per_minute` start at once; each later one starts when the one that many places before it is a
    minute old.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        if per_minute < 1:
            raise ValueError(f"requests per minute: at least 1, not {per_minute}")
        self._clock = clock
        self._starts: deque[float] = deque(maxlen=per_minute)
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may start; callers are served in the order in which they came."""
        delay = self._take_slot()
        if delay > 0:
            self._clock.sleep(delay)

    def _take_slot(self) -> float:
        """Return the seconds until the slot that is now the caller's; nobody sleeps holding the lock."""
        with self._lock:
            now = self._clock.monotonic()
            slot = max(now, self._starts[0] + _MINUTE) if self._is_full() else now
            self._starts.append(slot)
            return slot - now

    def _is_full(self) -> bool:
        return len(self._starts) == self._starts.maxlen


class Share:
    """Counts up to `most` requests, however many threads ask."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, kept_free: int = 0) -> bool:
        """Take one, if that leaves at least `kept_free`; tell whether it was taken."""
        with self._lock:
            taken = self._left > kept_free
            self._left -= taken
            return taken
