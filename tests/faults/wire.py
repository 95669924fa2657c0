"""A real network between the tool and the sandbox that breaks one request at one place of the wire."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from reconciler.sandbox import Fault, Server, create_app
from tests.faults.world import FaultWorld
from tests.http.servers import read_body, read_head, reset

Break = Callable[[socket.socket, bytes], None]
"""Does to a connection, and to the answer that was to go over it, what a bad network does."""


def unread(connection: socket.socket, answer: bytes) -> None:
    """Reset before the body of the request was read: the server never sees it."""
    reset(connection)


def reset_before_answer(connection: socket.socket, answer: bytes) -> None:
    reset(connection)


def close_before_answer(connection: socket.socket, answer: bytes) -> None:
    """Let the connection end with nothing sent."""


def reset_in_answer(connection: socket.socket, answer: bytes) -> None:
    connection.sendall(answer[: len(answer) // 2])
    reset(connection)


def close_in_answer(connection: socket.socket, answer: bytes) -> None:
    connection.sendall(answer[:-1])


def garble(connection: socket.socket, answer: bytes) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n" + answer)


def stall_then_close(connection: socket.socket, answer: bytes) -> None:
    """Send an answer that says it goes on, and end it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")


class Wire:
    """Carries requests to a server, one a connection; those that a fault strikes meet its break."""

    def __init__(self, url: str, fault: Fault, breaks: Break) -> None:
        self._server = urlsplit(url)
        self._fault = fault
        self._breaks = breaks
        self._seen = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        """Carry while the block runs; yield the address."""
        self._thread.start()
        try:
            yield self.url
        finally:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, contextlib.suppress(OSError):
                    self._carry(connection)

    def _carry(self, connection: socket.socket) -> None:
        head, body = read_head(connection)
        if not head:
            return
        method, path, _ = head.decode("ascii").split(" ", 2)
        is_struck = self._strikes(method, path.partition("?")[0])
        if is_struck and self._breaks is unread:
            unread(connection, b"")
            return
        answer = self._answer(head, read_body(connection, head, body))
        if is_struck:
            self._breaks(connection, answer)
        else:
            connection.sendall(answer)

    def _strikes(self, method: str, path: str) -> bool:
        matches = self._fault.matches(method, path)
        self._seen += matches
        return matches and self._fault.strikes(self._seen)

    def _answer(self, head: bytes, body: bytes) -> bytes:
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
    with (
        Server(create_app(world.state, clock=world.clock.now)) as server,
        Wire(server.url, fault, breaks).open() as url,
    ):
        settings.write_text(before.replace('"sandbox:"', f'"{url}"'), "utf-8")
        yield
    settings.write_text(before, "utf-8")
