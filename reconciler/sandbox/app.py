"""The sandbox as a WSGI application, and behind a socket: of this machine only, as it takes any key."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Self

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

_ANY_TOKEN = Tokens()
_DEFAULT_VARIANTS = Variants()
# More than the 20 workers a client may use at most, so that a delayed answer holds up no other request.
_THREADS = 32


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
    # DOC, caching page: some reads of CheckMarket are kept; UNK, whether those of configurations are.
    app = _cached(flask.wsgi_app, variants.read_cache_seconds, "/3", state, clock)
    app = _dated(with_faults(_any_case(app), tuple(faults), sleep), variants, clock)
    return _recorded(_cached(app, variants.proxy_cache_seconds, "/", state, clock), state, clock)


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


def _cached(app: WSGIApplication, seconds: float, under: str, state: State, clock: Clock) -> WSGIApplication:
    """Answer a GET under a path as it was answered before, for so many seconds.

    It goes by the address alone, without regard to the token: the worst that a cache in between could do.
    """

    def cached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or not environ["PATH_INFO"].startswith(under):
            return app(environ, start_response)
        address = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        with state.transaction() as documents:
            kept = documents.get(f"cache:{under}", address)
        if kept is None or clock() >= kept["Until"]:
            answer = Response.from_app(app, environ, buffered=True)
            kept = {"Status": answer.status, "Headers": answer.headers.to_wsgi_list()}
            kept |= {"Body": answer.get_data(as_text=True), "Until": clock() + seconds}
            if answer.status_code == 200:
                with state.transaction() as documents:
                    documents.put(f"cache:{under}", address, kept)
        start_response(kept["Status"], [(name, value) for name, value in kept["Headers"]])
        return [kept["Body"].encode()]

    return cached if seconds else app


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


class Server:
    """A sandbox that listens while its `with` block runs: `with Server(app) as server: ... server.url`.

    Port 0 takes a free one. Raises `ValueError` for a host that is not this machine's loopback.
    """

    def __init__(self, app: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0) -> None:
        # Imported here: only a sandbox that listens needs a server.
        from waitress.channel import HTTPChannel
        from waitress.server import create_server
        from waitress.task import WSGITask

        address = "127.0.0.1" if host == "localhost" else host
        try:
            is_loopback = ipaddress.ip_address(address).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise ValueError(f"{host}: the sandbox listens on this machine only; use 127.0.0.1 or ::1")
        self._sockets: dict[int, Any] = {}
        # Without log_socket_errors a connection that a fault breaks is closed, not answered with 500.
        options = {"threads": _THREADS, "log_socket_errors": False, "ident": None}
        self._waitress: Any = create_server(app, map=self._sockets, host=address, port=port, **options)
        task = type("Task", (WSGITask,), {"build_response_header": _header_of})
        self._waitress.channel_class = type("Channel", (HTTPChannel,), {"task_class": task})
        self._thread = threading.Thread(target=self._waitress.run, name="sandbox", daemon=True)

    @property
    def url(self) -> str:
        """The address to call, without a slash at the end; known as soon as the server exists."""
        host = self._waitress.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._waitress.effective_port}"

    def __enter__(self) -> Self:
        """Begin to answer, in a thread of its own."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection and return when the port is free again."""
        # The thread that waits on the sockets closes them: it must not wait on a number that is reused.
        with contextlib.suppress(OSError):  # a worker woke it in between, and the trigger itself is closed
            self._waitress.trigger.pull_trigger(self._close_all)
        self._thread.join()
        self._waitress.task_dispatcher.shutdown()

    def run(self) -> None:
        """Answer until the process is interrupted."""
        try:
            self._waitress.run()
        finally:
            self._close_all()

    def _close_all(self) -> None:
        for connection in list(self._sockets.values()):
            connection.close()


def serve(
    app: WSGIApplication, *, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], object] = print
) -> None:
    """Answer until the process is interrupted; `ready` is called with the address once it can be called.

    Raises `ValueError` for a host that is not loopback, `OSError` where the port is taken.
    """
    server = Server(app, host=host, port=port)
    ready(server.url)
    server.run()


def _header_of(task: Any) -> bytes:
    """Return the header of an answer, without the `Date` that the server gives one that has none."""
    from waitress.task import WSGITask

    is_dated = any(name.lower() == "date" for name, _ in task.response_headers)
    header: bytes = WSGITask.build_response_header(task)
    return header if is_dated else re.sub(rb"\r\nDate: [^\r]*", b"", header)
