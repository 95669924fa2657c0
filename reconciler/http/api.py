"""The only way out of this process to an API: what may be asked, how often, of whom, and what failures mean.

What is repeated here, and how an attempt that is not repeated ends:

    what happened                               a read                     a write
    no connection: refused, DNS, TLS, proxy     again, then Unreachable    again, then Unreachable
    429                                         again, then AllowanceUsedUp, both alike
    lost, cut or late answer                    again, then Unreachable    NoAnswer
    408, 500, 502, 503, 504                     again, then Unreachable    NoAnswer
    other 5xx                                   Unreachable                NoAnswer
    1xx, 3xx                                    BadAnswer                  NoAnswer
    401, 403, 404, other 4xx                    Unauthorised, Forbidden, NotFound, Declined, both alike

A request takes no longer than `Bounds.total_wait`, its attempts and the waits between them together, and an
attempt no longer than `Bounds.answer`, however slowly the server drips. A 429, and an answer that says when
to come back, are a pause for all that asks the account. A request that ends without a connection, an answer
or an allowance gives up the account: nothing more is sent to it in this run. See `pace`.

An interrupt ends each wait before an attempt, and the request as Abandoned, reads and writes alike; an
attempt that is under way comes to its own end.

With `on_answer` a 429 is final too. A write is repeated only where nothing of it can have been carried out. A
connection that was kept alive and turns out to be closed is no such proof: the request may have been read
before.
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import ClassVar, Final, Self

import httpx
from msgspec import Struct, field

from reconciler.access import Access
from reconciler.clock import Clock, GivenUp, Pace, RequestBudget, SleepCut, SystemClock
from reconciler.errors import (
    Abandoned,
    AllowanceUsedUp,
    ApiError,
    BadAnswer,
    Declined,
    Forbidden,
    NoAnswer,
    NotFound,
    Unauthorised,
    Unreachable,
    UsageError,
)
from reconciler.http.messages import (
    HEAVIEST,
    Foreign,
    QueryValue,
    TooLarge,
    Transport,
    Unfit,
    Writer,
    document_in,
    received,
    weight,
)
from reconciler.http.trust import printable, trusted
from reconciler.problems import Redacted

# httpx logs whole addresses, and a query may hold a person's e-mail address.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_TRIES = 6
_TRIES_BY_MINUTE = 4
_LONGEST_BACK_OFF = 30.0
_LEAST_FOR_WRITE = 15.0
"""Seconds that a write has for its answer, or it is not sent again: haste would put it in doubt."""
_SHORTEST_SECRET = 4
_LONGEST_QUOTE = 300
_LONGEST_LOOKED_AT = 20_000
_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "x-ms-request-id")
_ID = re.compile(r"[0-9A-Za-z|][0-9A-Za-z_.:=|-]{0,127}")


class Secret(Redacted, frozen=True):
    """A value that is sent and never shown: `value` is for the one who sends it."""

    value: str


class Bounds(Struct, frozen=True):
    """How much may be asked of one API, and how long it may take. All times are in seconds."""

    requests_per_minute: int | None = None
    parallelism: int = 8
    """How many requests may be under way, whoever makes them, and how many connections are kept."""
    requests_per_run: int | None = None
    """How many may be made in all. Writes stop a little earlier, so that each can still be read back."""
    total_wait: float = 180.0
    """The longest that one request may take, from its first attempt to the end of its last one."""
    connect: float = 10.0
    silence: float = 60.0
    """How long the server may send, or take, nothing at all."""
    answer: float = 120.0
    """How long an attempt may take, from connecting to the last byte of its answer, however that drips."""
    answer_bytes: int = 32 * 2**20
    """How long one answer may be, packed and unpacked."""


USUAL_BOUNDS: Final = Bounds()


class Answer(Redacted, frozen=True, dict=True):
    """An answer that arrived whole. `path` is without the query, the names of `headers` are in lower case."""

    shown: ClassVar = ("method", "path", "status")

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    secrets: Sequence[Secret] = ()
    """What was sent with the request and must not be shown, should the answer repeat it."""

    def quoted(self, text: str) -> str:
        """Return words of this answer fit to be shown: one line, printable, short, without the secrets."""
        return _quoted(text, self.secrets)

    @property
    def sent_at(self) -> float | None:
        """When the server says that it answered, in seconds since 1970 UTC; None where it does not say."""
        return _moment(self.headers.get("date", ""))

    def json(self) -> object:
        """Return the document in the body, whatever type the headers claim; `BadAnswer` for anything else."""
        try:
            return self._document
        except Unfit as unfit:
            form = self.headers.get("content-type", "of no stated type")
            raise BadAnswer(
                f"{self.method} {self.path}: {self.status}, but the body {unfit} "
                f"({len(self.content)} bytes, {self.quoted(form)}). Check that the address is the API's."
            ) from unfit

    @cached_property
    def _document(self) -> object:
        return document_in(self.content)


class MemoryBudget:
    """The memory that is left for one list, page by page. For many threads."""

    def __init__(self, free: int = HEAVIEST) -> None:
        self._free = free
        self._lock = threading.Lock()

    def take(self, answer: Answer) -> None:
        """Count a page; `BadAnswer` where the list is more than can be held."""
        with self._lock:
            self._free -= weight(answer.content)
            is_full = self._free < 0
        if is_full:
            raise BadAnswer(
                f"{answer.method} {answer.path}: the list is larger than any account's. It cannot be trusted."
            )


class Attempt(Redacted, frozen=True):
    """One attempt, as a log may show it: how long it took, and its status, None where no answer came."""

    shown: ClassVar = ("method", "path", "status", "seconds", "id", "attempt", "waited", "failure")

    method: str
    path: str
    status: int | None
    seconds: float
    id: str = ""
    """What names the request in the log; each attempt of it has the same one."""
    attempt: int = 1
    waited: float = 0.0
    """How long it waited to be sent, for its pace or since the attempt before, in seconds."""
    failure: str = ""
    """What went wrong where no whole answer came: the name of an error, without its words."""
    params: Mapping[str, QueryValue] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of the answer."""
    secrets: Sequence[Secret] = ()

    @property
    def query(self) -> Mapping[str, str]:
        """The query with its numbers and truth values; of texts, which may be addresses, only how many."""
        return {name: _masked(value) for name, value in self.params.items()}

    @property
    def server_id(self) -> str:
        """What the server calls the request; empty where it does not say, or says anything but a plain id."""
        found = next((id for name in _ID_HEADERS if (id := self.headers.get(name))), "")
        shows_secret = any(value in found for value in _redactable(self.secrets))
        return found if _ID.fullmatch(found) and not shows_secret else ""


