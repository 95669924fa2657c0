"""An answer as it comes over the wire, packed or not, to its end or to the most that it may be."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import httpx

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
