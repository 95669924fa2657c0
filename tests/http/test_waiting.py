from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

import httpx
import pytest

from reconciler.errors import AllowanceUsedUp, NoAnswer, Unreachable
from reconciler.http import Answer, Api, Bounds, Connection

from .clocks import VirtualClock

START = 1_700_000_000.0  # 20 s after a full minute


def ask(
    clock: VirtualClock, *answers: tuple[int, Mapping[str, str]], method: str = "GET", wait: float = 180
) -> Answer:
    rest = iter(answers)

    def server(_: httpx.Request) -> httpx.Response:
        status, headers = next(rest)
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        return httpx.Response(status, headers=sent, json={})

    with Api(
        "http://localhost",
        Connection(transport=httpx.MockTransport(server), clock=clock, bounds=Bounds(total_wait=wait)),
    ) as api:
        return api.request(method, "/x")


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_retry_after_in_seconds_is_obeyed(method: str) -> None:
    clock = VirtualClock()
    assert ask(clock, (429, {"Retry-After": "17"}), (200, {}), method=method).status == 200
    assert clock.sleeps == [17]


def test_retry_after_as_a_date_is_obeyed() -> None:
    clock = VirtualClock(START)
    ask(clock, (503, {"Retry-After": formatdate(START + 40, usegmt=True)}), (200, {}))
    assert clock.sleeps == [40]


@pytest.mark.parametrize("behind", [-86_400, -90, 90, 86_400])
def test_a_retry_after_as_a_date_counts_from_the_servers_own_clock(behind: float) -> None:
    clock = VirtualClock(START - behind)
    date, until = formatdate(START, usegmt=True), formatdate(START + 40, usegmt=True)
    ask(clock, (503, {"Retry-After": until, "Date": date}), (200, {}))
    assert clock.sleeps == [40]


@pytest.mark.parametrize(
    "header",
    [
        *("", "soon", "-5", "nan", "inf", "1e3", "0", "\u0663\u0660", "5 6"),
        *(formatdate(START - 900, usegmt=True), "Mon, 99 Foo 2026"),
        *(
            f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "1 Jan 2026 00:00:00 +9999",
        ),
    ],
)
def test_a_retry_after_that_asks_for_nothing_useful_leaves_the_back_off(header: str) -> None:
    clock = VirtualClock(START)
    ask(clock, (503, {"Retry-After": header}), (200, {}))
    assert 0.5 <= clock.sleeps[0] <= 1.0


@pytest.mark.parametrize("header", ["9" * 10, "9" * 5000, "5, " + "9" * 20, "Fri, 31 Dec 3999 23:59:59 GMT"])
def test_a_retry_after_that_asks_for_an_age_is_obeyed_by_giving_up(header: str) -> None:
    clock = VirtualClock(START)
    with pytest.raises(AllowanceUsedUp, match=r"asks to wait [0-9]+ s"):
        ask(clock, (429, {"Retry-After": header}))
    assert clock.sleeps == []


def test_of_several_waits_the_longest_is_obeyed() -> None:
    clock = VirtualClock()
    ask(clock, (429, {"Retry-After": "5, 17.5, 9"}), (200, {}))
    assert clock.sleeps == [17.5]


@pytest.mark.parametrize(("method", "is_sent_again"), [("GET", True), ("POST", False)])
def test_a_write_is_not_sent_again_where_little_time_is_left_for_its_answer(
    method: str, is_sent_again: bool
) -> None:
    clock = VirtualClock()
    if is_sent_again:
        ask(clock, (429, {"Retry-After": "170"}), (200, {}), method=method)
    else:
        with pytest.raises(AllowanceUsedUp):
            ask(clock, (429, {"Retry-After": "170"}), method=method)
    assert bool(clock.sleeps) is is_sent_again


def test_the_back_off_grows() -> None:
    clock = VirtualClock()
    ask(clock, *[(503, {})] * 5, (200, {}))
    assert clock.sleeps == sorted(clock.sleeps)
    assert clock.sleeps[-1] > 4


def test_a_wait_beyond_the_cap_ends_at_once_and_is_told() -> None:
    clock = VirtualClock()
    with pytest.raises(AllowanceUsedUp, match=r"429 Too Many Requests.*asks to wait 3600 s"):
        ask(clock, (429, {"Retry-After": "3600"}), method="PUT")
    assert clock.sleeps == []


def test_maintenance_beyond_the_cap_is_no_matter_of_the_allowance() -> None:
    with pytest.raises(Unreachable, match="asks to wait 3600 s") as caught:
        ask(VirtualClock(), (503, {"Retry-After": "3600"}))
    assert not isinstance(caught.value, AllowanceUsedUp)


def test_a_write_answered_503_is_in_doubt_even_with_a_retry_after() -> None:
    with pytest.raises(NoAnswer):
        ask(VirtualClock(), (503, {"Retry-After": "1"}), method="PUT")


def test_the_cap_is_on_the_sum_of_the_waits() -> None:
    clock = VirtualClock()
    with pytest.raises(AllowanceUsedUp):
        ask(clock, *[(429, {"Retry-After": "50"})] * 9, wait=120)
    assert clock.sleeps == [50, 50]


def test_without_a_retry_after_a_429_waits_for_the_next_full_minute() -> None:
    clock = VirtualClock(START)
    ask(clock, (429, {}), (200, {}), method="PUT")
    assert clock.now() == START + 41
    assert clock.now() % 60 == 1


def test_minutes_that_do_not_help_point_to_the_allowance_of_the_day() -> None:
    clock = VirtualClock(START)
    with pytest.raises(AllowanceUsedUp, match="the allowance of the day is used up"):
        ask(clock, *[(429, {})] * 9, wait=100_000)
    assert len(clock.sleeps) == 3
