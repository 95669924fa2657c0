from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Unreachable
from reconciler.http import Api, Bounds
from reconciler.pace import Pacer

from .clocks import VirtualClock


class Planned(VirtualClock):
    """A clock that stands still; it notes when each sleeper would go on."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.moments: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.moments.append(seconds)


def test_the_first_ones_start_at_once_and_the_next_a_minute_after_the_first() -> None:
    clock = VirtualClock(0)
    pacer = Pacer(3, clock)
    starts = []
    for _ in range(7):
        pacer.wait()
        starts.append(clock.now())
    assert starts == [0, 0, 0, 60, 60, 60, 120]


@settings(deadline=None)
@given(per_minute=st.integers(1, 5), gaps=st.lists(st.integers(0, 40), max_size=40))
def test_no_minute_ever_holds_more_than_allowed(per_minute: int, gaps: list[int]) -> None:
    clock = VirtualClock(0)
    pacer = Pacer(per_minute, clock)
    starts = []
    for gap in gaps:
        clock.sleep(gap)
        pacer.wait()
        starts.append(clock.now())
    assert all(later - earlier >= 60 for earlier, later in zip(starts, starts[per_minute:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(starts))


def test_it_holds_however_many_threads_ask() -> None:
    clock = Planned()
    pacer = Pacer(10, clock)
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(pacer.wait) for _ in range(45)]:
            future.result()
    assert sorted(clock.moments) == [60] * 10 + [120] * 10 + [180] * 10 + [240] * 5


@pytest.mark.parametrize("per_minute", [0, -1])
def test_less_than_one_request_a_minute_is_refused(per_minute: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pacer(per_minute, VirtualClock())


def test_repeated_attempts_are_paced_too() -> None:
    clock = VirtualClock()
    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    bounds = Bounds(requests_per_minute=2)
    with (
        Api("http://localhost", transport=transport, clock=clock, bounds=bounds) as api,
        pytest.raises(Unreachable),
    ):
        api.request("GET", "/x")
    assert api.counts == {"GET": 6}
    assert sum(clock.sleeps) >= 120
