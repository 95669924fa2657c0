"""Connections to one API, over which no attempt outlives its time, however slowly the other side is.

httpx has a time-out for each read of a socket, so a server that sends a byte now and then is never late. Here
the time-out of each step is what is left of the whole attempt's: of connecting, the handshakes, a proxy's
answer, sending, and reading an answer's 1xx, headers, chunks and trailers.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.request import getproxies

import httpcore
import httpx

from reconciler.access import is_loopback
from reconciler.errors import UsageError

_IDLE_SECONDS = 20.0  # shorter than any server is known to keep an unused connection
_PIECE = 2**16
_attempt = threading.local()  # the attempt of each thread: `left` returns the seconds until it has to be over


def _at_most(timeout: float | None, late: type[Exception] = TimeoutError) -> float | None:
    """Return a time-out that ends with the attempt. Raises `late` where that is over."""
    until_over: Callable[[], float] | None = getattr(_attempt, "left", None)
    if until_over is None:
        return timeout
    left = until_over()
    if left <= 0:
        raise late("the answer is not whole in time")
    return left if timeout is None else min(timeout, left)


class _PunctualTls(ssl.SSLSocket):
    """TLS whose every step is in time: httpcore sends, and reads TLS inside of TLS, in steps of its own."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self.settimeout(_at_most(self.gettimeout()))
        return super().recv(buflen, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        self.settimeout(_at_most(self.gettimeout()))
        return super().send(data, flags)


class _Stream(httpcore.NetworkStream):
    """A stream of httpcore, each of whose steps ends with the attempt."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _at_most(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            self._stream.write(piece, _at_most(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = _at_most(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


class _Network(httpcore.SyncBackend):
    """Connects over TCP, to the first address of a name that answers."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        for number, address in enumerate(addresses, start=1):
            share = _at_most(timeout, httpcore.ConnectTimeout)
            if share is not None:
                share /= len(addresses)
            try:
                return _Stream(super().connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise httpcore.ConnectError(f"{host} has no address")


class Connections(httpx.HTTPTransport):
    """Carries requests to one address over connections that are kept. For many threads.

    By the proxy and with the certificates that the environment names, but never by a proxy to this machine.
    Redirects are not followed and cookies not kept. Raises `UsageError` for settings that cannot be used.
    """

    def __init__(self, address: httpx.URL) -> None:
        try:
            trust = _trust() if address.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # Instead of the base's own one, which cannot be given a network.
            self._pool = httpcore.ConnectionPool(
                ssl_context=trust,
                proxy=_proxy_for(address),
                # A tunnel that came to nothing stays in the pool, and would take the place of one that works.
                max_connections=None,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=_Network(),
            )
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            raise UsageError(
                "The proxy or certificate settings of the environment cannot be used. Check HTTPS_PROXY, "
                f"ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR ({type(error).__name__})."
            ) from error

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return an answer whose stream has to be read and closed in this thread, before its next request.

        Its extension `time_left` returns the seconds that are left. Raises an `httpx.TransportError`.
        """
        _attempt.left = request.extensions.get("time_left")
        return super().handle_request(request)


def _proxy_for(address: httpx.URL) -> httpcore.Proxy | None:
    """Return the proxy that the environment names for an address; for this machine none ever is.

    NO_PROXY lists domains, addresses and networks; an entry that is none of them excludes nothing.
    """
    proxies, host = getproxies(), address.raw_host.decode("ascii")
    url = proxies.get(address.scheme) or proxies.get("all")
    if not url or is_loopback(host):
        return None
    for entry in proxies.get("no", "").lower().split(","):
        name = entry.strip().rpartition("://")[2]
        try:
            if ip_address(host) in ip_network(re.sub(r"\[(.*)\](:[0-9]+)?", r"\1", name), strict=False):
                return None
        except ValueError:
            domain = re.sub(r"^\*?\.|:[0-9]+$", "", name)
            if domain == "*" or (domain and f".{host}".endswith(f".{domain}")):
                return None
    proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ImportError("a SOCKS proxy needs the package socksio")
    trust = _trust() if proxy.url.scheme == "https" else None
    at = httpcore.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/")
    return httpcore.Proxy(at, auth=proxy.raw_auth, ssl_context=trust)


def _trust() -> ssl.SSLContext:
    """Return the certificates that count, by the variables of the environment."""
    context = httpx.create_ssl_context()
    context.sslsocket_class = _PunctualTls
    return context
