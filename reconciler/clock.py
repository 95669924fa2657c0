"""Time as a value that is handed in, so that no test sleeps, and the pace at which an account is asked."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from reconciler.errors import ApiError


class SleepCut(Exception):
    """The run is to end: a sleep ended early, or was not begun."""


class Clock(Protocol):
    """The time as the tool sees it; tests hand in one that they move themselves."""

    def now(self) -> float:
        """Return the wall time, in seconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean something."""

    def sleep(self, seconds: float, /) -> None:
        """Return after `seconds`. Raises `SleepCut` where the run is to end before that."""


class SystemClock:
    """The machine's own time."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


_MINUTE = 60.0
_FAILURES_IN_A_ROW = 3
_LOOK_AGAIN = 0.25  # seconds of real time after which a waiting thread looks again whether the run is to end
_BLINK = 1e-6  # seconds too short to be a wait; sleeping for them raises `SleepCut` where the run is to end


class Pace:
    """The pace of one account, shared among all that ask it. For many threads. Times are in seconds.

    - In any 60 seconds no more attempts start than `at_most` allows.
    - When an answer asks for a pause, no attempt starts until it is over. From then on they are made one at a
      time, in the order in which they came, until a minute has passed without another such answer: all
      threads at once would run into the end of the next allowance, and each be refused.
    - An account that is given up is not asked again: a server that is not there costs each request minutes.

    The clock is the caller's, for an interrupt ends the sleeps of one part of a run and not of the next one.
    """

    def __init__(self, per_minute: int | None = None) -> None:
        self._changed = threading.Condition()
        self._starts: deque[float] | None = None
        self._queue: deque[object] = deque()
        self._free_at = self._alone_until = float("-inf")
        self.answers = 0  # attempts that a server that was able to has answered so far
        self._failures = 0
        self._given_up: ApiError | None = None
        if per_minute is not None:
            self.at_most(per_minute)

    def at_most(self, per_minute: int) -> None:
        """Limit the attempts that start in any 60 seconds; of several limits the lowest holds."""
        if per_minute < 1:
            raise ValueError(f"requests per minute: at least 1, not {per_minute}")
        with self._changed:
            before = self._starts if self._starts is not None else deque[float]()
            self._starts = deque(before, maxlen=min(per_minute, before.maxlen or per_minute))

    @contextmanager
    def place(self, clock: Clock) -> Iterator[ApiError | None]:
        """Wait until an attempt may start, and hold its place until the end of the `with`.

        Yields the error for which the account is not asked any more in this run, if it was given up. Raises
        `SleepCut` where the run is to end.
        """
        me, has_slot = object(), False
        try:
            while self._given_up is None:
                with self._changed:
                    now = clock.monotonic()
                    pause = self._free_at - now
                    if now < self._alone_until and me not in self._queue:
                        self._queue.append(me)
                    if me in self._queue and self._queue[0] is not me:
                        self._changed.wait(_LOOK_AGAIN)
                        delay, has_slot = _BLINK, False
                    elif pause > _BLINK:
                        delay, has_slot = pause, False
                    elif has_slot:
                        break
                    else:
                        delay, has_slot = 0.0, True
                        if self._starts is not None:
                            # The slot of the minute that is now the caller's.
                            is_full = len(self._starts) == self._starts.maxlen
                            slot = max(now, self._starts[0] + _MINUTE) if is_full else now
                            self._starts.append(slot)
                            delay = slot - now
                if delay > 0:
                    clock.sleep(delay)
            yield self._given_up
        finally:
            with self._changed:
                if me in self._queue:
                    self._queue.remove(me)
                    self._changed.notify_all()

    def pause(self, seconds: float, clock: Clock) -> None:
        """Start nothing for this long, or longer where another answer asked for it."""
        with self._changed:
            self._free_at = max(self._free_at, clock.monotonic() + seconds)
            self._alone_until = self._free_at + _MINUTE

    def answered(self) -> None:
        """Count an answer."""
        with self._changed:
            self.answers, self._failures = self.answers + 1, 0

    def failed(self, error: ApiError, answers: int, *, is_hopeless: bool) -> None:
        """Note that a request failed for good; the account had given `answers` answers when it began.

        The account is given up if no other attempt was answered meanwhile and the request `is_hopeless` (no
        connection, no answer, or no allowance), or if it is the third failure in a row.
        """
        with self._changed:
            if self.answers == answers:
                self._failures += 1
                if is_hopeless or self._failures >= _FAILURES_IN_A_ROW:
                    self._given_up = self._given_up or error
                    self._changed.notify_all()
