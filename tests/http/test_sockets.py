"""What only a real socket shows."""

from __future__ import annotations

import socket
import threading

import pytest

from reconciler.commands.console import each
from reconciler.errors import ApiError, NoAnswer, Unreachable
from reconciler.http import CHECKMARKET_HOSTS, Api, Bounds, Connection

from .clocks import VirtualClock
from .servers import (
    WHOLE,
    Behaviour,
    broken_gzip,
    close_without_answer,
    cut_body,
    cut_chunks,
    no_http,
    read_request,
    reset_before_answer,
    reset_in_body,
    serving,
    whole_then_close,
)

LOSSES = [
    close_without_answer,
    reset_before_answer,
    reset_in_body,
    cut_body,
    cut_chunks,
    no_http,
    broken_gzip,
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("method", "error", "tries"), [("GET", Unreachable, 6), ("PUT", NoAnswer, 1)])
def test_an_answer_that_does_not_arrive_whole_is_none(
    loss: Behaviour, method: str, error: type[ApiError], tries: int
) -> None:
    with serving(loss) as server, Api(server.url, Connection(clock=VirtualClock())) as api:
        with pytest.raises(error):
            api.request(method, "/x", json={"a": 1})
        assert server.requests == tries


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_a_refused_connection_is_tried_again_for_every_method(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with Api(f"http://127.0.0.1:{port}", Connection(clock=VirtualClock())) as api:
        with pytest.raises(Unreachable, match="no connection"):
            api.request(method, "/x")
        assert api.counts == {method: 6}


@pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("POST", NoAnswer)])
def test_a_server_that_says_nothing_times_out(method: str, error: type[ApiError]) -> None:
    over = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        over.wait()

    bounds = Bounds(silence=0.05, total_wait=0)
    with serving(say_nothing) as server, Api(server.url, Connection(bounds=bounds)) as api:
        with pytest.raises(error, match="ReadTimeout"):
            api.request(method, "/x")
        over.set()


def test_a_connection_that_the_server_closed_is_replaced() -> None:
    with serving(whole_then_close) as server, Api(server.url, Connection(clock=VirtualClock())) as api:
        for _ in range(3):
            assert api.request("GET", "/x").json() == {}


def test_a_write_on_a_kept_connection_that_breaks_is_in_doubt() -> None:
    def answer_once(connection: socket.socket) -> None:
        connection.sendall(WHOLE)
        read_request(connection)

    with serving(answer_once) as server, Api(server.url, Connection(clock=VirtualClock())) as api:
        api.request("GET", "/x")
        with pytest.raises(NoAnswer):
            api.request("PUT", "/x")


def test_a_proxy_is_never_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(whole_then_close) as server, Api(server.url, Connection(clock=VirtualClock())) as api:
        assert api.request("GET", "/x").status == 200


def test_a_proxy_that_refuses_proves_that_a_write_was_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(refuse) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with Api(
            "https://api.checkmarket.com", Connection(clock=VirtualClock()), hosts=CHECKMARKET_HOSTS
        ) as api:
            with pytest.raises(Unreachable, match="407"):
                api.request("PUT", "/x")
            assert proxy.requests == 6


def test_many_threads_share_one_client() -> None:
    with serving(whole_then_close) as server, Api(server.url, Connection(clock=VirtualClock())) as api:
        answers = each(lambda _: api.request("GET", "/x"), range(40), workers=8)
    assert not [answer for answer in answers if isinstance(answer, ApiError)]
    assert api.counts["GET"] >= 40
