"""How fast an account is asked, by how many threads, and when it is given up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.clock import Pace, SleepCut
from reconciler.commands.console import each
from reconciler.commands.environment import CuttableClock
from reconciler.errors import AllowanceUsedUp, ApiError, Declined, Unreachable
from reconciler.http.api import Bounds
from reconciler.http.messages import Attempt, Budget
from tests.http.servers import Answering, Failure, Reply, VirtualClock, door


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_items_and_progress_in_the_calling_thread(workers: int) -> None:
    running, most, lock, told = 0, 0, threading.Lock(), list[tuple[int, int, int]]()

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return item * 10

    me = threading.get_ident()
    done = each(work, range(50), workers, progress=lambda *at: told.append((*at, threading.get_ident())))
    assert (done, most <= workers) == ([item * 10 for item in range(50)], True)
    assert told == [(count, 50, me) for count in range(1, 51)]
    assert each(str, [], workers) == []


def test_the_first_error_or_an_interrupt_starts_nothing_more_and_lets_the_running_one_end() -> None:
    running, interrupted, begun, ended = threading.Event(), threading.Event(), list[int](), list[int]()

    def odd_only(item: int) -> None:
        begun.append(item)
        if item % 2 == 0:
            raise Declined(f"no {item}")

    with pytest.raises(Declined, match="no 0"):
        each(odd_only, range(5000), workers=1)
    assert len(begun) < 5000

    def work(item: int) -> None:
        if item:
            running.set()
            interrupted.wait()
        ended.append(item)

    def interrupt(_done: int, _total: int) -> None:
        running.wait()
        threading.Timer(0, interrupted.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each(work, range(5000), workers=1, progress=interrupt)
    assert (ended[:2], len(ended) < 5000) == ([0, 1], True)


@pytest.mark.parametrize("parallelism", [1, 4])
def test_so_many_requests_are_under_way_and_never_more(parallelism: int) -> None:
    together, lock = threading.Barrier(parallelism), threading.Lock()
    under_way, most, all_of_them = 0, 0, 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most, all_of_them
        with lock:
            under_way += 1
            most, all_of_them = max(most, under_way), all_of_them + 1
        together.wait(60)
        with lock:
            under_way -= 1
        return httpx.Response(200, content=b"{}")

    with door(answer, bounds=Bounds(parallelism=parallelism)) as api:
        each(lambda _: api.request("GET", "/x"), range(3 * parallelism), workers=3 * parallelism)
    assert (most, all_of_them) == (parallelism, 3 * parallelism)


def start(pace: Pace, clock: VirtualClock) -> float:
    """Make an attempt that takes no time; return when it started."""
    with pace.place(clock):
        return clock.monotonic()


def test_the_first_ones_start_at_once_and_the_next_a_minute_after_the_first() -> None:
    clock, pace = VirtualClock(0), Pace(9)
    for per_minute in (5, None, 3, 8):  # of several allowances for one account the least holds
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


class Metered:
    """A server that takes `allowance` requests in each of its minutes, and counts those that it refuses."""

    def __init__(self, clock: VirtualClock, allowance: int) -> None:
        self.refused = 0
        self._clock = clock
        self._allowance = allowance
        self._minute, self._taken = 0, 0
        self._lock = threading.Lock()

    def __call__(self, _: httpx.Request) -> httpx.Response:
        with self._lock:
            minute, seconds = divmod(self._clock.now(), 60)
            if minute != self._minute:
                self._minute, self._taken = int(minute), 0
            self._taken += 1
            if self._taken > self._allowance:
                self.refused += 1
                return httpx.Response(429, headers={"Retry-After": f"{60 - seconds:.0f}"})
            return httpx.Response(200, content=b"{}")


def test_a_429_stops_all_that_ask_the_account_and_not_only_one_of_them() -> None:
    clock, workers, minutes = VirtualClock(60_000), 20, 4
    server = Metered(clock, allowance=60)
    bounds = Bounds(parallelism=workers)
    with door(server, clock, bounds=bounds) as api:
        answers = each(lambda _: api.request("GET", "/x").status, range(200), workers)
    assert answers == [200] * 200
    # What was under way when the first allowance ended, and after that one for each minute.
    assert server.refused <= workers + minutes
    # By this clock an answer can arrive a minute late, when another thread has slept meanwhile.
    assert clock.now() - 60_000 <= (minutes + 1) * 60


def test_a_wait_for_another_attempt_ends_when_the_run_does() -> None:
    clock, pace = CuttableClock(VirtualClock(0)), Pace()
    pace.pause(1, clock)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with pace.place(clock):
            held.set()
            over.wait()

    def wait() -> None:
        with pace.place(clock):
            pytest.fail("an attempt was begun")

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        held.wait()
        waiting = pool.submit(wait)
        clock.cut()
        with pytest.raises(SleepCut):
            waiting.result(60)
        over.set()
        holding.result(60)


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


def test_an_account_that_answered_meanwhile_is_not_given_up() -> None:
    pace = Pace()
    pace.answered()
    began = pace.answers
    pace.answered()
    pace.failed(Unreachable("lost"), began, is_hopeless=True)
    start(pace, VirtualClock())
    pace.failed(Unreachable("lost"), pace.answers, is_hopeless=True)
    with pace.place(VirtualClock()) as gone:
        assert str(gone) == "lost"


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
            AllowanceUsedUp, match=r"PUT /base/y: not sent, .* given up after GET /base/x: 429"
        ):
            other.request("PUT", "/y")
    with door(server, clock, pace=pace) as fresh, pytest.raises(AllowanceUsedUp, match="not sent"):
        fresh.request("GET", "/z")
    assert len(server.asked) == 1


def test_a_share_is_given_out_to_its_last_and_some_of_it_can_be_kept_free() -> None:
    share, kept = Budget(30), Budget(3)
    assert each(lambda _: share.take(), range(50), workers=8).count(True) == 30
    assert [kept.take(kept_free=free) for free in (2, 2, 0, 0, 0)] == [True, False, True, True, False]


def test_repeated_attempts_are_paced_and_count_against_the_share_of_a_run() -> None:
    clock, seen = VirtualClock(), list[Attempt]()
    with (
        door(Answering(503), bounds=Bounds(requests_per_run=4), on_request=seen.append) as api,
        pytest.raises(AllowanceUsedUp, match="GET /base/x: not sent: requests_per_run leaves this run no"),
    ):
        api.request("GET", "/x")
    assert len(seen) == 4
    with (
        door(Answering(503), clock, bounds=Bounds(requests_per_minute=2), on_request=seen.append) as api,
        pytest.raises(Unreachable),
    ):
        api.request("GET", "/x")
    assert len(seen) == 4 + 6
    assert sum(clock.sleeps) >= 120


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
