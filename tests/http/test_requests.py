from __future__ import annotations

import httpx
import pytest

from reconciler import __version__
from reconciler.errors import BadAnswer, UsageError
from reconciler.http import CHECKMARKET_HOSTS, Answer, Api, Attempt, Connection, QueryValue, Secret

from .clocks import VirtualClock


def answered(content: bytes, content_type: str = "application/json") -> Answer:
    return Answer("GET", "/x", 200, {"content-type": content_type}, content)


@pytest.mark.parametrize("base", ["http://localhost/base", "http://localhost/base/"])
def test_the_path_and_the_query_are_added_to_the_address(base: str) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://localhost/base/3/surveys?top=100&skip=0&q=a+b&test=true&id=1&id=2"
        return httpx.Response(200)

    with Api(base, Connection(transport=httpx.MockTransport(server))) as api:
        params: dict[str, QueryValue] = {"top": 100, "skip": 0, "q": "a b", "test": True, "id": [1, 2]}
        assert api.request("GET", "/3/surveys", params=params).path == "/base/3/surveys"


def test_every_request_names_the_version_and_asks_for_json() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        assert request.headers["User-Agent"] == f"reconciler/{__version__}"
        assert request.headers["Accept"] == "application/json"
        assert request.headers["Content-Type"] == "application/json"
        assert request.content == '{"Name":"Kø"}'.encode()
        return httpx.Response(200)

    with Api("http://localhost", Connection(transport=httpx.MockTransport(server))) as api:
        api.request("PUT", "/x", json={"Name": "Kø"})


def test_no_cookie_is_kept() -> None:
    def server(request: httpx.Request) -> httpx.Response:
        assert "Cookie" not in request.headers
        return httpx.Response(200, headers={"Set-Cookie": "session=1; Path=/"})

    with Api("http://localhost", Connection(transport=httpx.MockTransport(server))) as api:
        api.request("GET", "/x")
        api.request("GET", "/x")


def test_no_redirect_is_followed() -> None:
    paths = []

    def server(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(302, headers={"Location": "http://localhost/elsewhere"})

    with (
        Api("http://localhost", Connection(transport=httpx.MockTransport(server))) as api,
        pytest.raises(BadAnswer, match="redirects are not followed"),
    ):
        api.request("GET", "/x")
    assert paths == ["/x"]


@pytest.mark.parametrize("path", ["x", "", "http://evil.example/x", "/x?name=y", "/x#y"])
def test_a_path_is_only_a_path(path: str) -> None:
    with Api("http://localhost") as api, pytest.raises(ValueError, match="a path starts with a slash"):
        api.request("GET", path)


def test_a_request_that_cannot_be_written_is_not_sent() -> None:
    transport = httpx.MockTransport(lambda _: pytest.fail("a request left"))
    with (
        Api("http://localhost", Connection(transport=transport)) as api,
        pytest.raises(UsageError, match="no address"),
    ):
        api.request("GET", "/x", params={"q": "x" * 100_000})


def test_each_attempt_is_recorded() -> None:
    clock, seen, statuses = VirtualClock(), list[Attempt](), iter([503, 200])

    def server(_: httpx.Request) -> httpx.Response:
        clock.sleep(2)
        return httpx.Response(next(statuses))

    transport = httpx.MockTransport(server)
    ids = iter(["one", "two"])
    with Api(
        "http://localhost",
        Connection(transport=transport, clock=clock, on_request=seen.append, new_id=lambda: next(ids)),
    ) as api:
        api.request("GET", "/x", params={"q": "someone@example.com"})
        assert api.counts == {"GET": 2}
    assert [(one.method, one.path, one.status, one.seconds) for one in seen] == [
        ("GET", "/x", 503, 2),
        ("GET", "/x", 200, 2),
    ]
    assert [(one.id, one.attempt) for one in seen] == [("one", 1), ("one", 2)]
    assert [one.waited for one in seen] == [0, pytest.approx(clock.sleeps[1])]


def test_a_query_is_told_without_its_texts() -> None:
    seen: list[Attempt] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with Api("http://localhost", Connection(transport=transport, on_request=seen.append)) as api:
        params: dict[str, QueryValue] = {
            "EmailAddresses": ["a@example.com", "b@example.com"],
            "Statuses": [1, 2],
            "Limit": 100,
            "All": True,
            "Cursor": "a@example.com",
        }
        api.request("GET", "/x", params=params)
    assert seen[0].query == {
        "EmailAddresses": "*** (2)",
        "Statuses": "1,2",
        "Limit": "100",
        "All": "true",
        "Cursor": "***",
    }
    assert "example.com" not in repr(seen)


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("X-Request-ID", "0HMV-1:2", "0HMV-1:2"),
        ("Request-Id", "|a.b_1.", "|a.b_1."),
        ("x-ms-request-id", "7f9c", "7f9c"),
        ("X-Request-ID", "someone@example.com", ""),
        ("X-Request-ID", "with blanks", ""),
        ("X-Request-ID", "a" * 129, ""),
        ("X-Request-ID", "before-hunter22-after", ""),
        ("X-Other", "7f9c", ""),
    ],
)
def test_the_servers_id_is_told_where_it_is_one_and_nothing_else(name: str, said: str, told: str) -> None:
    seen: list[Attempt] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={name: said}))
    key = {"X-Key": Secret("hunter22")}
    with Api("http://localhost", Connection(transport=transport, on_request=seen.append), headers=key) as api:
        api.request("GET", "/x")
    assert seen[0].server_id == told


def test_nothing_of_an_id_is_sent() -> None:
    sent: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    with Api(
        "http://localhost", Connection(transport=httpx.MockTransport(server), new_id=lambda: "own-id")
    ) as api:
        api.request("GET", "/x")
    assert "own-id" not in str(sent[0].headers) + str(sent[0].url)


def test_an_attempt_without_an_answer_is_recorded_without_a_status() -> None:
    seen: list[Attempt] = []

    def server(request: httpx.Request) -> httpx.Response:
        if not seen:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200)

    transport = httpx.MockTransport(server)
    with Api(
        "http://localhost", Connection(transport=transport, clock=VirtualClock(), on_request=seen.append)
    ) as api:
        api.request("PUT", "/x")
    assert [(exchange.status, exchange.failure) for exchange in seen] == [(None, "ConnectError"), (200, "")]


@pytest.mark.parametrize("content_type", ["application/json", "text/html", ""])
def test_json_is_read_whatever_the_type_claims(content_type: str) -> None:
    assert answered(b'\xef\xbb\xbf{"a": [1, null]}', content_type).json() == {"a": [1, None]}


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", b'{"a": ', b'{"a": NaN}', b"\xff\xfe\xfd", b"[[[", b"9" * 5000]
)
def test_anything_else_is_a_bad_answer(content: bytes) -> None:
    with pytest.raises(BadAnswer, match="GET /x: 200, but the body is not JSON"):
        answered(content).json()


def test_settings_of_the_environment_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://name:hunter22@proxy.example")
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        Api("https://api.checkmarket.com", hosts=CHECKMARKET_HOSTS)
    assert "hunter22" not in str(caught.value)
