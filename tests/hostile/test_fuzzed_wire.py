"""Addresses and headers of any form: nobody is trusted by a trick of writing, no header stops a run."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ApiError, Refused, UsageError
from reconciler.http import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, TOKEN_HOSTS, Api, Connection, trusted
from tests.hostile.fuzzing import harmful_text, share
from tests.hostile.looking import assert_harmless
from tests.http.servers import VirtualClock

PIECES = (
    *(
        "https://",
        "http://",
        "HTTPS:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ".",
        "%2e",
        "%00",
        "\u3002",
        "\uff0e",
        "[",
        "]",
    ),
    *(
        "api.checkmarket.com",
        "acme.expoints.nl",
        "evil.example",
        "localhost",
        "127.0.0.1",
        "::1",
        "xn--",
        "\u0430",
        "443",
    ),
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


NAMES = (
    *("Retry-After", "Date", "Content-Type", "Content-Encoding", "Content-Length", "Location", "Set-Cookie"),
    *("X-Request-Id", "Transfer-Encoding"),
)
ABSURD = (
    *(
        "9" * 9,
        "9" * 5000,
        "1." + "9" * 5000,
        "-1",
        "1e9",
        "nan",
        "inf",
        "\u0663",
        "\u00b2",
        "0, 1",
        "5, soon",
    ),
    *("Fri, 31 Dec 9999 23:59:59 -2359", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", "1 Jan 0001 00:00:00 +2359"),
    *(
        "Mon, 01 Jan 2026 99:99:99 GMT",
        "Mon, 01 Jan 2026 00:00:00 +999999999",
        "Thu, 1 Jan 1970 00:00:00 GMT",
    ),
    *(
        "gzip",
        "gzip, gzip",
        "text/html; charset=\u2603",
        "application/json; charset=nonsense",
        "//[",
        "http://[::1",
    ),
)
headers = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(harmful_text, st.sampled_from(ABSURD)), max_size=5
)


@share(5)
@given(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from([200, 204, 302, 401, 408, 429, 500, 503, 599]),
    headers,
    st.binary(max_size=20),
)
def test_any_header_ends_in_a_sentence(
    method: str, status: int, said: dict[str, str], content: bytes
) -> None:
    sent = [(name.encode(), text.encode(errors="surrogatepass")) for name, text in said.items()]
    transport = httpx.MockTransport(
        lambda _: httpx.Response(status, headers=sent, stream=httpx.ByteStream(content))
    )
    with Api("http://localhost", Connection(transport=transport, clock=VirtualClock())) as api:
        try:
            answer = api.request(method, "/x")
            assert answer.sent_at is None or 0 <= answer.sent_at < 2**36
            answer.json()
        except ApiError as error:
            assert_harmless(str(error))
