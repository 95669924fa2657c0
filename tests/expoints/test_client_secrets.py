"""Credentials and personal data are sent, and are seen nowhere else."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.commands.console import request_fields, request_text
from reconciler.engine.kind import Json
from reconciler.errors import ApiError
from reconciler.expoints.client import ClientLogin, Customers, open_expoints, personal_values, shown
from reconciler.http.api import Bounds, Connection
from reconciler.http.messages import Answer, Attempt, Secret, WsgiTransport

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN = "token-hunter22"
GIVEN = Secret(TOKEN)
LOGIN = ClientLogin("http://localhost/token", "id-hunter44", Secret("secret-hunter33"), "scope")
EMAIL = "john.doe+smoke@example.com"
BATCH: Mapping[str, Json] = {
    "IsTest": True,
    "EndDate": "2026-12-01",
    "NotificationEmailAddresses": "planner@qa.example, second@qa.example",
    "BatchName": "smoke",
    "Customers": [
        {
            "Email": EMAIL,
            "PhoneNumber": "+31 6 12345678",
            "SendDate": "2026-11-01",
            "PreviousId": 7,
            "Data": [
                {"CustomerDataColumnId": 15, "Name": "First_name_customer", "Value": 'Zoë "Q" O\'Neil'},
                {"CustomerDataColumnId": 18, "Value": " Business unit X"},
                {"CustomerDataColumnId": 20, "Value": "987654"},
                {"CustomerDataColumnId": 21, "Value": "NL"},
            ],
            "Answers": [{"Text": "Very unhappy", "FileAnswers": [{"FileName": "cv.pdf", "Data": "QEA9"}]}],
        }
    ],
}
PERSONAL = [
    *(EMAIL, "planner@qa.example", "second@qa.example", "+31 6 12345678", 'Zoë "Q" O\'Neil'),
    *("Business unit X", "987654", "Very unhappy", "cv.pdf", "QEA9"),
]
CREDENTIALS = [TOKEN, "secret-hunter33", "id-hunter44"]


@dataclass
class Echo:
    """Gives a token, and answers every other request with all that it said, in one form or another."""

    status: int
    form: Callable[[str], bytes]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        said = environ["wsgi.input"].read().decode()
        body = self.form(f"{environ['QUERY_STRING']} {environ['HTTP_AUTHORIZATION']} {said}")
        start_response(f"{self.status} -", [("Content-Type", f"text/x-{environ['HTTP_AUTHORIZATION']}")])
        return [body]


ECHOES: list[Callable[[str], bytes]] = [
    str.encode,
    lambda said: json.dumps({"Message": said, said: [said]}).encode(),
    lambda said: json.dumps({"Message": said, said: [said]}).encode()[:-1],
    lambda said: f"<html>{said}</html>".encode(),
]
"""As text, as JSON, as broken JSON and as a page."""


def values_as_json(_: str) -> bytes:
    texts = list(personal_values(BATCH))
    return json.dumps({"Message": f"for {TOKEN}", "Wrong": [*texts, 987654, {texts[0]: None}]}).encode()


def values_as_text(_: str) -> bytes:
    return " · ".join(personal_values(BATCH)).upper().encode()


def add(customers: Customers) -> object:
    customers.add(BATCH)
    return None


def count(customers: Customers) -> object:
    return customers.count([EMAIL], [1])


def look_up(customers: Customers) -> object:
    return customers.customers([EMAIL])


CALLS = [add, count, look_up]


def opened(
    server: WSGIApplication, login: Secret | ClientLogin = GIVEN, **options: Any
) -> AbstractContextManager[Customers]:
    """Open a tenant that is this application."""
    connection = Connection(transport=WsgiTransport(server), bounds=Bounds(total_wait=0), **options)
    return open_expoints("http://localhost", login, connection)


@pytest.mark.parametrize(
    ("call", "form"), [*product(CALLS, ECHOES), (add, values_as_json), (add, values_as_text)]
)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 408, 429, 500])
def test_no_answer_makes_a_call_tell_what_was_sent(
    call: Callable[[Customers], object],
    status: int,
    form: Callable[[str], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Attempt] = []
    with opened(Echo(status, form), on_request=seen.append) as customers:
        try:
            told = [repr(call(customers))]
        except ApiError as error:
            told = [str(error), repr(error), "".join(traceback.format_exception(error))]
    logged = [str(request_fields("x", one)) + request_text(0, "x", one) for one in seen]
    everything = "\n".join([*told, caplog.text, repr(seen), *logged, repr(customers)]).lower()
    assert [text for text in [*PERSONAL, TOKEN] if text.lower() in everything] == []
    assert "/external/api/v3/customer" in logged[0]


@pytest.mark.parametrize("call", [add, count])
@pytest.mark.parametrize(
    "body",
    [
        b'{"Message": "john.doe\\u002bsmoke\\u0040example.com is not valid"}',
        f"{'x' * 290} {EMAIL} is not valid".encode(),  # it is shortened after masking
    ],
)
def test_a_refused_call_shows_no_part_of_an_address_however_it_is_written(
    call: Callable[[Customers], object], body: bytes
) -> None:
    with opened(Echo(400, lambda _: body)) as customers, pytest.raises(ApiError) as caught:
        call(customers)
    assert "john" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 500])
def test_no_answer_makes_a_token_host_tell_what_was_sent(
    status: int, form: Callable[[str], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def server(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(f"{status} -", [])
        return [form(environ["wsgi.input"].read().decode())]

    with opened(server, LOGIN) as customers, pytest.raises(ApiError) as caught:
        count(customers)
    everything = "".join([*traceback.format_exception(caught.value), caplog.text])
    assert [text for text in CREDENTIALS if text in everything] == []


def test_credentials_have_no_text_form() -> None:
    texts = [repr(LOGIN), str(LOGIN), repr(Secret(TOKEN))]
    assert [text for text in CREDENTIALS if text in "".join(texts)] == []


def answer(content: bytes, status: int = 400) -> Answer:
    secrets = (Secret(f"Bearer {TOKEN}"), Secret("CLOSE"))
    return Answer("POST", "/add", status, {}, content, secrets)


class TestWhatIsShown:
    """The words of a refusal arrive, without the values of the batch that it was about."""

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"The batch is closed.", "The batch is closed."),
            (b'"Zo\\u00eb \\"Q\\" O\'Neil of BUSINESS UNIT X"', '"*** of ***"'),
            (
                b'{"Email": "JOHN.DOE+smoke@example.com", "N": [987654, 7, null]}',
                '{"Email": "***", "N": ["***", 7, null]}',
            ),
            (b"no column for NL, other@x.example or other%40x.example", "no column for NL, *** or ***"),
            (b"sent on 2026-11-01 for First_name_customer", "sent on 2026-11-01 for First_name_customer"),
            (b" <html>", "an HTML page"),
            (b'{"Message": "cut', "broken JSON"),
            (b"x" * 20_000, "20000 bytes"),
            (f"of {TOKEN}".encode(), "of ***"),
            (b"Very unhappy with Business unit X, not very", "*** with ***, not very"),
        ],
    )
    def test_values_are_masked_and_the_rest_is_kept(self, content: bytes, text: str) -> None:
        assert shown(answer(content), personal_values(BATCH)) == text

    def test_of_two_values_the_longer_one_is_masked_first(self) -> None:
        assert shown(answer(b"Unit North, Unit"), ["Unit", "Unit North"]) == "***, ***"
