"""How fast an account is asked, by how many threads, and when it is given up."""

from __future__ import annotations

import threading
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.clock import Pace
from reconciler.commands.console import each
from reconciler.errors import AllowanceUsedUp, ApiError, Declined
from reconciler.http.api import Bounds
from reconciler.http.messages import Attempt
from tests.http.servers import Answering, Failure, Reply, VirtualClock, door


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items_and_progress_in_the_calling_thread(workers: int) -> None:
    me, told = threading.get_ident(), list[tuple[int, int, int]]()
    done = each(str, range(50), workers, progress=lambda *at: told.append((*at, threading.get_ident())))
    assert done == [str(item) for item in range(50)]
    assert told == [(count, 50, me) for count in range(1, 51)]
    assert each(str, [], workers) == []


def test_the_first_error_starts_nothing_more() -> None:
    begun = list[int]()

    def odd_only(item: int) -> None:
        begun.append(item)
        if item % 2 == 0:
            raise Declined(f"no {item}")

    with pytest.raises(Declined, match="no 0"):
        each(odd_only, range(5000), workers=1)
    assert len(begun) < 5000


def start(pace: Pace, clock: VirtualClock) -> float:
    """Make an attempt that takes no time; return when it started."""
    with pace.place(clock):
        return clock.monotonic()


def test_the_first_ones_start_at_once_and_the_next_a_minute_after_the_first() -> None:
    clock, pace = VirtualClock(0), Pace(9)
    for per_minute in (5, 3, 8):  # of several allowances for one account the least holds
        pace.at_most(per_minute)
    assert [start(pace, clock) for _ in range(7)] == [0, 0, 0, 60, 60, 60, 120]
    for per_minute in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            pace.at_most(per_minute)


@settings(deadline=None)
@given(per_minute=st.integers(1, 5), gaps=st.lists(st.integers(0, 40), max_size=40))
def test_no_minute_ever_holds_more_than_allowed(per_minute: int, gaps: list[int]) -> None:
    clock, pace = VirtualClock(0), Pace(per_minute)
    starts = []
    for gap in gaps:
        clock.sleep(gap)
        starts.append(start(pace, clock))
    assert all(later - earlier >= 60 for earlier, later in zip(starts, starts[per_minute:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(starts))


def test_it_holds_however_many_threads_ask() -> None:
    class Still(VirtualClock):
        """A clock that stands still; it only notes when each sleeper would go on."""

        def sleep(self, seconds: float) -> None:
            self.sleeps.append(seconds)

    clock, pace = Still(0), Pace(10)
    each(lambda _: start(pace, clock), range(45), workers=8)
    assert sorted(clock.sleeps) == [60] * 10 + [120] * 10 + [180] * 10 + [240] * 5


def asked(*failures: Failure | Reply, calls: int = 5) -> tuple[int, list[str]]:
    """Return how often a server was asked by so many calls, and what each of them raised."""
    servers, ends = [Answering(failure) for failure in failures], list[str]()

    def server(request: httpx.Request) -> httpx.Response:
        return servers[int(request.url.path.rpartition("/")[2]) % len(servers)](request)

    with door(server, VirtualClock(59)) as api:
        for call in range(calls):
            try:
                api.request("GET", f"/{call}")
            except ApiError as error:
                ends.append(f"{type(error).__name__}: {'not sent' if 'not sent' in str(error) else 'sent'}")
    return sum(len(one.asked) for one in servers), ends


@pytest.mark.parametrize(
    ("failure", "tries", "kind"),
    [
        (httpx.ConnectError, 6, "Unreachable"),
        (httpx.ReadTimeout, 6, "Unreachable"),
        (429, 4, "AllowanceUsedUp"),
        ((429, {"Retry-After": "40000"}), 1, "AllowanceUsedUp"),
        ((503, {"Retry-After": "3600"}), 1, "Unreachable"),
    ],
)
def test_an_account_that_was_given_up_is_not_asked_again(
    failure: Failure | Reply, tries: int, kind: str
) -> None:
    assert asked(failure) == (tries, [f"{kind}: sent", *[f"{kind}: not sent"] * 4])


def test_a_server_that_fails_three_requests_in_a_row_is_given_up_and_one_that_answers_others_is_not() -> None:
    assert asked(503) == (18, [*["Unreachable: sent"] * 3, *["Unreachable: not sent"] * 2])
    assert asked(503, 200, calls=8) == (4 * 6 + 4, ["Unreachable: sent"] * 4)


def test_several_clients_of_one_account_share_its_pause_and_its_end() -> None:
    clock, pace, server = VirtualClock(), Pace(), Answering((429, {"Retry-After": "100"}))
    with (
        door(server, clock, bounds=Bounds(total_wait=50), pace=pace) as one,
        door(server, clock, pace=pace) as other,
    ):
        pace.pause(30, clock)
        with pytest.raises(AllowanceUsedUp, match="asks to wait 100 s"):
            one.request("GET", "/x")
        assert clock.sleeps == [30]
        with pytest.raises(
            AllowanceUsedUp, match=r"PUT /base/y: not sent, .* given up: the allowance is used up"
        ):
            other.request("PUT", "/y")
    with door(server, clock, pace=pace) as fresh, pytest.raises(AllowanceUsedUp, match="not sent"):
        fresh.request("GET", "/z")
    assert len(server.asked) == 1


def test_repeated_attempts_count_against_the_share_of_a_run() -> None:
    seen = list[Attempt]()
    with (
        door(Answering(503), bounds=Bounds(requests_per_run=4), on_request=seen.append) as api,
        pytest.raises(AllowanceUsedUp, match="GET /base/x: not sent: requests_per_run leaves this run no"),
    ):
        api.request("GET", "/x")
    assert len(seen) == 4


def test_a_write_leaves_of_the_share_what_reading_back_takes() -> None:
    with door(Answering(200), bounds=Bounds(parallelism=2, requests_per_run=8)) as api:
        api.request("GET", "/x")
        api.request("PUT", "/x", json={})
        with pytest.raises(AllowanceUsedUp, match="no more but 6 to read back what was written"):
            api.request("PUT", "/x", json={})
        for _ in range(6):
            api.request("GET", "/x")
        with pytest.raises(AllowanceUsedUp):
            api.request("GET", "/x")
