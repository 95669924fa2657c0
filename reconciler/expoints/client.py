"""Customers of an Expoints tenant over its external API, version 3: looked up, counted, and added.

Sources: D, a page of documentation.expoints.nl, named by the last part of its address; C, the code or docs
of a public client (NotifyNL-OMC, KtoHttpNetworkService.cs); I, inferred from these, from ASP.NET or from RFC
6749; U, unknown, so that every plausible form is accepted.

A 401 is answered once with a new token, but where a batch was sent. Test records are always asked for:
without `IncludeTestRecords` they are left out (D: GET-api-v3-customer), and a test batch would look as if it
had never arrived. Addresses are in queries and bodies only, which no message and no log shows. What an
answer says beyond the documented is ignored; a list that is missing is an error and never an empty list.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.access import Access, is_loopback
from reconciler.clock import Clock, Pace
from reconciler.engine.kind import Json, Mapper, map_serially
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NoAnswer, NotFound, Unauthorised
from reconciler.http.api import EXPOINTS_HOSTS, TOKEN_HOSTS, Api, Connection, trusted
from reconciler.http.messages import HEAVIEST, Answer, Budget, QueryValue, Secret, moment
from reconciler.problems import Redacted

LONGEST_QUERY = 1_800  # characters of addresses in a query, of the 2,048 that IIS takes by default (I)

_COLUMNS = "/external/api/v3/customerdatacolumn"
_STATUSES = "/external/api/v3/customer/getcustomerstatuses"
_CUSTOMERS = "/external/api/v3/customer"
_COUNT = "/external/api/v3/customer/count"
_OPT_OUTS = "/external/api/v3/customer/getoptouts"
_ADD = "/external/api/v3/customer/add"

_ADDRESSES = "EmailAddresses"
_WITH_TESTS: Mapping[str, QueryValue] = {"IncludeTestRecords": True}
_PAGE_ROWS = 100  # the maximum, and the default too (D: GET-api-v3-customer)
_MOST_PAGES = 10_000
_BEARER = "Bearer "
_CREDENTIALS = "`token` or `oauth` of the target"
_UNTRUSTED = "It cannot be trusted."
_IN_DOUBT = "The batch may have been taken or not; count its customers before sending it again."

# Capitals mean the same (RFC 9110, 7.6.1). A header that is sent is masked where an answer repeats it, and
# the small word is too common for that.
_NOT_KEPT_ALIVE = {"Connection": Secret("CLOSE")}

Row = Mapping[str, Json]


class Column(Struct, frozen=True):
    """A column that the tenant keeps about its customers (D: GET-api-v3-customerdatacolumn)."""

    id: int
    name: str
    required: bool
    archived: bool
    display_name: str = ""


class Count(Struct, frozen=True):
    """How many customers were counted, and when by the tenant's clock, in seconds since 1970 UTC.

    `at` is None where the answer does not say: a `Date` is not promised (U).
    """

    customers: int
    at: float | None


class ClientLogin(Redacted, frozen=True):
    """Client credentials, and where they are exchanged for a token (C). `scope` is an opaque text."""

    shown: ClassVar = ("token_url", "client_secret", "scope")

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None


class Customers(Struct, frozen=True):
    """The customers of one tenant, for many threads; it has no cache. `posting` carries `add` alone.

    It keeps no connection alive: on one that the server has closed meanwhile, nothing would prove that a
    batch was not taken. Errors of every call: `Unauthorised` after a 401 to the second token too, or where no
    token can be had; the rest of the `ApiError` tree as for `Api`.
    """

    reading: Api
    posting: Api
    tokens: Tokens
    mapper: Mapper = map_serially

    def server_time(self) -> float | None:
        """Return the time of the server in seconds since 1970 UTC, None where it does not say."""
        # The columns prove that the token may read; the API has no call for that.
        document, at = self._read(_COLUMNS)
        _rows(document, "CustomerDataColumns", _COLUMNS)
        return at

    def columns(self) -> tuple[Column, ...]:
        """Return every column, archived ones too, in the API's order. Names may not be unique (U)."""
        columns = []
        for row in _rows(self._read(_COLUMNS)[0], "CustomerDataColumns", _COLUMNS):
            id, name = row.get("Id"), row.get("Name")
            if type(id) is not int or not isinstance(name, str):
                raise BadAnswer(f"GET {_COLUMNS}: a column has no number Id or no text Name", _UNTRUSTED)
            label, of = row.get("DisplayName"), (row.get("Required") is True, row.get("Archived") is True)
            columns.append(Column(id, name, *of, label if isinstance(label, str) else ""))
        return tuple(columns)

    def statuses(self) -> Mapping[int, str]:
        """Return the name of each status by its code; both are the tenant's own (D, U: which there are)."""
        statuses: dict[int, str] = {}
        for row in _rows(self._read(_STATUSES)[0], "Statuses", _STATUSES):
            code, name = row.get("StatusCode"), row.get("StatusName")
            if type(code) is not int or not isinstance(name, str):
                raise BadAnswer(f"GET {_STATUSES}: a status has no number StatusCode or no text StatusName.")
            statuses[code] = name
        return statuses

    def count(self, emails: Sequence[str], statuses: Sequence[int] = ()) -> Count:
        """Return how many customers have one of the addresses, and one of the statuses if any are given.

        D: GET-api-v3-customer-count; I: repeated keys stand for a list; U: whether addresses match exactly.
        Raises `ValueError` for a blank address, which would be no filter.
        """
        also: Mapping[str, QueryValue] = {"Statuses": list(statuses)} if statuses else {}
        customers, at = 0, None
        for query in _queries(emails):
            document, at = self._read(_COUNT, {**query, **also})
            number = _member(document, "CustomerCount")
            if type(number) is not int or number < 0:
                raise BadAnswer(f"GET {_COUNT}: the answer has no number CustomerCount", _UNTRUSTED)
            customers += number
        return Count(customers, at)

    def counts(self, emails: Iterable[str]) -> Mapping[str, Count]:
        """Return how many customers each address has, by the address as it was given: one request each.

        Never several in one request, for U: whether repeated `EmailAddresses` mean a list, and a mailbox that
        only looks unknown would be mailed twice. The first error ends it; otherwise as for `count`.
        """
        addresses = list(dict.fromkeys(emails))
        found = self.mapper(lambda email: self.count([email]), addresses, "Counting customers")
        return dict(zip(addresses, found, strict=True))

    def count_unknown(self) -> Count:
        """Return how many customers a random address has, as no cache knows: 0, if addresses are compared."""
        return self.count([f"nobody-{secrets.token_hex(8)}@{secrets.token_hex(8)}.example"])

    def ids(self, emails: Iterable[str]) -> Mapping[str, frozenset[str] | None]:
        """Return the ids of the customers of each address, by the address as it was given.

        None where the API does not let them be listed, or a row has no `Id`, which is not documented (C, U).
        """

        def ids_of(email: str) -> frozenset[str] | None:
            try:
                ids = [row.get("Id") for row in self.customers([email])]
            except (BadAnswer, Declined, Forbidden, NotFound):
                return None
            return frozenset(map(str, ids)) if all(type(id) in (int, str) for id in ids) else None

        addresses = list(dict.fromkeys(emails))
        return dict(zip(addresses, self.mapper(ids_of, addresses, "Listing customers"), strict=True))

    def opted_out(self, emails: Sequence[str]) -> frozenset[str]:
        """Return those of the addresses that want no more mail, as they were given.

        D: GET-api-v3-customer-getoptouts cannot be asked for addresses, so every opt-out is read. U: whether
        letter case matters; here it does not, so that rather too many are found.
        """
        if not emails:
            return frozenset()
        asked: dict[str, list[str]] = {}
        for email in emails:
            asked.setdefault(email.strip().casefold(), []).append(email)
        # Page by page: a tenant may have any number of them, and only a few matter. Some have no address.
        gone: set[str] = set()
        for page in pages(partial(self._page, _OPT_OUTS, _WITH_TESTS, None), "OptOuts", _OPT_OUTS):
            for row in page:
                gone.update(asked.get(str(row.get("Email")).strip().casefold(), ()))
        return frozenset(gone)

    def customers(self, emails: Sequence[str]) -> Sequence[Row]:
        """Return the rows of these addresses; C: with `Id`, U: the rest. They hold personal data."""
        found: list[Row] = []
        for query in _queries(emails):
            read = partial(self._page, _CUSTOMERS, query, Budget(HEAVIEST))
            for page in pages(read, "Customers", _CUSTOMERS):
                found += page
        return found

    def add(self, batch: Mapping[str, Json], on_answer: Callable[[], None] = lambda: None) -> None:
        """Add a batch, which mails its customers.

        Not idempotent (D: POST-api-v3-customer-add), so only an attempt without a connection is repeated:
        after any answer the batch may have been taken. `on_answer` is called when there is one.

        Raises `NoAnswer` where the batch may have been taken. Any other error says that it was not: for its
        content and its sender `Declined`, `NotFound` and `Forbidden`, else `Unauthorised`, `Unreachable`,
        `AllowanceUsedUp`, or `BadAnswer` from the token host. After an answer it is what the tenant said.
        """
        token = self.tokens.current()
        headers = {"Authorization": Secret(f"{_BEARER}{token.value}")}
        try:
            answer = self.posting.request(
                "POST", _ADD, json=dict(batch), headers=headers, on_answer=on_answer
            )
        except ApiError as error:
            raise _masked_error(error, token) from None
        check_taken(answer, personal_values(batch))

    def _page(
        self, path: str, query: Mapping[str, QueryValue], memory: Budget | None, cursor: str | None
    ) -> object:
        onwards = {} if cursor is None else {"Cursor": cursor}
        return self._read(path, {**query, "Limit": _PAGE_ROWS, **onwards}, memory)[0]

    def _read(
        self, path: str, query: Mapping[str, QueryValue] | None = None, memory: Budget | None = None
    ) -> tuple[object, float | None]:
        """Return the document that the API answers with, and the time that the answer has."""
        refused: Secret | None = None
        while True:
            token = self.tokens.current(refused)
            headers = {"Authorization": Secret(f"{_BEARER}{token.value}")}
            try:
                answer = self.reading.request("GET", path, params=query, headers=headers)
                if memory is not None:
                    answer.take_from(memory)
                sent_at = moment(answer.headers.get("date", ""))
                return answer.document, sent_at  # noqa: TRY300 - the document may be none
            except ApiError as error:
                if refused is not None or not isinstance(error, Unauthorised):
                    raise _masked_error(error, token) from None
            refused = token


