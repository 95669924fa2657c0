"""What an answer says, from value to value: lists that are whole, numbers, and whether a batch was taken.

Answers are read leniently where they say more than is documented, and strictly where they say less: a list
that is missing is an error and never an empty list. What is shown of them holds no personal data.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import ClassVar, Protocol, Self, TypeVar
from urllib.parse import quote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from reconciler.access import Access, is_loopback
from reconciler.clock import Clock, Pace, SystemClock
from reconciler.engine.kind import Json, Mapper, map_serially
from reconciler.errors import ApiError, BadAnswer, Declined, Forbidden, NoAnswer, NotFound, Unauthorised
from reconciler.http import (
    EXPOINTS_HOSTS,
    TOKEN_HOSTS,
    USUAL_BOUNDS,
    Answer,
    Api,
    Attempt,
    Bounds,
    Dialect,
    MemoryBudget,
    QueryValue,
    RequestBudget,
    Secret,
    Transport,
    trusted,
)
from reconciler.problems import Redacted

Row = Mapping[str, Json]

BEARER = "Bearer "
MASKED = "***"

_MOST_PAGES = 10_000
_SHORTEST_MASKED = 3
_LARGEST_SHOWN = 16 * 2**10
# Not personal among what a customer holds: names and ids of columns and questions, dates, and mere figures.
_PLAIN_MEMBERS = frozenset(
    {"Name", "SendDate", "TransactionDate", "EndDate", "DateAnswered"}
    | {
        "CustomerDataColumnId",
        "BaseQuestionId",
        "PageRepetition",
        "SectionRepetition",
        "FileSize",
        "Priority",
    }
)
_PART = r"""[^\s@"'`<>()\[\]{},;:=&]+"""
_ADDRESS = re.compile(f"{_PART}(?:@|%40){_PART}", re.IGNORECASE)


def member(document: object, name: str) -> Json:
    """Return a member of an answer, None where there is none."""
    return document.get(name) if isinstance(document, dict) else None


def rows(document: object, name: str, where: str) -> Sequence[Row]:
    """Return the objects in the list of that name; `BadAnswer` where there is no such list."""
    found = member(document, name)
    objects = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(objects) < len(found):
        raise BadAnswer(f"{where}: the answer has no list {name} of objects. It cannot be trusted.")
    return objects


def whole_list(read: Callable[[str | None], object], name: str, where: str) -> Sequence[Row]:
    """Return the rows of all `pages`."""
    return [row for page in pages(read, name, where) for row in page]


def pages(read: Callable[[str | None], object], name: str, where: str) -> Iterator[Sequence[Row]]:
    """Yield the rows of every page; `read` returns the page at a cursor, None for the first.

    D: the next cursor is `NextCursor` of the answer (page GET-api-v3-customer). U: at the end it may be null,
    empty or missing, and the last page may be empty. Raises `BadAnswer` where the pages go in circles: what
    came before is then not to be trusted either.
    """
    seen: set[str | None] = set()
    cursor = None
    for _ in range(_MOST_PAGES):
        document = read(cursor)
        page, cursor = rows(document, name, where), _next_cursor(document, where)
        marks = {_digest(page), cursor}
        if marks & seen:
            break
        yield page
        if cursor is None:
            return
        seen |= marks
    raise BadAnswer(f"{where}: the pages of {name} do not come to an end. The list cannot be trusted.")


def _digest(page: Sequence[Row]) -> str:
    return hashlib.sha256(json.dumps(page).encode()).hexdigest()


def _next_cursor(document: object, where: str) -> str | None:
    cursor = member(document, "NextCursor")
    if cursor is None or cursor == "":
        return None
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise BadAnswer(f"{where}: NextCursor is neither a text nor a number. The list cannot be trusted.")
    return str(cursor)


def number(document: object, name: str, where: str) -> int:
    """Return a count in an answer; `BadAnswer` for anything but a whole number from 0 upwards."""
    value = member(document, name)
    if type(value) is int and value >= 0:
        return value
    raise BadAnswer(f"{where}: the answer has no number {name}. It cannot be trusted.")


def is_ours_to_judge(answer: Answer) -> bool:
    """Tell whether an answer to a batch is for `taken`. The rest proves by its status that nothing was taken.

    401 asks for another token, 429 for patience (D, the status table of every page).
    """
    return answer.status not in (401, 429)


def taken(answer: Answer, personal: Iterable[str]) -> str:
    """Return what the API says of a batch that it took: opaque, short, without the `personal` values.

    D: success is 200, and its body is not documented (page POST-api-v3-customer-add); so JSON of any form is
    believed, and nothing at all. I: 201, 202 and 204 are what ASP.NET answers to a write that has no result,
    and say just as much that it was taken; none of them allows sending it again.

    Raises `Declined` for 4xx, `Forbidden` for a 403: nothing was taken. Raises `NoAnswer` for anything else,
    such as 408, 5xx (D: 503 asks to try again, but not whether the batch was taken), a redirect, HTML or
    plain text: a proxy or a login page may have spoken, and not the API.
    """
    words = answer.quoted(shown(answer, personal))
    told = ": ".join(filter(None, (f"{answer.method} {answer.path}: {answer.status}", words)))
    if answer.status in (200, 201, 202, 204) and _is_empty_or_json(answer):
        return words
    if answer.status == 403:
        raise Forbidden(f"{told}. Nothing was taken; give the credentials the right to add customers.")
    if 400 <= answer.status < 500 and answer.status != 408:
        raise Declined(f"{told}. Nothing was taken; correct what the API names.")
    raise NoAnswer(f"{told}. {_IN_DOUBT}")


_IN_DOUBT = "The batch may have been taken or not; count its customers before sending it again."


def _is_empty_or_json(answer: Answer) -> bool:
    if not answer.content.strip():
        return True
    try:
        answer.json()
    except BadAnswer:
        return False
    return True


def retold(error: ApiError, token: Secret) -> ApiError:
    """Return an error of the HTTP layer without what that cannot know: addresses, the token by itself.

    Of a batch whose answer was lost only the kind of loss is told: the bytes that came may repeat the batch.
    """
    if isinstance(error, NoAnswer) and error.__cause__ is not None:
        request, _, _ = str(error).partition(": ")
        return NoAnswer(f"{request}: no whole answer ({_name_of(error.__cause__)}). {_IN_DOUBT}")
    return type(error)(_Mask([token.value]).hide(str(error)))


def _name_of(error: BaseException) -> str:
    return type(error).__name__.lstrip("_")


def shown(answer: Answer, personal: Iterable[str] = ()) -> str:
    """Return the words of an answer of unknown form, with addresses and the `personal` values masked.

    It is not yet shortened: that has to come after masking, or half a value would remain.
    """
    if len(answer.content) > _LARGEST_SHOWN:
        return f"{len(answer.content)} bytes"
    mask = _Mask([*personal, *_tokens(answer.secrets)])
    try:
        return json.dumps(mask.hidden(answer.json()), ensure_ascii=False)
    except (BadAnswer, RecursionError):
        text = answer.content.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "an HTML page"
    # In broken JSON a value may be written with escapes, so that nobody would find it.
    return "broken JSON" if text.startswith(("{", "[", '"')) else mask.hide(text)


def _tokens(secrets: Iterable[Secret]) -> Iterator[str]:
    """Yield the tokens by themselves: the HTTP layer knows them as the end of a header only."""
    return (secret.value.removeprefix(BEARER) for secret in secrets if secret.value.startswith(BEARER))


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


class _Mask:
    """Hides known values, in any letter case, and whatever has the form of an address."""

    def __init__(self, values: Iterable[str]) -> None:
        stripped = {value.strip() for value in values}
        self._values = sorted((v for v in stripped if len(v) >= _SHORTEST_MASKED), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return the text with `***` in the place of each value; the longest goes first."""
        lowered = text.lower()
        # Files can be long: only what is there becomes part of a pattern.
        present = [v for v in self._values if len(v) <= len(text) and v.lower() in lowered]
        if present:
            text = re.sub("|".join(map(re.escape, present)), MASKED, text, flags=re.IGNORECASE)
        return _ADDRESS.sub(MASKED, text)

    def hidden(self, document: object) -> object:
        """Return a JSON document with every name and value in it hidden, numbers too."""
        if isinstance(document, str):
            return self.hide(document)
        if isinstance(document, list):
            return [self.hidden(item) for item in document]
        if isinstance(document, dict):
            return {self.hide(name): self.hidden(value) for name, value in document.items()}
        text = json.dumps(document)
        return document if self.hide(text) == text else MASKED


# What a token without a stated lifetime is believed to be good for, in seconds: far less than any common
# lifetime, and long enough for most runs. A token that ends earlier is renewed at the 401.
_UNSTATED_LIFETIME = 300.0
_LONGEST_LIFETIME = 86_400.0
_LONGEST_MARGIN = 60.0


class Tokens(Protocol):
    """Where the token of a call comes from. Safe for use by many threads at once."""

    def current(self) -> Secret:
        """Return a token that is believed to be good. Raises an `ApiError` where none can be got."""

    def renewed(self, after: Secret) -> Secret:
        """Return another token than `after`, which was refused; an `ApiError` where none can be got."""


class GivenToken:
    """A token that a person gave; it cannot be renewed. `whereabouts` says in messages where it is set."""

    def __init__(self, secret: Secret, whereabouts: str = "`token` of the target") -> None:
        self._secret = secret
        self._whereabouts = whereabouts

    def current(self) -> Secret:
        """Return the token, whatever became of it."""
        return self._secret

    def renewed(self, after: Secret) -> Secret:
        """Raise `Unauthorised`: nobody but a person can give another one."""
        del after
        raise Unauthorised(
            "401 Unauthorized: the API does not accept the token, and a given token cannot be renewed here. "
            f"Set a new one, without the word Bearer, in {self._whereabouts}, or declare `oauth`, with which "
            "tokens renew themselves."
        )


class ClientLogin(Redacted, frozen=True):
    """Client credentials as Expoints hands them out, and where they are exchanged for a token (C).

    `scope` is an opaque text: the known examples disagree about its form (C).
    """

    shown: ClassVar = ("token_url", "client_secret", "scope")

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None


class _Grant(Struct, frozen=True):
    """A token, and how long it is good from when it was asked for, in seconds."""

    token: Secret
    lifetime: float

    @property
    def usable(self) -> float:
        """How long it is used: not to the last moment, for a call takes time, and clocks differ."""
        return self.lifetime - min(_LONGEST_MARGIN, self.lifetime / 10)


def token_hosts(tenant: str, access: Access) -> tuple[tuple[str, ...], Access]:
    """Return the hosts that may get the client secret of a tenant, by its address, and who else is trusted.

    Anybody may listen on this machine, so for a tenant elsewhere it is trusted only where it is named.
    """
    host = (urlsplit(tenant).hostname or "").lower().removesuffix(".")
    elsewhere = bool(host) and not is_loopback(host)
    hosts = (*TOKEN_HOSTS, host) if elsewhere else TOKEN_HOSTS
    return hosts, replace(access, trusts_loopback=access.trusts_loopback and not elsewhere)


class ClientCredentials:
    """Tokens for client credentials, by OAuth2 (C). Close it, or use it in a `with`.

    A token is kept until shortly before it expires. Threads that need one at the same time share one request
    and what comes of it, a failure too. The credentials go to the host of `token_url` only, which must be
    that of the `tenant`, a known token host, or trusted by `access`. `whereabouts` says in messages where
    they are set; the rest is as for `Api`, but that the allowance of a minute is the tenant's and not the
    token host's.

    Raises `Refused` for an address that is not trusted, `UsageError` for one that is none.
    """

    def __init__(
        self,
        login: ClientLogin,
        *,
        whereabouts: str = "`oauth` of the target",
        bounds: Bounds = USUAL_BOUNDS,
        share: RequestBudget | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
        tenant: str = "",
        access: Access | None = None,
        on_request: Callable[[Attempt], None] = lambda _: None,
        before_request: Callable[[], None] = lambda: None,
        new_id: Callable[[], str] = lambda: "",
    ) -> None:
        hosts, access = token_hosts(tenant, access or Access())
        address = urlsplit(trusted(login.token_url, hosts, access))
        self._path = address.path or "/"
        self._login = login
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._good_until = 0.0
        self._flight: Future[Secret] | None = None
        self._api = Api(
            f"{address.scheme}://{address.netloc}",
            bounds=replace(bounds, requests_per_minute=None),
            share=share,
            dialect=_dialect(whereabouts),
            clock=self._clock,
            transport=transport,
            hosts=hosts,
            access=access,
            on_request=on_request,
            before_request=before_request,
            new_id=new_id,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; asking for a new token after it is a programming error."""
        self._api.close()

    def current(self) -> Secret:
        """Return the token that is kept, or a new one.

        Raises `Unauthorised` where the credentials are refused, `BadAnswer` for an answer without a bearer
        token, `Unreachable` where there is no answer.
        """
        return self._other_than(None)

    def renewed(self, after: Secret) -> Secret:
        """Return a new token, or the one that another thread got since `after`. Errors: as for `current`."""
        return self._other_than(after)

    def _other_than(self, refused: Secret | None) -> Secret:
        with self._lock:
            if self._token not in (None, refused) and self._clock.monotonic() < self._good_until:
                return self._token
            flight, is_first = self._flight or Future(), self._flight is None
            self._flight = flight
        if is_first:
            self._fly(flight)
        return flight.result()

    def _fly(self, flight: Future[Secret]) -> None:
        """Get a new token for everybody who waits for it."""
        started = self._clock.monotonic()
        try:
            grant = self._granted()
        except BaseException as error:
            self._land(None, 0.0)
            flight.set_exception(error)
            raise
        self._land(grant.token, started + grant.usable)
        flight.set_result(grant.token)

    def _land(self, token: Secret | None, good_until: float) -> None:
        with self._lock:
            self._token, self._good_until, self._flight = token, good_until, None

    def _granted(self) -> _Grant:
        """Ask for a token. It changes nothing, so asking again does no harm."""
        try:
            return _grant(self._api.request("POST", self._path, form=self._form(), reads=True))
        except (Declined, Forbidden, NotFound) as error:
            # Whatever the status: who gets no token is not let in, and nothing was asked of the tenant.
            raise Unauthorised(str(error)) from error

    def _form(self) -> Mapping[str, str | Secret]:
        scope = {"scope": self._login.scope} if self._login.scope else {}
        return {
            "grant_type": "client_credentials",
            "client_id": Secret(self._login.client_id),
            "client_secret": self._login.client_secret,
            **scope,
        }


def _grant(answer: Answer) -> _Grant:
    """Return what an answer grants. C: `token_type`, `expires_in` and `access_token` (OAuthTokenResponse.cs).

    Raises `BadAnswer`, without any value of the answer, for one that holds no bearer token.
    """
    document, where = answer.json(), f"{answer.method} {answer.path}: {answer.status}, but"
    token = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not _is_sendable(token):
        raise BadAnswer(f"{where} the answer has no access_token that can be sent. Check the token_url.")
    if str(document.get("token_type") or "bearer").lower() != "bearer":
        raise BadAnswer(f"{where} its token_type is not Bearer, the only one that the API knows.")
    return _Grant(Secret(str(token)), _lifetime(document.get("expires_in")))


def _is_sendable(token: object) -> bool:
    """Tell whether a value can stand in a header after the word Bearer (I: RFC 6750, 2.1)."""
    return isinstance(token, str) and re.fullmatch(r"[!-~]+", token) is not None


def _lifetime(stated: object) -> float:
    """Return the seconds in `expires_in`: a number (C), or one written as text (U, seen elsewhere)."""
    if isinstance(stated, str) and re.fullmatch(r"[0-9]{1,9}", stated):
        stated = int(stated)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return _UNSTATED_LIFETIME
    return float(min(max(stated, 0), _LONGEST_LIFETIME))


def _dialect(whereabouts: str) -> Dialect:
    advice = f"No token was given: check {whereabouts}."
    return Dialect(
        complaint=_complaint, hints=dict.fromkeys((Unauthorised, Declined, Forbidden, NotFound), advice)
    )


def _complaint(answer: Answer) -> str:
    """Return the error of OAuth2 (I: RFC 6749, 5.2) and nothing else: a page may repeat the whole request."""
    try:
        document = answer.json()
    except BadAnswer:
        return ""
    if not isinstance(document, dict):
        return ""
    texts = (document.get("error"), document.get("error_description"))
    return ": ".join(text for text in texts if isinstance(text, str))


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
        mapper: Mapper = map_serially,
    ) -> None:
        self._reading = reading
        self._posting = posting
        self._tokens = tokens
        self._mapper = mapper

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
        counted = self._mapper(self._count_one, addresses, "Counting customers")
        return dict(zip(addresses, counted, strict=True))

    def ids(self, emails: Iterable[str]) -> Mapping[str, frozenset[str] | None]:
        """Return the ids of the customers of each address, by the address as it was given.

        None where the API does not let them be listed, or a row has no `Id`: C says that it has one, and no
        more is documented (U). Otherwise as for `count`.
        """
        addresses = list(dict.fromkeys(emails))
        listed = self._mapper(self._ids_of, addresses, "Listing customers")
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
        return whole_list(self._reader(path, query, MemoryBudget()), name, f"GET {path}")

    def _reader(
        self, path: str, query: Mapping[str, QueryValue], room: MemoryBudget | None = None
    ) -> Callable[[str | None], object]:
        """Return what reads the page at a cursor, each of them into `room` if one is given."""

        def read(cursor: str | None) -> object:
            onwards = {} if cursor is None else {"Cursor": cursor}
            return self._read(path, {**query, "Limit": _PAGE_ROWS, **onwards}, room)

        return read

    def _read(
        self, path: str, query: Mapping[str, QueryValue] | None = None, room: MemoryBudget | None = None
    ) -> object:
        """Return the document that the API answers with."""
        return self._read_at(path, query, room)[0]

    def _read_at(
        self, path: str, query: Mapping[str, QueryValue] | None = None, room: MemoryBudget | None = None
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
    on_request: Callable[[Attempt], None] = lambda _: None,
    before_request: Callable[[], None] = lambda: None,
    new_id: Callable[[], str] = lambda: "",
    pace: Pace | None = None,
    mapper: Mapper = map_serially,
) -> Iterator[Customers]:
    """Open a tenant, such as https://acme.expoints.nl; its connections are closed at the end of the `with`.

    `login` is a token, or client credentials that get one. `credentials` says in messages where they are set.
    A `transport` carries everything, the requests for a token too. Reading and adding have one pace, and the
    token host its own. The rest is as for `Api`.
    """
    share = RequestBudget(bounds.requests_per_run) if bounds.requests_per_run else None
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
        yield Customers(reading, posting, tokens, mapper)


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
