from __future__ import annotations

import httpx
import pytest

from reconciler.access import Access
from reconciler.errors import Refused, UsageError
from reconciler.http import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, Api, Connection, Secret, trusted

ENTRA = "https://login.microsoftonline.com/t/oauth2/v2.0/token"


def account(url: str, access: Access | None = None) -> str:
    """Return the address of a CheckMarket account, if its keys may go there."""
    return trusted(url, CHECKMARKET_HOSTS, access)


@pytest.mark.parametrize(
    ("hosts", "url", "normal"),
    [
        (CHECKMARKET_HOSTS, "https://api-eu.agileresearch.medallia.com", ""),
        (CHECKMARKET_HOSTS, "https://api.checkmarket.com/", ""),
        (CHECKMARKET_HOSTS, "HTTPS://API.CheckMarket.COM", "https://api.checkmarket.com"),
        (CHECKMARKET_HOSTS, "https://api.checkmarket.com./", "https://api.checkmarket.com/"),
        (CHECKMARKET_HOSTS, "https://api.checkmarket.com:443", "https://api.checkmarket.com"),
        (EXPOINTS_HOSTS, "https://acme.expoints.nl", ""),
        (TOKEN_HOSTS, ENTRA, ""),
        ((), "http://localhost:8080/checkmarket", ""),
        ((), "http://127.0.0.1:8080", ""),
        ((), "http://127.8.9.10", ""),
        ((), "http://[::1]:8080", ""),
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
        (CHECKMARKET_HOSTS, ENTRA),
        (EXPOINTS_HOSTS, "https://api.checkmarket.com"),
        (EXPOINTS_HOSTS, "https://login.microsoftonline.com"),
        (TOKEN_HOSTS, "https://api.checkmarket.com/token"),
        ((*TOKEN_HOSTS, "acme.expoints.nl"), "https://evil.expoints.nl/token"),
    ],
)
def test_what_opens_one_api_never_goes_to_another(hosts: tuple[str, ...], url: str, access: Access) -> None:
    with pytest.raises(Refused, match="host of another API"):
        trusted(url, hosts, access)


@pytest.mark.parametrize("path", ["", "/", "/t/oauth2/v2.0/authorize", "/t/../token", "/a/b/oauth2/token"])
def test_the_secret_goes_to_the_place_for_tokens_only(path: str) -> None:
    with pytest.raises(Refused, match="TENANT/oauth2"):
        trusted(f"https://login.microsoftonline.com{path}", TOKEN_HOSTS)


