"""A request as it leaves, and an answer as it comes: written, received and read within bounds."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import httpx

from reconciler import __version__

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


PACKED = "gzip"
"""The only way of packing that is asked for, so that any other one is a fault (RFC 9110, 12.5.3)."""

_PIECE = 2**16
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class TooLarge(Exception):
    """The answer is longer than an answer may be."""


class Foreign(Exception):
    """The answer is packed in a way that was not asked for."""


def received(response: httpx.Response, largest: int, check_time: Callable[[], None]) -> bytes:
    """Return an answer's content, unpacked, and let go of its connection.

    Never holds more than `largest` bytes and a piece, however much a packed answer would unfold to. Raises
    `TooLarge` for more than that, packed or unpacked, `Foreign` for what cannot be unpacked here, and an
    `httpx.HTTPError` where it does not come to its end. `check_time` is called after each piece, and raises
    one where the answer takes too long, however it drips.
    """
    try:
        coding = response.headers.get("content-encoding", "").strip().lower() or "identity"
        packed = _at_most(largest, _raw(response, check_time))
        if coding == "identity":
            return b"".join(packed)
        if coding not in (PACKED, f"x-{PACKED}", "deflate"):
            raise Foreign("the answer is packed in a way that was not asked for")
        return b"".join(_at_most(largest, _unpacked(packed)))
    finally:
        response.close()


def _raw(response: httpx.Response, check_time: Callable[[], None]) -> Iterator[bytes]:
    # httpx would unpack here: every layer that the server names, each to whatever size.
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - the client is a synchronous one
    for piece in response.stream:
        yield piece
        check_time()


def _at_most(largest: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > largest:
            raise TooLarge(f"the answer is larger than {largest} bytes")
        yield piece


def _unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in packed:
            rest = piece
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _PIECE)
                rest = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error
    if not inflater.eof:
        raise httpx.DecodingError("the packed answer ends too early")


QueryValue: TypeAlias = str | int | bool | Sequence[str | int]

_SOON_AGAIN = 256
"""How many addresses are kept: one is read, written, and read once more within moments."""


class Writer:
    """Writes the requests to one API. For many threads.

    `headers` are those of every request; `timeout` is how long each step of one may take.
    """

    def __init__(self, address: str, headers: Mapping[str, str], timeout: httpx.Timeout) -> None:
        base = httpx.URL(address)
        self.base_path = base.path.rstrip("/")
        """The path that every other one is relative to."""
        self._base = address.rstrip("/")
        self._headers = httpx.Headers(
            {
                "Host": base.netloc.decode("ascii"),
                "User-Agent": f"reconciler/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": PACKED,
                "Connection": "keep-alive",
            }
        )
        self._headers.update(headers)
        self._extensions = {"timeout": timeout.as_dict()}

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, QueryValue] | None,
        headers: Mapping[str, str],
        *,
        json: object,
        form: Mapping[str, str],
    ) -> httpx.Request:
        """Return a request; `headers` are sent beside those of every one, and before those of the same name.

        Raises `httpx.InvalidURL` where it has no address that can be written.
        """
        url = _url(self._base + path) if params is None else httpx.URL(self._base + path, params=params)
        sent = self._headers
        if headers:
            sent = httpx.Headers(sent)
            sent.update(headers)
        if json is not None:
            return self._with_body(method, url, sent, _written(json))
        if form or method != "GET":
            return httpx.Request(method, url, headers=sent, data=form, extensions=self._extensions)
        return httpx.Request(method, url, headers=sent, stream=_NOTHING, extensions=self._extensions)

    def _with_body(self, method: str, url: httpx.URL, headers: httpx.Headers, body: bytes) -> httpx.Request:
        # With a stream, httpx takes the headers as they are instead of looking for what they lack.
        of_body = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
        stream = httpx.ByteStream(body)
        return httpx.Request(
            method, url, headers=[*headers.raw, *of_body], stream=stream, extensions=self._extensions
        )


_NOTHING = httpx.ByteStream(b"")


@lru_cache(maxsize=_SOON_AGAIN)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _written(document: object) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half of a character, which an answer may hold, goes back as the escape that it came as.
    return text.encode("utf-8", "backslashreplace")


HEAVIEST = 100_000_000
"""What a document, or a whole list of them, may take of memory, in bytes, by `weight`."""
DEEPEST = 100
"""Objects and lists inside each other."""

_BYTES_A_VALUE = 120
_BYTES_A_CHARACTER = 4


class Unfit(Exception):
    """The bytes are no document to go on with; the text says why, as the end of "the body …"."""


def weight(content: bytes) -> int:
    """Return about how many bytes of memory the document in `content` takes; rather too many than too few."""
    values = content.count(b",") + _openings(content)
    return len(content) * _BYTES_A_CHARACTER + values * _BYTES_A_VALUE


def _openings(content: bytes) -> int:
    return content.count(b"{") + content.count(b"[")


def document_in(content: bytes) -> object:
    """Return the document in `content`. Raises `Unfit` for what is not plain JSON, too large or too deep.

    Every number can be written as JSON again, and no object had a member twice: of two values that a body
    shows for one member, neither can be kept.
    """
    if weight(content) > HEAVIEST:
        raise Unfit("holds more than an answer of the API may hold")
    try:
        document: object = json.loads(
            content, object_pairs_hook=_object, parse_float=_number, parse_constant=_no_number
        )
    except RecursionError as error:
        raise Unfit(_TOO_DEEP) from error
    except ValueError as error:
        raise Unfit("is not JSON") from error
    if _openings(content) > DEEPEST and _is_too_deep(document):
        raise Unfit(_TOO_DEEP)
    return document


_TOO_DEEP = f"holds more than {DEEPEST} objects and lists inside each other"


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


def _is_too_deep(document: object) -> bool:
    level = [document]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _below(value) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _below(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


Transport: TypeAlias = httpx.BaseTransport
"""What carries requests; `wsgi_transport` makes one, and tests may bring any."""


class _InProcess(httpx.BaseTransport):
    """Carries requests to a WSGI application in this process, with what a wire adds: lost and cut answers."""

    def __init__(self, app: WSGIApplication) -> None:
        self._wire = httpx.WSGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._wire.handle_request(request)
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


def wsgi_transport(app: WSGIApplication) -> Transport:
    """Return a transport that calls `app` instead of a server, in the thread that sends.

    Where the application raises a `ConnectionError`, the connection was lost after the request had been sent;
    a `ConnectionRefusedError` is one that never came about, a `TimeoutError` an answer that did not come in
    time. Anything else that it raises is its own fault and
    comes out as it is.
    """
    return _InProcess(app)
