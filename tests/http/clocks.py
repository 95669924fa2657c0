"""A fake clock that remembers how long it was slept on."""

from __future__ import annotations

from tests.clock import FakeClock


class VirtualClock(FakeClock):
    """Time passes when somebody sleeps; `sleeps` holds the seconds of every sleep, in order."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        super().__init__(now)
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.sleeps.append(seconds)
