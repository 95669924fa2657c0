"""A call to either API as a value: what it sends, what it works on, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from flask import request
from msgspec import Struct, field

from .state import Transaction
from .variants import Variants


class FailedError(Exception):
    """The call is refused with an error status.

    `headers` go out with the answer; `places` has, for a 400 of Expoints, the path in the request body of
    each thing that is wrong, and what it is.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.places = dict(places or {})


class Call(Struct, frozen=True):
    """One request: the documents it works on, the open questions, and when it came, in seconds since 1970.

    The names in `query` are in lower case, for ASP.NET does not regard case (INF: the vendors' pages spell
    one path in several ways); a name may come repeatedly, which is how a collection is written.
    """

    documents: Transaction
    variants: Variants
    now: float
    path: str = ""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    content: bytes = b""
    content_type: str = ""

    @classmethod
    def received(cls, documents: Transaction, variants: Variants, now: float) -> Call:
        """Return the request that the web framework is handling."""
        query: dict[str, list[str]] = {}
        for name, texts in request.args.lists():
            query.setdefault(name.lower(), []).extend(texts)
        content, content_type = request.get_data(), request.content_type or ""
        return cls(documents, variants, now, request.path, query, content, content_type)

    def texts(self, name: str) -> Sequence[str]:
        """Return what stands under a name in the query; empty texts say nothing."""
        return [text for text in self.query.get(name.lower(), ()) if text]

    def json(self) -> Any:
        """Return the body; `FailedError` with 415 or 400 for one that is not JSON."""
        if self.content_type.partition(";")[0].strip().lower() not in ("application/json", "text/json"):
            raise FailedError(415, "The sandbox reads JSON only: send Content-Type application/json.")
        try:
            return json.loads(self.content, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise FailedError(400, f"The request body is not valid JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
