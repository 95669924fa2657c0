"""The client against answers of every form that the API may give."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Request

from reconciler.checkmarket.client import ImportConfigs, open_checkmarket
from reconciler.engine.kind import Json
from reconciler.errors import (
    AllowanceUsedUp,
    ApiError,
    BadAnswer,
    Declined,
    Forbidden,
    NoAnswer,
    Unauthorised,
    Unreachable,
)
from reconciler.http.api import Bounds, Connection
from reconciler.http.messages import Secret, WsgiTransport

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MASTER, KEY = Secret("master-hunter22"), Secret("key-hunter33")
META: Json = {"Status": 200, "Timestamp": "2025-01-22T08:00:34.6424456Z"}


class Server:
    """Answers with the given texts or documents, one a request, the last one again and again.

    `seen` holds what was asked: method, path with query, and the body.
    """

    def __init__(self, *answers: tuple[int, Json | bytes]) -> None:
        self._answers = list(answers)
        self.seen: list[tuple[str, str, Json]] = []
        self.headers: list[tuple[str, str]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = Request(environ)
        self.headers.append((asked.headers["X-Master-Key"], asked.headers["X-Key"]))
        document = asked.get_json(force=True, silent=True)
        self.seen.append((asked.method, asked.full_path.removesuffix("?"), document))
        status, answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        start_response(f"{status} -", [("Content-Type", "application/json")])
        return [answer if isinstance(answer, bytes) else json.dumps(answer).encode()]


@contextmanager
def opened(app: WSGIApplication) -> Iterator[ImportConfigs]:
    connection = Connection(transport=WsgiTransport(app), bounds=Bounds(total_wait=0))
    with open_checkmarket("http://localhost", MASTER, KEY, connection) as configs:
        yield configs


@contextmanager
def account(*answers: tuple[int, Json | bytes]) -> Iterator[tuple[ImportConfigs, Server]]:
    server = Server(*answers)
    with opened(server) as configs:
        yield configs, server


def data(value: Json) -> tuple[int, Json]:
    return 200, {"Meta": META, "Data": value}


GONE: tuple[int, Json] = (404, {"Meta": {"Status": 404}, "Data": "No such import config."})
ALIVE = data({"ImportConfigId": 7, "Name": "x"})
REFUSED = data({"Succeeded": False, "FailureMessage": "The name is taken"})
IN_DOUBT: list[tuple[int, Json | bytes]] = [
    (200, b""),
    (204, b""),
    (200, b'{"Meta": {"Status": 200}, "Da'),
    (200, []),
    (200, {"Succeeded": True}),
    (200, {"Meta": META}),
    data("OK"),
    data([]),
    data({"ImportConfigId": 7}),
    data({"ImportConfigId": 7, "Succeeded": 1}),
    (200, {"Meta": {"Status": 500}, "Data": {"Succeeded": True}}),
]


WRITES: dict[str, Callable[[ImportConfigs], object]] = {
    "POST": lambda configs: configs.create({"Name": "x"}),
    "PUT": lambda configs: configs.update(7, {"Name": "x"}),
    "DELETE": lambda configs: configs.delete(7),
}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("answer", IN_DOUBT)
def test_an_answer_that_says_neither_yes_nor_no_is_in_doubt_and_not_repeated(
    answer: tuple[int, Json | bytes], method: str
) -> None:
    with (
        account(answer) as (configs, server),
        pytest.raises(NoAnswer, match=f"{method} /3/contacts/import/configs"),
    ):
        WRITES[method](configs)
    assert len(server.seen) == 1


class TestRead:
    def test_the_whole_body_is_returned_as_it_came_and_both_keys_go_with_the_request(self) -> None:
        body: Json = {"ImportConfigId": 7, "Name": "x", "Unknown": [1, {"a": None}]}
        with account(data(body)) as (configs, server):
            assert configs.read(7) == body
        assert server.seen == [("GET", "/3/contacts/import/configs/7", None)]
        assert server.headers == [("master-hunter22", "key-hunter33")]

    @pytest.mark.parametrize(
        "answer",
        [
            GONE,
            (200, {"Meta": {"Status": 404}, "Data": "No such import config."}),
            REFUSED,
            data({"FailureMessage": "No such import config"}),
        ],
    )
    def test_an_unknown_id_is_none_in_every_form(self, answer: tuple[int, Json | bytes]) -> None:
        with account(answer) as (configs, _):
            assert configs.read(7) is None

    @pytest.mark.parametrize(
        "answer",
        [
            (200, b'{"Meta": {"Status": 200}, "Da'),
            (200, {"ImportConfigId": 7}),
            (200, {"Meta": META}),
            data([]),
            data({"Name": "x"}),
            data({"ImportConfigId": 8, "Name": "x"}),
            data({"ImportConfigId": "7", "Name": "x"}),
            data([{"ImportConfigId": 7}]),
            data({"ImportConfigId": True}),  # which is not the id 1
        ],
    )
    def test_anything_that_is_not_about_the_id_is_a_bad_answer(
        self, answer: tuple[int, Json | bytes]
    ) -> None:
        with account(answer) as (configs, _), pytest.raises(BadAnswer):
            configs.read(1 if answer == data({"ImportConfigId": True}) else 7)


@pytest.mark.parametrize(
    ("status", "answer", "id"),
    [
        (200, {"ImportConfigId": 290, "Succeeded": True}, 290),
        (200, {"Succeeded": True}, None),
        (200, {"Succeeded": True, "ImportConfigId": "290"}, None),
        # A failure message beside a success is no refusal: the vendor's own sample.
        (1, {"ImportConfigId": 1, "Succeeded": True, "FailureMessage": "sample string 2"}, 1),
    ],
)
def test_a_create_returns_the_id_if_the_answer_names_one(status: int, answer: Json, id: int | None) -> None:
    with account((200, {"Meta": {"Status": status}, "Data": answer})) as (configs, server):
        assert configs.create({"Name": "New", "IsReusable": True}) == id
    assert server.seen == [("POST", "/3/contacts/import/configs", {"Name": "New", "IsReusable": True})]


def test_the_name_is_never_in_the_query_for_that_would_rename() -> None:
    with account(data({"ImportConfigId": 7, "Succeeded": True})) as (configs, server):
        configs.update(7, {"Name": "Other"})
    assert server.seen == [("PUT", "/3/contacts/import/configs/7", {"Name": "Other"})]


class TestReplace:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (REFUSED, "The name is taken"),
            (data({"Succeeded": False}), "it gave no reason"),
            (data({"FailureMessage": "The name is taken"}), "The name is taken"),
            (data(False), "`false`"),
            ((400, {"Meta": {"Status": 400}, "Data": "Bad member"}), "400 Bad Request: Bad member"),
        ],
    )
    def test_a_refusal_says_why(self, answer: tuple[int, Json | bytes], reason: str) -> None:
        with account(answer) as (configs, _), pytest.raises(Declined, match="PUT") as caught:
            configs.update(7, {"Name": "x"})
        assert reason in str(caught.value)

    def test_a_reason_that_repeats_a_key_is_shown_without_it(self) -> None:
        answer: Json = {"Succeeded": False, "FailureMessage": f"key {KEY.value}\x1b[2J of {MASTER.value}"}
        with account(data(answer)) as (configs, _), pytest.raises(Declined) as caught:
            configs.update(7, {"Name": "x"})
        assert "key ***[2J of ***" in str(caught.value)


class TestDelete:
    @pytest.mark.parametrize(
        "answer", [True, {"Succeeded": True}, {"ImportConfigId": 7, "Succeeded": True, "FailureMessage": ""}]
    )
    def test_both_forms_of_success_are_accepted(self, answer: Json) -> None:
        with account(data(answer)) as (configs, server):
            configs.delete(7)
        assert server.seen == [("DELETE", "/3/contacts/import/configs/7", None)]

    @pytest.mark.parametrize("refusal", [GONE, REFUSED, data(False), (405, b"")])
    def test_a_refusal_is_a_success_only_where_a_read_says_that_it_is_gone(
        self, refusal: tuple[int, Json | bytes]
    ) -> None:
        with account(refusal, GONE) as (configs, server):
            configs.delete(7)
        assert [method for method, *_ in server.seen] == ["DELETE", "GET"]
        with account(refusal, ALIVE) as (configs, _), pytest.raises(Declined, match="still there"):
            configs.delete(7)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error"),
        [(400, Declined), (401, Unauthorised), (403, Forbidden), (429, AllowanceUsedUp), (503, Unreachable)],
    )
    @pytest.mark.parametrize("wrapped", [False, True])
    @pytest.mark.parametrize("body", ["The reason", {"ErrorCode": 1, "ErrorMessage": "The reason"}])
    def test_the_status_may_be_of_http_or_of_the_envelope(
        self, status: int, error: type[ApiError], wrapped: bool, body: Json
    ) -> None:
        answer: Json = {"Meta": {"Status": status}, "Data": body}
        with account((200 if wrapped else status, answer)) as (configs, _):
            with pytest.raises(error, match=f"{status} .*The reason") as caught:
                configs.read(7)
            assert type(caught.value) is error

    def test_wrong_keys_are_named_by_where_they_are_set(self) -> None:
        connection, names = Connection(transport=WsgiTransport(Server((401, b"")))), "KEY_A and KEY_B"
        with (
            open_checkmarket("http://localhost", MASTER, KEY, connection, credentials=names) as configs,
            pytest.raises(Unauthorised, match="Check KEY_A and KEY_B"),
        ):
            configs.read(7)
