"""Connections: one a request, kept for the next one, and never more than requests are under way."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import httpx
import pytest

from reconciler.errors import Unreachable
from reconciler.http import Api, Bounds
from reconciler.http.connections import Connections
from reconciler.parallel import each

from .clocks import VirtualClock
from .servers import WHOLE, read_request, serving

GET = httpx.Request("GET", "http://localhost/x")


class Wire(httpx.BaseTransport):
    """A connection that answers, or fails, and remembers what it carried and that it was closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.carried = 0
        self.closed = False
        self._failure = failure

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        del request
        self.carried += 1
        if self._failure:
            raise self._failure
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    def close(self) -> None:
        self.closed = True


class Wires:
    """Makes connections, and remembers them."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.made: list[Wire] = []
        self._failure = failure

    def __call__(self) -> Wire:
        self.made.append(Wire(self._failure))
        return self.made[-1]


def test_one_request_after_the_other_is_carried_by_one_connection() -> None:
    wires = Wires()
    connections = Connections(wires)
    for _ in range(3):
        connections.handle_request(GET).close()
    assert [wire.carried for wire in wires.made] == [3]


def test_so_many_connections_as_requests_were_under_way_at_once_and_the_last_used_comes_first() -> None:
    wires = Wires()
    connections = Connections(wires)
    first, second, third = (connections.handle_request(GET) for _ in range(3))
    for answer in (third, first, second):
        answer.close()
    connections.handle_request(GET).close()
    assert [wire.carried for wire in wires.made] == [1, 2, 1]


def test_an_answer_whose_body_is_read_gives_its_connection_back_only_when_it_is_closed() -> None:
    wires = Wires()
    connections = Connections(wires)
    answer = connections.handle_request(GET)
    assert isinstance(answer.stream, httpx.SyncByteStream)
    assert b"".join(answer.stream) == b"{}"
    connections.handle_request(GET)
    assert len(wires.made) == 2


def test_a_connection_that_failed_is_closed_and_carries_nothing_more() -> None:
    wires = Wires(httpx.ConnectError("refused"))
    connections = Connections(wires)
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            connections.handle_request(GET)
    assert [(wire.carried, wire.closed) for wire in wires.made] == [(1, True), (1, True)]


def test_a_connection_whose_answer_cannot_be_closed_is_closed_and_carries_nothing_more() -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"{"
            raise httpx.ReadError("reset")

        def close(self) -> None:
            raise httpx.CloseError("reset")

    class Broken(Wire):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            super().handle_request(request)
            return httpx.Response(200, stream=Breaking())

    made: list[Broken] = []

    def broken() -> httpx.BaseTransport:
        made.append(Broken())
        return made[-1]

    connections = Connections(broken)
    for _ in range(2):
        with pytest.raises(httpx.CloseError):
            connections.handle_request(GET).close()
    assert [(wire.carried, wire.closed) for wire in made] == [(1, True), (1, True)]


def test_what_is_at_rest_is_closed_at_once_and_what_is_under_way_when_it_is_over() -> None:
    wires = Wires()
    connections = Connections(wires)
    answers = [connections.handle_request(GET) for _ in range(2)]
    answers[0].close()
    connections.close()
    assert [wire.closed for wire in wires.made] == [True, False]
    answers[1].close()
    assert [wire.closed for wire in wires.made] == [True, True]
    with pytest.raises(RuntimeError, match="closed"):
        connections.handle_request(GET)


class Keeping:
    """A server that keeps its connections; it tells them apart, and counts what came over each."""

    def __init__(self, at_once: int) -> None:
        self.requests: Counter[int] = Counter()
        self._everybody = threading.Barrier(at_once)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._pool = ThreadPoolExecutor()
        self._pool.submit(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._pool.shutdown()

    def _accept(self) -> None:
        number = 0
        while True:
            connection, _ = self._socket.accept()
            self._pool.submit(self._answer, connection, number)
            number += 1

    def _answer(self, connection: socket.socket, number: int) -> None:
        with connection:
            while read_request(connection):
                self.requests[number] += 1
                self._everybody.wait(60)
                connection.sendall(WHOLE)


def test_over_a_network_there_are_as_many_connections_as_requests_at_once_and_they_are_kept() -> None:
    parallelism, rounds = 4, 5
    with Keeping(parallelism) as server:
        with Api(server.url, bounds=Bounds(parallelism=parallelism)) as api:
            each(lambda _: api.request("GET", "/x"), range(rounds * parallelism), workers=10)
        assert server.requests == dict.fromkeys(range(parallelism), rounds)


def _set_proxies(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def _asked(names: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often the proxy was asked where the environment names one, and names that need none."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with serving(refuse) as proxy:
        _set_proxies(monkeypatch, ALL_PROXY=proxy.url, NO_PROXY=names)
        host, bounds = "api.acme.example", Bounds(total_wait=0)
        with (
            Api(f"https://{host}", trusted_hosts=host, clock=VirtualClock(), bounds=bounds) as api,
            pytest.raises(Unreachable, match="no connection"),
        ):
            api.request("PUT", "/x", json={})
        return proxy.requests


@pytest.mark.parametrize("names", ["", "other.example", "acme.example.evil.example"])
def test_a_proxy_for_everything_is_asked(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _asked(names, monkeypatch) == 1


@pytest.mark.parametrize("names", ["api.acme.example", "acme.example", ".acme.example", "x.example, *"])
def test_a_host_that_needs_no_proxy_is_reached_without_one(
    names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _asked(names, monkeypatch) == 0


def test_each_attempt_tells_why_no_tunnel_came_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def promise(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\nno TLS")

    with serving(promise) as proxy:
        _set_proxies(monkeypatch, ALL_PROXY=proxy.url)
        host, bounds = "api.acme.example", Bounds(silence=0.5)
        with (
            Api(f"https://{host}", trusted_hosts=host, clock=VirtualClock(), bounds=bounds) as api,
            pytest.raises(Unreachable, match=r"no connection \(ConnectError: .*attempts: 6"),
        ):
            api.request("PUT", "/x", json={})
        assert proxy.requests == 6
