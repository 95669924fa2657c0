"""The only way out of this process to an API: what may be asked, how often, of whom, and what failures mean.

What is repeated here, and how an attempt that is not repeated ends:

    what happened                               a read                     a write
    no connection: refused, DNS, TLS, proxy     again, then Unreachable    again, then Unreachable
    none until a setting is mended (see FAULTS) Misconfigured              Misconfigured
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

import json as jsons
import logging
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httpx
from msgspec import Struct, field

from reconciler import __version__
from reconciler.access import HTTPS, Access, is_loopback, matches
from reconciler.clock import Clock, Pace, SleepCut, SystemClock
from reconciler.errors import (
    Abandoned,
    AllowanceUsedUp,
    ApiError,
    BadAnswer,
    Declined,
    Forbidden,
    Misconfigured,
    NoAnswer,
    NotFound,
    Refused,
    Unauthorised,
    Unreachable,
    UsageError,
)
from reconciler.http.messages import (
    PACKED,
    Answer,
    Attempt,
    Budget,
    QueryValue,
    Secret,
    Transport,
    Unfit,
    moment,
    plain_complaint,
    printable,
    quoted,
    received,
)
from reconciler.problems import Redacted

# httpx logs whole addresses, and a query may hold a person's e-mail address.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_TRIES = 6
_TRIES_BY_MINUTE = 4
_LONGEST_BACK_OFF = 30.0
_LEAST_FOR_WRITE = 15.0  # seconds that a write needs for its answer; with less it is not sent again
_LONGEST_ASKED = 1e9


class Bounds(Struct, frozen=True):
    """How much may be asked of one API, and how long it may take. All times are in seconds."""

    requests_per_minute: int | None = None
    parallelism: int = 8  # requests under way, over all threads, and connections that are kept
    requests_per_run: int | None = None
    """How many may be made in all. Writes stop a little earlier, so that each can still be read back."""
    total_wait: float = 180.0  # the longest that a request may take, over all of its attempts
    connect: float = 10.0
    silence: float = 60.0  # how long the server may send, or take, nothing at all
    answer: float = 120.0
    """How long an attempt may take, from connecting to the last byte of its answer, however that drips."""
    answer_bytes: int = 32 * 2**20  # how long one answer may be, packed and unpacked


USUAL_BOUNDS: Final = Bounds()


class Connection(Struct, frozen=True):
    """How requests to an account leave and are recorded: the same for all clients of it in a run."""

    bounds: Bounds = USUAL_BOUNDS
    clock: Clock = field(default_factory=SystemClock)
    transport: Transport | None = None
    """What carries requests, instead of the network by the proxy and certificates of the environment."""
    access: Access | None = None  # which addresses the operator trusts beside those of the API
    on_request: Callable[[Attempt], None] = lambda _: None  # called with each attempt, in its thread
    before_request: Callable[[], None] = lambda: None  # called right before an attempt leaves
    new_id: Callable[[], str] = lambda: ""  # names each request for the log; the name is not sent
    pace: Pace = field(default_factory=Pace)  # the pace of the account, shared with all else that asks it


@dataclass(eq=False)
class _Retryable(Exception):  # it never leaves this module
    """Another attempt may be made; `error` is what to raise if there is none."""

    error: ApiError
    is_hopeless: bool  # no other request would fare better
    asked: float | None = None  # for how many seconds the API asks to be left alone
    tries: int = _TRIES
    note: str = ""  # what to say of the wait if it is too long


class _Call(Redacted, frozen=False):  # type: ignore[misc]  # mypy takes it for a dataclass
    """One request as it was asked for, and how far its attempts are. Times are of `Clock.monotonic`."""

    shown: ClassVar = ("name", "reads")

    name: str  # its method and path, for errors
    request: httpx.Request
    params: Mapping[str, QueryValue]
    reads: bool
    secrets: Sequence[Secret]  # everything that is sent with it and must not be shown
    on_answer: Callable[[], None] | None
    id: str
    waits_since: float
    attempts: int = 0  # how many have ended
    began: float = 0.0  # when the first attempt began, and how many answers the account had given then
    answers: int = 0


class Api:
    """One API at one address. Safe for use by many threads at once; `close` it in the end.

    `headers` go out with every request, to `url` and nowhere else, which must be `trusted` by `hosts` and the
    connection's `access`. `share` counts the requests of several as those of one, instead of
    `bounds.requests_per_run`. `status` returns the status that an answer really has, for APIs that put one
    into the body, `complaint` the API's own words in an error, `hints` better advice than the usual.

    Raises `Refused` for an address that is not trusted, `UsageError` for settings that cannot be used.
    """

    def __init__(
        self,
        url: str,
        connection: Connection | None = None,
        *,
        headers: Mapping[str, Secret] | None = None,
        share: Budget | None = None,
        hosts: tuple[str, ...] = (),
        status: Callable[[Answer], int] = lambda answer: answer.status,
        complaint: Callable[[Answer], str] = plain_complaint,
        hints: Mapping[type[ApiError], str] | None = None,
    ) -> None:
        self._connection = connection = connection or Connection()
        address, bounds = httpx.URL(trusted(url, hosts, connection.access)), connection.bounds
        self._secrets = tuple((headers or {}).values())
        self._bounds, self._clock, self._pace = bounds, connection.clock, connection.pace
        self._status, self._complaint, self._hints = status, complaint, hints or {}
        if bounds.requests_per_minute is not None:
            self._pace.at_most(bounds.requests_per_minute)
        self._under_way = threading.BoundedSemaphore(bounds.parallelism)
        self._share = share or (Budget(bounds.requests_per_run) if bounds.requests_per_run else None)
        self._timeout: Any = httpx.Timeout(bounds.silence, connect=bounds.connect).as_dict()
        self._base = str(address).rstrip("/")
        self._headers = {
            "Host": address.netloc.decode("ascii"),
            "User-Agent": f"reconciler/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": PACKED,
            "Connection": "keep-alive",
            **_sendable(headers or {}),
        }
        if (transport := connection.transport) is None:
            # Imported here: the embedded sandbox needs no network.
            from reconciler.http.connections import Connections

            transport = Connections(address)
        self._transport = transport

    def close(self) -> None:
        """Close the connections; requests after it are a programming error."""
        self._transport.close()

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

        `path` is relative to the API's address, `json` or `form` the body. `reads` says that repeating it can
        do no harm, as for a GET. `on_answer` is called when a whole answer has come, whatever it says, and
        after it the request is not sent again. Raises an `ApiError`, see the table at the top.
        """
        if not re.fullmatch(r"/[^?#]*", path):
            raise ValueError("a path starts with a slash and holds no query; give it as `params`")
        headers, form = headers or {}, form or {}
        sent = [part for part in (*headers.values(), *form.values()) if isinstance(part, Secret)]
        own, content = httpx.Headers({**self._headers, **_sendable(headers)}), None
        if json is not None:
            own["Content-Type"] = "application/json"
            text = jsons.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            # Half of a character, which an answer may hold, goes back as the escape that it came as.
            content = text.encode("utf-8", "backslashreplace")
        data = {name: part.value if isinstance(part, Secret) else part for name, part in form.items()} or None
        try:
            request = httpx.Request(
                method, self._base + path, params=params, headers=own, content=content, data=data
            )
        except httpx.InvalidURL as error:
            raise UsageError(f"{method} {path}: this is no address ({error})") from error
        call = _Call(
            name=f"{method} {request.url.path}",
            request=request,
            params=params or {},
            reads=method == "GET" if reads is None else reads,
            secrets=(*self._secrets, *sent),
            on_answer=on_answer,
            id=self._connection.new_id(),
            waits_since=self._clock.monotonic(),
        )
        try:
            return self._repeated(call)
        except SleepCut as cut:
            raise self._error(Abandoned, call, "interrupted while it waited to be sent") from cut

    def _repeated(self, call: _Call) -> Answer:
        """Send a call until its answer is final. Raises `SleepCut` where the run is to end before that."""
        trouble: _Retryable | None = None
        while True:
            with self._under_way, self._pace.place(self._clock) as gone:
                if trouble is not None and (gone or self._seconds_left(call) <= 0):
                    raise self._given_up(call, trouble) from trouble.__cause__
                if gone:
                    why = f"not sent, because the account was given up: {gone.brief}"
                    raise type(gone)(f"{call.name}: {why}") from gone
                # Enough stays free to read once more for each that is under way, and once for what it wrote.
                kept_free = 0 if call.reads else 3 * self._bounds.parallelism
                if self._share is not None and not self._share.take(kept_free=kept_free):
                    kept = f" but {kept_free} to read back what was written" if kept_free else ""
                    raise AllowanceUsedUp(
                        f"{call.name}: not sent: requests_per_run leaves this run no more{kept}",
                        "Do a part with --only, or raise it.",
                    )
                try:
                    # Judged in its place, for a pause begins before the next one starts.
                    return self._judged(call, self._send(call))
                except _Retryable as again:
                    trouble = again
            asked = trouble.asked or 0.0
            back_off = min(0.5 * 2 ** (call.attempts - 1), _LONGEST_BACK_OFF) + random.uniform(0, 0.5)  # noqa: S311
            if call.attempts >= trouble.tries or self._seconds_left(call) <= max(asked, back_off):
                raise self._given_up(call, trouble) from trouble.__cause__
            # What was asked for is a pause of the account, which the next attempt waits for in its place.
            if back_off > asked:
                self._clock.sleep(back_off)

    def _seconds_left(self, call: _Call) -> float:
        """Return the seconds until the next attempt has to have begun."""
        reserve = 0.0 if call.reads else _LEAST_FOR_WRITE
        return call.began + self._bounds.total_wait - reserve - self._clock.monotonic()

    def _given_up(self, call: _Call, trouble: _Retryable) -> ApiError:
        """Return how a request ends that is not attempted again; the account may be given up with it."""
        fact = f"{trouble.error.fact} (attempts: {call.attempts}{trouble.note})"
        error = type(trouble.error)(fact, trouble.error.advice)
        self._pace.failed(error, call.answers, is_hopeless=trouble.is_hopeless)
        return error

    def _send(self, call: _Call) -> Answer:
        """Send a call once. Raises an `ApiError` that is final, or `_Retryable`."""
        path, response, failure = call.request.url.path, None, ""
        self._connection.before_request()
        started = self._clock.monotonic()
        ends = started + self._bounds.answer
        if call.attempts:
            ends = min(ends, call.began + self._bounds.total_wait)
        else:
            call.began, call.answers = started, self._pace.answers
        limits = {"timeout": self._timeout, "time_left": lambda: ends - self._clock.monotonic()}
        call.request.extensions = limits
        try:
            response = self._transport.handle_request(call.request)
            content = received(response, self._bounds.answer_bytes, ends - started, limits["time_left"])
        except BaseException as error:
            failure = error.kind if isinstance(error, Unfit) else type(error).__name__
            if isinstance(error, httpx.HTTPError | Unfit):
                raise self._lost(call, error) from error
            raise
        finally:
            ended = self._clock.monotonic()
            # This machine was asleep: that is none of the time that the server was given.
            call.began += max(0.0, ended - started - self._bounds.answer)
            waited, call.waits_since = started - call.waits_since, ended
            call.attempts += 1
            attempt = Attempt(
                method=call.request.method,
                path=path,
                status=None if response is None else response.status_code,
                seconds=ended - started,
                id=call.id,
                attempt=call.attempts,
                waited=waited,
                failure=failure,
                params=call.params,
                headers={} if response is None else response.headers,
                secrets=call.secrets,
            )
            self._connection.on_request(attempt)
        method, headers = call.request.method, response.headers
        return Answer(method, path, response.status_code, headers, content, call.secrets)

    def _lost(self, call: _Call, error: httpx.HTTPError | Unfit) -> Exception:
        """Return what it means that no whole answer came, or none that can be gone on with."""
        if isinstance(error, Unfit):
            return self._error(BadAnswer if call.reads else NoAnswer, call, f"the answer {error}")
        words = quoted(f"{type(error).__name__}: {error}", call.secrets)
        is_taken = not isinstance(error, _NOT_TAKEN)
        what = f"no whole answer ({words})" if is_taken else f"no connection ({words})"
        if is_taken and not call.reads:
            return self._error(NoAnswer, call, what)
        if not is_taken:
            from reconciler.http.connections import to_be_mended

            wrong, advice = to_be_mended(error, call.request.url.host)
            if wrong:
                mend = Misconfigured(f"{call.name}: {wrong}", advice)
                return _Retryable(mend, is_hopeless=True, tries=1)
        return _Retryable(self._error(Unreachable, call, what), is_hopeless=True)

    def _judged(self, call: _Call, answer: Answer) -> Answer:
        """Return an answer that is a success; raise what any other one means."""
        if call.on_answer:
            call.on_answer()
        status = self._status(answer)
        is_full = status == HTTPStatus.TOO_MANY_REQUESTS
        if status < 500 and not is_full:
            self._pace.answered()
        if 200 <= status < 300:
            return answer
        known = f"{status} {HTTPStatus(status).phrase}" if status in _STATUSES else str(status)
        words = ": ".join(filter(None, (known, answer.quoted(self._complaint(answer)))))
        if 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT:
            kind: type[ApiError] = _REFUSALS.get(status, Declined)
        else:
            kind = (BadAnswer if status < 400 else Unreachable) if call.reads else NoAnswer
        error = self._error(kind, call, words)
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

    def _error(self, kind: type[ApiError], call: _Call, what: str) -> ApiError:
        usual = _ADVICE[kind]
        if kind is NotFound and not call.name[-1].isdigit():
            usual = "Check that the address is the API's."  # there is no id in it to be wrong
        return kind(f"{call.name}: {what}", self._hints.get(kind, usual))


