"""To which addresses credentials go, and what a refusal says to do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.access import Access
from reconciler.errors import Refused, UsageError
from reconciler.http.api import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, trusted

ENTRA = "https://login.microsoftonline.com"
NAMED = "RECONCILER_TRUSTED_HOSTS"


def account(url: str, access: Access | None = None) -> str:
    """Return the address of a CheckMarket account, if its keys may go there."""
    return trusted(url, CHECKMARKET_HOSTS, access)


@pytest.mark.parametrize(
    ("hosts", "url", "normal"),
    [
        (CHECKMARKET_HOSTS, "https://api-eu.agileresearch.medallia.com", ""),
        (CHECKMARKET_HOSTS, "HTTPS://API.CheckMarket.COM", "https://api.checkmarket.com"),
        (CHECKMARKET_HOSTS, "https://api.checkmarket.com./", "https://api.checkmarket.com/"),
        (EXPOINTS_HOSTS, "https://acme.expoints.nl", ""),
        (TOKEN_HOSTS, f"{ENTRA}/t/oauth2/v2.0/token", ""),
        *(((), f"http://{host}", "") for host in ("localhost:8080/checkmarket", "127.0.0.1:8080")),
        *(((), f"http://{host}", "") for host in ("127.8.9.10", "[::1]:8080")),
    ],
)
def test_the_hosts_of_an_api_and_this_machine_are_trusted(
    hosts: tuple[str, ...], url: str, normal: str
) -> None:
    assert trusted(url, hosts) == (normal or url)


@pytest.mark.parametrize("access", [Access(), Access(("*.expoints.nl", "*.checkmarket.com"))])
@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (CHECKMARKET_HOSTS, "https://evil.expoints.nl"),
        (CHECKMARKET_HOSTS, f"{ENTRA}/t/oauth2/v2.0/token"),
        (EXPOINTS_HOSTS, "https://api.checkmarket.com"),
        (EXPOINTS_HOSTS, ENTRA),
        ((*TOKEN_HOSTS, "acme.expoints.nl"), "https://evil.expoints.nl/token"),
    ],
)
def test_what_opens_one_api_never_goes_to_another(hosts: tuple[str, ...], url: str, access: Access) -> None:
    with pytest.raises(Refused, match="host of another API"):
        trusted(url, hosts, access)


@pytest.mark.parametrize("path", ["", "/", "/t/oauth2/v2.0/authorize", "/t/../token", "/a/b/oauth2/token"])
def test_the_secret_goes_to_the_place_for_tokens_only(path: str) -> None:
    with pytest.raises(Refused, match="TENANT/oauth2"):
        trusted(f"{ENTRA}{path}", TOKEN_HOSTS)


@pytest.mark.parametrize(
    ("ci", "named", "url"),
    [
        *(("true", "", url) for url in ("http://127.0.0.1:8080", "https://localhost")),
        ("true", "127.0.0.1", "http://127.0.0.1:8080"),
        ("true", "127.0.0.1:8081", "http://127.0.0.1:8080"),
        ("", "", "https://api.checkmarket.com:8443"),
        ("", "api.acme.example", "https://api.acme.example:8443"),
        ("", "api.acme.example:8443", "https://api.acme.example:8444"),
    ],
)
def test_this_machine_in_ci_and_another_port_are_trusted_only_where_they_are_named(
    ci: str, named: str, url: str
) -> None:
    words = "in CI this machine .*" if ci else ""
    with pytest.raises(Refused, match=rf"{words}export {NAMED}=") as caught:
        account(url, Access.of({"CI": ci, NAMED: named}))
    line = str(caught.value).rpartition("=")[2]
    assert account(url, Access.of({"CI": ci, NAMED: line})) == url
    assert named in line  # what is trusted already stays so


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("other.example, API.acme.example.", "https://api.acme.example"),
        ("*.acme.example", "https://api.acme.example"),
    ],
)
def test_more_hosts_can_be_named(named: str, url: str) -> None:
    access = Access.of({"CI": "true", NAMED: named})
    assert account(url, access) == url
    for other in ("https://acme.example.evil.example", "http://api.acme.example:443"):
        with pytest.raises(Refused):
            account(other, access)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil-checkmarket.com", "checkmarket.com.evil.example", "checkmarket.com"),
        *("api.checkmarket.com.evil.example", "api.checkmarket.com\u3002evil.example"),
        *("login.microsoftonline.com.evil.example", "evil.login.microsoftonline.com"),
        *("api.ch\u0435ckmarket.com", "127.0.0.1.nip.io", "localhost.evil.example", "0.0.0.0"),  # noqa: S104
        *("2130706433", "[::ffff:10.0.0.1]", "169.254.169.254"),
    ],
)
def test_every_other_host_is_refused_with_the_line_to_set(host: str) -> None:
    with pytest.raises(Refused, match=f"export {NAMED}=") as caught:
        account(f"https://{host}")
    assert str(caught.value).isascii()


USERINFO = ["https://api.checkmarket.com@evil.example/", "https://evil.example\\@api.checkmarket.com"]
USERINFO += ["https://api.checkmarket.com\\@evil.example", "https://name:hunter22@api.checkmarket.com"]
NONE = ["", "sandbox:", "api.checkmarket.com", "ftp://api.checkmarket.com", "https://"]
NONE += ["https://a..checkmarket.com", "https://*.checkmarket.com", f"https://{'a' * 64}.checkmarket.com"]
ENDINGS = ["%2eevil.example", ":99999", "?top=1", "#x", "\n"]
PAGES = ["https://documentation.expoints.nl/external/Help/Api/POST-api-v3-customer-add"]
PAGES += ["https://api-eu.agileresearch.medallia.com/docs/api/v3"]


@pytest.mark.parametrize(
    ("error", "words", "urls"),
    [
        (Refused, "no name and password", USERINFO),
        (UsageError, "no address of an API", NONE),
        (UsageError, "no address of an API", [f"https://api.checkmarket.com{ending}" for ending in ENDINGS]),
        (Refused, r"documentation.*https://acme\.expoints\.nl", PAGES),
        (Refused, "https only", ["http://api.acme.example"]),
    ],
)
def test_what_is_no_address_of_an_api_is_said_to_be_none(
    error: type[Exception], words: str, urls: Sequence[str]
) -> None:
    for url in urls:
        with pytest.raises(error, match=words) as caught:
            account(url, Access(("api.acme.example:80",)))
        assert "hunter22" not in str(caught.value)
