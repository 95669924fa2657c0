"""Connections to one API: each is one request's alone while that is under way, and is kept for the next one.

A pool of many connections looks at all of them for each request, and again for each answer: measured with 20
of them, that is half of what a request costs. Here each pool has one connection, and nothing to look through.
"""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import getproxies

import httpx

from reconciler.errors import UsageError
from reconciler.http.trust import host_of, is_loopback

_IDLE_SECONDS = 20.0  # shorter than any server is known to keep a connection that nobody uses
_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS)


class Connections(httpx.BaseTransport):
    """Carries each request over a connection of its own: of those at rest, the one that was used last.

    There are never more than requests were under way at once. One that failed carries nothing more: a tunnel
    without TLS, left behind in its pool of one, would let every later request wait in vain. For many threads.
    """

    def __init__(self, connect: Callable[[], httpx.BaseTransport]) -> None:
        """Raise what `connect` raises, which makes what carries one request at a time."""
        self._connect = connect
        self._at_rest = deque([connect()])
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return an answer, whose stream has to be closed: that gives its connection back."""
        one = self._one()
        try:
            response = one.handle_request(request)
        except BaseException:
            one.close()
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - all here is synchronous
        response.stream = _Lent(response.stream, one, self._give_back)
        return response

    def close(self) -> None:
        """Close every connection; those under way are closed once their requests are over."""
        self._is_closed = True
        # Others may close at the same time: what is left is only known by taking it.
        with suppress(IndexError):
            while True:
                self._at_rest.pop().close()

    def _one(self) -> httpx.BaseTransport:
        try:
            return self._at_rest.pop()
        except IndexError:
            if self._is_closed:
                raise RuntimeError("the connections are closed") from None
            return self._connect()

    def _give_back(self, one: httpx.BaseTransport) -> None:
        self._at_rest.append(one)
        if self._is_closed:
            self.close()


class _Lent(httpx.SyncByteStream):
    """The stream of an answer, at whose end its connection is given back, or closed where that fails."""

    def __init__(
        self,
        stream: httpx.SyncByteStream,
        one: httpx.BaseTransport,
        give_back: Callable[[httpx.BaseTransport], None],
    ) -> None:
        self._stream = stream
        self._one = one
        self._give_back = give_back

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        try:
            self._stream.close()
        except BaseException:
            self._one.close()
            raise
        self._give_back(self._one)


class _ByProxy(httpx.BaseTransport):
    """Carries requests by the proxy that the environment names for their address, or by none."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        # No domain may set a cookie: every request stands for itself.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(verify=trust, limits=_ONE, cookies=cookies)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._client.send(request, stream=True)

    def close(self) -> None:
        self._client.close()


def connections_to(address: str) -> Connections:
    """Return what carries requests to an address over the network, as the environment wants it.

    By the proxy and with the certificates that it names, but never by a proxy to this machine. Raises
    `UsageError` where its settings cannot be used.
    """
    try:
        trust = _trust(address)
        if _may_need_proxy(address):
            return Connections(lambda: _ByProxy(trust))
        return Connections(lambda: httpx.HTTPTransport(verify=trust, limits=_ONE))
    except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
        raise UsageError(
            "The proxy or certificate settings of the environment cannot be used. Check HTTPS_PROXY, "
            f"ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR ({type(error).__name__})."
        ) from error


def _may_need_proxy(address: str) -> bool:
    """Tell whether the environment names any proxy that could be meant; for this machine none ever is."""
    proxies: Mapping[str, str] = getproxies()
    return not is_loopback(host_of(httpx.URL(address))) and any(
        proxies.get(scheme) for scheme in ("http", "https", "all")
    )


def _trust(address: str) -> ssl.SSLContext:
    """Return whose certificates count; nobody's where none is looked at."""
    if not address.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _environments_trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=1)
def _environments_trust(*_: str | None) -> ssl.SSLContext:
    """Return one context for all connections, by the variables that it hangs on: to read it takes 25 ms."""
    return httpx.create_ssl_context()
