"""Reading from a tenant: what the sandbox answers in all its variants, and what no tenant should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from reconciler.engine.kind import Json, Mapper, map_serially
from reconciler.errors import BadAnswer, Forbidden, Refused
from reconciler.expoints.client import Column, Count, Customers, open_expoints, pages
from reconciler.http.api import Bounds, Connection
from reconciler.http.messages import Secret, WsgiTransport
from reconciler.sandbox import Fault, State, Variants, create_app
from tests.clock import FakeClock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = Secret("token-hunter22")
NO_NUMBERS: list[object] = [None, "3", 3.0, -1, True, []]
NO_ROWS: list[object] = [None, {}, "x", [1], [{}, None]]
NO_CURSORS: list[object] = [True, 1.5, []]
V3 = "/external/api/v3"
# Status, document or bytes, and perhaps headers.
Reply = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


@dataclass
class Server:
    """Answers with the given texts or documents, one a request, the last one again and again."""

    replies: Sequence[Reply]
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """The `Authorization` of each request."""
    connections: list[tuple[str, str]] = field(default_factory=list)
    """What each request said of its connection, and the port that it came from."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, answer, *headers = self.replies[min(len(self.asked), len(self.replies) - 1)]
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        self.queries.append(parse_qs(environ["QUERY_STRING"]))
        self.bodies.append(environ["wsgi.input"].read())
        self.tokens.append(environ.get("HTTP_AUTHORIZATION", ""))
        self.connections.append((environ.get("HTTP_CONNECTION", ""), environ.get("REMOTE_PORT", "")))
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        every = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        start_response(f"{status} -", list((every | dict(*headers)).items()))
        return [body]


@contextmanager
def tenant(
    *replies: Reply, mapper: Mapper = map_serially, **options: Any
) -> Iterator[tuple[Customers, Server]]:
    """Open a tenant that answers so; `options` are those of its `Connection`."""
    server = Server(replies)
    connection = Connection(**{"transport": WsgiTransport(server), "bounds": Bounds(total_wait=0), **options})
    with open_expoints("http://localhost", TOKEN, connection, mapper=mapper) as customers:
        yield customers, server


@contextmanager
def sandbox(
    *variants: str,
    faults: Sequence[str] = (),
    sleep: Callable[[float], None] = lambda _: None,
    **options: Any,
) -> Iterator[Customers]:
    """Open a sandbox inside the process, in these variants; `sleep` is how it waits out a delay."""
    app = create_app(State(), Variants.parse(variants), [Fault.parse(text) for text in faults], sleep=sleep)
    connection = Connection(transport=WsgiTransport(app), clock=FakeClock(), **options)
    with open_expoints("http://localhost", TOKEN, connection) as customers:
        yield customers


def batch(*emails: str, **members: Json) -> Mapping[str, Json]:
    """Return a test batch that the sandbox takes."""
    data: Json = [{"CustomerDataColumnId": id, "Value": f"value {id}"} for id in (14, 15, 16, 18)]
    rows: list[Json] = [{"Email": email, "Data": data} for email in emails]
    usual: Mapping[str, Json] = {"IsTest": True, "ApproveAutomatically": True, "Customers": rows}
    return {**usual, "NotificationEmailAddresses": "qa@example.com", **members}


def column(**members: Json) -> Json:
    return {"Id": 1, "Required": True, "Archived": False, "Name": "n", "DisplayName": "d", **members}


class TestColumns:
    def test_what_a_column_does_not_say_is_not_so(self) -> None:
        row: Json = {"Id": 7, "Name": "Region", "Type": "of a later version"}
        with tenant((200, {"CustomerDataColumns": [row], "Also": "new"})) as (customers, server):
            assert customers.columns() == (Column(7, "Region", required=False, archived=False),)
        assert (server.asked, server.queries) == ([f"GET {V3}/customerdatacolumn"], [{}])

    @pytest.mark.parametrize(
        "row",
        [{}, column(Id="1"), column(Id=True), column(Id=None), column(Name=None), column(Name=3), [], "x", 1],
    )
    def test_a_row_that_is_no_column_spoils_the_list(self, row: Json) -> None:
        with (
            tenant((200, {"CustomerDataColumns": [column(), row]})) as (customers, _),
            pytest.raises(BadAnswer, match="GET /external/api/v3/customerdatacolumn"),
        ):
            customers.columns()


class TestStatuses:
    @pytest.mark.parametrize("row", [{}, {"StatusCode": 1}, {"StatusCode": "1", "StatusName": "x"}, "x"])
    def test_a_row_that_is_no_status_spoils_the_list(self, row: Json) -> None:
        with tenant((200, {"Statuses": [row]})) as (customers, _), pytest.raises(BadAnswer):
            customers.statuses()


class TestCount:
    def test_addresses_and_statuses_are_repeated_keys(self) -> None:
        with tenant((200, {"CustomerCount": 3})) as (customers, server):
            assert customers.count(["a+1@x.example", "b@x.example", "a+1@x.example"], [20, 30]).customers == 3
        assert server.asked == [f"GET {V3}/customer/count"]
        emails = ["a+1@x.example", "b@x.example"]
        usual = {"IncludeTestRecords": ["true"]}
        assert server.queries == [{**usual, "EmailAddresses": emails, "Statuses": ["20", "30"]}]

    def test_many_addresses_are_asked_for_in_queries_of_a_length_that_is_taken(self) -> None:
        emails = [f"a-rather-long-name+{n}@mail.example.com" for n in range(200)]
        with tenant((200, {"CustomerCount": 1})) as (customers, server):
            assert customers.count(emails).customers == len(server.queries) > 1
        assert [email for query in server.queries for email in query["EmailAddresses"]] == emails
        assert all(query["IncludeTestRecords"] == ["true"] for query in server.queries)
        assert max(len(query["EmailAddresses"]) * len(emails[-1]) for query in server.queries) < 2048

    @pytest.mark.parametrize("blank", ["", "  "])
    def test_a_blank_address_would_count_everybody(self, blank: str) -> None:
        with tenant((200, {"CustomerCount": 9})) as (customers, server):
            with pytest.raises(ValueError, match="every customer"):
                customers.count(["a@x.example", blank])
            assert server.asked == []

    @pytest.mark.parametrize(
        "answer",
        [
            *({"CustomerCount": number} for number in NO_NUMBERS),
            *({"Count": 3}, {}, [], 3, "3", None, b"", b"<html>3</html>", b'{"CustomerCount": 3'),
        ],
    )
    def test_anything_else_is_a_bad_answer_and_never_0(self, answer: object) -> None:
        with tenant((200, answer)) as (customers, _), pytest.raises(BadAnswer, match="customer/count"):
            customers.count(["a@x.example"])


