"""Answers as values, for the layers around the application that hold on to them or spoil them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


class Reply(Struct, frozen=True):
    """A whole response; the body breaks off after `sent` bytes, if that is set."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    sent: int | None = None


def run(app: WSGIApplication, environ: WSGIEnvironment) -> Reply:
    """Execute a request and return its whole answer."""
    started: list[tuple[str, tuple[tuple[str, str], ...]]] = []

    def start(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        started.append((status, tuple(headers)))
        return lambda _body: None

    chunks = app(environ, start)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return Reply(*started[-1], body)
