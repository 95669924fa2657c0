"""Servers on real sockets that misbehave in one way each, and an `Api` over a function and a clock."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

from reconciler.http.api import Api, Connection
from reconciler.http.messages import Secret
from tests.clock import FakeClock


class VirtualClock(FakeClock):
    """Sleeping moves the time; `sleeps` holds the seconds of every sleep, in order."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        super().__init__(now)
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.sleeps.append(seconds)


Behaviour = Callable[[socket.socket], None]

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def door(
    server: Callable[[httpx.Request], httpx.Response],
    clock: FakeClock | None = None,
    *,
    headers: Mapping[str, Secret] | None = None,
    meaning: Mapping[str, Any] | None = None,
    **connection: Any,
) -> contextlib.closing[Api]:
    """Return an `Api` whose requests a function answers, by a clock in which waiting takes no time.

    `meaning` is what answers mean to it beyond HTTP: `status`, `complaint` and `hints`.
    """
    transport = httpx.MockTransport(server)
    settings = Connection(transport=transport, clock=clock or VirtualClock(), **connection)
    return contextlib.closing(Api("http://localhost/base", settings, headers=headers, **(meaning or {})))


Failure = int | type[httpx.TransportError]
Reply = tuple[int, Mapping[str, str]]


class Answering:
    """A server that answers or fails so, the last way again and again, and keeps what it was asked."""

    def __init__(self, *answers: Failure | Reply) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(request)
        if isinstance(answer, type):
            raise answer("the network's reason", request=request)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        return httpx.Response(status, headers=sent, json="the server's reason")


class Server:
    """A listening socket on this machine, and the number of requests that were read from it."""

    def __init__(self, behaviour: Behaviour, *, speaks_first: bool = False) -> None:
        self.requests = 0
        self._speaks_first, self._behaviour = speaks_first, behaviour
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self._speaks_first or read_request(connection):
            self.requests += 1
            self._behaviour(connection)


def serving(behaviour: Behaviour, *, speaks_first: bool = False) -> Server:
    """Serve connections, each in its turn; one that speaks first reads no request before it behaves."""
    return Server(behaviour, speaks_first=speaks_first)


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the head of a request and what came of its body; nothing where the client left."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b"", b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def read_body(connection: socket.socket, head: bytes, body: bytes) -> bytes:
    """Return the whole body of a request whose head was read."""
    lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return body


def read_request(connection: socket.socket) -> bytes:
    """Return one request with its body, nothing where the client left."""
    head, body = read_head(connection)
    return head + read_body(connection, head, body)


def reset(connection: socket.socket) -> None:
    """Close so hard that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def whole_then_close(connection: socket.socket) -> None:
    connection.sendall(WHOLE)
