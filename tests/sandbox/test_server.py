"""The sandbox behind a real socket, and what its answers say of when they were made."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.utils import formatdate

import httpx
import pytest

from reconciler.sandbox import Fault, Server, State, Variants, create_app, serve
from tests.sandbox.conftest import CONFIGS, KEYS, TOKEN, Clock

COUNT = "/external/api/v3/customer/count?EmailAddresses=anna.devries@example.com&IncludeTestRecords=true"
ADD = "/external/api/v3/customer/add"
NOON = 1_790_000_000.0
Open = Callable[..., httpx.Client]


@pytest.fixture
def hands() -> Clock:
    """The clock of the server."""
    return Clock(NOON)


@pytest.fixture(params=["in process", "over a socket"])
def opened(request: pytest.FixtureRequest, hands: Clock) -> Iterator[Open]:
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


def test_every_answer_has_one_date_by_the_clock_of_the_sandbox(opened: Open, hands: Clock) -> None:
    client = opened(faults=("GET *:3:before:status=503",))
    for status in (200, 200, 503):
        hands.now += 60
        answer = client.get(COUNT)
        assert (answer.status_code, dates(answer)) == (status, [formatdate(hands.now, usegmt=True)])


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ("clock_ahead_seconds=86400", [formatdate(NOON + 86_400, usegmt=True)]),
        ("clock_behind_seconds=86400", [formatdate(NOON - 86_400, usegmt=True)]),
        ("date=absent", []),
    ],
)
def test_a_server_can_have_a_clock_that_is_wrong_or_not_told(
    opened: Open, variant: str, told: list[str]
) -> None:
    client = opened(variant)
    assert [dates(client.get(COUNT)), dates(client.get("/nowhere"))] == [told, told]


def test_a_cache_on_the_way_keeps_an_answer_and_its_date_but_no_failure_and_no_write(
    opened: Open, hands: Clock
) -> None:
    client = opened("proxy_cache_seconds=60", faults=("GET *:1:before:status=503",))
    assert client.get(COUNT).status_code == 503
    first = client.get(COUNT)
    hands.now += 59
    again = client.get(COUNT)
    now = [formatdate(hands.now, usegmt=True)]
    assert (first.status_code, again.json(), dates(again)) == (200, first.json(), dates(first))
    assert dates(client.get(COUNT.replace("anna", "bram"))) == dates(client.post(ADD, json={})) == now
    hands.now += 1
    now = [formatdate(hands.now, usegmt=True)]
    assert dates(client.get(COUNT)) == dates(client.post(ADD, json={})) == now


SERVE = """
from reconciler.sandbox import State, create_app, serve
serve(create_app(State()), ready=lambda url: print(url, flush=True))
"""


def test_stopping_closes_connections_that_are_kept_open_and_frees_the_port() -> None:
    with httpx.Client(headers=KEYS) as client:
        with contextlib.closing(State()) as state, Server(create_app(state)) as server:
            assert client.get(f"{server.url}{CONFIGS}").status_code == 200
        for caller in (client, httpx):
            with pytest.raises(httpx.TransportError):
                caller.get(f"{server.url}/3/")


@pytest.mark.parametrize(
    ("fault", "words", "name"),
    [
        ("before:drop", "without sending a response", "Newsletter NL"),
        ("after:drop", "without sending a response", "Other"),
        ("after:cut=10", "received 10 bytes", "Other"),
    ],
)
def test_a_lost_or_cut_answer_ends_the_connection(fault: str, words: str, name: str) -> None:
    with contextlib.closing(State()) as state:
        app = create_app(state, faults=[Fault.parse(f"PUT:1:{fault}")])
        with Server(app) as server, httpx.Client(base_url=server.url, headers=KEYS) as client:
            with pytest.raises(httpx.RemoteProtocolError, match=words):
                client.put(f"{CONFIGS}/288", params={"name": "Other"})
            assert client.get(f"{CONFIGS}/288").json()["Data"]["Name"] == name


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "example.com", ""])  # noqa: S104 - refused
def test_only_this_machine_can_call(host: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        serve(lambda _environ, _start: [], host=host)


def test_serve_tells_its_address_and_answers_until_it_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/3/", headers=KEYS).status_code == 200
        process.send_signal(2)
        assert process.wait(timeout=30) == 0
