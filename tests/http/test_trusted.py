from __future__ import annotations

import httpx
import pytest

from reconciler.errors import Refused, UsageError
from reconciler.http import Api, Secret, trusted


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api-eu.agileresearch.medallia.com", "https://api-eu.agileresearch.medallia.com"),
        ("https://api.checkmarket.com/", "https://api.checkmarket.com/"),
        ("HTTPS://API.CheckMarket.COM", "https://api.checkmarket.com"),
        ("https://api.checkmarket.com./", "https://api.checkmarket.com/"),
        ("https://api.checkmarket.com:8443", "https://api.checkmarket.com:8443"),
        ("https://acme.expoints.nl", "https://acme.expoints.nl"),
        (
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
        ),
        ("http://localhost:8080/checkmarket", "http://localhost:8080/checkmarket"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_known_hosts_and_this_machine_are_trusted(url: str, normal: str) -> None:
    assert trusted(url) == normal


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
        trusted(url)
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
        trusted(url)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://api.checkmarket.com", "http://acme.expoints.nl/"])
def test_nothing_but_https_will_do(url: str) -> None:
    with pytest.raises(Refused, match="https only"):
        trusted(url)


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
        trusted(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://documentation.expoints.nl/external/Help/Api/POST-api-v3-customer-add",
        "https://api-eu.agileresearch.medallia.com/docs/api/v3",
    ],
)
def test_the_documentation_is_not_the_api(url: str) -> None:
    with pytest.raises(Refused, match=r"documentation.*https://acme\.expoints\.nl"):
        trusted(url)


@pytest.mark.parametrize("extra", ["api.acme.example", "other.example, API.acme.example.", "*.acme.example"])
def test_more_hosts_can_be_named(extra: str) -> None:
    assert trusted("https://api.acme.example", extra) == "https://api.acme.example"
    with pytest.raises(Refused):
        trusted("https://acme.example.evil.example", extra)
    with pytest.raises(Refused):
        trusted("http://api.acme.example", extra)


def test_the_line_to_set_keeps_the_hosts_that_are_trusted_already() -> None:
    with pytest.raises(Refused, match=r"export RECONCILER_TRUSTED_HOSTS=one\.example,two\.example"):
        trusted("https://two.example", "one.example")


def test_no_request_goes_to_a_host_that_is_not_trusted() -> None:
    transport = httpx.MockTransport(lambda _: pytest.fail("a request left"))
    with pytest.raises(Refused):
        Api("https://evil.example", headers={"X-Key": Secret("hunter22")}, transport=transport)
