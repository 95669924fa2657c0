"""The sandbox behind a real socket."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
import pytest

from reconciler.sandbox import Fault, Server, State, create_app, serve

from .conftest import CONFIGS, KEYS

SERVE = """
from reconciler.sandbox import State, create_app, serve
serve(create_app(State()), ready=lambda url: print(url, flush=True))
"""


@contextlib.contextmanager
def serving(*faults: str) -> Iterator[Server]:
    """Serve a fresh sandbox, under faults."""
    with contextlib.closing(State()) as state:
        app = create_app(state, faults=[Fault.parse(text) for text in faults])
        with Server(app) as server:
            yield server


def test_a_server_answers_over_a_socket_and_frees_its_port() -> None:
    with serving() as server:
        assert httpx.get(f"{server.url}{CONFIGS}", headers=KEYS).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_stopping_closes_connections_that_are_kept_open() -> None:
    with httpx.Client(headers=KEYS) as client:
        with serving() as server:
            client.get(f"{server.url}/3/")
        with pytest.raises(httpx.TransportError):
            client.get(f"{server.url}/3/")


@pytest.mark.parametrize(("when", "name"), [("before", "Newsletter NL"), ("after", "Other")])
def test_a_lost_answer_closes_the_connection_without_a_byte(when: str, name: str) -> None:
    with serving(f"PUT:1:{when}:drop") as server, httpx.Client(base_url=server.url, headers=KEYS) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            client.put(f"{CONFIGS}/288", params={"name": "Other"})
        assert client.get(f"{CONFIGS}/288").json()["Data"]["Name"] == name


def test_a_cut_body_ends_in_the_middle() -> None:
    with serving("GET:1:after:cut=10") as server, httpx.Client(base_url=server.url, headers=KEYS) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="received 10 bytes"):
            client.get(CONFIGS)
        assert client.get(CONFIGS).status_code == 200


def test_24_slow_answers_at_once_hold_up_nobody() -> None:
    together = threading.Barrier(24, timeout=30)

    def wait_for_all(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        together.wait()
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    with Server(wait_for_all) as server, ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(lambda _: httpx.get(server.url).status_code, range(24)))
    assert statuses == [200] * 24


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
