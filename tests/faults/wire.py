"""A real network between the tool and the sandbox that breaks one request at one place of the wire."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from reconciler.sandbox import Fault, create_app
from reconciler.sandbox import Server as Sandbox
from tests.faults.world import FaultWorld
from tests.http.servers import Server, read_body, read_head, reset

Break = Callable[[socket.socket, bytes], None]
"""Does to a connection, and to the answer that was to go over it, what a bad network does."""


def unread(connection: socket.socket, _: bytes) -> None:
    """Reset before the body of the request was read: the server never sees it."""
    reset(connection)


def _sent(part: Callable[[bytes], bytes]) -> Break:
    """Send a part of the answer, and close."""
    return lambda connection, answer: connection.sendall(part(answer))


AFTER: Mapping[str, Break] = {
    "reset before answer": lambda connection, _: reset(connection),
    "closed before answer": _sent(lambda _: b""),
    "closed in answer": _sent(lambda answer: answer[:-1]),
    "garbled": _sent(lambda answer: b"220 mail.example ESMTP\r\n" + answer),
    "said to go on, and ended": _sent(
        lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    ),
    "packed, and no gzip": _sent(
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    ),
}
"""What can break after the server has taken the request."""


class Wire(Server):
    """Carries requests to a server, one a connection; those that a fault strikes meet its break."""

    def __init__(self, url: str, fault: Fault, breaks: Break) -> None:
        super().__init__(self._answer)
        self._server, self._fault, self._breaks = urlsplit(url), fault, breaks

    def _answer(self, connection: socket.socket) -> None:
        head, body = read_head(connection)
        if not head:
            return
        method, path, _ = head.decode("ascii").split(" ", 2)
        matches = self._fault.matches(method, path.partition("?")[0])
        self.requests += matches
        is_struck = matches and self._fault.strikes(self.requests)
        answer = b""
        if not (is_struck and self._breaks is unread):
            answer = self._carried(head, read_body(connection, head, body))
        if is_struck:
            self._breaks(connection, answer)
        else:
            connection.sendall(answer)

    def _carried(self, head: bytes, body: bytes) -> bytes:
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection((self._server.hostname, self._server.port)) as server:
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            return b"".join(iter(lambda: server.recv(65536), b""))


@contextlib.contextmanager
def wired(world: FaultWorld, request: str, breaks: Break, nth: int = 1) -> Iterator[None]:
    """Put the sandbox of a world behind a real server and such a wire, from the nth such request on."""
    settings = world.folder / "configs" / "reconciler.yaml"
    before = settings.read_text("utf-8")
    fault = Fault.parse(f"{request}:{nth}+:before:drop")
    app = create_app(world.state, clock=world.clock.now)
    with Sandbox(app) as server, Wire(server.url, fault, breaks) as wire:
        settings.write_text(before.replace('"sandbox:"', f'"{wire.url}"'), "utf-8")
        yield
    settings.write_text(before, "utf-8")