def _plain_complaint(answer: Answer) -> str:
    # More than is looked at, so that where it is cut is known there too.
    text = answer.content[: 4 * (_LONGEST_LOOKED_AT + 1)].decode("utf-8", "replace")
    return "an HTML page" if text.lstrip().startswith("<") else text


class Dialect(Struct, frozen=True):
    """What one API's answers mean beyond HTTP."""

    status: Callable[[Answer], int] = lambda answer: answer.status
    """The status that an answer really has, for APIs that put one into the body."""
    complaint: Callable[[Answer], str] = _plain_complaint
    """The API's own words in an answer that is an error; redacted and shortened where they are shown."""
    hints: Mapping[type[ApiError], str] = field(default_factory=dict)
    """What to do next, as a sentence, where this API has better advice than the usual."""


_HTTP_ALONE: Final = Dialect()


class Connection(Struct, frozen=True):
    """How requests to an account leave, and who is told of them: the same for all that ask it in a run."""

    bounds: Bounds = USUAL_BOUNDS
    clock: Clock = field(default_factory=SystemClock)
    transport: Transport | None = None
    """What carries requests; without it they go over the network, by the proxy and with the certificates that
    the environment names, but never by a proxy to this machine."""
    access: Access | None = None
    """Which addresses the operator trusts beside those of the API."""
    on_request: Callable[[Attempt], None] = lambda _: None
    """Called with each attempt, in the thread that made it."""
    before_request: Callable[[], None] = lambda: None
    """Called right before an attempt leaves."""
    new_id: Callable[[], str] = lambda: ""
    """Names each request for the log; the name is not sent."""
    pace: Pace = field(default_factory=Pace)
    """The pace of the account, shared with all else that asks it."""


