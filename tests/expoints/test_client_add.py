"""Adding a batch: what each answer and each loss means, and how often the batch leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest

from reconciler.engine.kind import Json
from reconciler.errors import AllowanceUsedUp, ApiError, Declined, Forbidden, NoAnswer, Unauthorised
from reconciler.expoints.client import Customers, open_expoints
from reconciler.http.api import USUAL_BOUNDS, Connection
from reconciler.sandbox import Server as Listening
from tests.clock import FakeClock
from tests.expoints.test_client import TOKEN, V3, Reply, Server, batch, tenant

ADD = f"{V3}/customer/add"
EMAIL = "smoke+john@example.com"
HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


def patient(*replies: Reply) -> AbstractContextManager[tuple[Customers, Server]]:
    """Return a tenant that answers so, on a clock that never waits."""
    return tenant(*replies, clock=FakeClock(), bounds=USUAL_BOUNDS)


@pytest.mark.parametrize(
    "reply",
    [
        *((200, body) for body in (b"", b" \r\n", None, True, "Added.", {"BatchId": 5})),
        (200, b"", {"Content-Type": "text/html"}),
        (200, {"CustomerIds": [1, 2]}, {"Content-Type": "text/plain"}),
        *((status, b"") for status in (201, 202, 204)),
    ],
)
def test_a_success_that_is_empty_or_json_is_sent(reply: Reply) -> None:
    with patient(reply) as (customers, server):
        customers.add(batch(EMAIL))
    assert server.asked == [f"POST {ADD}"]


NO_JSON = (HTML, b"The customers have been added.", b"NaN", b'{"BatchId": ', b"[" * 100_000)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        *(((status, b""), Declined) for status in (400, 402, 404, 405, 409, 413, 415, 422, 499)),
        *(((status, HTML), Declined) for status in (400, 404)),
        ((400, {"Message": "The request is invalid."}), Declined),
        ((403, b""), Forbidden),
        ((401, b""), Unauthorised),
        ((429, b""), AllowanceUsedUp),
        *(((429, b"", {"Retry-After": seconds}), AllowanceUsedUp) for seconds in ("1", "3600")),
        *(
            ((status, b""), NoAnswer)
            for status in (203, 205, 206, 300, 303, 304, 408, 500, 501, 502, 503, 504)
        ),
        *(((status, HTML), NoAnswer) for status in (201, 599)),
        ((503, b"", {"Retry-After": "1"}), NoAnswer),
        ((302, b"", {"Location": "/login"}), NoAnswer),
        *(((200, body), NoAnswer) for body in NO_JSON),
        ((200, HTML, {"Content-Type": "text/html"}), NoAnswer),
    ],
)
def test_any_other_answer_is_a_refusal_or_a_doubt_after_one_attempt(
    reply: Reply, error: type[ApiError]
) -> None:
    with patient(reply) as (customers, server), pytest.raises(error) as caught:
        customers.add(batch(EMAIL))
    assert type(caught.value) is error
    assert server.asked == [f"POST {ADD}"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Message": "The request is invalid.", "ModelState": {"TypeBatch": ["No type."]}}, "No type"),
        ("The batch is closed.", "The batch is closed"),
        (b"The batch is closed.", "The batch is closed"),
        (HTML, "an HTML page"),
    ],
)
def test_a_refusal_says_what_the_api_says_in_any_form(body: object, words: str) -> None:
    with patient((400, body)) as (customers, _), pytest.raises(Declined, match=f"400: .*{words}"):
        customers.add(batch(EMAIL))


def test_every_attempt_has_a_connection_of_its_own_while_reading_keeps_one() -> None:
    count: Json = {"CustomerCount": 0}
    server = Server([(200, count), (200, count), (200, b""), (200, b""), (200, b""), (200, count)])
    with (
        Listening(server) as listening,
        open_expoints(listening.url, TOKEN, Connection(clock=FakeClock())) as customers,
    ):
        customers.count([EMAIL])
        customers.count([EMAIL])
        for _ in range(3):
            customers.add(batch(EMAIL))
        customers.count([EMAIL])
    kept = {port for said, port in server.connections if said.lower() != "close"}
    own = [port for said, port in server.connections if said.lower() == "close"]
    assert (len(kept), len(own), len({*kept, *own})) == (1, 3, 4)


def test_the_batch_is_sent_as_it_is() -> None:
    body: Mapping[str, Json] = {**batch(EMAIL), "EndDate": None, "BatchName": "Größe"}
    with tenant((200, b"")) as (customers, server):
        customers.add(body)
    assert server.tokens == [f"Bearer {TOKEN.value}"]
    assert json.loads(server.bodies[0]) == body
