"""Customers of an Expoints tenant over its external API, version 3: looked up, counted, and added.

Sources, here and in `answers`: D, a page of documentation.expoints.nl, named by the last part of its address;
C, the code or docs of a public client; I, inferred from these or from ASP.NET; U, unknown, so that every
plausible form is accepted.

Three things are the same for every call. The token goes with each request (C: `Authorization: Bearer`), and
a 401 is answered once with a new one, but where a batch was sent. Test records are always asked for:
without `IncludeTestRecords` they are left out (D: GET-api-v3-customer), and a test batch would look as if it
had never arrived. Addresses stand in queries and bodies only, which no message and no log shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from reconciler.access import Access
from reconciler.clock import Clock
from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Json
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NotFound, Unauthorised
from reconciler.expoints.answers import (
    BEARER,
    is_ours_to_judge,
    number,
    pages,
    personal_values,
    retold,
    rows,
    shown,
    taken,
    whole_list,
)
from reconciler.expoints.token import ClientCredentials, ClientLogin, GivenToken, Tokens
from reconciler.http import (
    EXPOINTS_HOSTS,
    USUAL_BOUNDS,
    Answer,
    Api,
    Bounds,
    Dialect,
    Exchange,
    QueryValue,
    Room,
    Secret,
    Share,
    Transport,
)
from reconciler.pace import Pace

_COLUMNS = "/external/api/v3/customerdatacolumn"
_STATUSES = "/external/api/v3/customer/getcustomerstatuses"
_CUSTOMERS = "/external/api/v3/customer"
_COUNT = "/external/api/v3/customer/count"
_OPT_OUTS = "/external/api/v3/customer/getoptouts"
_ADD = "/external/api/v3/customer/add"

_ADDRESSES = "EmailAddresses"
_WITH_TESTS: Mapping[str, QueryValue] = {"IncludeTestRecords": True}
_PAGE_ROWS = 100  # the maximum, and the default too (D: GET-api-v3-customer)
LONGEST_QUERY = 1_800
"""Characters that addresses may take in a query, of the 2,048 that IIS takes unless told otherwise (I)."""

# Capitals mean the same (RFC 9110, 7.6.1). What is sent as a header is masked where an answer repeats it, and
# the small word is too common for that.
_UNKEPT = {"Connection": Secret("CLOSE")}

Result = TypeVar("Result")
Headers = Mapping[str, Secret]


class Column(Struct, frozen=True):
    """A column that the tenant keeps about its customers (D: GET-api-v3-customerdatacolumn)."""

    id: int
    name: str
    display_name: str
    required: bool
    archived: bool


class Count(Struct, frozen=True):
    """How many customers were counted, and when by the tenant's own clock.

    `at` is in seconds since 1970 UTC, None where the answer does not say: a `Date` is not promised (U). An
    answer that a cache on the way has kept says the time of then.
    """

    customers: int
    at: float | None


class Customers:
    """The customers of one tenant. Safe for use by many threads at once; nothing is remembered.

    `reading` carries all calls but `add`, which goes over `posting`: an `Api` that keeps no connection, so
    that every attempt has its own. On a kept one that the server has closed meanwhile, nothing would prove
    that a batch was not taken. `open_expoints` makes both. `each` makes several requests at a time.

    Errors of every call: `Unauthorised` after a 401 to the second token too, or where no token can be had;
    the rest of the `ApiError` tree as for `Api`.
    """

    def __init__(
        self,
        reading: Api,
        posting: Api,
        tokens: Tokens,
        each: Each = one_by_one,
    ) -> None:
        self._reading = reading
        self._posting = posting
        self._tokens = tokens
        self._each = each

    def server_time(self) -> float | None:
        """Ask for the columns, which proves that the token may read; return the time of the server.

        In seconds since 1970 UTC, None where it does not say. The API has no call for the token itself.
        """
        answer = self._admitted(lambda headers: self._reading.request("GET", _COLUMNS, headers=headers))
        rows(answer.json(), "CustomerDataColumns", f"GET {_COLUMNS}")
        return answer.sent_at

    def columns(self) -> tuple[Column, ...]:
        """Return every column, archived ones too, in the API's order. Names are not said to be unique (U)."""
        found = rows(self._read(_COLUMNS), "CustomerDataColumns", f"GET {_COLUMNS}")
        return tuple(map(_column, found))

    def statuses(self) -> Mapping[int, str]:
        """Return the name of each status by its code; both are the tenant's own.

        D: GET-api-v3-customer-getcustomerstatuses; U: which there are.
        """
        found = rows(self._read(_STATUSES), "Statuses", f"GET {_STATUSES}")
        return dict(map(_status, found))

    def count(self, emails: Sequence[str], statuses: Sequence[int] = ()) -> int:
        """Return how many customers have one of the addresses, and one of the statuses if any are given.

        Many addresses take several requests. None at all are the addresses of nobody: no request, and 0.
        D: GET-api-v3-customer-count; I: repeated keys stand for a list. U: whether addresses match exactly.
        Raises `ValueError` for a blank address, which would be no filter at all.
        """
        also: Mapping[str, QueryValue] = {"Statuses": list(statuses)} if statuses else {}
        return sum(self._count({**query, **also}).customers for query in _queries(emails))

    def counts(self, emails: Iterable[str]) -> Mapping[str, Count]:
        """Return how many customers each address has, by the address as it was given: one request each.

        Never several in one request, for U: whether repeated `EmailAddresses` mean a list, and a mailbox that
        only looks unknown would be mailed twice. The first error ends it; otherwise as for `count`.
        """
        addresses = list(dict.fromkeys(emails))
        counted = self._each(self._count_one, addresses, "Counting customers")
        return dict(zip(addresses, counted, strict=True))

    def ids(self, emails: Iterable[str]) -> Mapping[str, frozenset[str] | None]:
        """Return the ids of the customers of each address, by the address as it was given.

        None where the API does not let them be listed, or a row has no `Id`: C says that it has one, and no
        more is documented (U). Otherwise as for `count`.
        """
        addresses = list(dict.fromkeys(emails))
        listed = self._each(self._ids_of, addresses, "Listing customers")
        return dict(zip(addresses, listed, strict=True))

    def _ids_of(self, email: str) -> frozenset[str] | None:
        try:
            ids = [row.get("Id") for row in self.customers([email])]
        except (BadAnswer, Declined, Forbidden, NotFound):
            return None
        return frozenset(map(str, ids)) if all(type(id) in (int, str) for id in ids) else None

    def count_nobody(self) -> Count:
        """Return how many customers an address has that nobody has: 0, where addresses are compared at all.

        No cache on the way can know the answer, so it says what time it is now. Errors: as for `count`.
        """
        return self._count_one(f"nobody-{secrets.token_hex(8)}@{secrets.token_hex(8)}.example")

    def opted_out(self, emails: Sequence[str]) -> frozenset[str]:
        """Return those of the addresses that want no more mail, as they were given.

        D: GET-api-v3-customer-getoptouts cannot be asked for addresses, so every opt-out is read. U: whether
        letter case matters; here it does not, so that rather too many are found. Opt-outs by data alone
        have no address and are passed over.
        """
        if not emails:
            return frozenset()
        asked = {_mailbox(email) for email in emails}
        # Page by page: a tenant may have any number of them, and only a few matter.
        listed = pages(self._reader(_OPT_OUTS, _WITH_TESTS), "OptOuts", f"GET {_OPT_OUTS}")
        gone = {
            mailbox for page in listed for row in page if (mailbox := _mailbox(row.get("Email"))) in asked
        }
        return frozenset(email for email in emails if _mailbox(email) in gone)

    def customers(self, emails: Sequence[str]) -> Sequence[Mapping[str, Json]]:
        """Return the customers of these addresses, as whole as the API lists them; otherwise as for `count`.

        C: a row has `Id` and `AccessKey`; the rest is not documented (U). It holds personal data.
        """
        return [row for query in _queries(emails) for row in self._list(_CUSTOMERS, "Customers", query)]

    def add(self, batch: Mapping[str, Json], on_answer: Callable[[], None] = lambda: None) -> str:
        """Add a batch, which mails its customers; return what the API says: opaque, short, masked.

        Not idempotent, and without a key by which the API could know a batch again (D:
        POST-api-v3-customer-add). Sent again is only an attempt without a connection: after any answer, a 429
        and a 401 too, it may have been taken. `on_answer` is called when there is one.

        Raises `NoAnswer` where the batch may have been taken. Any other error says that it was not: for its
        content and its sender `Declined`, `NotFound` and `Forbidden`, else `Unauthorised`, `Unreachable`,
        `AllowanceUsedUp`, or `BadAnswer` from the token host. After an answer it is what the tenant said.
        """
        answer = _with(
            self._tokens.current(),
            lambda headers: self._posting.request(
                "POST", _ADD, json=dict(batch), headers=headers, on_answer=on_answer
            ),
        )
        return taken(answer, personal_values(batch))

    def _count_one(self, email: str) -> Count:
        (query,) = _queries([email])
        return self._count(query)

    def _count(self, query: Mapping[str, QueryValue]) -> Count:
        document, at = self._read_at(_COUNT, query)
        return Count(number(document, "CustomerCount", f"GET {_COUNT}"), at)

    def _list(self, path: str, name: str, query: Mapping[str, QueryValue]) -> Sequence[Mapping[str, Json]]:
        """Return the rows of all pages."""
        return whole_list(self._reader(path, query, Room()), name, f"GET {path}")

    def _reader(
        self, path: str, query: Mapping[str, QueryValue], room: Room | None = None
    ) -> Callable[[str | None], object]:
        """Return what reads the page at a cursor, each of them into `room` if one is given."""

        def read(cursor: str | None) -> object:
            onwards = {} if cursor is None else {"Cursor": cursor}
            return self._read(path, {**query, "Limit": _PAGE_ROWS, **onwards}, room)

        return read

    def _read(
        self, path: str, query: Mapping[str, QueryValue] | None = None, room: Room | None = None
    ) -> object:
        """Return the document that the API answers with."""
        return self._read_at(path, query, room)[0]

    def _read_at(
        self, path: str, query: Mapping[str, QueryValue] | None = None, room: Room | None = None
    ) -> tuple[object, float | None]:
        """Return the document that the API answers with, and when it says that it did."""

        def read(headers: Headers) -> tuple[object, float | None]:
            answer = self._reading.request("GET", path, params=query, headers=headers)
            if room is not None:
                room.take(answer)
            return answer.json(), answer.sent_at

        return self._admitted(read)

    def _admitted(self, send: Callable[[Headers], Result]) -> Result:
        """Send with a token; after a 401, which proves that nothing was taken, once more with another."""
        token = self._tokens.current()
        try:
            return _with(token, send)
        except Unauthorised:
            return _with(self._tokens.renewed(token), send)


