"""Connections: one a request, kept for the next one, and never more than requests are under way."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest

from reconciler.access import Access
from reconciler.commands.console import each
from reconciler.errors import Unreachable
from reconciler.http import Api, Bounds, Connection

from .clocks import VirtualClock
from .servers import WHOLE, read_request, serving


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
        with Api(server.url, Connection(bounds=Bounds(parallelism=parallelism))) as api:
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
            Api(
                f"https://{host}", Connection(access=Access((host,)), clock=VirtualClock(), bounds=bounds)
            ) as api,
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
            Api(
                f"https://{host}", Connection(access=Access((host,)), clock=VirtualClock(), bounds=bounds)
            ) as api,
            pytest.raises(Unreachable, match=r"no connection \(ConnectError: .*attempts: 6"),
        ):
            api.request("PUT", "/x", json={})
        assert proxy.requests == 6