def _queries(emails: Iterable[str]) -> Iterator[Mapping[str, QueryValue]]:
    """Yield queries that together ask for every address once, none too long to be taken.

    An address that is longer is asked for alone. Raises `ValueError` for a blank one.
    """
    portion: list[str] = []
    left = LONGEST_QUERY
    for email in dict.fromkeys(emails):
        if not email.strip():
            raise ValueError("a blank address would ask for every customer of the tenant")
        length = len(f"&{_ADDRESSES}={quote(email, safe='')}")
        if portion and length > left:
            yield {**_WITH_TESTS, _ADDRESSES: portion}
            portion, left = [], LONGEST_QUERY
        portion.append(email)
        left -= length
    if portion:
        yield {**_WITH_TESTS, _ADDRESSES: portion}


def _member(document: object, name: str) -> Json:
    return document.get(name) if isinstance(document, dict) else None


def _rows(document: object, name: str, path: str) -> Sequence[Row]:
    """Return the objects in the list of that name; `BadAnswer` where there is no such list."""
    found = _member(document, name)
    objects = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(objects) < len(found):
        raise BadAnswer(f"GET {path}: the answer has no list {name} of objects", _UNTRUSTED)
    return objects


def pages(read: Callable[[str | None], object], name: str, path: str) -> Iterator[Sequence[Row]]:
    """Yield the rows of every page; `read` returns the page at a cursor, None for the first.

    D: the next cursor is `NextCursor` of the answer. U: at the end it may be null, empty or missing, and the
    last page may be empty. Raises `BadAnswer` where the pages go in circles: none of them is to be trusted.
    """
    seen: set[Json] = set()
    cursor = None
    for _ in range(_MOST_PAGES):
        document = read(cursor)
        page, onwards = _rows(document, name, path), _member(document, "NextCursor")
        if isinstance(onwards, bool) or not isinstance(onwards, str | int | None):
            raise BadAnswer(f"GET {path}: NextCursor is neither a text nor a number", _UNTRUSTED)
        cursor = None if onwards in (None, "") else str(onwards)
        marks = {hashlib.sha256(json.dumps(page).encode()).hexdigest(), cursor}
        if marks & seen:
            break
        yield page
        if cursor is None:
            return
        seen |= marks
    raise BadAnswer(f"GET {path}: the pages of {name} do not come to an end", _UNTRUSTED)


