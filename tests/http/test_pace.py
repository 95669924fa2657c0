from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import AllowanceUsedUp, Unreachable
from reconciler.http import Api, Bounds
from reconciler.pace import Pacer, Share

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


def test_a_share_is_given_out_to_its_last_and_to_nobody_after_however_many_ask() -> None:
    share = Share(30)
    with ThreadPoolExecutor(8) as pool:
        taken = [future.result() for future in [pool.submit(share.take) for _ in range(50)]]
    assert taken.count(True) == 30


def test_of_a_share_some_can_be_kept_free() -> None:
    share = Share(3)
    assert [share.take(2), share.take(2), share.take(), share.take(), share.take()] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_repeated_attempts_count_against_the_share_of_a_run() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(503))
    bounds = Bounds(requests_per_run=4)
    with (
        Api("http://localhost", transport=transport, clock=VirtualClock(), bounds=bounds) as api,
        pytest.raises(AllowanceUsedUp, match="GET /x: not sent: requests_per_run leaves this run no more"),
    ):
        api.request("GET", "/x")
    assert api.counts == {"GET": 4}


def test_a_write_leaves_of_the_share_what_reading_back_takes() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}"))
    bounds = Bounds(parallelism=2, requests_per_run=8)
    with Api("http://localhost", transport=transport, bounds=bounds) as api:
        api.request("GET", "/x")
        api.request("PUT", "/x", json={})
        with pytest.raises(AllowanceUsedUp, match="no more but 6 to read back what was written"):
            api.request("PUT", "/x", json={})
        for _ in range(6):
            api.request("GET", "/x")
        with pytest.raises(AllowanceUsedUp):
            api.request("GET", "/x")


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
