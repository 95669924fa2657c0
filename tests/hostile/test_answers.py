"""Single answers that did harm, or would have done, each with how it ends now."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.errors import ApiError, BadAnswer, Declined, NoAnswer, Unreachable
from reconciler.http.api import Api, Bounds, Connection
from reconciler.http.messages import HEAVIEST, Budget, Secret
from tests.hostile.answering import CONFIGS, Hostile, Seen, envelope, run
from tests.hostile.looking import assert_harmless
from tests.hostile.workspaces import write
from tests.http.servers import VirtualClock, door, serving

if TYPE_CHECKING:
    pass

LIVE: dict[str, Any] = {"ImportConfigId": 1, "Name": "Newsletter", "IsReusable": True, "DateFormat": "d"}
WELCOME: dict[str, Any] = {"ImportConfigId": 2, "Name": "Welcome", "IsReusable": True}
SURVEYS = envelope([{"Id": 5, "Title": "Customer satisfaction"}], TotalRowCount=1)


def server(raw: str, **members: Any) -> Hostile:
    """Serve one configuration that differs, with `raw` wherever a member is `RAW`."""
    live = {**LIVE, **members}
    one, all = envelope(live), envelope([live, WELCOME], TotalRowCount=2)
    return Hostile(
        {
            "GET /3/surveys": SURVEYS,
            "GET /3/contacts/import/configs/1": one.replace(b'"RAW"', raw.encode()),
            "GET /3/contacts/import/configs/2": envelope(WELCOME),
            "GET /3/contacts/import/configs": all.replace(b'"RAW"', raw.encode()),
            "PUT ": envelope({"Succeeded": True}),
        }
    )


def seen(folder: Path, server: Any, verb: str, *, as_json: bool = False) -> Seen:
    """Run a verb against a server, where two configurations are declared."""
    return run(write(folder, {"configs.yaml": CONFIGS}), server, verb, as_json=as_json)


def answered(content: bytes, **headers: str) -> Any:
    with door(lambda _: httpx.Response(200, content=content, headers=headers)) as api:
        return api.request("GET", "/x").document


@pytest.mark.parametrize("number", ["-1e999", "1" * 400 + ".5"])
@pytest.mark.parametrize("where", ["Unknown", "FirstRow"])
def test_a_number_that_json_cannot_hold_is_refused(tmp_path: Path, number: str, where: str) -> None:
    shown = seen(tmp_path, server(number, **{where: "RAW"}), "plan", as_json=True)
    assert "a number that is too large" in shown.error


def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    hostile = server('{"InvitationDelayInDays": 1, "InvitationDelayInDays": 2}', SurveySettings="RAW")
    assert "a member stands twice" in seen(tmp_path, hostile, "apply").error
    assert not [request for request in hostile.asked if request.startswith("PUT")]


def test_half_of_a_character_goes_back_as_it_came() -> None:
    sent = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json={})

    with door(keep) as api:
        api.request("PUT", "/x", json=json.loads('{"a": "\\ud800", "é": 1}'))
    assert sent == ['{"a":"\\ud800","é":1}'.encode()]


@pytest.mark.parametrize("form", ["[", '{"a": '])
def test_a_document_is_at_most_100_deep(form: str) -> None:
    closing = "]" if form == "[" else "}"
    assert answered((form * 99 + "[1]" + closing * 99).encode())
    with pytest.raises(BadAnswer, match="inside each other"):
        answered((form * 100 + "[1]" + closing * 100).encode())


@pytest.mark.parametrize("coding", ["x-gzip", "deflate", "GZIP"])
def test_a_packed_answer_is_unpacked(coding: str) -> None:
    content = b'{"a": "' + b"x" * 300_000 + b'"}'
    packed = zlib.compress(content) if coding == "deflate" else gzip.compress(content)
    assert answered(packed, **{"Content-Encoding": coding}) == json.loads(content)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "identity, gzip", "\u0441"])
def test_an_answer_packed_otherwise_is_refused(coding: str) -> None:
    packed = [(b"Content-Encoding", coding.encode())]
    with door(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"{}"), headers=packed)) as api:
        with pytest.raises(BadAnswer, match="not asked for"):
            api.request("GET", "/x")
        with pytest.raises(NoAnswer, match="not asked for"):
            api.request("PUT", "/x")


@pytest.mark.parametrize("packed", [gzip.compress(b"{}" * 999, mtime=0)[:-9], b"\x1f\x8b", b"hello", b""])
def test_a_packed_answer_that_is_cut_is_none(packed: bytes) -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(packed), headers={"Content-Encoding": "gzip"})

    with door(cut) as api, pytest.raises(Unreachable, match="no whole answer"):
        api.request("GET", "/x")


def test_a_secret_is_not_shown_where_an_endless_error_is_cut() -> None:
    secret = "s3cret-" * 500
    repeated = (secret + " ") * 8
    with (
        door(lambda _: httpx.Response(400, text=repeated), headers={"X-Key": Secret(secret)}) as api,
        pytest.raises(Declined, match="400 Bad Request") as caught,
    ):
        api.request("GET", "/x")
    assert "s3cret" not in str(caught.value)


def test_a_list_is_not_read_beyond_what_can_be_held() -> None:
    heavy = b"[" + b"{}," * 150_000 + b"{}]"
    memory = Budget(HEAVIEST)
    with door(lambda _: httpx.Response(200, content=heavy)) as api:
        answer = api.request("GET", "/x")
    for _ in range(2):
        answer.take_from(memory)
    with pytest.raises(BadAnswer, match="the list is larger"):
        answer.take_from(memory)


OK = b"HTTP/1.1 200 OK\r\n"
HEADS = {
    "many headers": OK + b"X: y\r\n" * 50_000 + b"\r\n",
    "many cookies": OK + b"Set-Cookie: a=b; Domain=.example\r\n" * 1000 + b"Content-Length: 0\r\n\r\n",
    "many 1xx": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "a length below zero": OK + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "chunks in another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an endless chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 5000 + b"\r\n",
    "bytes of no text": OK + b"X: \xff\xfe\r\nDate: \xff\r\nContent-Length: 2\r\n\r\n[]",
    "a folded header": OK + b"Date: Mon,\r\n 01 Jan 2026\r\nContent-Length: 2\r\n\r\n[]",
    "an odd status": b"HTTP/1.1 999 \xff\x1b[31m\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "no address": b"HTTP/1.1 302 Found\r\nLocation: http://[::\xff\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS)
def test_no_head_of_an_answer_ends_in_anything_but_an_error_of_the_api(head: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(HEADS[head])

    connection = Connection(bounds=Bounds(total_wait=0, silence=5), clock=VirtualClock())
    with serving(answer) as server, closing(Api(server.url, connection)) as api:
        for method in ("GET", "POST"):
            try:
                _ = api.request(method, "/x").document
            except ApiError as error:
                assert_harmless(str(error))