def check_taken(answer: Answer, personal: Iterable[str]) -> None:
    """Check that an answer says that a batch was taken; errors name no `personal` value of it.

    D: success is 200, with an undocumented body, so JSON of any form is believed, and an empty body. I: 201,
    202 and 204 are what ASP.NET answers to a write without a result. Raises `Declined` for 4xx, `Forbidden`
    for a 403: nothing was taken. Raises `NoAnswer` for anything else, such as 408, 5xx, a redirect, HTML or
    plain text, which a proxy or a login page may have sent.
    """
    if answer.status in (200, 201, 202, 204):
        with suppress(BadAnswer):
            _ = answer.content.strip() and answer.document
            return
    words = answer.quoted(shown(answer, personal))
    text = ": ".join(filter(None, (f"{answer.method} {answer.path}: {answer.status}", words)))
    if answer.status == 403:
        raise Forbidden(text, "Give the credentials the right to add customers.")
    if 400 <= answer.status < 500 and answer.status != 408:
        raise Declined(text, "Correct what the API names.")
    raise NoAnswer(text, _IN_DOUBT)


def _masked_error(error: ApiError, token: Secret) -> ApiError:
    """Return an error of the HTTP layer without what that cannot know: addresses, and the token by itself."""
    # Of a lost answer only the kind of loss is told: the bytes that came may repeat the batch.
    if isinstance(error, NoAnswer) and error.__cause__ is not None:
        request, _, _ = str(error).partition(": ")
        kind = type(error.__cause__).__name__.lstrip("_")
        return NoAnswer(f"{request}: no whole answer ({kind})", _IN_DOUBT)
    masked = _masker([token.value])
    return type(error)(masked(error.fact), masked(error.advice))


