from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from reconciler.commands.console import each
from reconciler.errors import ApiError, NoAnswer, Unreachable
from reconciler.http import Api, Bounds, Connection, WsgiTransport

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def app_of(body: Iterable[bytes], headers: list[tuple[str, str]] | None = None) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers or [])
        return body

    return app


def app_raising(error: Exception) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise error

    return app


def broken_off() -> Iterator[bytes]:
    yield b'{"Data": '
    raise ConnectionResetError("broken off")


def api(app: WSGIApplication) -> Api:
    return Api("http://localhost", Connection(transport=WsgiTransport(app), bounds=Bounds(total_wait=0)))


def test_an_application_answers_in_the_thread_that_asks() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        request = f'"{environ["REQUEST_METHOD"]} {environ["PATH_INFO"]} {threading.get_ident()}"'
        return [request.encode()]

    with api(app) as door:
        assert door.request("PUT", "/x/1").json() == f"PUT /x/1 {threading.get_ident()}"


@pytest.mark.parametrize(
    "app",
    [
        app_raising(ConnectionResetError("reset")),
        app_raising(BrokenPipeError("gone")),
        app_raising(TimeoutError("late")),
        app_of([b"{}"], [("Content-Length", "200")]),
    ],
)
@pytest.mark.parametrize(("method", "error"), [("GET", Unreachable), ("PUT", NoAnswer)])
def test_it_can_lose_an_answer_as_a_wire_does(
    app: WSGIApplication, method: str, error: type[ApiError]
) -> None:
    with api(app) as door, pytest.raises(error):
        door.request(method, "/x")


def test_an_answer_that_breaks_off_is_lost() -> None:
    with api(app_of(broken_off())) as door, pytest.raises(NoAnswer):
        door.request("PUT", "/x")


def test_its_own_faults_come_out_as_they_are() -> None:
    with api(app_raising(ZeroDivisionError())) as door, pytest.raises(ZeroDivisionError):
        door.request("GET", "/x")


def test_the_body_is_closed() -> None:
    class Body:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"{}"])

        def close(self) -> None:
            self.closed = True

    body = Body()
    with api(app_of(body)) as door:
        door.request("GET", "/x")
    assert body.closed


def test_threads_do_not_disturb_each_other() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["QUERY_STRING"].removeprefix("n=").encode()]

    with api(app) as door:
        answers = each(lambda n: door.request("GET", "/x", params={"n": n}).json(), range(200), workers=20)
    assert answers == list(range(200))
