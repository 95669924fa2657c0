"""Servers and proxies that send a byte now and then, so that no read of a socket is ever late: real ones."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import httpx
import pytest

from reconciler.access import Access
from reconciler.errors import ApiError, NoAnswer, Unreachable
from reconciler.http.api import Api, Bounds, Connection
from tests.http.servers import VirtualClock, door, serving

DRIPS = 80
BETWEEN = 0.02
"""Seconds between two drips: all of them take far longer than `ANSWER`, and each of them far less."""
ANSWER = 0.25

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_EMPTY = _OK + b"Content-Length: 2\r\n\r\n{}"
WAYS: dict[str, tuple[bytes, bytes, bytes]] = {
    "reason": (b"HTTP/1.1 200 O", b"K", b"\r\nContent-Length: 2\r\n\r\n{}"),
    "header": (_OK + b"X-Long: ", b"a", b"\r\nContent-Length: 2\r\n\r\n{}"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", _EMPTY),
    "103 Early Hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", _EMPTY),
    "body": (_OK + b"Content-Length: %d\r\n\r\n{}" % (DRIPS + 2), b" ", b""),
    "chunk": (_CHUNKED + b"2\r\n{}\r\n", b"1\r\n \r\n", b"0\r\n\r\n"),
    "chunk extension": (_CHUNKED + b"2;x=", b"a", b"\r\n{}\r\n0\r\n\r\n"),
    "trailer": (_CHUNKED + b"2\r\n{}\r\n0\r\nX-Long: ", b"a", b"\r\n\r\n"),
}
"""What is sent at once, what drips, and what makes a whole answer of it in the end."""


class RealTime(VirtualClock):
    """A clock in which time passes, and sleeping takes none."""

    def monotonic(self) -> float:
        return super().monotonic() + time.monotonic()


class Dripping:
    """Sends whole answers, slowly; `begun` and `ended` count them."""

    def __init__(self, first: bytes, drip: bytes, last: bytes) -> None:
        self.begun = self.ended = 0
        self._parts = (first, drip, last)

    def __call__(self, connection: socket.socket) -> None:
        first, drip, last = self._parts
        self.begun += 1
        connection.sendall(first)
        for _ in range(DRIPS):
            connection.sendall(drip)
            time.sleep(BETWEEN)
        connection.sendall(last)
        self.ended += 1


def ask(url: str, method: str = "PUT", total_wait: float = 0.0) -> type[ApiError]:
    """Return how a request ends that has `ANSWER` seconds for each attempt."""
    bounds, hosts = Bounds(answer=ANSWER, total_wait=total_wait), "api.acme.example"
    with (
        closing(Api(url, Connection(bounds=bounds, clock=RealTime(), access=Access((hosts,))))) as api,
        pytest.raises(ApiError) as caught,
    ):
        api.request(method, "/x")
    return type(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_drips_is_lost(way: str) -> None:
    drip = Dripping(*WAYS[way])
    with serving(drip) as server:
        assert ask(server.url) is NoAnswer
        # Its attempts and the waits between them are no longer than that together.
        assert ask(server.url, "GET", total_wait=3.0) is Unreachable
    assert (drip.begun, drip.ended) == (4, 0)


def test_a_handshake_that_drips_is_no_connection() -> None:
    drip = Dripping(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03", b"\x00", b"")
    with serving(drip, speaks_first=True) as server:
        assert ask(server.url.replace("http:", "https:")) is Unreachable
    assert (drip.begun, drip.ended) == (1, 0)


def test_a_proxy_that_drips_opens_no_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    drip = Dripping(_OK + b"X-Long: ", b"a", b"\r\n\r\n")
    for name in ("https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(drip) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        ask("https://api.acme.example")
    assert (drip.begun, drip.ended) == (1, 0)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("seconds", "failure"),
    [(0, httpx.ConnectError), (10, httpx.ConnectTimeout), (1e9, httpx.ReadTimeout), (50, 429), (119, 503)],
)
def test_no_request_takes_longer_than_three_minutes(
    method: str, seconds: float, failure: int | type[httpx.TransportError]
) -> None:
    clock, asked = VirtualClock(60_000), list[str]()

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        clock.sleep(min(seconds, request.extensions["time_left"]()))
        if isinstance(failure, int):
            return httpx.Response(failure, headers={"Retry-After": "20"})
        raise failure("late", request=request)

    with door(server, clock) as api:
        with pytest.raises(ApiError):
            api.request(method, "/x")
        assert clock.now() <= 60_000 + 180
        assert len(asked) > 1 or method == "PUT"