_SHORTEST_MASKED = 3
_LARGEST_SHOWN = 16 * 2**10
_MASKED = "***"
_PART = r"""[^\s@"'`<>()\[\]{},;:=&]+"""
_ADDRESS = re.compile(f"{_PART}(?:@|%40){_PART}", re.IGNORECASE)
# Not personal among what a customer holds: names and ids of columns and questions, dates, and mere figures.
_PLAIN_MEMBERS = frozenset(
    {"Name", "SendDate", "TransactionDate", "EndDate", "DateAnswered", "CustomerDataColumnId"}
    | {"BaseQuestionId", "PageRepetition", "SectionRepetition", "FileSize", "Priority"}
)


def shown(answer: Answer, personal: Iterable[str] = ()) -> str:
    """Return the words of an answer of unknown form, with addresses and the `personal` values masked.

    They are shortened only after that, or half a value would remain.
    """
    if len(answer.content) > _LARGEST_SHOWN:
        return f"{len(answer.content)} bytes"
    # The HTTP layer knows tokens as the end of a header only.
    tokens = [one.value.removeprefix(_BEARER) for one in answer.secrets if one.value.startswith(_BEARER)]
    mask = _masker([*personal, *tokens])
    try:
        return json.dumps(_masked(answer.document, mask), ensure_ascii=False)
    except (BadAnswer, RecursionError):
        text = answer.content.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "an HTML page"
    # In broken JSON a value may be written with escapes, so that it would not be found.
    return "broken JSON" if text.startswith(("{", "[", '"')) else mask(text)


def personal_values(batch: Mapping[str, Json]) -> Iterator[str]:
    """Yield what must not be shown of a batch: addresses, phone numbers, data values, answers, files."""
    addresses = batch.get("NotificationEmailAddresses")
    if isinstance(addresses, str):
        yield from addresses.split(",")
    yield from _texts(batch.get("Customers"))


