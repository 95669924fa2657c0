"""What goes wrong between a client and a server, on demand: lost answers, error pages, delays, cut bodies."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FAULT: Final = "reconciler.sandbox.fault"
"""The key under which the text of a fault that struck stands in the WSGI environment."""

_PAGE = "<!DOCTYPE html><html><head><title>Service</title></head><body>Try again later</body></html>"
_ANSWER = '{"Meta": {"Status": %s}, "Data": "The sandbox answers so, as told by a fault."}'
_JSON, _HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
_FORM = re.compile(r"([A-Za-z]+|\*)(?: ([^:]+))?:([0-9]{1,9})(\+?):(before|after):(.+)")
_HINT = (
    "write METHOD[ PATH]:NTH:before|after:EFFECT, such as PUT:2:after:drop, *:1:before:status=503, "
    "GET /3/surveys*:1+:after:cut=20"
)
_EFFECTS = (
    "write one of drop, refuse, silence, html, cut[=BYTES], delay=SECONDS, "
    "status=CODE[,retry-after=SECONDS|DATE][,html], type=CONTENT_TYPE, redirect=ADDRESS"
)
# Effect → what its value looks like.
_VALUES: Mapping[str, str] = {
    "status": r"[1-5][0-9]{2}",
    "delay": r"[0-9]+(\.[0-9]+)?",
    "cut": r"[0-9]*",
    "type": r"[\w.+-]+/[\w.+-]+(; ?[\w=-]+)?",
    "redirect": r"\S+",
    **dict.fromkeys(("refuse", "silence", "drop", "html"), ""),
}
# Effect → what the caller meets inside one process; a server only sees that the application failed.
_NO_ANSWER: Mapping[str, type[OSError]] = {
    "refuse": ConnectionRefusedError,
    "silence": TimeoutError,
    "drop": ConnectionResetError,
}


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong: at which requests, before or after the application ran, and what.

    The `nth` request that matches is struck, counted from 1; with `onwards` every later one too. `path` is
    a pattern with `*`, without regard to case. `after` means: the request was executed, only its answer
    suffers. By `effect`, with its `value`:

    status: that code, with a JSON body or an HTML page (`html`), and `retry_after` · delay: so many seconds ·
    refuse: nothing listens · silence: no answer in time (both inside one process; over a socket, as drop) ·
    drop: the connection closes without an answer · cut: the body breaks off after so many bytes, or in its
    middle · html: 200 with an HTML page · type: another content type · redirect: 302 to an address.
    """

    method: str
    path: str
    nth: int
    onwards: bool
    when: Literal["before", "after"]
    effect: str
    value: str = ""
    retry_after: str = ""
    html: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return the fault that a text stands for: `PUT:2:after:drop`, `* /3/surveys*:1+:before:status=503`.

        Only a status may have options, after commas; a comma before a blank is one of a date (RFC 9110,
        5.6.7), and separates nothing. Raises `ValueError`, which shows the form, for anything else.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a fault; {_HINT}")
        method, path, nth, onwards, when, told = match.groups()
        head, *options = re.split(",(?! )", told) if told.startswith("status=") else [told]
        effect, _, value = head.partition("=")
        waits = [option.partition("=")[2] for option in options if option.startswith("retry-after=")]
        if len(options) != len(waits) + options.count("html"):
            raise ValueError(f"{told}: the options of a status are retry-after=SECONDS|DATE and html")
        if effect not in _VALUES or not re.fullmatch(_VALUES[effect], value):
            raise ValueError(f"{told}: not an effect; {_EFFECTS}")
        if int(nth) < 1:
            raise ValueError(f"{text}: requests are counted from 1")
        if when == "before" and effect in ("cut", "type"):
            raise ValueError(f"{text}: there is nothing to spoil before the application ran; write after")
        if when == "after" and effect == "refuse":
            raise ValueError(f"{text}: what is refused is never carried out; write before")
        return cls(
            method=method.upper(),
            path=path or "*",
            nth=int(nth),
            onwards=bool(onwards),
            when="before" if when == "before" else "after",
            effect=effect,
            value=value,
            retry_after="".join(waits[-1:]),
            html="html" in options,
        )

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        place = self.method if self.path == "*" else f"{self.method} {self.path}"
        effect = f"{self.effect}={self.value}" if self.value else self.effect
        wait = f",retry-after={self.retry_after}" if self.retry_after else ""
        html = ",html" if self.html else ""
        return f"{place}:{self.nth}{'+' if self.onwards else ''}:{self.when}:{effect}{wait}{html}"

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those that this fault counts."""
        return self.method in ("*", method) and fnmatchcase(path.lower(), self.path.lower())

    def strikes(self, count: int) -> bool:
        """Tell whether the request that is the count-th match is struck."""
        return count >= self.nth if self.onwards else count == self.nth

    def answer(self, run: Callable[[], Response], sleep: Callable[[float], None]) -> Response:
        """Return what is sent to a struck request, which `run` executes. Raises an `OSError` for nothing."""
        if self.effect == "delay" and self.when == "before":
            sleep(float(self.value))
        executed = run() if self.when == "after" or self.effect == "delay" else None
        if self.effect == "delay" and self.when == "after":
            sleep(float(self.value))
        if executed is not None and self.effect in ("delay", "cut", "type"):
            if self.effect == "type":
                executed.headers["Content-Type"] = self.value
            return executed
        if self.effect in _NO_ANSWER:
            raise _NO_ANSWER[self.effect]("no answer comes from the sandbox, as told by a fault")
        if self.effect == "redirect":
            return Response(b"", 302, {"Location": self.value}, content_type="text/plain")
        status = self.value if self.effect == "status" else "200"
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        if self.html or self.effect == "html":
            return Response(_PAGE, int(status), headers, content_type=_HTML)
        return Response(_ANSWER % status, int(status), headers, content_type=_JSON)


def with_faults(
    app: WSGIApplication, faults: Sequence[Fault], sleep: Callable[[float], None]
) -> WSGIApplication:
    """Return the application with faults; of several for one request, the first strikes and all count."""
    counts, lock = [0] * len(faults), threading.Lock()

    def faulty(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        struck = list[Fault]()
        with lock:
            for index, fault in enumerate(faults):
                if fault.matches(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
                    counts[index] += 1
                    if fault.strikes(counts[index]):
                        struck.append(fault)
        if not struck:
            return app(environ, start_response)
        fault = struck[0]
        environ[FAULT] = str(fault)
        answer = fault.answer(lambda: Response.from_app(app, environ, buffered=True), sleep)
        body = answer.get_data()
        start_response(answer.status, answer.headers.to_wsgi_list())
        return _broken_off(body[: int(fault.value or len(body) // 2)]) if fault.effect == "cut" else [body]

    return faulty


def _broken_off(body: bytes) -> Iterator[bytes]:
    yield body
    raise ConnectionResetError("the sandbox broke off the answer, as told by a fault")
