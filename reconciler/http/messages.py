"""Requests and answers as values: what came back within bounds, and what of both may be shown."""

from __future__ import annotations

import email.utils
import json
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, NoReturn, TypeAlias

import httpx
from msgspec import Struct, field

from reconciler.errors import BadAnswer
from reconciler.problems import Redacted

QueryValue: TypeAlias = str | int | bool | Sequence[str | int]
Transport: TypeAlias = httpx.BaseTransport  # carries requests, like `WsgiTransport`; tests may bring any

HEAVIEST = 100_000_000  # what a document, or a whole list of them, may take of memory, in bytes, by `weight`
DEEPEST = 100  # objects and lists inside each other
PACKED = "gzip"  # the only packing asked for, so that any other one is a fault (RFC 9110, 12.5.3)

_PIECE = 2**16
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_TOO_DEEP = f"holds more than {DEEPEST} objects and lists inside each other"
_SHORTEST_SECRET = 4
_LONGEST_QUOTE = 300
_LONGEST_LOOKED_AT = 20_000
_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "x-ms-request-id")
_ID = re.compile(r"[0-9A-Za-z|][0-9A-Za-z_.:=|-]{0,127}")
_LATEST = 2.0**36  # in the year 4147, which every calendar and time zone can still write
_DATE = re.compile(r"[A-Za-z0-9,: +-]{1,64}")


class Secret(Redacted, frozen=True):
    """A value that is sent and never shown; `value` is read only to send it."""

    value: str


class Answer(Redacted, frozen=True, dict=True):
    """An answer that arrived whole. `path` is without the query, the names of `headers` are in lower case."""

    shown: ClassVar = ("method", "path", "status")

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    secrets: Sequence[Secret] = ()  # what was sent and must not be shown, should the answer repeat it

    def quoted(self, text: str) -> str:
        """Return words of this answer fit to be shown, without what was sent with the request."""
        return quoted(text, self.secrets)

    @cached_property
    def document(self) -> object:
        """The document in the body, whatever type the headers claim; `BadAnswer` for what is not plain JSON.

        Every number can be written as JSON again, and no object had a member twice.
        """
        try:
            if self.weight > HEAVIEST:
                raise Unfit("holds more than an answer of the API may hold")
            document: object = json.loads(
                self.content, object_pairs_hook=_object, parse_float=_number, parse_constant=_no_number
            )
            if self.content.count(b"{") + self.content.count(b"[") > DEEPEST:
                level: list[Any] = [document]
                for _ in range(DEEPEST):
                    below = chain.from_iterable(v.values() if isinstance(v, dict) else v for v in level)
                    level = [value for value in below if isinstance(value, dict | list)]
                if level:
                    raise Unfit(_TOO_DEEP)
        except (Unfit, RecursionError, ValueError) as error:
            why = _TOO_DEEP if isinstance(error, RecursionError) else "is not JSON"
            form = self.headers.get("content-type", "of no stated type")
            raise BadAnswer(
                f"{self.method} {self.path}: {self.status}, but the body "
                f"{error if isinstance(error, Unfit) else why} "
                f"({len(self.content)} bytes, {self.quoted(form)})",
                "Check that the address is the API's.",
            ) from error
        return document

    @cached_property
    def weight(self) -> int:
        """About how many bytes of memory the document takes; rather too many than too few."""
        values = self.content.count(b",") + self.content.count(b"{") + self.content.count(b"[")
        return len(self.content) * 4 + values * 120

    def take_from(self, memory: Budget) -> None:
        """Take the memory of this page of a list; `BadAnswer` where the list is more than can be held."""
        if not memory.take(self.weight):
            raise BadAnswer(
                f"{self.method} {self.path}: the list is larger than any account's", "It cannot be trusted."
            )


class Attempt(Redacted, frozen=True):
    """One attempt, as a log may show it: how long it took, and its status, None where no answer came."""

    shown: ClassVar = ("method", "path", "status", "seconds", "id", "attempt", "waited", "failure")

    method: str
    path: str
    status: int | None
    seconds: float
    id: str = ""  # what names the request in the log; each attempt of it has the same one
    attempt: int = 1
    waited: float = 0.0  # how long it waited to be sent, for its pace or since the attempt before, in seconds
    failure: str = ""  # what went wrong where no whole answer came: the name of an error, without its words
    params: Mapping[str, QueryValue] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # those of the answer
    secrets: Sequence[Secret] = ()

    @property
    def query(self) -> Mapping[str, str]:
        """The query with its numbers and truth values; of texts, which may be addresses, only how many."""
        shown = {}
        for name, value in self.params.items():
            if isinstance(value, bool | int | str):
                shown[name] = "***" if isinstance(value, str) else json.dumps(value)
            else:
                texts = sum(isinstance(one, str) for one in value)
                shown[name] = f"*** ({texts})" if texts else ",".join(map(str, value))
        return shown

    @property
    def server_id(self) -> str:
        """What the server calls the request; empty where it does not say, or says anything but a plain id."""
        found = next((id for name in _ID_HEADERS if (id := self.headers.get(name))), "")
        shows_secret = any(value in found for value in _recognizable(self.secrets))
        return found if _ID.fullmatch(found) and not shows_secret else ""


