"""What goes wrong between a client and a server, on demand: lost answers, error pages, delays, cut bodies."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# The key under which the text of a fault that struck stands in the WSGI environment.
FAULT = "reconciler.sandbox.fault"

EffectName = Literal["status", "delay", "refuse", "silence", "drop", "cut", "html", "type", "redirect"]
_NEEDS_ANSWER = ("cut", "type")
_PAGE = b"<!DOCTYPE html><html><head><title>Service</title></head><body>Try again later</body></html>"
_FORM = "METHOD[ PATH]:NTH:before|after:EFFECT"
_EXAMPLES = "PUT:2:after:drop, *:1:before:status=503, GET /3/surveys*:1+:after:cut=20"
# Effect → what its value looks like.
_VALUES: Mapping[str, str] = {
    "status": r"[1-5][0-9]{2}",
    "delay": r"[0-9]+(\.[0-9]+)?",
    "cut": r"[0-9]*",
    "type": r"[\w.+-]+/[\w.+-]+(; ?[\w=-]+)?",
    "redirect": r"\S+",
    **dict.fromkeys(("refuse", "silence", "drop", "html"), ""),
}


class AnswerLostError(ConnectionResetError):
    """The connection ends before the whole answer was sent; inside one process the caller sees this."""


# Effect → what the caller meets inside one process; a server only sees that the application failed.
_NO_ANSWER: Mapping[str, type[OSError]] = {
    "refuse": ConnectionRefusedError,
    "silence": TimeoutError,
    "drop": AnswerLostError,
}


class Reply(Struct, frozen=True):
    """A whole response; the body breaks off after `sent` bytes, if that is set."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    sent: int | None = None


