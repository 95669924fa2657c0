"""Connections to one API, over which no attempt outlives its time, however slowly the other side is.

httpx has a time-out for each read of a socket, so a server that sends a byte now and then is never late. Here
the time-out of each step is what is left of the whole attempt's: of connecting, the handshakes, a proxy's
answer, sending, and reading an answer's 1xx, headers, chunks and trailers.
"""

from __future__ import annotations

import os
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

from reconciler.access import HTTPS, is_loopback
from reconciler.errors import UsageError, install_command
from reconciler.http.messages import printable

_IDLE_SECONDS = 20.0  # shorter than any server is known to keep an unused connection
_PIECE = 2**16
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # the variables that name them; the first one counts
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
        # Instead of the base's own one, which cannot be given a network.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trust() if address.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            proxy=_proxy_for(address),
            # A tunnel that came to nothing stays in the pool, and would take the place of one that works.
            max_connections=None,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_Network(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return an answer whose stream has to be read and closed in this thread, before its next request.

        Its extension `time_left` returns the seconds that are left. Raises an `httpx.TransportError`.
        """
        _attempt.left = request.extensions.get("time_left")
        return super().handle_request(request)


def _proxy_for(address: httpx.URL) -> httpcore.Proxy | None:
    """Return the proxy that the environment names for an address; for this machine none ever is.

    Errors: `UsageError` names the variable of one that cannot be used, and shows nothing of its value.
    """
    proxies, own = getproxies(), address.scheme
    url = (proxies.get(own) or proxies.get("all") or "").strip()
    if (
        not url
        or is_loopback(address.raw_host.decode("ascii"))
        or _is_excluded(address, proxies.get("no", ""))
    ):
        return None
    variable = f"{own if proxies.get(own) else 'all'}_proxy".upper()
    try:
        proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise UsageError(f"{variable} is no address of a proxy. Write it like http://proxy.example.com:3128")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise UsageError(
            f"{variable} names a SOCKS proxy, for which a package is missing; install it: "
            f"{install_command('httpx[socks]')}. Or name an HTTP proxy in {own.upper()}_PROXY"
        )
    trust = _trust() if proxy.url.scheme == "https" else None
    at = httpcore.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/")
    return httpcore.Proxy(at, auth=proxy.raw_auth, ssl_context=trust)


def _is_excluded(address: httpx.URL, listed: str) -> bool:
    """Tell whether NO_PROXY lists an address: by its domain, address or network, and its port if one stands.

    An entry that is none of them excludes nothing.
    """
    host, port = (
        address.raw_host.decode("ascii"),
        address.port or (HTTPS if address.scheme == "https" else 80),
    )
    for entry in re.split(r"[,\s]+", listed.lower()):
        found = re.fullmatch(r"(\[.*\]|[^:]*)(?::([0-9]+))?|(.*)", entry.rpartition("://")[2])
        if not found or int(found[2] or port) != port:
            continue
        name = re.sub(r"[\[\]]", "", found[1] or found[3] or "")
        try:
            if ip_address(host) in ip_network(name, strict=False):
                return True
        except ValueError:
            domain = re.sub(r"^\*?\.", "", name)
            if domain == "*" or (domain and f".{host}".endswith(f".{domain}")):
                return True
    return False


def _trust() -> ssl.SSLContext:
    """Return the certificates that count, by the variables of the environment, which `UsageError` names."""
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        variable = next((name for name in _AUTHORITIES if os.environ.get(name)), _AUTHORITIES[0])
        why = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        named = printable(os.environ.get(variable, ""))
        raise UsageError(
            f"{variable} cannot be used: {named}: {why}. Name a file with the authorities that count, in PEM"
        ) from error
    context.sslsocket_class = _PunctualTls
    return context


def to_be_mended(error: BaseException, host: str) -> tuple[str, str]:
    """Return what keeps a connection to a host from being made until it is mended, and how to mend it.

    Empty for what may pass: another attempt may fare better.
    """
    if isinstance(error, httpx.ProxyError) and (code := re.match(r"4(?!08|29)[0-9]{2}", str(error))):
        asked = "Check the user and password in" if code[0] == "407" else "Let it lead there, or change"
        what = f"the proxy does not lead to {host} ({printable(str(error))})"
        return what, f"{asked} HTTPS_PROXY or ALL_PROXY."
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if not isinstance(cause, ssl.SSLCertVerificationError):
        if getattr(cause, "reason", "") != "WRONG_VERSION_NUMBER":
            return "", ""
        return f"no TLS is spoken on the way to {host}", "Is HTTPS_PROXY a proxy that is reached by http://?"
    named = next((f"{name}={os.environ[name]}" for name in _AUTHORITIES if os.environ.get(name)), "")
    known = f"not in {printable(named)}" if named else "not among the public ones"
    mend = {
        9: "Look at the clock of this machine",
        10: "Look at the clock of this machine; otherwise its owner has to renew it",
        62: "Check the address and the proxy",
        64: "Check the address and the proxy",
    }.get(
        cause.verify_code,
        f"Its authority is {known}. Where a proxy or firewall of your own inspects TLS: export "
        "SSL_CERT_FILE=FILE, its authority in PEM; REQUESTS_CA_BUNDLE and the system's store are not read",
    )
    what = f"the certificate on the way to {host} does not count ({cause.verify_message.rstrip('.')})"
    return what, f"{mend}."
