"""The sandbox as one WSGI application: the vendors' parts, faults around them, and the witness around all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from .checkmarket import Keys, checkmarket_part
from .dating import Dated, Proxy
from .expoints import Tokens, expoints_part
from .faults import Fault, Faults
from .recorder import Recorder
from .state import State
from .variants import Variants

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

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