def _with(token: Secret, send: Callable[[Headers], Result]) -> Result:
    try:
        return send({"Authorization": Secret(f"{BEARER}{token.value}")})
    except ApiError as error:
        raise retold(error, token) from None


def _column(row: Mapping[str, Json]) -> Column:
    """Read a column leniently: what it says beside id and name may be missing."""
    id, name, display_name = row.get("Id"), row.get("Name"), row.get("DisplayName")
    if type(id) is not int or not isinstance(name, str):
        raise BadAnswer(f"GET {_COLUMNS}: a column has no number Id or no text Name. It cannot be trusted.")
    return Column(
        id,
        name,
        display_name if isinstance(display_name, str) else name,
        required=row.get("Required") is True,
        archived=row.get("Archived") is True,
    )


def _status(row: Mapping[str, Json]) -> tuple[int, str]:
    code, name = row.get("StatusCode"), row.get("StatusName")
    if type(code) is not int or not isinstance(name, str):
        raise BadAnswer(f"GET {_STATUSES}: a status has no number StatusCode or no text StatusName.")
    return code, name


def _mailbox(email: Json) -> str | None:
    return email.strip().casefold() if isinstance(email, str) else None


def _queries(emails: Iterable[str]) -> Iterator[Mapping[str, QueryValue]]:
    """Yield queries that together ask for every address once, none too long to be taken."""
    for portion in portions(dict.fromkeys(emails)):
        yield {**_WITH_TESTS, _ADDRESSES: portion}


