"""How long to wait before one tries again what somebody else has won."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress

from reconciler.clock import Clock, SleepCut

FIRST = 0.05
"""Seconds that the first pause lasts at the most; each further one may last twice as long."""

LONGEST = 2.0


def attempts(number: int, clock: Clock) -> Iterator[int]:
    """Yield 0 to `number` - 1, with a pause of random length before each but the first.

    So those that collided once do not meet again and again. An interrupt ends the pauses and no attempt, for
    what an interrupted run has done must be written down too.
    """
    for attempt in range(number):
        if attempt:
            pause(random.uniform(0, min(LONGEST, FIRST * 2**attempt)), clock)  # noqa: S311
        yield attempt


def pause(seconds: float, clock: Clock) -> None:
    """Return after `seconds`, or at once where the run is to end."""
    with suppress(SleepCut):
        clock.sleep(seconds)
