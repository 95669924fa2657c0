"""Requests carried to an application in this process instead of over a network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import httpx

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Transport: TypeAlias = httpx.BaseTransport
"""What carries requests; `wsgi_transport` makes one, and tests may bring any."""


class _InProcess(httpx.BaseTransport):
    """Carries requests to a WSGI application in this process, with what a wire adds: lost and cut answers."""

    def __init__(self, app: WSGIApplication) -> None:
        self._wire = httpx.WSGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._wire.handle_request(request)
            content = b"".join(response.iter_raw())
        except ConnectionRefusedError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("timed out", request=request) from error
        except ConnectionError as error:
            raise httpx.ReadError(str(error), request=request) from error
        promised = response.headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,18}", promised) or int(promised) > len(content):
            raise httpx.RemoteProtocolError("the answer was cut", request=request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(content)
        )


def wsgi_transport(app: WSGIApplication) -> Transport:
    """Return a transport that calls `app` instead of a server, in the thread that sends.

    Where the application raises a `ConnectionError`, the connection was lost after the request had been sent;
    a `ConnectionRefusedError` is one that never came about, a `TimeoutError` an answer that did not come in
    time. Anything else that it raises is its own fault and
    comes out as it is.
    """
    return _InProcess(app)