def portions(emails: Iterable[str]) -> Iterator[list[str]]:
    """Yield the addresses in lists that fit into one query; one that is longer stands alone.

    Raises `ValueError` for a blank one.
    """
    portion: list[str] = []
    room = LONGEST_QUERY
    for email in emails:
        if not email.strip():
            raise ValueError("a blank address would ask for every customer of the tenant")
        length = len(f"&{_ADDRESSES}={quote(email, safe='')}")
        if portion and length > room:
            yield portion
            portion, room = [], LONGEST_QUERY
        portion.append(email)
        room -= length
    if portion:
        yield portion


@contextmanager
def open_expoints(
    url: str,
    login: Secret | ClientLogin,
    *,
    credentials: str = "`token` or `oauth` of the target",
    bounds: Bounds = USUAL_BOUNDS,
    clock: Clock | None = None,
    transport: Transport | None = None,
    access: Access | None = None,
    on_request: Callable[[Exchange], None] = lambda _: None,
    before_request: Callable[[], None] = lambda: None,
    new_id: Callable[[], str] = lambda: "",
    pace: Pace | None = None,
    each: Each = one_by_one,
) -> Iterator[Customers]:
    """Open a tenant, such as https://acme.expoints.nl; its connections are closed at the end of the `with`.

    `login` is a token, or client credentials that get one. `credentials` says in messages where they are set.
    A `transport` carries everything, the requests for a token too. Reading and adding have one pace, and the
    token host its own. The rest is as for `Api`.
    """
    share = Share(bounds.requests_per_run) if bounds.requests_per_run else None
    api = partial(
        Api,
        url,
        share=share,
        clock=clock,
        transport=transport,
        hosts=EXPOINTS_HOSTS,
        access=access,
        new_id=new_id,
        bounds=bounds,
        pace=pace or Pace(),
    )
    with ExitStack() as stack:
        reading = stack.enter_context(
            api(dialect=_reading(credentials), on_request=on_request, before_request=before_request)
        )
        posting = stack.enter_context(
            api(
                # One is under way at a time, so it leaves of `requests_per_run` what verifying one takes.
                bounds=replace(bounds, parallelism=1),
                dialect=_posting(credentials),
                headers=_UNKEPT,
                on_request=on_request,
                before_request=before_request,
            )
        )
        if isinstance(login, Secret):
            tokens: Tokens = GivenToken(login, credentials)
        else:
            tokens = stack.enter_context(
                ClientCredentials(
                    login,
                    whereabouts=credentials,
                    bounds=bounds,
                    share=share,
                    clock=clock,
                    transport=transport,
                    tenant=url,
                    access=access,
                    on_request=on_request,
                    before_request=before_request,
                    new_id=new_id,
                )
            )
        yield Customers(reading, posting, tokens, each)


def _reading(credentials: str) -> Dialect:
    return Dialect(complaint=shown, hints=_hints(credentials))


def _posting(credentials: str) -> Dialect:
    """Return the dialect in which an answer to a batch arrives whole, for who knows what was in the batch."""
    return Dialect(status=_status_to_act_on, complaint=lambda _: "", hints=_hints(credentials))


def _status_to_act_on(answer: Answer) -> int:
    return HTTPStatus.OK if is_ours_to_judge(answer) else answer.status


def _hints(credentials: str) -> Mapping[type[ApiError], str]:
    return {
        Unauthorised: f"Check {credentials}: the API does not accept the token.",
        Forbidden: f"Check {credentials}: the API knows the token, but does not let it do this.",
    }
