from __future__ import annotations

import threading

import httpx
import pytest

from reconciler.commands.console import each
from reconciler.errors import Declined
from reconciler.http import Api, Bounds, Connection


def test_results_come_in_the_order_of_the_items() -> None:
    gate = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            gate.wait()
        if item == 3:
            gate.set()
        return item * 10

    assert each(slow_first, range(4), workers=2) == [0, 10, 20, 30]


def test_no_item_is_no_result() -> None:
    assert each(str, [], workers=8) == []


def test_the_first_error_starts_nothing_more_and_is_raised() -> None:
    begun = []

    def odd_only(item: int) -> int:
        begun.append(item)
        if item % 2 == 0:
            raise Declined(f"no {item}")
        return item

    with pytest.raises(Declined, match="no 0"):
        each(odd_only, range(5000), workers=1)
    assert len(begun) < 5000


@pytest.mark.parametrize("workers", [1, 3])
def test_at_most_so_many_run_at_once(workers: int) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def count(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    each(count, range(50), workers)
    assert most <= workers


def test_progress_is_told_in_the_calling_thread() -> None:
    told: list[tuple[int, int, int]] = []
    each(str, range(3), 2, progress=lambda done, total: told.append((done, total, threading.get_ident())))
    assert told == [(done, 3, threading.get_ident()) for done in (1, 2, 3)]


def test_an_interrupt_starts_nothing_more_and_lets_the_running_one_end() -> None:
    running, interrupted = threading.Event(), threading.Event()
    ended = []

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
    assert ended[:2] == [0, 1]
    assert len(ended) < 5000


@pytest.mark.parametrize("parallelism", [1, 4])
def test_so_many_requests_are_under_way_and_never_more_whoever_makes_them(parallelism: int) -> None:
    everybody, lock = threading.Barrier(parallelism), threading.Lock()
    under_way, most = 0, 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        everybody.wait(60)  # all of them are under way at once, or nobody goes on
        with lock:
            under_way -= 1
        return httpx.Response(200, content=b"{}")

    bounds = Bounds(parallelism=parallelism)
    with Api("http://localhost", Connection(transport=httpx.MockTransport(answer), bounds=bounds)) as api:
        each(lambda _: api.request("GET", "/x"), range(3 * parallelism), workers=3 * parallelism)
    assert (most, api.counts) == (parallelism, {"GET": 3 * parallelism})