def run(app: WSGIApplication, environ: WSGIEnvironment) -> Reply:
    """Execute a request and return its whole answer."""
    started: list[tuple[str, tuple[tuple[str, str], ...]]] = []

    def start(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        started.append((status, tuple(headers)))
        return lambda _body: None

    chunks = app(environ, start)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    return Reply(*started[-1], body)


class Effect(Struct, frozen=True, kw_only=True):
    """What a fault does. `value` is a status code, seconds, a number of bytes, a content type or an address.

    status: that code, with a JSON body, or an HTML page (`html`), and `retry_after` where given · delay:
    that many seconds · refuse: inside one process, nothing listens; over a socket, as drop · silence: inside
    one process, no answer in the time that the caller allows; over a socket, as drop · drop: the connection
    closes without an answer · cut: the body breaks off after that many bytes, without a value in its middle ·
    html: 200 with an HTML page · type: another content type · redirect: 302 to an address.
    """

    name: EffectName
    value: str = ""
    retry_after: str = ""
    html: bool = False

    def __post_init__(self) -> None:
        has_options = bool(self.retry_after or self.html)
        fits = self.name in _VALUES and re.fullmatch(_VALUES[self.name], self.value)
        if not fits or (has_options and self.name != "status"):
            raise ValueError(
                f"{self}: not an effect; write one of drop, refuse, silence, html, cut[=BYTES], "
                "delay=SECONDS, status=CODE[,retry-after=SECONDS|DATE][,html], type=CONTENT_TYPE, "
                "redirect=ADDRESS"
            )

    @classmethod
    def parse(cls, text: str) -> Effect:
        """Return the effect that a text stands for; only a status may have options, after commas.

        A comma before a blank is one of a date (RFC 9110, 5.6.7), and separates nothing. Raises `ValueError`.
        """
        head, *options = re.split(",(?! )", text) if text.startswith("status=") else [text]
        name: Any
        name, _, value = head.partition("=")
        waits = [option.partition("=")[2] for option in options if option.startswith("retry-after=")]
        if len(options) != len(waits) + options.count("html"):
            raise ValueError(f"{text}: the options of a status are retry-after=SECONDS|DATE and html")
        return cls(name=name, value=value, retry_after="".join(waits[-1:]), html="html" in options)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        options = [f"retry-after={self.retry_after}"] if self.retry_after else []
        head = f"{self.name}={self.value}" if self.value else self.name
        return ",".join([head, *options, *(["html"] if self.html else [])])

    def spoil(self, answer: Reply | None) -> Reply:
        """Return what is sent instead of an answer, None where the application did not run.

        Raises an `OSError` where nothing is sent.
        """
        if self.name in _NO_ANSWER:
            raise _NO_ANSWER[self.name]("no answer comes from the sandbox, as told by a fault")
        if answer is not None and self.name == "cut":
            return replace(answer, sent=int(self.value) if self.value else len(answer.body) // 2)
        if answer is not None and self.name == "type":
            others = ((name, value) for name, value in answer.headers if name.lower() != "content-type")
            return replace(answer, headers=(("Content-Type", self.value), *others))
        status = {"status": self.value, "redirect": "302"}.get(self.name, "200")
        content_type = "application/json; charset=utf-8"
        body = b'{"Meta": {"Status": %d}, "Data": "The sandbox answers so, as told by a fault."}' % int(
            status
        )
        if self.name == "redirect":
            content_type, body = "text/plain", b""
        elif self.html or self.name == "html":
            content_type, body = "text/html; charset=utf-8", _PAGE
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        if self.name == "redirect":
            headers["Location"] = self.value
        if self.retry_after:
            headers["Retry-After"] = self.retry_after
        known = {code.value: code.phrase for code in HTTPStatus}
        return Reply(f"{status} {known.get(int(status), 'Unknown')}", tuple(headers.items()), body)


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong: at which requests, before or after the application ran, and what.

    The `nth` request that matches is struck, counted from 1; with `onwards` every later one too. `path` is
    a pattern with `*`, without regard to case. `after` means: the request was executed, only its answer
    suffers.
    """

    effect: Effect
    method: str = "*"
    path: str = "*"
    nth: int = 1
    onwards: bool = False
    when: Literal["before", "after"] = "before"

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ValueError(f"{self}: requests are counted from 1")
        if self.when == "before" and self.effect.name in _NEEDS_ANSWER:
            raise ValueError(f"{self}: there is nothing to spoil before the application ran; write after")
        if self.when == "after" and self.effect.name == "refuse":
            raise ValueError(f"{self}: what is refused is never carried out; write before")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return the fault that a text stands for: `PUT:2:after:drop`, `* /3/surveys*:1+:before:status=503`.

        Raises `ValueError`, which shows the form, for anything else.
        """
        match = re.fullmatch(
            r"([A-Za-z]+|\*)(?: ([^:]+))?:([0-9]{1,9})(\+?):(before|after):(.+)", text.strip()
        )
        if match is None:
            raise ValueError(f"{text!r} is not a fault; write {_FORM}, such as {_EXAMPLES}")
        method, path, nth, onwards, when, effect = match.groups()
        place: dict[str, Any] = {"method": method.upper(), "path": path or "*", "nth": int(nth), "when": when}
        return cls(effect=Effect.parse(effect), onwards=bool(onwards), **place)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        place = self.method if self.path == "*" else f"{self.method} {self.path}"
        return f"{place}:{self.nth}{'+' if self.onwards else ''}:{self.when}:{self.effect}"

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those that this fault counts."""
        return self.method in ("*", method) and fnmatchcase(path.lower(), self.path.lower())

    def strikes(self, count: int) -> bool:
        """Tell whether the request that is the count-th match is struck."""
        return count >= self.nth if self.onwards else count == self.nth


class Faults:
    """A WSGI layer that applies faults to requests; of several faults for one request, the first."""

    def __init__(self, app: WSGIApplication, faults: Sequence[Fault], sleep: Callable[[float], None]) -> None:
        self._app = app
        self._faults = tuple(faults)
        self._counts = [0] * len(self._faults)
        self._lock = threading.Lock()
        self._sleep = sleep

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does, unless a fault strikes."""
        fault = self._first_to_strike(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault is None:
            return self._app(environ, start_response)
        environ[FAULT] = str(fault)
        if fault.effect.name == "delay":
            if fault.when == "before":
                self._sleep(float(fault.effect.value))
            reply = run(self._app, environ)
            if fault.when == "after":
                self._sleep(float(fault.effect.value))
        else:
            reply = fault.effect.spoil(run(self._app, environ) if fault.when == "after" else None)
        start_response(reply.status, list(reply.headers))
        return _sending(reply)

    def _first_to_strike(self, method: str, path: str) -> Fault | None:
        """Count this request for every fault that it matches, and return the first that strikes it."""
        struck = None
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.matches(method, path):
                    self._counts[index] += 1
                    if struck is None and fault.strikes(self._counts[index]):
                        struck = fault
        return struck


def _sending(reply: Reply) -> Iterator[bytes]:
    if reply.sent is None:
        yield reply.body
        return
    yield reply.body[: reply.sent]
    raise AnswerLostError("the sandbox broke off the answer, as told by a fault")