def _texts(value: Json) -> Iterator[str]:
    """Yield every text and number of a customer but those in members that are known to be plain."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in _PLAIN_MEMBERS:
                yield from _texts(part)


def _masker(values: Iterable[str]) -> Callable[[str], str]:
    """Return what masks these values in a text, in any letter case, and all that looks like an address."""
    stripped = {value.strip() for value in values}
    masked = sorted((v for v in stripped if len(v) >= _SHORTEST_MASKED), key=len, reverse=True)

    def mask(text: str) -> str:
        lowered = text.lower()
        # Files can be long: only what is there becomes part of a pattern, the longest first.
        present = [v for v in masked if len(v) <= len(text) and v.lower() in lowered]
        if present:
            text = re.sub("|".join(map(re.escape, present)), _MASKED, text, flags=re.IGNORECASE)
        return _ADDRESS.sub(_MASKED, text)

    return mask


def _masked(document: object, mask: Callable[[str], str]) -> object:
    """Return a JSON document with every name and value in it masked, numbers too."""
    if isinstance(document, str):
        return mask(document)
    if isinstance(document, list):
        return [_masked(item, mask) for item in document]
    if isinstance(document, dict):
        return {mask(name): _masked(item, mask) for name, item in document.items()}
    text = json.dumps(document)
    return document if mask(text) == text else _MASKED


# How long a token without a stated lifetime is used, in seconds: far less than any common lifetime, and long
# enough for most runs. A token that ends earlier is renewed at the 401.
_UNSTATED_LIFETIME = 300.0
_LONGEST_LIFETIME = 86_400.0
_LONGEST_MARGIN = 60.0


class Tokens(Struct):
    """The token of every call, for many threads: given by a person, or fetched for client credentials.

    How a token is got is not documented (U); this is OAuth2 (C, I). A fetched one is kept until shortly
    before it expires. Threads that wait for one share the request and its outcome, a failure too.
    """

    login: Secret | ClientLogin
    clock: Clock
    api: Api | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _token: Secret | None = None
    _good_until: float = 0.0
    _fetches: int = 0
    _failure: BaseException | None = None

    def current(self, refused: Secret | None = None) -> Secret:
        """Return a token that is believed to be good, and is not `refused`.

        Raises `Unauthorised` where the credentials or a given token are refused; `BadAnswer` for an answer
        without a bearer token, `Unreachable` where there is no answer.
        """
        if isinstance(self.login, Secret):
            if refused is None:
                return self.login
            raise Unauthorised(
                "401 Unauthorized: the API does not accept the token, and a given token cannot be renewed "
                f"here. Set a new one, without the word Bearer, in {_CREDENTIALS}, or declare `oauth`, with "
                "which tokens renew themselves."
            )
        fetches = self._fetches
        with self._lock:
            started = self.clock.monotonic()
            if self._token not in (None, refused) and started < self._good_until:
                return self._token
            if self._fetches > fetches and self._failure is not None:
                raise self._failure  # of the request that this thread waited for
            self._token, self._failure = None, None
            try:
                self._token, lifetime = self._fetch(self.login)
            except BaseException as error:
                self._failure = error
                raise
            finally:
                self._fetches += 1
            # It is not used to the last moment, for a call takes time, and clocks differ.
            self._good_until = started + lifetime - min(_LONGEST_MARGIN, lifetime / 10)
            return self._token

    def _fetch(self, login: ClientLogin) -> tuple[Secret, float]:
        """Return a new token and its lifetime in seconds. Asking again does no harm. C: the answer's members.

        Raises `BadAnswer`, without any value of the answer, where it holds no bearer token.
        """
        assert self.api is not None  # noqa: S101 - only a given token has none
        form: dict[str, str | Secret] = {
            "grant_type": "client_credentials",
            "client_id": Secret(login.client_id),
            "client_secret": login.client_secret,
        }
        if login.scope:
            form["scope"] = login.scope
        try:
            answer = self.api.request("POST", urlsplit(login.token_url).path or "/", form=form, reads=True)
        except (Declined, Forbidden, NotFound) as error:
            # Whatever the status: without a token no call is let in, and nothing was asked of the tenant.
            raise Unauthorised(error.fact, error.advice) from error
        document, where = answer.document, f"{answer.method} {answer.path}: {answer.status}, but"
        token = _member(document, "access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):  # as RFC 6750, 2.1, sends it (I)
            message = f"{where} the answer has no access_token that can be sent"
            raise BadAnswer(message, "Check the token_url.")
        if str(_member(document, "token_type") or "bearer").lower() != "bearer":
            raise BadAnswer(f"{where} its token_type is not Bearer, the only one that the API knows.")
        stated = _member(document, "expires_in")  # a number (C), or one written as text (U, seen elsewhere)
        if isinstance(stated, str) and re.fullmatch(r"[0-9]{1,9}", stated):
            stated = int(stated)
        if isinstance(stated, bool) or not isinstance(stated, int | float):
            stated = _UNSTATED_LIFETIME
        return Secret(token), float(min(max(stated, 0), _LONGEST_LIFETIME))


def token_hosts(tenant: str, access: Access) -> tuple[tuple[str, ...], Access]:
    """Return the hosts that may get the client secret of a tenant by its address, and what is trusted."""
    # Any program may listen on this machine, so for a tenant elsewhere it is trusted only where it is named.
    host = (urlsplit(tenant).hostname or "").lower().removesuffix(".")
    elsewhere = bool(host) and not is_loopback(host)
    hosts = (*TOKEN_HOSTS, host) if elsewhere else TOKEN_HOSTS
    return hosts, replace(access, trusts_loopback=access.trusts_loopback and not elsewhere)


@contextmanager
def open_expoints(
    url: str,
    login: Secret | ClientLogin,
    connection: Connection | None = None,
    *,
    mapper: Mapper = map_serially,
) -> Iterator[Customers]:
    """Open a tenant, such as https://acme.expoints.nl; its connections are closed at the end of the `with`.

    `login` is a token, or client credentials that get one at their `token_url`. Reading and adding have one
    pace, and the token host its own, without the tenant's allowance of a minute. Raises `Refused` for an
    address that is not trusted, `UsageError` for one that is none.
    """
    connection = connection or Connection()
    bounds = connection.bounds
    share = Budget(bounds.requests_per_run) if bounds.requests_per_run else None
    hints = {
        Unauthorised: f"Check {_CREDENTIALS}: the API does not accept the token.",
        Forbidden: f"Check {_CREDENTIALS}: the API knows the token, but does not let it do this.",
    }
    of_tenant = partial(Api, url, hosts=EXPOINTS_HOSTS, share=share, hints=hints)
    # One is under way at a time, so it leaves of `requests_per_run` what verifying one takes.
    one_at_a_time = replace(connection, bounds=replace(bounds, parallelism=1))
    with ExitStack() as stack:
        reading = stack.enter_context(closing(of_tenant(connection, complaint=shown)))
        # A 401 asks for another token, a 429 for patience (D, every page); both prove that nothing was taken.
        # Any other answer arrives whole, for `check_taken` to judge, which knows what was in the batch.
        posting = of_tenant(
            one_at_a_time,
            headers=_NOT_KEPT_ALIVE,
            status=lambda answer: answer.status if answer.status in (401, 429) else HTTPStatus.OK,
            complaint=lambda _: "",
        )
        stack.enter_context(closing(posting))
        token_api = None
        if isinstance(login, ClientLogin):
            hosts, access = token_hosts(url, connection.access or Access())
            address = urlsplit(trusted(login.token_url, hosts, access))
            unpaced = replace(bounds, requests_per_minute=None)
            # Whatever the status: without a token no call is let in.
            advice = f"No token was given: check {_CREDENTIALS}."
            refusals = (Unauthorised, Declined, Forbidden, NotFound)
            token_api = Api(
                f"{address.scheme}://{address.netloc}",
                replace(connection, bounds=unpaced, access=access, pace=Pace()),
                hosts=hosts,
                share=share,
                complaint=_oauth_error,
                hints=dict.fromkeys(refusals, advice),
            )
            stack.enter_context(closing(token_api))
        yield Customers(reading, posting, Tokens(login, connection.clock, token_api), mapper)


def _oauth_error(answer: Answer) -> str:
    # The error of OAuth2 (I: RFC 6749, 5.2) and nothing else: a page may repeat the whole request.
    try:
        document = answer.document
    except BadAnswer:
        return ""
    texts = (_member(document, "error"), _member(document, "error_description"))
    return ": ".join(text for text in texts if isinstance(text, str))
