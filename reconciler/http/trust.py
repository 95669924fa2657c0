"""To whom the credentials of each API may go: decided from the address alone, before anything is sent."""

from __future__ import annotations

import re
from typing import Final

import httpx

from reconciler.access import HTTPS, Access, is_loopback, matches
from reconciler.errors import Refused, UsageError


def printable(text: str) -> str:
    """Return text on one line, without the characters that steer a terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


CHECKMARKET_HOSTS: Final = ("*.agileresearch.medallia.com", "*.checkmarket.com")
EXPOINTS_HOSTS: Final = ("*.expoints.nl",)
TOKEN_HOSTS: Final = ("login.microsoftonline.com",)
"""The documented token host of Expoints; a tenant's own host is one too."""

_VENDORS: Final = (*CHECKMARKET_HOSTS, *EXPOINTS_HOSTS, *TOKEN_HOSTS)


def trusted(url: str, hosts: tuple[str, ...], access: Access | None = None) -> str:
    """Return `url` in its normal form if the credentials of an API may be sent to it.

    Trusted are `hosts`, names and `*.` patterns of that API, at port 443, and what `access` trusts; but never
    a host of another API. Only https will do, but for this machine. Raises `UsageError` for what is no
    address of an API, `Refused` for one that is not trusted.
    """
    access = access or Access()
    address = _address(url)
    host = host_of(address)
    port = address.port or (HTTPS if address.scheme == "https" else 80)
    shown = host if port == HTTPS else f"{host}:{port}"
    is_own = matches(host, hosts)
    if matches(host, _VENDORS) and not is_own:
        raise Refused(
            f"{shown} is the host of another API, and gets no credentials of this one; they go to "
            f"{', '.join(hosts)}. Write the right address in the files"
        )
    if not ((is_own and port == HTTPS) or access.trusts(host, port)):
        raise Refused(f"{_untrusted(shown, host, hosts, access)}: {access.line_to_trust(host, port)}")
    if address.scheme != "https" and not is_loopback(host):
        raise Refused(f"{host}: credentials go over https only. Write https://{host}")
    if host in TOKEN_HOSTS and not _TOKEN_PATH.fullmatch(address.path):
        raise Refused(
            f"{host} gives tokens at https://{host}/TENANT/oauth2/v2.0/token only. Write it like that"
        )
    return str(address)


def _untrusted(shown: str, host: str, hosts: tuple[str, ...], access: Access) -> str:
    """Return why a host is not trusted, and in which case that is to be changed."""
    if is_loopback(host):
        where = "in CI" if access.in_ci else "beside an API that is elsewhere"
        return f"{shown}: {where} this machine gets credentials only where it is named. If this is right"
    own = ", ".join(hosts) or "hosts that are named"
    return f"{shown}: credentials go only to {own} at port {HTTPS}. If this host is right"


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
    has_host = address.scheme in ("http", "https") and _HOST.fullmatch(host_of(address)) is not None
    if not has_host or (address.port or HTTPS) >= 2**16 or address.query or address.fragment:
        raise UsageError(f"{shown} is no address of an API. {_LIKE}")
    if _DOCUMENTATION.search(address.path):
        raise Refused(f"{shown} is documentation, not the API. {_LIKE}")
    return address


def host_of(address: httpx.URL) -> str:
    """Return the name of an address as it is looked up: punycode, so that no letter looks alike."""
    return address.raw_host.decode("ascii").lower().removesuffix(".")


_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")
_DOCUMENTATION = re.compile(r"/(help|docs)(/|$)", re.IGNORECASE)
_TOKEN_PATH = re.compile(r"/[A-Za-z0-9.-]+/oauth2(/v2\.0)?/token")
_LIKE = "Write it like https://api-eu.agileresearch.medallia.com or https://acme.expoints.nl"
