"""Credentials go to the host that is meant, or nowhere: seen from the hosts, with the real program."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Refused, UsageError
from reconciler.http.api import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, trusted
from tests.hostile.children import assert_refused, reconciler
from tests.hostile.fuzzing import harmful_text, share
from tests.hostile.looking import assert_harmless
from tests.hostile.workspaces import write
from tests.http.servers import serving, whole_then_close

KEYS = {"KEY": "k-0123456789", "MASTER": "m-0123456789", "OTHER": "m-9876543210"}
CONFIG = {"a.yaml": "import_configs: {m: {name: M}}"}


def settings(url: str) -> str:
    account = f'{{url: "{url}", master_key: {{env: MASTER}}, key: {{env: KEY}}}}'
    return f"version: 1\ndefault_target: t\ntargets: {{t: {{checkmarket: {account}}}}}\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_no_key_to_another_host(tmp_path: Path, status: int) -> None:
    with serving(whole_then_close) as other:

        def redirect(connection: socket.socket) -> None:
            head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {other.url}/3/\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode())

        with serving(redirect) as server:
            write(tmp_path, CONFIG, settings(server.url))
            ended = reconciler(tmp_path, "plan", environ=KEYS)
        assert_refused(ended, "redirects are not followed")
        assert (server.requests, other.requests) == (1, 0)


@pytest.mark.parametrize(
    ("url", "words", "exit"),
    [
        ("https://evil.example", "credentials go only to", 3),
        ("https://api.checkmarket.com.evil.example", "credentials go only to", 3),
        ("https://169.254.169.254", "credentials go only to", 3),
        ("http://api.checkmarket.com", "insecure-url", 1),
        ("https://k:p@api.checkmarket.com", "url-with-credentials", 1),
        ("https://api.checkmarket.com\\\\@evil.example", "error[", 1),
        ("file:///etc/passwd", "invalid-url", 1),
        ("gopher://127.0.0.1:25", "insecure-url", 1),
    ],
)
def test_an_address_that_is_not_trusted_gets_nothing(tmp_path: Path, url: str, words: str, exit: int) -> None:
    with serving(whole_then_close) as proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        write(tmp_path, CONFIG, settings(url))
        ended = reconciler(tmp_path, "plan", environ={**KEYS, **dict.fromkeys(names, proxy.url)})
    assert_refused(ended, words, exit)
    assert proxy.requests == 0
    assert not any(key in ended.text for key in KEYS.values())


def test_targets_on_one_account_share_its_end_and_another_account_is_asked_for_itself(tmp_path: Path) -> None:
    def refuse(connection: socket.socket) -> None:
        head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 40000\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head)

    with serving(refuse) as server:
        account = f'{{checkmarket: {{url: "{server.url}", master_key: {{env: %s}}, key: {{env: KEY}}}}}}'
        accounts = {"one": account % "MASTER", "same": account % "MASTER", "other": account % "OTHER"}
        targets = "".join(f"  {name}: {text}\n" for name, text in accounts.items())
        write(tmp_path, CONFIG, f"version: 1\ntargets:\n{targets}")
        ended = reconciler(tmp_path, "plan", "--all-targets", environ=KEYS)
        assert_refused(ended, "not sent, because the account was given up: the allowance is used up", exit=7)
        assert server.requests == 2


PIECES = (
    *("https://", "http://", "HTTPS:", "//", "/", "\\", "@", ":", "?", "#", ".", "%2e", "%00", "\u3002"),
    *("\uff0e", "[", "]"),
    *("api.checkmarket.com", "acme.expoints.nl", "evil.example", "localhost", "127.0.0.1", "::1", "xn--"),
    *("\u0430", "443"),
)
addresses = st.lists(st.one_of(st.sampled_from(PIECES), harmful_text), max_size=8).map("".join)
HOSTS = (*CHECKMARKET_HOSTS, *EXPOINTS_HOSTS, *TOKEN_HOSTS)
OURS = (".agileresearch.medallia.com", ".checkmarket.com", ".expoints.nl")


@share(5)
@given(st.sampled_from(["", "https://"]), addresses)
def test_whatever_is_trusted_is_one_of_the_known_hosts_to_other_readers_too(before: str, text: str) -> None:
    try:
        url = trusted(before + text, HOSTS)
    except (Refused, UsageError) as error:
        assert_harmless(str(error))
        return
    host = (urlsplit(url).hostname or "").removesuffix(".")
    assert (
        host.endswith(OURS)
        or host in ("localhost", "::1", "login.microsoftonline.com")
        or host.startswith("127.")
    )