class _Call(Redacted, frozen=True):
    """One request as it was asked for, however often it is attempted."""

    shown: ClassVar = ("method", "path", "reads")

    method: str
    path: str
    reads: bool
    headers: Mapping[str, Secret]
    params: Mapping[str, QueryValue] | None
    json: object
    form: Mapping[str, str | Secret]
    secrets: Sequence[Secret]
    """Everything that is sent with it and must not be shown."""
    on_answer: Callable[[], None] | None = None

    def request(self, writer: Writer) -> httpx.Request:
        """Return the request to send. Raises `UsageError` where it cannot be written as one."""
        headers, form = _revealed(self.headers), _revealed(self.form)
        try:
            return writer.request(self.method, self.path, self.params, headers, json=self.json, form=form)
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.method} {self.path}: this is no address ({error})") from error


def _revealed(parts: Mapping[str, str | Secret]) -> Mapping[str, str]:
    return {name: part.value if isinstance(part, Secret) else part for name, part in parts.items()}


def _secrets(parts: Mapping[str, str | Secret]) -> Iterable[Secret]:
    return (part for part in parts.values() if isinstance(part, Secret))


class _Retryable(Exception):  # it never leaves this module
    """Another attempt may be made; `error` is what to raise if there is none.

    `asked` is how long the API asks to be left alone, in seconds, if it does; `note` is what to say of that
    if it is too long. `is_hopeless` says that no other request would fare better.
    """

    def __init__(
        self,
        error: ApiError,
        *,
        asked: float | None = None,
        tries: int = _TRIES,
        note: str = "",
        is_hopeless: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked = asked
        self.tries = tries
        self.note = note
        self.is_hopeless = is_hopeless


class _Attempts(Struct):
    """How far a request is that may take several attempts. For one thread; times are of `Clock.monotonic`."""

    call: _Call
    id: str
    waits_since: float
    attempt: int = 0
    began: float = 0.0
    """When its first attempt began."""
    answers: int = 0
    """How many the account had given then."""
    trouble: _Retryable | None = None
    """How the attempt before failed."""

    def ended(
        self, path: str, response: httpx.Response | None, failure: str, started: float, now: float
    ) -> Attempt:
        """Return the attempt that has just ended; the wait for another one begins."""
        waited = started - self.waits_since
        self.attempt, self.waits_since = self.attempt + 1, now
        return Attempt(
            method=self.call.method,
            path=path,
            status=None if response is None else response.status_code,
            seconds=now - started,
            id=self.id,
            attempt=self.attempt,
            waited=waited,
            failure=failure,
            params=self.call.params or {},
            headers={} if response is None else response.headers,
            secrets=self.call.secrets,
        )


class Api:
    """One API at one address. Safe for use by many threads at once; close it, or use it in a `with`.

    `headers` go out with every request, to `url` and nowhere else: redirects are not followed, cookies not
    kept, and `url` must be `trusted`, by the `hosts` of the API and what the connection's `access` allows.
    `share` counts the requests of several of them as those of one, instead of `bounds.requests_per_run`.

    Raises `Refused` for an address that is not trusted, `UsageError` for settings that cannot be used.
    """

    def __init__(
        self,
        url: str,
        connection: Connection | None = None,
        *,
        headers: Mapping[str, Secret] | None = None,
        share: RequestBudget | None = None,
        dialect: Dialect = _HTTP_ALONE,
        hosts: tuple[str, ...] = (),
    ) -> None:
        connection = connection or Connection()
        address, bounds = trusted(url, hosts, connection.access), connection.bounds
        own = _sendable(headers or {})
        self._secrets = tuple(own.values())
        self._bounds = bounds
        self._dialect = dialect
        self._clock = connection.clock
        self._on_request = connection.on_request
        self._before_request = connection.before_request
        self._new_id = connection.new_id
        self._pace = connection.pace
        self._pace.at_most(bounds.requests_per_minute)
        self._under_way = threading.BoundedSemaphore(bounds.parallelism)
        self._counts: Counter[str] = Counter()
        self._share = share or (RequestBudget(bounds.requests_per_run) if bounds.requests_per_run else None)
        self._lock = threading.Lock()
        timeout = httpx.Timeout(bounds.silence, connect=bounds.connect)
        self._writer = Writer(address, _revealed(own), timeout)
        transport = connection.transport
        if transport is None:
            # Imported here: the embedded sandbox needs no network.
            from reconciler.http.connections import Connections

            transport = Connections(address)
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; requests after it are a programming error."""
        self._transport.close()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many requests were sent so far, by method, every attempt counted."""
        with self._lock:
            return dict(self._counts)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, QueryValue] | None = None,
        json: object = None,
        form: Mapping[str, str | Secret] | None = None,
        headers: Mapping[str, Secret] | None = None,
        reads: bool | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and return its answer, which is a success (2xx) and whole.

        `path` starts with a slash and is relative to the API's address. `json` or `form` is the body.
        `headers` are sent beside those of the API. `reads` says that repeating it can do no harm; unless
        told, that is so for GET only. `on_answer` is called when a whole answer has come, whatever it says; a
        request that has one is not sent again after an answer, a 429 either. Errors: the `ApiError` tree, see
        the table at the top.
        """
        if not re.fullmatch(r"/[^?#]*", path):
            raise ValueError("a path starts with a slash and holds no query; give it as `params`")
        headers, form = _sendable(headers or {}), form or {}
        secrets = (*self._secrets, *_secrets(headers), *_secrets(form))
        is_read = method == "GET" if reads is None else reads
        call = _Call(method, path, is_read, headers, params, json, form, secrets, on_answer)
        try:
            return self._carried(_Attempts(call, self._new_id(), self._clock.monotonic()))
        except SleepCut as cut:
            raise self._error(Abandoned, call, "interrupted while it waited to be sent") from cut

    def _carried(self, course: _Attempts) -> Answer:
        """Send its call until it has an answer or an end."""
        while True:
            try:
                return self._attempt(course)
            except _Retryable as again:
                course.trouble = trouble = again
            back_off = min(0.5 * 2 ** (course.attempt - 1), _LONGEST_BACK_OFF) + random.uniform(0, 0.5)  # noqa: S311
            asked = trouble.asked or 0.0
            if course.attempt >= trouble.tries or self._left(course) <= max(asked, back_off):
                raise self._given_up(course) from trouble.__cause__
            # What was asked for is a pause of the whole account, which it waits for in its place.
            if back_off > asked:
                self._clock.sleep(back_off)

    def _left(self, course: _Attempts) -> float:
        """Return the seconds until its next attempt has to have begun."""
        reserve = 0.0 if course.call.reads else _LEAST_FOR_WRITE
        return course.began + self._bounds.total_wait - reserve - self._clock.monotonic()

    def _given_up(self, course: _Attempts) -> ApiError:
        """Return how a request ends that is not attempted again; the account may be given up with it."""
        trouble = course.trouble
        assert trouble is not None  # noqa: S101 - an attempt before has failed
        error = type(trouble.error)(f"{trouble.error} (attempts: {course.attempt}{trouble.note})")
        self._pace.failed(error, course.answers, is_hopeless=trouble.is_hopeless)
        return error

    def _attempt(self, course: _Attempts) -> Answer:
        """Send its call once. Raises an `ApiError` that is final, or `_Retryable`."""
        call = course.call
        request = call.request(self._writer)
        try:
            with self._under_way, self._pace.place(self._clock):
                if course.trouble is not None and self._left(course) <= 0:
                    raise self._given_up(course) from course.trouble.__cause__
                self._take_share(call)
                # Judged in its place, for a pause begins before the next one starts.
                return self._judged(call, self._send(request, course))
        except GivenUp as gone:
            if course.trouble is not None:
                raise self._given_up(course) from course.trouble.__cause__
            raise type(gone.error)(
                f"{call.method} {self._writer.base_path}{call.path}: not sent, because the account was given "
                f"up after {gone.error}"
            ) from gone.error
        except httpx.HTTPError as error:
            raise self._lost(call, error) from error
        except (TooLarge, Foreign) as error:
            raise self._error(BadAnswer if call.reads else NoAnswer, call, str(error)) from error

    def _take_share(self, call: _Call) -> None:
        """Count a request that is about to be made. Raises `AllowanceUsedUp` where that is one too many."""
        # Whoever is at work may read once more for what is begun, and once for what was written.
        kept_free = 0 if call.reads else 3 * self._bounds.parallelism
        if self._share is not None and not self._share.take(kept_free):
            kept = f" but {kept_free} to read back what was written" if kept_free else ""
            raise AllowanceUsedUp(
                f"{call.method} {self._writer.base_path}{call.path}: not sent: requests_per_run leaves this "
                f"run no more{kept}. Do a part with --only, or raise it."
            )

    def _send(self, request: httpx.Request, course: _Attempts) -> Answer:
        path, response, failure = request.url.path, None, ""
        self._before_request()
        started = self._clock.monotonic()
        ends = started + self._bounds.answer
        if course.attempt:
            ends = min(ends, course.began + self._bounds.total_wait)
        else:
            course.began, course.answers = started, self._pace.answers
        # The dictionary is that of all requests.
        request.extensions = {**request.extensions, "time_left": lambda: ends - self._clock.monotonic()}
        try:
            response = self._transport.handle_request(request)
            content = received(response, self._bounds.answer_bytes, lambda: self._check_time(started, ends))
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            ended = self._clock.monotonic()
            # This machine was asleep: that is none of the time that the server was given.
            course.began += max(0.0, ended - started - self._bounds.answer)
            self._record(course.ended(path, response, failure, started, ended))
        secrets = course.call.secrets
        return Answer(request.method, path, response.status_code, response.headers, content, secrets)

    def _check_time(self, started: float, ends: float) -> None:
        if self._clock.monotonic() > ends:
            raise httpx.ReadTimeout(f"the answer is not whole after {ends - started:.0f} s")

    def _record(self, exchange: Attempt) -> None:
        """Count an attempt that has ended, and tell of it."""
        with self._lock:
            self._counts[exchange.method] += 1
        self._on_request(exchange)

    def _lost(self, call: _Call, error: httpx.HTTPError) -> Exception:
        """Return what it means that no whole answer came."""
        quoted = _quoted(f"{type(error).__name__}: {error}", call.secrets)
        if isinstance(error, _NOT_TAKEN):
            return _Retryable(self._error(Unreachable, call, f"no connection ({quoted})"), is_hopeless=True)
        if call.reads:
            return _Retryable(self._error(Unreachable, call, f"no whole answer ({quoted})"), is_hopeless=True)
        return self._error(NoAnswer, call, f"no whole answer ({quoted})")

    def _judged(self, call: _Call, answer: Answer) -> Answer:
        """Return an answer that is a success; raise what any other one means."""
        if call.on_answer:
            call.on_answer()
        status = self._dialect.status(answer)
        is_full = status == HTTPStatus.TOO_MANY_REQUESTS
        if status < 500 and not is_full:
            self._pace.answered()
        if 200 <= status < 300:
            return answer
        error = self._error(_kind(status, call.reads), call, self._told(status, answer))
        asked = _retry_after(answer, self._clock.now())
        note, tries = "" if asked is None else f"; the API asks to wait {asked:.0f} s", _TRIES
        if is_full and asked is None:
            # A second more, for the server's minute need not begin with ours.
            asked, note, tries = 61 - self._clock.now() % 60, _PERHAPS_DAILY, _TRIES_BY_MINUTE
        if (is_full or status >= 500) and asked and asked < self._bounds.total_wait:
            # For a write that ends here too: it is looked up by a read.
            self._pace.pause(asked, self._clock)
        if (is_full and not call.on_answer) or (call.reads and status in _PASSING):
            raise _Retryable(error, asked=asked, tries=tries, note=note, is_hopeless=asked is not None)
        raise error

    def _told(self, status: int, answer: Answer) -> str:
        complaint = answer.quoted(self._dialect.complaint(answer))
        return ": ".join(filter(None, (_status_line(status), complaint)))

    def _error(self, kind: type[ApiError], call: _Call, what: str) -> ApiError:
        """Return the error that says what happened to which request and what to do next."""
        advice = self._dialect.hints.get(kind, _ADVICE[kind])
        return kind(f"{call.method} {self._writer.base_path}{call.path}: {what}. {advice}")


# Raised before the first byte of a request is written; after that nothing proves that it was not taken.
_NOT_TAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PASSING = frozenset({408, 500, 502, 503, 504})
_PERHAPS_DAILY = "; where a new minute does not help, the allowance of the day is used up"
_REFUSALS: Mapping[int, type[ApiError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: NotFound,
    429: AllowanceUsedUp,
}
_ADVICE: Mapping[type[ApiError], str] = {
    Unauthorised: "Check the credentials.",
    Forbidden: "Give the credentials the role that this needs.",
    NotFound: "Check the id and the address.",
    Declined: "Nothing was changed; correct what the API names.",
    Unreachable: "Nothing was changed; check the address, the network and the proxy, or run again later.",
    AllowanceUsedUp: "Nothing was changed; run again when the account's allowance is free.",
    Abandoned: "Nothing was changed; run again.",
    BadAnswer: "Check the address: redirects are not followed, and only the API's own form is read.",
    NoAnswer: "It may have been carried out or not; look at what is live before sending it again.",
}


def _kind(status: int, reads: bool) -> type[ApiError]:
    """Return what a status that is no success means in the end."""
    if 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT:
        return _REFUSALS.get(status, Declined)
    if not reads:
        return NoAnswer
    return BadAnswer if status < 400 else Unreachable


def _retry_after(answer: Answer, now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for, by a number or an HTTP date; None for anything else.

    A date counts from the server's own `Date`, for this machine's clock may be wrong, and else from `now`. Of
    several numbers the largest counts, and no wait is longer than `_LONGEST_ASKED`.
    """
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?( *, *[0-9]+(\.[0-9]+)?)*", text):
        return min(max(map(float, text.split(","))), _LONGEST_ASKED)
    until, since = _moment(text), _moment(answer.headers.get("date", ""))
    if until is None:
        return None
    return min(max(0.0, until - (now if since is None else since)), _LONGEST_ASKED)


