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

from .checkmarket import checkmarket_part
from .expoints import Tokens, expoints_part
from .faults import FAULT, Fault, with_faults
from .state import Request, State
from .variants import Variants

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Clock = Callable[[], float]

_KEPT = "proxy.answers"
_ANY_TOKEN = Tokens()
_DEFAULT_VARIANTS = Variants()


def create_app(
    state: State,
    variants: Variants = _DEFAULT_VARIANTS,
    faults: Sequence[Fault] = (),
    *,
    tokens: Tokens = _ANY_TOKEN,
    clock: Clock = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> WSGIApplication:
    """Return the sandbox over a state, for any WSGI server or client.

    `tokens` says who may call the Expoints part. `clock` gives the time in seconds since 1970, for caches,
    delays and time stamps; `sleep` waits out a delay fault.
    """
    flask = Flask("reconciler.sandbox", static_folder=None)
    flask.url_map.strict_slashes = False
    flask.register_blueprint(checkmarket_part(state, variants, clock))
    flask.register_blueprint(expoints_part(state, variants, tokens, clock))
    for status in (404, 405):
        flask.register_error_handler(status, _no_route)
    app = _dated(with_faults(_any_case(flask.wsgi_app), tuple(faults), sleep), variants, clock)
    if variants.proxy_cache_seconds:
        app = _behind_proxy(app, variants.proxy_cache_seconds, state, clock)
    return _recorded(app, state, clock)


def _no_route(error: HTTPException) -> Response:
    """Answer a path or method that leads nowhere in the words of ASP.NET (INF: no page shows it)."""
    message = f"No HTTP resource was found that matches the request URI '{request.path}'."
    body = json.dumps({"Message": message, "MessageDetail": error.description})
    return Response(body, error.code, content_type="application/json; charset=utf-8")


def _any_case(app: WSGIApplication) -> WSGIApplication:
    """Let paths in any letter case find their route, a slash at the end or not (INF: ASP.NET routing)."""

    def lowered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].lower().rstrip("/") or "/"
        return app({**environ, "PATH_INFO": path}, start_response)

    return lowered


def _dated(app: WSGIApplication, variants: Variants, clock: Clock) -> WSGIApplication:
    """Give every answer its `Date` (RFC 9110, 6.6.1), as the variants have it."""
    if variants.date == "absent":
        return app
    error = variants.clock_ahead_seconds - variants.clock_behind_seconds

    def dated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            date = formatdate(clock() + error, usegmt=True)
            return start_response(status, [*headers, ("Date", date)], *rest)

        return app(environ, start)

    return dated


def _behind_proxy(app: WSGIApplication, seconds: float, state: State, clock: Clock) -> WSGIApplication:
    """Answer a GET as it was answered before, its `Date` included, for so many seconds.

    It goes by the address alone, without regard to the token: the worst that a cache in between could do.
    """

    def cached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            return app(environ, start_response)
        address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        with state.transaction() as documents:
            kept = documents.get(_KEPT, address)
        if kept is None or clock() >= kept["Until"]:
            answer = Response.from_app(app, environ, buffered=True)
            kept = {"Status": answer.status, "Headers": answer.headers.to_wsgi_list()}
            kept |= {"Body": answer.get_data(as_text=True), "Until": clock() + seconds}
            if answer.status_code == 200:
                with state.transaction() as documents:
                    documents.put(_KEPT, address, kept)
        start_response(kept["Status"], [(name, value) for name, value in kept["Headers"]])
        return [kept["Body"].encode()]

    return cached


def _recorded(app: WSGIApplication, state: State, clock: Clock) -> WSGIApplication:
    """Log every request in the state before its answer leaves, but no headers and no body with secrets."""

    def recorded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        at = clock()
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path, statuses = environ["PATH_INFO"], list[int]()

        def note_status(status: str, *rest: Any) -> Callable[[bytes], object]:
            statuses.append(int(status.split()[0]))
            return start_response(status, *rest)

        try:
            return app(environ, note_status)
        finally:
            asks_for_token = path.rstrip("/").lower().endswith("token")
            is_secret = asks_for_token or "form" in environ.get("CONTENT_TYPE", "").lower()
            state.record(
                Request(
                    at=at,
                    method=environ["REQUEST_METHOD"],
                    path=path,
                    query=environ.get("QUERY_STRING", ""),
                    body="" if is_secret else body.decode("utf-8", "replace"),
                    status=statuses[-1] if statuses else None,
                    fault=environ.get(FAULT),
                )
            )

    return recorded
