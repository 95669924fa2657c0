"""Adding a batch: what each answer and each loss means, and how often the batch leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from reconciler.engine.kind import Json
from reconciler.errors import (
    AllowanceUsedUp,
    ApiError,
    Declined,
    Forbidden,
    NoAnswer,
    Unauthorised,
)
from reconciler.expoints.client import ClientLogin, Customers, open_expoints
from reconciler.http.api import USUAL_BOUNDS, Connection
from reconciler.http.messages import Attempt, Secret
from reconciler.sandbox import Fault, State, Variants, create_app, revoke_tokens, take_inventory
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
    ("reply", "text"),
    [
        *(((200, body), "") for body in (b"", b" \r\n")),
        ((200, b"", {"Content-Type": "text/html"}), ""),
        ((200, None), "null"),
        ((200, True), "true"),
        ((200, "Added."), '"Added."'),
        ((200, {"BatchId": 5}), '{"BatchId": 5}'),
        ((200, {"CustomerIds": [1, 2]}, {"Content-Type": "text/plain"}), '{"CustomerIds": [1, 2]}'),
        ((201, {"Id": 5}), '{"Id": 5}'),
        ((202, b""), ""),
        ((204, b""), ""),
    ],
)
def test_a_success_that_is_empty_or_json_is_sent(reply: Reply, text: str) -> None:
    with patient(reply) as (customers, server):
        assert customers.add(batch(EMAIL)) == text
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


class ServedSandbox:
    """A sandbox behind a real socket: its client, its state, and every attempt to add."""

    def __init__(self, *faults: str, variants: Sequence[str] = ("add_answer=batch-id",)) -> None:
        self.state = State()
        self._app = create_app(self.state, Variants.parse(variants), [Fault.parse(text) for text in faults])
        self.posts: list[int | None] = []

    @contextmanager
    def opened(self) -> Iterator[Customers]:
        with Listening(self._app) as listening:
            login = ClientLogin(f"{listening.url}/oauth2/token", "client", Secret("hunter33"), "scope")
            with open_expoints(
                listening.url, login, Connection(clock=FakeClock(), on_request=self._note)
            ) as customers:
                yield customers

    def _note(self, exchange: Attempt) -> None:
        if exchange.path == ADD:
            self.posts.append(exchange.status)

    @property
    def mailed(self) -> Sequence[str]:
        """The addresses of all invitations."""
        return [m["to"] for m in take_inventory(self.state)["mails"] if m["kind"] == "invitation"]


NOT_TAKEN = ("drop", "html", "redirect=https://login.example/", "status=503,html", "status=503,retry-after=1")
TAKEN = ("drop", "cut", "cut=0", "status=500", "status=408", "status=302", "html")


@pytest.mark.parametrize(
    ("effect", "mails"),
    [*((f"before:{one}", 0) for one in NOT_TAKEN), *((f"after:{one}", 1) for one in TAKEN)],
)
def test_a_fault_that_proves_nothing_is_a_doubt_and_never_a_second_batch(effect: str, mails: int) -> None:
    place = ServedSandbox(f"POST {ADD}:1:{effect}")
    with place.opened() as customers:
        with pytest.raises(NoAnswer, match="may have been taken or not"):
            customers.add(batch(EMAIL))
        assert len(place.posts) == 1
        assert customers.count([EMAIL]).customers == mails
    assert place.mailed == [EMAIL] * mails


@pytest.mark.parametrize("form", ["model-state", "message", "text", "html"])
def test_a_refusal_says_what_the_api_says_in_any_form(form: str) -> None:
    place = ServedSandbox(variants=[f"refusal_body={form}"])
    words = "an HTML page" if form == "html" else "at"
    with place.opened() as customers, pytest.raises(Declined, match=f"400: .*{words}") as caught:
        customers.add({**batch(), "TypeBatch": "fax"})
    assert "Nothing was taken" in str(caught.value)
    assert place.mailed == []


def test_after_a_401_the_batch_is_not_sent_again_and_what_comes_next_has_a_new_token() -> None:
    place = ServedSandbox()
    with place.opened() as customers:
        customers.columns()
        revoke_tokens(place.state)
        with pytest.raises(Unauthorised, match="`oauth`"):
            customers.add(batch(EMAIL))
        assert customers.count([EMAIL]).customers == 0
    assert (place.posts, place.mailed) == ([401], [])


@pytest.mark.parametrize("fault", ["status=500", "status=400", "status=404", "html", "drop"])
def test_without_a_token_nothing_is_sent_and_nothing_is_in_doubt(fault: str) -> None:
    place = ServedSandbox(f"POST /oauth2/token:1+:before:{fault}")
    with place.opened() as customers, pytest.raises(ApiError) as caught:
        customers.add(batch(EMAIL))
    assert not isinstance(caught.value, NoAnswer | Declined)
    assert place.posts == []


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
