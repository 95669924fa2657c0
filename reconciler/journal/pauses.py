"""How long to wait before one tries again what somebody else has won."""

from __future__ import annotations

import random
from collections.abc import Iterator

from reconciler.clock import Clock

FIRST = 0.05
"""Seconds that the first pause lasts at the most; each further one may last twice as long."""

LONGEST = 2.0


def attempts(number: int, clock: Clock) -> Iterator[int]:
    """Yield 0 to `number` - 1, with a pause of random length before each but the first.

    So those that collided once do not meet again and again.
    """
    for attempt in range(number):
        if attempt:
            clock.sleep(random.uniform(0, min(LONGEST, FIRST * 2**attempt)))  # noqa: S311
        yield attempt