# Raised before the first byte of a request is written; after that nothing proves that it was not taken.
_NOT_TAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PASSING = frozenset({408, 500, 502, 503, 504})
_STATUSES = frozenset(HTTPStatus)
_PERHAPS_DAILY = "; where a new minute does not help, the allowance of the day is used up"
_REFUSALS = {401: Unauthorised, 403: Forbidden, 404: NotFound, 429: AllowanceUsedUp}
_ADVICE: Mapping[type[ApiError], str] = {
    Unauthorised: "Check the credentials.",
    Forbidden: "Give the credentials the role that this needs.",
    NotFound: "Check the id and the address.",
    Declined: "Correct what the API names.",
    Unreachable: "Check the address, the network and the proxy, or run again later.",
    AllowanceUsedUp: "Run again when the account's allowance is free.",
    Abandoned: "Run again.",
    BadAnswer: "Check the address: redirects are not followed, and only the API's own form is read.",
    NoAnswer: "It may have been carried out or not; look at what is live before sending it again.",
}


def _retry_after(answer: Answer, now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for, by numbers, of which the largest counts, or a date.

    A date counts from the server's own `Date`, for this machine's clock may be wrong, and else from `now`.
    """
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?( *, *[0-9]+(\.[0-9]+)?)*", text):
        return min(max(map(float, text.split(","))), _LONGEST_ASKED)
    until, since = moment(text), moment(answer.headers.get("date", ""))
    since = now if since is None else since
    return None if until is None else min(max(0.0, until - since), _LONGEST_ASKED)


def _sendable(headers: Mapping[str, Secret]) -> dict[str, str]:
    """Return headers to send. Raises `UsageError`, without the value, for one that HTTP cannot carry."""
    sendable = {name: secret.value for name, secret in headers.items()}
    for name, value in sendable.items():
        if not (value and value.isascii() and value.isprintable() and value == value.strip()):
            raise UsageError(
                f"{name}: empty, or with a line break, a blank at an end or a sign that is not ASCII. "
                "Check the environment variable or file that it comes from."
            )
    return sendable


# To whom the credentials of each API may go: decided from the address alone, before anything is sent.

CHECKMARKET_HOSTS: Final = ("*.agileresearch.medallia.com", "*.checkmarket.com")
EXPOINTS_HOSTS: Final = ("*.expoints.nl",)
TOKEN_HOSTS: Final = ("login.microsoftonline.com",)
"""The documented token host of Expoints; a tenant's own host is one too."""

_VENDORS: Final = (*CHECKMARKET_HOSTS, *EXPOINTS_HOSTS, *TOKEN_HOSTS)


def trusted(url: str, hosts: tuple[str, ...], access: Access | None = None) -> str:
    """Return `url` in its normal form if the credentials of an API may be sent to it.

    Trusted are `hosts`, names and `*.` patterns of that API, at port 443, and what `access` trusts; but never
    a host of another API. Only https will do, but for this machine. Raises `UsageError` for what is no
    address of an API, `Refused` for one that is not trusted.
    """
    access = access or Access()
    named = url if url and "@" not in url else "The address"
    try:
        # Read by the parser of the client, so that both see the same host; in punycode, as it is looked up.
        address = httpx.URL(url)
        host = address.raw_host.decode("ascii").lower().removesuffix(".")
        address = address.copy_with(host=host)
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"{printable(named)} is no address of an API. {_LIKE}") from error
    if address.userinfo:
        raise Refused(f"{host}: an address holds no name and password. {_LIKE}")
    has_host = address.scheme in ("http", "https") and _HOST.fullmatch(host) is not None
    if not has_host or (address.port or HTTPS) >= 2**16 or address.query or address.fragment:
        raise UsageError(f"{printable(named)} is no address of an API. {_LIKE}")
    if _DOCUMENTATION.search(address.path):
        raise Refused(f"{printable(named)} is documentation, not the API. {_LIKE}")
    port = address.port or (HTTPS if address.scheme == "https" else 80)
    shown = host if port == HTTPS else f"{host}:{port}"
    is_own = matches(host, hosts)
    if matches(host, _VENDORS) and not is_own:
        raise Refused(
            f"{shown} is the host of another API, and gets no credentials of this one; they go to "
            f"{', '.join(hosts)}. Write the right address in the files"
        )
    if not ((is_own and port == HTTPS) or access.trusts(host, port)):
        if is_loopback(host):
            where = "in CI" if access.in_ci else "beside an API that is elsewhere"
            why = f"{where} this machine gets credentials only where it is named. If this is right"
        else:
            own = ", ".join(hosts) or "hosts that are named"
            why = f"credentials go only to {own} at port {HTTPS}. If this host is right"
        raise Refused(f"{shown}: {why}: {access.line_to_trust(host, port)}")
    if address.scheme != "https" and not is_loopback(host):
        raise Refused(f"{host}: credentials go over https only. Write https://{host}")
    if host in TOKEN_HOSTS and not _TOKEN_PATH.fullmatch(address.path):
        raise Refused(
            f"{host} gives tokens at https://{host}/TENANT/oauth2/v2.0/token only. Write it like that"
        )
    return str(address)


_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")
_DOCUMENTATION = re.compile(r"/(help|docs)(/|$)", re.IGNORECASE)
_TOKEN_PATH = re.compile(r"/[A-Za-z0-9.-]+/oauth2(/v2\.0)?/token")
_LIKE = "Write it like https://api-eu.agileresearch.medallia.com or https://acme.expoints.nl"
