"""What goes in and out of every route, as values: a call, its answer, and the two ways to say no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from msgspec import Struct, field

from reconciler.sandbox.state import Transaction
from reconciler.sandbox.variants import Variants


class RefusedError(Exception):
    """The business says no: a normal answer, 200, whose `Data.Succeeded` is false (DOC shape, PUT page)."""


class FailedError(Exception):
    """The call itself is wrong: an answer with an error status and the reason in `Data`."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class Call(Struct, frozen=True):
    """One request: what it sends, the documents it works on, and the time, in seconds since 1970, it came in.

    The names in `options`, the query string, are in lower case, for routing looks not to regard case (INF:
    the vendor's pages spell one path in several ways).
    """

    documents: Transaction
    variants: Variants
    now: float
    path: str
    options: Mapping[str, str]
    content: bytes = b""
    content_type: str = ""

    def json(self) -> Any:
        """Return the body; `FailedError` with 415 or 400 for one that is not JSON."""
        if self.content_type.partition(";")[0].strip().lower() not in ("application/json", "text/json"):
            raise FailedError(415, "The sandbox reads JSON only: send Content-Type application/json.")
        try:
            return json.loads(self.content, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise FailedError(400, f"The request body is not valid JSON: {error}") from error


class Answer(Struct, frozen=True):
    """What a route has to say; the envelope is put around it by `envelope`."""

    data: Any
    status: int = 200
    meta: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def envelope(answer: Answer, call: Call) -> dict[str, Any]:
    """Return the body of an answer: Meta, Data, Links, without empty members (DOC, PUT page).

    `Meta.Status` repeats the status of the response, as in the vendor's bulk import example.
    """
    meta = {"Status": answer.status, **answer.meta, "Timestamp": timestamp(call.now)}
    body = {"Meta": without_empty(meta, call.variants), "Data": without_empty(answer.data, call.variants)}
    return {**body, "Links": dict(answer.links)} if answer.links else body


def without_empty(value: Any, variants: Variants) -> Any:
    """Return a value without its empty members, at every depth (DOC, contact folders page).

    Whether false and 0 hold nothing is unknown: variant `false_and_zero`.
    """
    if isinstance(value, list):
        return [without_empty(item, variants) for item in value]
    if not isinstance(value, dict):
        return value
    members = {name: without_empty(member, variants) for name, member in value.items()}
    return {name: member for name, member in members.items() if not _is_empty(member, variants)}


def timestamp(seconds: float) -> str:
    """Return a time as answers write it: UTC, seven digits after the second (DOC, PUT page)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def refusal(error: RefusedError) -> Answer:
    """Return the answer to a call that the business refuses: 200, without an id (DOC shape, PUT page)."""
    return Answer({"Succeeded": False, "FailureMessage": str(error)})


def failure(error: FailedError, variants: Variants) -> Answer:
    """Return the answer to a call that is wrong; its shape is unknown: variant `error_body`."""
    data: Any = str(error)
    if variants.error_body == "object":
        data = {"ErrorCode": error.status, "ErrorMessage": str(error), "ErrorType": "ApiError"}
    return Answer(data, status=error.status, headers=error.headers)


def reject_unknown(what: str, identity: int, variants: Variants) -> NoReturn:
    """Say that an id is not known, in the way of variant `unknown_id`."""
    message = f"There is no {what} with id {identity}."
    raise RefusedError(message) if variants.unknown_id == "refused" else FailedError(404, message)


def _is_empty(value: Any, variants: Variants) -> bool:
    if value is False or (type(value) in (int, float) and value == 0):
        return variants.false_and_zero == "omitted"
    return value is None or value in ("", [], {})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
