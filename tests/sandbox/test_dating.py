"""What answers say of when they were made, inside a process and over a socket."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from email.utils import formatdate

import httpx
import pytest

from reconciler.sandbox import Fault, Server, State, Variants, create_app

TOKEN = {"Authorization": "Bearer any"}
COUNT = "/external/api/v3/customer/count?EmailAddresses=anna.devries@example.com&IncludeTestRecords=true"
ADD = "/external/api/v3/customer/add"
NOON = 1_790_000_000.0
Open = Callable[..., httpx.Client]


class Hands:
    """A clock of the server that a test sets."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(params=["in process", "over a socket"])
def opened(request: pytest.FixtureRequest, hands: Hands) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def open(*variants: str, faults: tuple[str, ...] = ()) -> httpx.Client:
            state = stack.enter_context(contextlib.closing(State()))
            struck = [Fault.parse(text) for text in faults]
            app = create_app(state, Variants.parse(variants), struck, clock=hands)
            if request.param == "in process":
                client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://localhost")
            else:
                client = httpx.Client(base_url=stack.enter_context(Server(app)).url)
            client.headers.update(TOKEN)
            return stack.enter_context(client)

        yield open


def dates(answer: httpx.Response) -> list[str]:
    """Return every `Date` of an answer."""
    return answer.headers.get_list("Date")


def test_every_answer_has_one_date_by_the_clock_of_the_sandbox(opened: Open, hands: Hands) -> None:
    client = opened(faults=("GET *:3:before:status=503",))
    for status in (200, 200, 503):
        hands.now += 60
        answer = client.get(COUNT)
        assert (answer.status_code, dates(answer)) == (status, [formatdate(hands.now, usegmt=True)])


@pytest.mark.parametrize(
    ("variant", "sign"), [("clock_ahead_seconds=86400", 1), ("clock_behind_seconds=86400", -1)]
)
def test_a_server_can_have_a_clock_that_is_wrong(opened: Open, variant: str, sign: int) -> None:
    answer = opened(variant).get(COUNT)
    assert dates(answer) == [formatdate(NOON + sign * 86_400, usegmt=True)]


def test_a_server_can_say_nothing_of_the_time(opened: Open) -> None:
    client = opened("date=absent")
    assert [dates(client.get(COUNT)), dates(client.get("/nowhere"))] == [[], []]


def test_a_cache_on_the_way_keeps_an_answer_and_its_date_for_a_while(opened: Open, hands: Hands) -> None:
    client = opened("proxy_cache_seconds=60")
    first, other = client.get(COUNT), COUNT.replace("anna", "bram")
    hands.now += 59
    again, fresh = client.get(COUNT), client.get(other)
    assert (again.json(), dates(again)) == (first.json(), dates(first))
    assert dates(fresh) == [formatdate(hands.now, usegmt=True)]
    hands.now += 1
    assert dates(client.get(COUNT)) == [formatdate(hands.now, usegmt=True)]


def test_a_cache_on_the_way_keeps_no_failure_and_no_write(opened: Open, hands: Hands) -> None:
    client = opened("proxy_cache_seconds=60", faults=("GET *:1:before:status=503",))
    assert [client.get(COUNT).status_code for _ in range(2)] == [503, 200]
    said = []
    for _ in range(2):
        hands.now += 1
        said += dates(client.post(ADD, json={}))
    assert said == [formatdate(hands.now - 1, usegmt=True), formatdate(hands.now, usegmt=True)]
