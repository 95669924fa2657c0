"""When answers say that they were made: by the server's clock, by none, or by a cache on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from .replies import Reply, run
from .state import Document, State
from .variants import Variants

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_KEPT = "proxy.answers"


class Dated:
    """A WSGI layer that gives every answer its `Date` (RFC 9110, 6.6.1), as the variants have it."""

    def __init__(self, app: WSGIApplication, variants: Variants, clock: Callable[[], float]) -> None:
        self._app = app
        self._variants = variants
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *self._date()], *rest)

        return self._app(environ, start)

    def _date(self) -> list[tuple[str, str]]:
        if self._variants.date == "absent":
            return []
        error = self._variants.clock_ahead_seconds - self._variants.clock_behind_seconds
        return [("Date", formatdate(self._clock() + error, usegmt=True))]


class Proxy:
    """A WSGI layer that answers a GET as it was answered before, its `Date` included, for a while.

    That goes by the address alone, whoever asks: the worst that a cache in between could do.
    """

    def __init__(
        self, app: WSGIApplication, variants: Variants, state: State, clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._seconds = variants.proxy_cache_seconds
        self._state = state
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does, or did."""
        if not self._seconds or environ["REQUEST_METHOD"] != "GET":
            return self._app(environ, start_response)
        address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        reply = self._kept(address) or self._fresh(address, environ)
        start_response(reply.status, list(reply.headers))
        return [reply.body]

    def _kept(self, address: str) -> Reply | None:
        with self._state.transaction() as documents:
            kept = documents.get(_KEPT, address)
        if kept is None or self._clock() >= kept["Until"]:
            return None
        return Reply(kept["Status"], tuple(map(tuple, kept["Headers"])), kept["Body"].encode())

    def _fresh(self, address: str, environ: WSGIEnvironment) -> Reply:
        reply = run(self._app, environ)
        if reply.status.startswith("200"):
            with self._state.transaction() as documents:
                documents.put(_KEPT, address, self._document(reply))
        return reply

    def _document(self, reply: Reply) -> Document:
        until = self._clock() + self._seconds
        return {
            "Until": until,
            "Status": reply.status,
            "Headers": reply.headers,
            "Body": reply.body.decode(),
        }
