"""The table at the top of `reconciler.http`: what happened, and how it ends for a read and for a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

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
)
from reconciler.http import Api, Bounds, Connection, Dialect

from .clocks import VirtualClock

READ = ["GET"]
WRITES = ["PUT", "POST", "DELETE"]
EVERY = READ + WRITES


class Failing:
    """A server that fails each request alike, and counts them."""

    def __init__(self, failure: int | type[httpx.TransportError]) -> None:
        self.attempts = 0
        self._failure = failure

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.attempts += 1
        if isinstance(self._failure, int):
            return httpx.Response(self._failure, text="the server's reason")
        raise self._failure("the network's reason", request=request)


def api(server: Callable[[httpx.Request], httpx.Response], clock: VirtualClock) -> Api:
    return Api("http://localhost/base", Connection(transport=httpx.MockTransport(server), clock=clock))


def cases(
    methods: list[str], failures: list[int | type[httpx.TransportError]], error: type[ApiError], tries: int
) -> list[tuple[str, int | type[httpx.TransportError], type[ApiError], int]]:
    return [(method, failure, error, tries) for method in methods for failure in failures]


NOT_TAKEN: list[int | type[httpx.TransportError]] = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
]
LOST: list[int | type[httpx.TransportError]] = [
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
    httpx.LocalProtocolError,
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
    method: str, failure: int | type[httpx.TransportError], error: type[ApiError], tries: int
) -> None:
    server, clock = Failing(failure), VirtualClock(59)  # the next minute is near
    with api(server, clock) as door, pytest.raises(ApiError) as caught:
        door.request(method, "/thing/1", params={"q": "someone@example.com"}, json={"a": 1})
    assert type(caught.value) is error
    assert server.attempts == tries
    assert door.counts == {method: tries}
    assert len(clock.sleeps) == tries - 1
    assert str(caught.value).startswith(f"{method} /base/thing/1: ")
    assert "reason" in str(caught.value)
    assert "someone" not in str(caught.value)


def test_a_post_that_only_reads_is_repeated_like_a_read() -> None:
    server = Failing(503)
    with api(server, VirtualClock()) as door, pytest.raises(Unreachable):
        door.request("POST", "/search", json={}, reads=True)
    assert server.attempts == 6


@pytest.mark.parametrize("method", EVERY)
def test_what_was_not_taken_succeeds_when_it_is_repeated(method: str) -> None:
    answers = iter([429, 200])
    with api(lambda _: httpx.Response(next(answers), json={}), VirtualClock()) as door:
        assert door.request(method, "/x").status == 200


def test_a_hint_takes_the_place_of_the_usual_advice() -> None:
    dialect = Dialect(hints={Unauthorised: "Check CHECKMARKET_MASTER_KEY."})
    transport = httpx.MockTransport(Failing(401))
    with (
        Api("http://localhost", Connection(transport=transport), dialect=dialect) as door,
        pytest.raises(
            Unauthorised, match=r"401 Unauthorized: the server's reason\. Check CHECKMARKET_MASTER_KEY\."
        ),
    ):
        door.request("GET", "/x")


def test_a_dialect_can_find_the_status_in_the_body() -> None:
    dialect = Dialect(status=lambda answer: int(answer.content))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="403"))
    with (
        Api("http://localhost", Connection(transport=transport), dialect=dialect) as door,
        pytest.raises(Forbidden),
    ):
        door.request("PUT", "/x")


def test_an_error_of_the_server_is_shown_on_one_line_short_and_printable() -> None:
    body = "first\r\nsecond\x1b[31m\u202e" + "x" * 5000
    transport = httpx.MockTransport(lambda _: httpx.Response(400, content=body.encode()))
    with Api("http://localhost", Connection(transport=transport)) as door, pytest.raises(Declined) as caught:
        door.request("PUT", "/x")
    text = str(caught.value)
    assert "first second[31mxxx" in text
    assert text.isprintable()
    assert len(text) < 500


def test_an_html_page_is_called_one() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404, html="<html>no</html>"))
    with (
        Api("http://localhost", Connection(transport=transport)) as door,
        pytest.raises(NotFound, match="404 Not Found: an HTML page"),
    ):
        door.request("GET", "/x")


@pytest.mark.parametrize(("method", "error", "times"), [("GET", Unreachable, [3, 2]), ("PUT", NoAnswer, [3])])
def test_an_answer_that_drips_is_not_waited_for_for_ever(
    method: str, error: type[ApiError], times: list[int]
) -> None:
    clock, dripped = VirtualClock(), list[int]()

    def drip() -> Iterator[bytes]:
        dripped.append(0)
        while True:
            clock.sleep(50)
            dripped[-1] += 1
            yield b" "

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
    with (
        Api("http://localhost", Connection(transport=transport, clock=clock)) as door,
        pytest.raises(error, match="the answer is not whole after"),
    ):
        door.request(method, "/x")
    assert dripped == times


@pytest.mark.parametrize(("method", "error"), [("GET", BadAnswer), ("PUT", NoAnswer)])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(method: str, error: type[ApiError]) -> None:
    sent = []

    def endless() -> object:
        while True:
            sent.append(1)
            yield b"x" * 1000

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))  # type: ignore[arg-type]
    bounds = Bounds(answer_bytes=10_000)
    with (
        Api("http://localhost", Connection(transport=transport, bounds=bounds)) as door,
        pytest.raises(error, match="larger than 10000 bytes"),
    ):
        door.request(method, "/x")
    assert len(sent) == 11
