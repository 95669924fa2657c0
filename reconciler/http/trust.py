"""To whom credentials may go: decided from the address alone, before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

import httpx

from reconciler.errors import Refused, UsageError
from reconciler.http.printable import printable

TRUSTED_HOSTS: Final = (
    "*.agileresearch.medallia.com",
    "*.checkmarket.com",
    "*.expoints.nl",
    "login.microsoftonline.com",  # the documented token host of Expoints
)
"""Where credentials may go without anybody saying so."""


def trusted(url: str, extra: str = "") -> str:
    """Return `url` in its normal form if credentials may be sent to it.

    Trusted are TRUSTED_HOSTS, this machine, and the hosts in `extra`: names or `*.` patterns, separated by
    commas or blanks. Only https will do, but for this machine. Raises `UsageError` for what is no address of
    an API, `Refused` for one that is not trusted.
    """
    address = _address(url)
    host = host_of(address)
    if not (is_loopback(host) or _matches(host, [*TRUSTED_HOSTS, *_names(extra)])):
        raise Refused(
            f"{host}: credentials go only to {', '.join(TRUSTED_HOSTS)} and this machine. "
            f"If this host is right: export RECONCILER_TRUSTED_HOSTS={','.join([*_names(extra), host])}"
        )
    if address.scheme != "https" and not is_loopback(host):
        raise Refused(f"{host}: credentials go over https only. Write https://{host}")
    return str(address)


def _address(url: str) -> httpx.URL:
    """Read an address as the client will: the same parser, so that both see the same host."""
    shown = printable(url) if url and "@" not in url else "The address"
    try:
        address = httpx.URL(url)
        address = address.copy_with(host=host_of(address))
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"{shown} is no address of an API. {_LIKE}") from error
    if address.userinfo:
        raise Refused(f"{host_of(address)}: an address holds no name and password. {_LIKE}")
    if not _is_plain(address):
        raise UsageError(f"{shown} is no address of an API. {_LIKE}")
    if _DOCUMENTATION.search(address.path):
        raise Refused(f"{shown} is documentation, not the API. {_LIKE}")
    return address


def _is_plain(address: httpx.URL) -> bool:
    known = address.scheme in ("http", "https") and _HOST.fullmatch(host_of(address)) is not None
    return known and (address.port or 443) < 2**16 and not address.query and not address.fragment


def host_of(address: httpx.URL) -> str:
    """Return the name of an address as it is looked up: punycode, so that no letter looks alike."""
    return address.raw_host.decode("ascii").lower().removesuffix(".")


_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")
_DOCUMENTATION = re.compile(r"/(help|docs)(/|$)", re.IGNORECASE)
_LIKE = "Write it like https://api-eu.agileresearch.medallia.com or https://acme.expoints.nl"


def is_loopback(host: str) -> bool:
    """Tell whether a name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names(text: str) -> list[str]:
    return [name.lower().removesuffix(".") for name in re.split(r"[,\s]+", text) if name]


def _matches(host: str, patterns: Iterable[str]) -> bool:
    return any(
        host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern for pattern in patterns
    )