class TestCountsByAddress:
    def test_each_count_says_when_it_was_made_by_the_clock_of_the_tenant(self) -> None:
        with tenant((200, {"CustomerCount": 1}, {"Date": "Sat, 02 May 2026 10:00:00 GMT"})) as (customers, _):
            assert customers.counts(["a@x.example"]) == {"a@x.example": Count(1, 1777716000.0)}

    def test_nobody_has_another_address_each_time(self) -> None:
        with tenant((200, {"CustomerCount": 0})) as (customers, server):
            assert [customers.count_unknown().customers for _ in range(3)] == [0, 0, 0]
        assert len({str(query) for query in server.queries}) == 3

    def test_the_first_failure_ends_it(self) -> None:
        with tenant((200, {"CustomerCount": 1}), (403, b"")) as (customers, server):
            with pytest.raises(Forbidden):
                customers.counts(["a@x.example", "b@x.example", "c@x.example"])
            assert len(server.asked) == 2


class TestOptedOut:
    def test_addresses_are_compared_as_mailboxes_and_returned_as_given(self) -> None:
        with sandbox() as customers:
            found = customers.opted_out([" OptedOut@Example.com", "other@example.com"])
        assert found == {" OptedOut@Example.com"}

    def test_every_page_is_read_and_those_of_test_customers_are_asked_for_too(self) -> None:
        def page(n: int, cursor: Json) -> Reply:
            rows: Json = [{"Email": f"{n}@x.example"}, {"Email": None}, {"Data": []}]
            return 200, {"OptOuts": rows, "NextCursor": cursor}

        with tenant(page(0, "x/1+="), page(1, 7), page(2, "")) as (customers, server):
            assert customers.opted_out(["2@x.example", "3@x.example"]) == {"2@x.example"}
        assert server.asked == [f"GET {V3}/customer/getoptouts"] * 3
        assert [query.pop("Cursor", None) for query in server.queries] == [None, ["x/1+="], ["7"]]
        assert server.queries == [{"IncludeTestRecords": ["true"], "Limit": ["100"]}] * 3


class TestCustomers:
    @pytest.mark.parametrize("last", ["null", "absent", "empty", "empty-page"])
    def test_every_page_is_read_whatever_the_last_one_is_like(self, last: str) -> None:
        emails = [f"smoke+{n}@example.com" for n in range(250)]
        with sandbox(f"last_cursor={last}") as customers:
            customers.add(batch(*emails))
            assert [row["Email"] for row in customers.customers(emails)] == emails


def test_without_addresses_nothing_is_asked() -> None:
    with tenant((500, b"")) as (customers, server):
        assert not any((customers.count([]).customers, customers.opted_out([]), customers.customers([])))
    assert server.asked == []


class TestWholeList:
    """No way to take half a list for a whole one, and no way to read for ever."""

    @pytest.mark.parametrize(
        ("rows", "cursors"),
        [
            pytest.param("abc", ["same"] * 3, id="a cursor again"),
            pytest.param("aa", ["1", "2"], id="a page again"),
            pytest.param("aa", ["1", None], id="the first page again as the last one"),
            pytest.param(["", ""], ["1", "2"], id="an empty page again"),
        ],
    )
    def test_what_comes_again_is_an_error(self, rows: Sequence[str], cursors: Sequence[str | None]) -> None:
        answers = iter(
            {"L": [{"r": row}] if row else [], "NextCursor": cursor}
            for row, cursor in zip(rows, cursors, strict=True)
        )
        with pytest.raises(BadAnswer, match=r"GET /x: .* do not come to an end"):
            list(pages(lambda _: next(answers), "L", "/x"))

    def test_ever_new_pages_end_in_an_error(self) -> None:
        asked: list[str | None] = []

        def read(cursor: str | None) -> object:
            asked.append(cursor)
            return {"L": [{"r": len(asked)}], "NextCursor": str(len(asked))}

        with pytest.raises(BadAnswer, match="do not come to an end"):
            list(pages(read, "L", "/x"))
        assert len(asked) == 10_000

    @pytest.mark.parametrize(
        "document",
        [
            *({"L": rows} for rows in NO_ROWS),
            *({"l": []}, {}, [], None, "x"),
            *({"L": [{}], "NextCursor": cursor} for cursor in NO_CURSORS),
        ],
    )
    def test_what_is_no_page_is_an_error(self, document: object) -> None:
        with pytest.raises(BadAnswer):
            list(pages(lambda _: document, "L", "/x"))


class TestErrors:
    @pytest.mark.parametrize("url", ["https://evil.example", "https://acme.expoints.nl/external/Help/Api"])
    def test_a_token_goes_to_trusted_hosts_only(self, url: str) -> None:
        with pytest.raises(Refused), open_expoints(url, TOKEN):
            pass