_LONGEST_ASKED = 1e9
_LATEST = 2.0**36  # in the year 4147, which every calendar and time zone can still write
_DATE = re.compile(r"[A-Za-z0-9,: +-]{1,64}")


def _moment(text: str) -> float | None:
    """Return the wall time that an HTTP date means, None for what is none, or for one out of all reason."""
    if not _DATE.fullmatch(text):
        return None
    try:
        date = email.utils.parsedate_to_datetime(text)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment if 0 <= moment < _LATEST else None


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _redactable(secrets: Iterable[Secret]) -> list[str]:
    """Return the values that are long enough to be known for secrets in a text."""
    return [secret.value for secret in secrets if len(secret.value) >= _SHORTEST_SECRET]


def _quoted(text: str, secrets: Iterable[Secret]) -> str:
    """Return words that are not ours, fit to stand in a sentence: printable, short, without any secret."""
    values = _redactable(secrets)
    is_cut = len(text) > _LONGEST_LOOKED_AT
    text = printable(text[:_LONGEST_LOOKED_AT]).rstrip(".")
    for value in values:
        text = text.replace(value, "***")
    if is_cut:
        # Where it was cut the beginning of a secret may stand, which nothing would know for one.
        text = text[: -max(map(len, values), default=1)]
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _masked(value: QueryValue) -> str:
    """Return a value of a query as a log may show it."""
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, str):
        return "***"
    texts = sum(isinstance(one, str) for one in value)
    return f"*** ({texts})" if texts else ",".join(map(str, value))


def _sendable(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    """Return the headers. Raises `UsageError`, without the value, for one that HTTP cannot carry."""
    for name, secret in headers.items():
        value = secret.value
        if not (value and value.isascii() and value.isprintable() and value == value.strip()):
            raise UsageError(
                f"{name}: empty, or with a line break, a blank at an end or a sign that is not ASCII. "
                "Check the environment variable or file that it comes from."
            )
    return headers
