"""The sandbox as one WSGI application: the vendors' parts, and the layers around them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from reconciler.sandbox.checkmarket import Keys, checkmarket_part
from reconciler.sandbox.expoints import Tokens, expoints_part
from reconciler.sandbox.faults import FAULT, Fault, Faults, Reply, run
from reconciler.sandbox.state import Document, Request, State
from reconciler.sandbox.variants import Variants

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


class Recorder:
    """A WSGI layer that logs every request in the state, but no headers and bodies that hold secrets."""

    def __init__(self, app: WSGIApplication, state: State, clock: Callable[[], float]) -> None:
        self._app = app
        self._state = state
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does, and write it down before the answer leaves."""
        at, body = self._clock(), _read_body(environ)
        statuses: list[int] = []

        def note_status(status: str, *rest: Any) -> Callable[[bytes], object]:
            statuses.append(int(status.split()[0]))
            return start_response(status, *rest)

        try:
            return self._app(environ, note_status)
        finally:
            self._state.record(_request(environ, at, body, statuses[-1] if statuses else None))


def _read_body(environ: WSGIEnvironment) -> bytes:
    """Return the request's body, and put it back for the application."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _request(environ: WSGIEnvironment, at: float, body: bytes, status: int | None) -> Request:
    return Request(
        at=at,
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=environ.get("QUERY_STRING", ""),
        body=body.decode("utf-8", "replace") if _may_be_kept(environ) else "",
        status=status,
        fault=environ.get(FAULT),
    )


def _may_be_kept(environ: WSGIEnvironment) -> bool:
    """Say whether a body is no request for a token, whatever its path and form."""
    is_form = "form" in environ.get("CONTENT_TYPE", "").lower()
    return not is_form and not environ["PATH_INFO"].rstrip("/").lower().endswith("token")


_ANY_KEY = Keys()
_ANY_TOKEN = Tokens()
_DEFAULT_VARIANTS = Variants()


def create_app(
    state: State,
    variants: Variants = _DEFAULT_VARIANTS,
    faults: Sequence[Fault] = (),
    *,
    keys: Keys = _ANY_KEY,
    tokens: Tokens = _ANY_TOKEN,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> WSGIApplication:
    """Return the sandbox over a state, for any WSGI server or client.

    `keys` and `tokens` say who may call the one part and the other. `clock` gives the time in seconds since
    1970, for caches, delays and time stamps; `sleep` waits out a delay fault.
    """
    flask = Flask("reconciler.sandbox", static_folder=None)
    flask.url_map.strict_slashes = False
    flask.register_blueprint(checkmarket_part(state, variants, keys, clock))
    flask.register_blueprint(expoints_part(state, variants, tokens, clock))
    for status in (404, 405):
        flask.register_error_handler(status, _no_route)
    dated = Dated(Faults(_any_case(flask.wsgi_app), faults, sleep), variants, clock)
    return Recorder(Proxy(dated, variants, state, clock), state, clock)


def _any_case(app: WSGIApplication) -> WSGIApplication:
    """Let paths in any letter case find their route, a slash at the end or not (INF: ASP.NET routing)."""

    def lowered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].lower().rstrip("/") or "/"
        return app({**environ, "PATH_INFO": path}, start_response)

    return lowered


def _no_route(error: HTTPException) -> Response:
    """Answer a path or method that leads nowhere in the words of ASP.NET (INF: no page shows it)."""
    message = f"No HTTP resource was found that matches the request URI '{request.path}'."
    body = json.dumps({"Message": message, "MessageDetail": error.description})
    return Response(body, error.code, content_type="application/json; charset=utf-8")