class Budget(Struct):
    """What is left of requests, or of bytes of memory. For many threads."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, amount: int = 1, *, kept_free: int = 0) -> bool:
        """Take some if at least `kept_free` are left after it; return whether they were taken."""
        with self.lock:
            taken = self.left - amount >= kept_free
            self.left -= amount if taken else 0
            return taken


def printable(text: str) -> str:
    """Return text on one line, without the characters that steer a terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def quoted(text: str, secrets: Iterable[Secret]) -> str:
    """Return words from outside, fit to stand in a sentence: printable, short, without any secret."""
    values = _recognizable(secrets)
    is_cut = len(text) > _LONGEST_LOOKED_AT
    text = printable(text[:_LONGEST_LOOKED_AT]).rstrip(".")
    for value in values:
        text = text.replace(value, "***")
    if is_cut:
        # Where it was cut the beginning of a secret may stand, which nothing would know for one.
        text = text[: -max(map(len, values), default=1)]
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _recognizable(secrets: Iterable[Secret]) -> list[str]:
    """Return the values that are long enough to be known for secrets in a text."""
    return [secret.value for secret in secrets if len(secret.value) >= _SHORTEST_SECRET]


def plain_complaint(answer: Answer) -> str:
    """Return the body of an answer as text, or that it is an HTML page."""
    # More than is looked at, so that where it is cut is known there too.
    text = answer.content[: 4 * (_LONGEST_LOOKED_AT + 1)].decode("utf-8", "replace")
    return "an HTML page" if text.lstrip().startswith("<") else text


def moment(text: str) -> float | None:
    """Return the wall time that an HTTP date means, None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        date = email.utils.parsedate_to_datetime(text)
        found = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return found if 0 <= found < _LATEST else None


class Unfit(Exception):
    """An answer that is not to be gone on with; the text ends "the answer …", `kind` names it in logs."""

    def __init__(self, why: str, kind: str = "Unfit") -> None:
        super().__init__(why)
        self.kind = kind


def received(response: httpx.Response, largest: int, seconds: float, time_left: Callable[[], float]) -> bytes:
    """Return an answer's content, unpacked, and let go of its connection.

    Never holds more than `largest` bytes and a piece, however much a packed answer would unfold to. Raises
    `Unfit` for more than that and for what cannot be unpacked here, and an `httpx.HTTPError` where it does
    not come to its end, or not in the `seconds` that it has, however it drips.
    """
    try:
        coding = response.headers.get("content-encoding", "").strip().lower() or "identity"
        if coding not in ("identity", PACKED, f"x-{PACKED}", "deflate"):
            raise Unfit("is packed in a way that was not asked for", "Foreign")
        inflater = None if coding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
        content, packed = bytearray(), 0
        # httpx would unpack here: every layer that the server names, each to whatever size.
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - the client is a synchronous one
        for piece in response.stream:
            packed += len(piece)
            if inflater is None:
                content += piece
            else:
                rest = piece
                while rest and not inflater.eof and max(packed, len(content)) <= largest:
                    content += inflater.decompress(rest, _PIECE)
                    rest = inflater.unconsumed_tail
            if max(packed, len(content)) > largest:
                raise Unfit(f"is larger than {largest} bytes", "TooLarge")
            if time_left() < 0:
                raise httpx.ReadTimeout(f"the answer is not whole after {seconds:.0f} s")
        if inflater is not None:
            content += inflater.flush()
            if not inflater.eof:
                raise httpx.DecodingError("the packed answer ends too early")
        return bytes(content)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error
    finally:
        response.close()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Unfit("holds an object in which a member stands twice")
    return members


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Unfit("holds a number that is too large")
    return number


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class WsgiTransport(httpx.WSGITransport):
    """Carries requests to a WSGI application in this process, in the thread that sends.

    A `ConnectionError` of the application is a lost connection, a `ConnectionRefusedError` one that was never
    made, a `TimeoutError` an answer that did not come in time. Anything else comes out as it is.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return a whole answer. Raises httpx's error for one that is lost or cut."""
        try:
            response = super().handle_request(request)
            content = b"".join(response.iter_raw())
        except ConnectionRefusedError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("timed out", request=request) from error
        except ConnectionError as error:
            raise httpx.ReadError(str(error), request=request) from error
        promised = response.headers.get("content-length", "0")
        if not re.fullmatch("[0-9]{1,18}", promised) or int(promised) > len(content):
            raise httpx.RemoteProtocolError("the answer was cut", request=request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(content)
        )
