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

from reconciler.commands.console import each
from reconciler.errors import ApiError, BadAnswer, Refused, Unauthorised, UsageError
from reconciler.expoints.client import ClientLogin, Customers, open_expoints
from reconciler.http.api import Bounds, Connection
from reconciler.http.messages import Secret, WsgiTransport
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
    """No token is given before it is set."""

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
def tenant(
    issuer: Issuer, clock: FakeClock, login: Secret | ClientLogin = LOGIN, per_minute: int | None = None
) -> Iterator[Customers]:
    bounds = Bounds(per_minute, total_wait=0)
    transport = WsgiTransport(issuer)
    connection = Connection(clock=clock, transport=transport, bounds=bounds)
    with open_expoints("http://localhost", login, connection) as opened:
        yield opened


def ask(customers: Customers) -> int:
    return customers.count(["a@x.example"]).customers


class TestTheRequest:
    @pytest.mark.parametrize(
        ("scope", "more"), [("api://tenant/.default", {"scope": ["api://tenant/.default"]}), (None, {})]
    )
    def test_it_is_a_form_of_client_credentials(
        self, clock: FakeClock, scope: str | None, more: dict[str, list[str]]
    ) -> None:
        issuer = Issuer()
        with tenant(issuer, clock, ClientLogin(URL, ID, SECRET, scope)) as customers:
            ask(customers)
        usual = {"grant_type": ["client_credentials"], "client_id": [ID], "client_secret": [SECRET.value]}
        assert issuer.forms == [usual | more]
        assert issuer.headers == [("application/x-www-form-urlencoded", "application/json")]

    @pytest.mark.parametrize(
        ("url", "error"),
        [
            ("https://evil.example/token", Refused),
            ("", UsageError),
            ("https://login.microsoftonline.com/token?p=1", UsageError),
        ],
    )
    def test_credentials_go_to_trusted_hosts_only(
        self, clock: FakeClock, url: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error), tenant(Issuer(), clock, ClientLogin(url, ID, SECRET)):
            pass


class TestKeeping:
    @pytest.mark.parametrize(
        ("stated", "seconds"),
        [
            *((3600, 3540), ("3600", 3540), (100, 90), (None, 270), ("soon", 270)),
            pytest.param(10**400, 86_340, id="for ever"),
        ],
    )
    def test_a_token_is_kept_until_shortly_before_it_expires(
        self, clock: FakeClock, stated: object, seconds: float
    ) -> None:
        issuer = Issuer({"expires_in": stated})
        with tenant(issuer, clock) as customers:
            for pause in (0, 0, seconds - 0.1, 1):
                clock.sleep(pause)
                ask(customers)
        assert issuer.used == ["t1", "t1", "t1", "t2"]

    @pytest.mark.parametrize(
        ("issuer", "used"),
        [
            *((Issuer({"expires_in": stated}), ["t1", "t2"]) for stated in (0, -5)),
            (Issuer(accepts=frozenset({"t2"})), ["t1", "t2", "t2"]),  # repeated once after a 401
        ],
    )
    def test_one_that_is_good_no_more_is_renewed(
        self, clock: FakeClock, issuer: Issuer, used: list[str]
    ) -> None:
        with tenant(issuer, clock) as customers:
            assert ask(customers) == ask(customers) == 1
        assert issuer.used == used


def all_at_once(issuer: Issuer, customers: Customers) -> list[int | ApiError]:
    """Ask in 20 threads, and let a token be given when all of them have begun to ask."""
    issuer.gate.clear()
    begun = threading.Barrier(20, action=issuer.gate.set)

    def begin(_: int) -> int | ApiError:
        begun.wait()
        try:
            return ask(customers)
        except ApiError as error:
            return error

    return each(begin, range(20), workers=20)


class TestManyThreads:
    def test_they_share_one_request(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with tenant(issuer, clock) as customers:
            assert all_at_once(issuer, customers) == [1] * 20
        assert (set(issuer.used), len(issuer.forms)) == ({"t1"}, 1)

    def test_they_share_a_failure(self, clock: FakeClock) -> None:
        issuer = Issuer(status=401)
        with tenant(issuer, clock) as customers:
            got = all_at_once(issuer, customers)
        assert [type(end) for end in got] == [Unauthorised] * 20

    def test_after_a_failure_the_next_one_asks_again(self, clock: FakeClock) -> None:
        issuer = Issuer(body=b"")
        with tenant(issuer, clock) as customers:
            with pytest.raises(BadAnswer):
                ask(customers)
            issuer.body = None
            ask(customers)
        assert issuer.used == ["t2"]


class TestAfterA401:
    def test_a_second_one_is_final_and_without_a_new_token_nothing_is_repeated(
        self, clock: FakeClock
    ) -> None:
        issuer = Issuer(accepts=frozenset())
        with tenant(issuer, clock) as customers:
            with pytest.raises(Unauthorised, match="`oauth` of the target"):
                ask(customers)
            issuer.status = 400
            with pytest.raises(Unauthorised, match="No token was given"):
                ask(customers)
        assert issuer.used == ["t1", "t2", "t2"]

    def test_a_given_token_cannot_be_renewed(self, clock: FakeClock) -> None:
        issuer = Issuer()
        with tenant(issuer, clock, Secret("expired")) as customers:
            with pytest.raises(Unauthorised, match=r"Set a new one.* `token` or `oauth`") as caught:
                ask(customers)
            assert "expired" not in str(caught.value)
        assert issuer.used == ["expired"]


EXPIRED = b'{"error": "invalid_client", "error_description": "The secret has expired."}'
NO_TOKENS: list[object] = [None, "", 3, [], "a b", "t1\r\nX-Evil: 1", "tökén"]
OTHER_TYPES: list[object] = ["mac", "DPoP", 1, ["Bearer"]]


class TestNoToken:
    @pytest.mark.parametrize(
        ("issuer", "error", "message"),
        [
            *(
                (Issuer(status=status, body=EXPIRED), Unauthorised, "invalid_client: The secret has expired")
                for status in (400, 401, 403, 404, 405)
            ),
            *(
                (Issuer(status=400, body=body), Unauthorised, r"400 Bad Request\. No token was given")
                for body in (b"", b"<html></html>", b"[]", b'{"error": 3}', b'"no"')
            ),
            *(
                (Issuer(body=body), BadAnswer, "POST /directory")
                for body in (b"", b"t1", b"<html></html>", b'{"access_token": ', b"null", b"[]")
            ),
            *((Issuer({"access_token": token}), BadAnswer, "no access_token") for token in NO_TOKENS),
            *((Issuer({"token_type": kind}), BadAnswer, "not Bearer") for kind in OTHER_TYPES),
        ],
    )
    def test_what_is_no_token_is_an_error(
        self, clock: FakeClock, issuer: Issuer, error: type[ApiError], message: str
    ) -> None:
        with tenant(issuer, clock) as customers:
            with pytest.raises(error, match=message) as caught:
                ask(customers)
            assert "Evil" not in str(caught.value)
            assert ("check `token` or `oauth` of the target" in str(caught.value)) == (error is Unauthorised)
        assert issuer.used == []

    @pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", None])
    def test_a_bearer_token_is_one_in_any_case(self, clock: FakeClock, kind: object) -> None:
        with tenant(Issuer({"token_type": kind}), clock) as customers:
            assert ask(customers) == 1
