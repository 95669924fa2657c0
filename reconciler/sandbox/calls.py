"""A call to either API: what it works on, what it sends, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from flask import request
from msgspec import Struct

from .state import Transaction
from .variants import Variants


class FailedError(Exception):
    """The call is refused, with an error status or, by CheckMarket, in a body that says so.

    `headers` go out with the answer; `places` has, for a 400 of Expoints, the path in the request body of
    each thing that is wrong, and what it is.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] = {}, places: Mapping[str, str] = {}
    ) -> None:
        super().__init__(message)
        self.status, self.headers, self.places = status, headers, places


class Call(Struct, frozen=True):
    """The documents that a request works on, the open questions, and when it came, in seconds since 1970."""

    documents: Transaction
    variants: Variants
    now: float


def query() -> Mapping[str, Sequence[str]]:
    """Return the query by name; a name may come repeatedly, which is how a collection is written.

    Names are in lower case, for ASP.NET does not regard case (INF: the vendors' pages spell one path in
    several ways).
    """
    found: dict[str, list[str]] = {}
    for name, texts in request.args.lists():
        found.setdefault(name.lower(), []).extend(texts)
    return found


def texts_of(name: str) -> Sequence[str]:
    """Return what stands under a name in the query; empty texts say nothing."""
    return [text for text in query().get(name.lower(), ()) if text]


def sent_json() -> Any:
    """Return the body; `FailedError` with 415 or 400 for one that is not JSON."""
    if request.mimetype not in ("application/json", "text/json"):
        raise FailedError(415, "The sandbox reads JSON only: send Content-Type application/json.")
    try:
        return json.loads(request.get_data(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FailedError(400, f"The request body is not valid JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
