"""The witness: every request and the status of its answer, faulted ones too."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .faults import FAULT
from .state import Request, State

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


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