@pytest.mark.parametrize(
    ("named", "url", "is_trusted"),
    [
        ("", "http://127.0.0.1:8080", False),
        ("", "https://localhost", False),
        ("127.0.0.1", "http://127.0.0.1:8080", False),
        ("127.0.0.1:8081", "http://127.0.0.1:8080", False),
        ("localhost:8080", "http://127.0.0.1:8080", False),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", True),
        ("localhost:80", "http://localhost", True),
        ("[::1]:8080", "http://[::1]:8080", True),
    ],
)
def test_in_ci_this_machine_is_trusted_only_where_it_is_named(named: str, url: str, is_trusted: bool) -> None:
    access = Access.of({"CI": "true", "RECONCILER_TRUSTED_HOSTS": named})
    if is_trusted:
        assert account(url, access) == url
        return
    with pytest.raises(Refused, match=r"in CI this machine .*export RECONCILER_TRUSTED_HOSTS=") as caught:
        account(url, access)
    line = str(caught.value).rpartition("=")[2]
    assert account(url, Access.of({"CI": "true", "RECONCILER_TRUSTED_HOSTS": line})) == url


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("", "https://api.checkmarket.com:8443"),
        ("api.acme.example", "https://api.acme.example:8443"),
        ("api.acme.example:8443", "https://api.acme.example"),
        ("api.acme.example:8443", "https://api.acme.example:8444"),
    ],
)
def test_another_port_is_trusted_only_with_the_port(named: str, url: str) -> None:
    with pytest.raises(Refused, match=r"export RECONCILER_TRUSTED_HOSTS=") as caught:
        account(url, Access.of({"RECONCILER_TRUSTED_HOSTS": named}))
    line = str(caught.value).rpartition("=")[2]
    assert account(url, Access.of({"RECONCILER_TRUSTED_HOSTS": line})) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://evil-checkmarket.com",
        "https://checkmarket.com.evil.example",
        "https://api.checkmarket.com.evil.example",
        "https://api.checkmarket.com\u3002evil.example",
        "https://checkmarket.com",
        "https://login.microsoftonline.com.evil.example",
        "https://evil.login.microsoftonline.com",
        "https://api.ch\u0435ckmarket.com",
        "https://127.0.0.1.nip.io",
        "https://localhost.evil.example",
        "https://0.0.0.0",
        "https://2130706433",
        "https://[::ffff:10.0.0.1]",
        "https://169.254.169.254",
    ],
)
def test_every_other_host_is_refused_with_the_line_to_set(url: str) -> None:
    with pytest.raises(Refused, match="export RECONCILER_TRUSTED_HOSTS=") as caught:
        account(url)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "url",
    [
        "https://api.checkmarket.com@evil.example/",
        "https://evil.example\\@api.checkmarket.com",
        "https://api.checkmarket.com\\@evil.example",
        "https://name:hunter22@api.checkmarket.com",
    ],
)
def test_an_address_with_a_name_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused, match="no name and password") as caught:
        account(url)
    assert "hunter22" not in str(caught.value)


def test_nothing_but_https_will_do() -> None:
    with pytest.raises(Refused, match="https only"):
        account("http://api.acme.example", Access(("api.acme.example:80",)))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sandbox:",
        "api.checkmarket.com",
        "ftp://api.checkmarket.com",
        "https://",
        "https://a..checkmarket.com",
        "https://*.checkmarket.com",
        "https://api.checkmarket.com%2eevil.example",
        "https://api.checkmarket.com:99999",
        "https://api.checkmarket.com?top=1",
        "https://api.checkmarket.com#x",
        "https://api.checkmarket.com\n",
        f"https://{'a' * 64}.checkmarket.com",
    ],
)
def test_what_is_no_address_of_an_api_is_an_error(url: str) -> None:
    with pytest.raises(UsageError, match="no address of an API"):
        account(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://documentation.expoints.nl/external/Help/Api/POST-api-v3-customer-add",
        "https://api-eu.agileresearch.medallia.com/docs/api/v3",
    ],
)
def test_the_documentation_is_not_the_api(url: str) -> None:
    with pytest.raises(Refused, match=r"documentation.*https://acme\.expoints\.nl"):
        account(url)


@pytest.mark.parametrize("extra", ["api.acme.example", "other.example, API.acme.example.", "*.acme.example"])
def test_more_hosts_can_be_named(extra: str) -> None:
    access = Access.of({"RECONCILER_TRUSTED_HOSTS": extra})
    assert account("https://api.acme.example", access) == "https://api.acme.example"
    with pytest.raises(Refused):
        account("https://acme.example.evil.example", access)
    with pytest.raises(Refused):
        account("http://api.acme.example:443", access)


def test_the_line_to_set_keeps_the_hosts_that_are_trusted_already() -> None:
    with pytest.raises(Refused, match=r"export RECONCILER_TRUSTED_HOSTS=one\.example,two\.example"):
        account("https://two.example", Access(("one.example",)))


def test_no_request_goes_to_a_host_that_is_not_trusted() -> None:
    transport = httpx.MockTransport(lambda _: pytest.fail("a request left"))
    with pytest.raises(Refused):
        Api("https://evil.example", Connection(transport=transport), headers={"X-Key": Secret("hunter22")})
