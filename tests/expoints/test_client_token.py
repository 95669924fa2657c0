"""Tokens: how long one is kept, who shares it, and what happens when none is given."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from reconciler.access import Access
from reconciler.commands.console import each
from reconciler.errors import ApiError, BadAnswer, Refused, Unauthorised, Unreachable, UsageError
from reconciler.expoints.client import (
    ClientCredentials,
    ClientLogin,
    Customers,
    GivenToken,
    Tokens,
    open_expoints,
)
from reconciler.http import Bounds, Secret, wsgi_transport
from reconciler.sandbox import State, Variants, create_app
from reconciler.sandbox import Tokens as Accepted
from tests.clock import FakeClock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ID, SECRET = "client-id-1", Secret("secret-hunter33")
URL = "http://localhost/directory/oauth2/v2.0/token"
LOGIN = ClientLogin(URL, ID, SECRET, "api://tenant/.default")


@dataclass
class Issuer:
    """A token endpoint and a tenant in one: gives `t1`, `t2`, …, and accepts what `accepts` says.

    `answer` is merged into what it says of a token; a member that is None is left out.
    """

    answer: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    accepts: frozenset[str] = frozenset({"t1", "t2", "t3"})
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    """The tokens of the calls, in order."""
    gate: threading.Event = field(default_factory=threading.Event)
    """Nobody gets a token before it is set."""

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_token = environ["PATH_INFO"].endswith("/token")
        status, body = self._give(environ) if is_token else self._admit(environ)
        start_response(f"{status} -", [("Content-Type", "application/json")])
        return [body]

    def _give(self, environ: WSGIEnvironment) -> tuple[int, bytes]:
        self.forms.append(parse_qs(environ["wsgi.input"].read().decode()))
        self.headers.append((environ["CONTENT_TYPE"], environ["HTTP_ACCEPT"]))
        token = f"t{len(self.forms)}"
        self.gate.wait()
        granted = {"token_type": "Bearer", "expires_in": 3600, "access_token": token} | self.answer
        kept = {name: value for name, value in granted.items() if value is not None}
        return self.status, json.dumps(kept).encode() if self.body is None else self.body

    def _admit(self, environ: WSGIEnvironment) -> tuple[int, bytes]:
        token = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
        self.used.append(token)
        return (200, b'{"CustomerCount": 1}') if token in self.accepts else (401, b"")


@contextmanager
def credentials(issuer: Issuer, clock: FakeClock, login: ClientLogin = LOGIN) -> Iterator[ClientCredentials]:
    with ClientCredentials(
        login, clock=clock, transport=wsgi_transport(issuer), bounds=Bounds(total_wait=0)
    ) as tokens:
        yield tokens


@contextmanager
def tenant(issuer: Issuer, clock: FakeClock) -> Iterator[Customers]:
    with open_expoints(
        "http://localhost", LOGIN, clock=clock, transport=wsgi_transport(issuer), bounds=Bounds(total_wait=0)
    ) as customers:
        yield customers


def test_both_are_tokens(clock: FakeClock) -> None:
    with credentials(Issuer(), clock) as renewing:
        every: list[Tokens] = [renewing, GivenToken(Secret("t"))]
    assert len(every) == 2


class TestTheRequest:
    def test_it_is_a_form_of_client_credentials(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with credentials(issuer, clock) as tokens:
            assert tokens.current() == Secret("t1")
        assert issuer.forms == [
            {
                "grant_type": ["client_credentials"],
                "client_id": [ID],
                "client_secret": [SECRET.value],
                "scope": ["api://tenant/.default"],
            }
        ]
        assert issuer.headers == [("application/x-www-form-urlencoded", "application/json")]

    def test_a_scope_can_be_left_out(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with credentials(issuer, clock, ClientLogin(URL, ID, SECRET)) as tokens:
            tokens.current()
        assert "scope" not in issuer.forms[0]

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/token",
            "https://login.microsoftonline.com.evil.example/token",
            "http://login.microsoftonline.com/token",
            "https://documentation.expoints.nl/external/Help/token",
        ],
    )
    def test_credentials_go_to_trusted_hosts_only(self, url: str) -> None:
        with pytest.raises(Refused):
            ClientCredentials(ClientLogin(url, ID, SECRET))

    @pytest.mark.parametrize("url", ["", "token", "https://login.microsoftonline.com/token?p=1"])
    def test_an_address_has_to_be_one(self, url: str) -> None:
        with pytest.raises(UsageError):
            ClientCredentials(ClientLogin(url, ID, SECRET))

    def test_more_hosts_can_be_trusted(self) -> None:
        login = ClientLogin("https://login.acme.example/token", ID, SECRET)
        ClientCredentials(login, access=Access(("login.acme.example",))).close()


class TestKeeping:
    @pytest.mark.parametrize(
        ("stated", "seconds"),
        [
            (3600, 3540),
            ("3600", 3540),
            (3600.5, 3540),
            (100, 90),
            (1, 0.9),
            pytest.param(10**400, 86_340, id="for ever"),
            (None, 270),
            ("soon", 270),
            (True, 270),
            ([], 270),
        ],
    )
    def test_a_token_is_kept_until_shortly_before_it_expires(
        self, clock: FakeClock, stated: object, seconds: float
    ) -> None:
        issuer = Issuer({"expires_in": stated})
        with credentials(issuer, clock) as tokens:
            assert tokens.current() == tokens.current() == Secret("t1")
            clock.sleep(seconds - 0.1)
            assert tokens.current() == Secret("t1")
            clock.sleep(1)
            assert tokens.current() == Secret("t2")

    @pytest.mark.parametrize("stated", [0, -5])
    def test_one_that_is_good_for_no_time_is_used_once(self, clock: FakeClock, stated: int) -> None:
        with credentials(Issuer({"expires_in": stated}), clock) as tokens:
            assert [tokens.current(), tokens.current()] == [Secret("t1"), Secret("t2")]

    def test_one_that_was_refused_is_replaced_once_for_everybody(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with credentials(issuer, clock) as tokens:
            first = tokens.current()
            assert tokens.renewed(first) == Secret("t2")
            assert tokens.renewed(first) == tokens.current() == Secret("t2")
        assert len(issuer.forms) == 2

    def test_the_sandbox_gives_its_lifetime_as_text_too(self, clock: FakeClock) -> None:
        variants = Variants(expires_in="string", token_seconds=1000)
        app = create_app(
            State(),
            variants,
            tokens=Accepted(accepted=frozenset(), clients={ID: SECRET.value}),
            clock=clock.now,
        )
        with open_expoints(
            "http://localhost", LOGIN, clock=clock, transport=wsgi_transport(app)
        ) as customers:
            for _ in range(5):
                assert customers.columns()
                clock.sleep(900)


def all_at_once(issuer: Issuer, tokens: ClientCredentials) -> list[Secret | ApiError]:
    """Ask for a token in 20 threads, and let it be given when all of them have begun to ask."""
    issuer.gate.clear()
    begun = threading.Barrier(20, action=issuer.gate.set)

    def ask(_: int) -> Secret | ApiError:
        begun.wait()
        try:
            return tokens.current()
        except ApiError as error:
            return error

    return each(ask, range(20), workers=20)


class TestManyThreads:
    def test_they_share_one_request(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with credentials(issuer, clock) as tokens:
            got = all_at_once(issuer, tokens)
        assert (got, len(issuer.forms)) == ([Secret("t1")] * 20, 1)

    def test_they_share_one_renewal(self, clock: FakeClock) -> None:
        issuer = Issuer(accepts=frozenset({"t2"}))
        with tenant(issuer, clock) as customers:
            got = each(lambda n: customers.count([f"{n}@x.example"]), range(40), workers=20)
        assert (got, len(issuer.forms)) == ([1] * 40, 2)

    def test_they_share_a_failure(self, clock: FakeClock) -> None:
        issuer = Issuer(status=401)
        with credentials(issuer, clock) as tokens:
            got = all_at_once(issuer, tokens)
        assert [type(end) for end in got] == [Unauthorised] * 20

    def test_after_a_failure_the_next_one_asks_again(self, clock: FakeClock) -> None:
        issuer = Issuer(status=503)
        with credentials(issuer, clock) as tokens:
            with pytest.raises(Unreachable):
                tokens.current()
            issuer.status = 200
            assert tokens.current() == Secret("t2")


def test_the_allowance_of_the_tenant_is_not_that_of_the_token_host(clock: FakeClock) -> None:
    started = clock.now()
    with ClientCredentials(
        LOGIN, clock=clock, transport=wsgi_transport(Issuer()), bounds=Bounds(requests_per_minute=1)
    ) as tokens:
        tokens.renewed(tokens.renewed(tokens.current()))
    assert clock.now() == started


class TestAfterA401:
    def test_a_call_is_repeated_once_with_a_new_token(self, clock: FakeClock) -> None:
        issuer = Issuer(accepts=frozenset({"t2"}))
        with tenant(issuer, clock) as customers:
            assert customers.count(["a@x.example"]) == customers.count(["a@x.example"]) == 1
        assert issuer.used == ["t1", "t2", "t2"]

    def test_a_second_one_is_final(self, clock: FakeClock) -> None:
        issuer = Issuer(accepts=frozenset())
        with tenant(issuer, clock) as customers, pytest.raises(Unauthorised, match="`oauth` of the target"):
            customers.count(["a@x.example"])
        assert issuer.used == ["t1", "t2"]

    def test_without_a_new_token_nothing_is_repeated(self, clock: FakeClock) -> None:
        issuer = Issuer(accepts=frozenset())
        with tenant(issuer, clock) as customers:
            with pytest.raises(Unauthorised):
                customers.count(["a@x.example"])
            issuer.status = 400
            with pytest.raises(Unauthorised, match="No token was given"):
                customers.count(["a@x.example"])
        assert issuer.used == ["t1", "t2", "t2"]

    def test_a_given_token_cannot_be_renewed(self) -> None:
        tokens = GivenToken(Secret("t1"), "EXPOINTS_TOKEN")
        assert tokens.current() == Secret("t1")
        with pytest.raises(Unauthorised, match=r"Set a new one.* EXPOINTS_TOKEN"):
            tokens.renewed(Secret("t1"))


class TestNoToken:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
    def test_a_refusal_of_any_kind_says_why_and_where_to_look(self, clock: FakeClock, status: int) -> None:
        body = b'{"error": "invalid_client", "error_description": "The secret has expired."}'
        with credentials(Issuer(status=status, body=body), clock) as tokens:
            with pytest.raises(Unauthorised, match="invalid_client: The secret has expired") as caught:
                tokens.current()
            assert "check `oauth` of the target" in str(caught.value)

    @pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", b'{"error": 3}', b'"no"'])
    def test_a_refusal_without_the_words_of_oauth_is_one(self, clock: FakeClock, body: bytes) -> None:
        with (
            credentials(Issuer(status=400, body=body), clock) as tokens,
            pytest.raises(Unauthorised, match=r"400 Bad Request\. No token was given"),
        ):
            tokens.current()

    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    def test_a_server_that_cannot_answer_is_unreachable(self, clock: FakeClock, status: int) -> None:
        with credentials(Issuer(status=status), clock) as tokens, pytest.raises(Unreachable):
            tokens.current()

    @pytest.mark.parametrize("body", [b"", b"t1", b"<html></html>", b'{"access_token": ', b"null", b"[]"])
    def test_an_answer_in_another_form_is_a_bad_one(self, clock: FakeClock, body: bytes) -> None:
        with (
            credentials(Issuer(body=body), clock) as tokens,
            pytest.raises(BadAnswer, match="POST /directory"),
        ):
            tokens.current()

    @pytest.mark.parametrize("token", [None, "", 3, [], "a b", "t1\r\nX-Evil: 1", "tökén"])
    def test_a_token_that_cannot_be_sent_is_none(self, clock: FakeClock, token: object) -> None:
        with credentials(Issuer({"access_token": token}), clock) as tokens:
            with pytest.raises(BadAnswer, match="no access_token") as caught:
                tokens.current()
            assert "Evil" not in str(caught.value)

    @pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
    def test_a_bearer_token_is_one_in_any_case(self, clock: FakeClock, kind: object) -> None:
        with credentials(Issuer({"token_type": kind}), clock) as tokens:
            assert tokens.current() == Secret("t1")

    @pytest.mark.parametrize("kind", ["mac", "DPoP", 1, ["Bearer"]])
    def test_another_type_of_token_is_none(self, clock: FakeClock, kind: object) -> None:
        issuer = Issuer({"token_type": kind})
        with credentials(issuer, clock) as tokens, pytest.raises(BadAnswer, match="not Bearer"):
            tokens.current()

    def test_redirects_are_not_followed(self, clock: FakeClock) -> None:
        issuer = Issuer(status=307)
        with credentials(issuer, clock) as tokens, pytest.raises(ApiError):
            tokens.current()
        assert len(issuer.forms) == 1
