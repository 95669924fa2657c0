"""A request as it leaves, written in one step: its address, its headers and its body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import httpx

from reconciler import __version__
from reconciler.http.receiving import PACKED

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
