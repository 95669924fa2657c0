"""A request from its words to its end: the table at the top of `http.api`, waits, records, and secrets."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from reconciler import __version__
from reconciler.errors import (
    AllowanceUsedUp,
    ApiError,
    BadAnswer,
    Declined,
    Forbidden,
    NoAnswer,
    NotFound,
    Unauthorised,
    Unreachable,
    UsageError,
)
from reconciler.http.api import Bounds
from reconciler.http.messages import Answer, Attempt, QueryValue, Secret

from .servers import Answering, Failure, Reply, VirtualClock, door

READ = ["GET"]
WRITES = ["PUT", "POST", "DELETE"]
EVERY = READ + WRITES
START = 1_700_000_000.0  # 20 s after a full minute
SECRET, OTHER = "hunter22-do-not-show", "second-secret"


def cases(
    methods: list[str], failures: list[Failure], error: type[ApiError], tries: int
) -> list[tuple[str, Failure, type[ApiError], int]]:
    return [(method, failure, error, tries) for method in methods for failure in failures]


NOT_TAKEN: list[Failure] = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]
LOST: list[Failure] = [
    *(httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.ReadTimeout, httpx.WriteTimeout),
    *(httpx.RemoteProtocolError, httpx.LocalProtocolError),
]


@pytest.mark.parametrize(
    ("method", "failure", "error", "tries"),
    [
        *cases(EVERY, NOT_TAKEN, Unreachable, 6),
        *cases(EVERY, [429], AllowanceUsedUp, 4),
        *cases(READ, LOST, Unreachable, 6),
        *cases(WRITES, LOST, NoAnswer, 1),
        *cases(READ, [408, 500, 502, 503, 504], Unreachable, 6),
        *cases(READ, [501, 505, 520], Unreachable, 1),
        *cases(WRITES, [408, 500, 501, 502, 503, 504, 520], NoAnswer, 1),
        *cases(READ, [301, 302, 304, 307, 308], BadAnswer, 1),
        *cases(WRITES, [301, 302, 304, 307, 308], NoAnswer, 1),
        *cases(EVERY, [401], Unauthorised, 1),
        *cases(EVERY, [403], Forbidden, 1),
        *cases(EVERY, [404], NotFound, 1),
        *cases(EVERY, [400, 405, 409, 413, 415, 422, 451], Declined, 1),
    ],
)
def test_each_failure_ends_as_the_table_says(
    method: str, failure: Failure, error: type[ApiError], tries: int
) -> None:
    server, clock = Answering(failure), VirtualClock(59)  # the next minute is near
    with door(server, clock) as api, pytest.raises(ApiError) as caught:
        api.request(method, "/thing/1", params={"q": "someone@example.com"}, json={"a": 1})
    assert type(caught.value) is error
    assert (len(server.asked), len(clock.sleeps)) == (tries, tries - 1)
    assert str(caught.value).startswith(f"{method} /base/thing/1: ")
    assert "reason" in str(caught.value)
    assert "someone" not in str(caught.value)


def test_a_post_that_only_reads_is_repeated_like_a_read() -> None:
    server = Answering(503)
    with door(server) as api, pytest.raises(Unreachable):
        api.request("POST", "/search", json={}, reads=True)
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("answer", "meaning", "error", "words"),
    [
        (httpx.Response(401, text="reason"), {"hints": {Unauthorised: "Do it."}}, Unauthorised, "Do it."),
        (httpx.Response(200, text="403"), {"status": lambda it: int(it.content)}, Forbidden, "403"),
        (httpx.Response(302, headers={"Location": "/y"}), None, NoAnswer, "302 Found"),
        (
            httpx.Response(400, content=b"first\r\nsecond\x1b[31m\xe2\x80\xae" + b"x" * 5000),
            None,
            Declined,
            r"first second\[31mxxx",
        ),
    ],
)
def test_what_an_answer_means_is_told_short_printable_and_with_advice(
    answer: httpx.Response, meaning: dict[str, Any] | None, error: type[ApiError], words: str
) -> None:
    paths = []

    def server(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return answer

    with door(server, meaning=meaning) as api, pytest.raises(error, match=words) as caught:
        api.request("PUT", "/x")
    assert (str(caught.value).isprintable(), len(str(caught.value)) < 500) == (True, True)
    assert paths == ["/base/x"]  # no redirect is followed


@pytest.mark.parametrize(("method", "error"), [("GET", BadAnswer), ("PUT", NoAnswer)])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(method: str, error: type[ApiError]) -> None:
    sent, seen = list[int](), list[Attempt]()

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 1000

    bounds = Bounds(answer_bytes=10_000)
    server = door(lambda _: httpx.Response(200, content=endless()), bounds=bounds, on_request=seen.append)
    with server as api, pytest.raises(error, match="larger than 10000 bytes"):
        api.request(method, "/x")
    assert (len(sent), [attempt.failure for attempt in seen]) == (11, ["TooLarge"])


# Waits.


def ask(clock: VirtualClock, *answers: Reply, method: str = "GET", wait: float = 180) -> Answer:
    with door(Answering(*answers), clock, bounds=Bounds(total_wait=wait)) as api:
        return api.request(method, "/x")


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize(("header", "seconds"), [("17", 17), ("5, 17.5, 9", 17.5)])
def test_retry_after_in_seconds_is_obeyed(method: str, header: str, seconds: float) -> None:
    clock = VirtualClock()
    assert ask(clock, (429, {"Retry-After": header}), (200, {}), method=method).status == 200
    assert clock.sleeps == [seconds]


@pytest.mark.parametrize("behind", [None, -86_400, -90, 90, 86_400])
def test_retry_after_as_a_date_counts_from_the_servers_own_clock_if_it_tells_it(behind: float | None) -> None:
    clock, until = VirtualClock(START - (behind or 0)), formatdate(START + 40, usegmt=True)
    date = {} if behind is None else {"Date": formatdate(START, usegmt=True)}
    ask(clock, (503, {"Retry-After": until, **date}), (200, {}))
    assert clock.sleeps == [40]


@pytest.mark.parametrize(
    "header",
    [
        *("", "soon", "-5", "nan", "0", "\u0663\u0660", formatdate(START - 900, usegmt=True)),
        *("Mon, 99 Foo 2026", "1 Jan 2026 00:00:00 +9999", "Mon, 01 Jan 0001 00:00:00 +2359"),
    ],
)
def test_a_retry_after_that_asks_for_nothing_useful_leaves_the_back_off(header: str) -> None:
    clock = VirtualClock(START)
    ask(clock, (503, {"Retry-After": header}), (200, {}))
    assert 0.5 <= clock.sleeps[0] <= 1.0


@pytest.mark.parametrize(
    ("status", "header", "error"),
    [
        (503, "3600", Unreachable),
        (429, "9" * 5000, AllowanceUsedUp),
        (429, "Fri, 31 Dec 3999 23:59:59 GMT", AllowanceUsedUp),
    ],
)
def test_a_wait_beyond_the_cap_ends_at_once_and_is_told(
    status: int, header: str, error: type[ApiError]
) -> None:
    clock = VirtualClock(START)
    with pytest.raises(error, match=rf"{status} .*asks to wait [0-9]+ s") as caught:
        ask(clock, (status, {"Retry-After": header}))
    assert (type(caught.value), clock.sleeps) == (error, [])


def test_a_write_is_not_sent_again_where_little_time_is_left_for_its_answer() -> None:
    clock = VirtualClock()
    ask(clock, (429, {"Retry-After": "170"}), (200, {}))
    assert clock.sleeps == [170]
    with pytest.raises(AllowanceUsedUp):
        ask(clock, (429, {"Retry-After": "170"}), method="POST")
    with pytest.raises(NoAnswer):
        ask(clock, (503, {"Retry-After": "1"}), method="PUT")
    assert clock.sleeps == [170]


def test_the_back_off_grows_and_the_cap_is_on_the_sum_of_the_waits() -> None:
    growing, capped = VirtualClock(), VirtualClock()
    ask(growing, *[(503, {})] * 5, (200, {}))
    assert growing.sleeps == sorted(growing.sleeps)
    assert growing.sleeps[-1] > 4
    with pytest.raises(AllowanceUsedUp):
        ask(capped, (429, {"Retry-After": "50"}), wait=120)
    assert capped.sleeps == [50, 50]


def test_without_a_retry_after_a_429_waits_for_the_next_full_minute_three_times() -> None:
    clock = VirtualClock(START)
    ask(clock, (429, {}), (200, {}), method="PUT")
    assert (clock.now(), clock.now() % 60) == (START + 41, 1)
    clock = VirtualClock(START)
    with pytest.raises(AllowanceUsedUp, match="the allowance of the day is used up"):
        ask(clock, (429, {}), wait=100_000)
    assert len(clock.sleeps) == 3


# What leaves.


def test_a_request_is_written_as_it_was_asked_for() -> None:
    server = Answering((200, {"Set-Cookie": "session=1; Path=/"}))
    params: dict[str, QueryValue] = {"top": 100, "skip": 0, "q": "a b", "test": True, "id": [1, 2]}
    with door(server, new_id=lambda: "own-id") as api:
        assert api.request("GET", "/3/surveys", params=params).path == "/base/3/surveys"
        api.request("PUT", "/x", json={"Name": "Kø"})
    first, second = server.asked
    assert str(first.url) == "http://localhost/base/3/surveys?top=100&skip=0&q=a+b&test=true&id=1&id=2"
    assert second.headers["User-Agent"] == f"reconciler/{__version__}"
    assert second.headers["Accept"] == second.headers["Content-Type"] == "application/json"
    assert second.content == '{"Name":"Kø"}'.encode()
    assert "Cookie" not in second.headers
    assert "own-id" not in str(first.headers) + str(first.url)


# What is recorded of it.


def test_each_attempt_is_recorded_with_its_times_and_its_query_without_texts() -> None:
    clock, seen, answers = VirtualClock(), list[Attempt](), Answering(503, 200)

    def slowly(request: httpx.Request) -> httpx.Response:
        clock.sleep(2)
        if not seen:
            raise httpx.ConnectError("refused", request=request)
        return answers(request)

    params: dict[str, QueryValue] = {"EmailAddresses": ["a@example.com", "b@example.com"], "Statuses": [1, 2]}
    params |= {"Limit": 100, "All": True, "Cursor": "a@example.com"}
    with door(slowly, clock, on_request=seen.append, new_id=iter(["one", "two"]).__next__) as api:
        api.request("GET", "/x", params=params)
    records = [(one.method, one.path, one.status, one.failure, one.seconds, one.attempt) for one in seen]
    assert records == [
        ("GET", "/base/x", None, "ConnectError", 2, 1),
        ("GET", "/base/x", 503, "", 2, 2),
        ("GET", "/base/x", 200, "", 2, 3),
    ]
    assert {one.id for one in seen} == {"one"}
    assert [one.waited for one in seen] == [0, *map(pytest.approx, clock.sleeps[1:4:2])]
    masked = {"EmailAddresses": "*** (2)", "Cursor": "***"}
    assert seen[0].query == {**masked, "Statuses": "1,2", "Limit": "100", "All": "true"}
    assert "example.com" not in repr(seen)


@pytest.mark.parametrize(
    ("name", "said", "is_one"),
    [
        ("X-Request-ID", "0HMV-1:2", True),
        ("x-ms-request-id", "7f", True),
        ("X-Request-ID", "someone@example.com", False),
        ("X-Request-ID", f"before-{SECRET}-after", False),
    ],
)
def test_the_servers_id_is_recorded_where_it_is_one(name: str, said: str, is_one: bool) -> None:
    seen: list[Attempt] = []
    server, own = Answering((200, {name: said})), {"X-Key": Secret(SECRET)}
    with door(server, headers=own, on_request=seen.append) as api:
        api.request("GET", "/x")
    assert seen[0].server_id == (said if is_one else "")


# What may be read of an answer, and what is shown of a secret.


def test_json_is_read_whatever_the_type_claims_and_anything_else_is_a_bad_answer() -> None:
    for content_type in ("application/json", "text/html", ""):
        answer = Answer("GET", "/x", 200, {"content-type": content_type}, b'\xef\xbb\xbf{"a": [1, null]}')
        assert answer.document == {"a": [1, None]}
    for content in (b"", b"<html></html>", b'{"a": ', b'{"a": NaN}', b"\xff\xfe\xfd", b"[[[", b"9" * 5000):
        with pytest.raises(BadAnswer, match="GET /x: 200, but the body is not JSON"):
            _ = Answer("GET", "/x", 200, {}, content).document


def echo(request: httpx.Request) -> httpx.Response:
    """Refuse a request and repeat all that it said."""
    said = [*request.headers.values(), request.content.decode()]
    return httpx.Response(400, text=" ".join(said), headers={"X-Echo": SECRET})


def exploding(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError(f"lost {request.headers['X-Key']}", request=request)


@pytest.mark.parametrize("server", [echo, exploding])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_error_log_or_record_shows_a_secret(
    server: Callable[[httpx.Request], httpx.Response], method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Attempt] = []
    own, form = {"X-Key": Secret(SECRET)}, {"client_secret": Secret(OTHER)}
    with (
        door(server, headers=own, bounds=Bounds(total_wait=0), on_request=seen.append) as api,
        pytest.raises(ApiError) as caught,
    ):
        api.request(method, "/x", headers={"Authorization": Secret(OTHER)}, form=form)
    shown = [str(caught.value), repr(caught.value), repr(seen), repr(api), caplog.text]
    assert not any(SECRET in text or OTHER in text for text in shown)
    assert "***" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception_only(caught.value))


def test_the_secret_is_what_is_sent_and_has_no_text_form() -> None:
    server = Answering(200)
    form: dict[str, str | Secret] = {"grant_type": "client_credentials", "client_secret": Secret(OTHER)}
    with door(server, headers={"X-Key": Secret(SECRET)}) as api:
        assert api.request("POST", "/token", form=form).status == 200
    assert server.asked[0].headers["X-Key"] == SECRET
    assert server.asked[0].content == b"grant_type=client_credentials&client_secret=second-secret"
    answer = Answer("GET", "/x", 200, {"set-cookie": SECRET}, SECRET.encode(), (Secret(SECRET),))
    assert SECRET not in f"{Secret(SECRET)} {Secret(SECRET)!r} {answer!r}"
    assert answer.quoted(f"you sent {SECRET}") == "you sent ***"


@pytest.mark.parametrize("value", ["", f"{SECRET}\n", f" {SECRET}", f"{SECRET}\r\nX-Evil: 1", f"{SECRET}é"])
def test_a_value_that_no_header_can_carry_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(UsageError, match="X-Key") as caught:
        door(Answering(200), headers={"X-Key": Secret(value)})
    assert SECRET not in str(caught.value)
