"""What goes in and out of every route, as values: a tenant, a call to it, its answer, the way to say no.

Sources, here and in the other modules: D, a page of documentation.expoints.nl, named by the last part of its
address; C, the code or docs of a client; I, inferred from these or from ASP.NET; U, unknown, so a variant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Struct, field

from reconciler.sandbox.state import Transaction
from reconciler.sandbox.variants import Variants

_JSON = "application/json; charset=utf-8"
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")


class FailedError(Exception):
    """The call is refused with an error status; nothing of it is kept.

    `places` has, for a 400, the path in the request body of each thing that is wrong, and what it is.
    """

    def __init__(self, status: int, message: str, places: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.places = dict(places or {})


class Tenant(Struct, frozen=True):
    """What a call works on: the documents, the answers to open questions, and now, in seconds since 1970."""

    documents: Transaction
    variants: Variants
    now: float


class Call(Struct, frozen=True):
    """One request to a tenant.

    The names in `query` are in lower case, for ASP.NET does not regard case (I); a name may come repeatedly,
    which is how a collection is written (I: Web API model binding).
    """

    tenant: Tenant
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    content: bytes = b""
    content_type: str = ""

    def json(self) -> Any:
        """Return the body; `FailedError` with 415 or 400 for one that is not JSON (the sandbox's limit)."""
        if self.content_type.partition(";")[0].strip().lower() not in ("application/json", "text/json"):
            raise FailedError(415, "The sandbox reads JSON only: send Content-Type application/json.")
        try:
            return json.loads(self.content, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise FailedError(400, f"The request body is not valid JSON: {error}") from error

    def texts(self, name: str) -> Sequence[str]:
        """Return what a collection in the query holds; empty texts say nothing."""
        return [text for text in self.query.get(name.lower(), ()) if text]

    def numbers(self, name: str) -> Sequence[int]:
        """Return a collection of whole numbers in the query; `FailedError` with 400 for anything else."""
        return [_number(name, text) for text in self.texts(name)]

    def number(self, name: str, default: int) -> int:
        """Return one whole number of the query; `FailedError` with 400 for anything else."""
        return next(iter(self.numbers(name)), default)

    def flag(self, name: str) -> bool | None:
        """Return true or false of the query, None for neither; `FailedError` with 400 for anything else."""
        text = next(iter(self.texts(name)), "").lower()
        if text not in ("true", "false", ""):
            raise _invalid(name, text)
        return text == "true" if text else None


class Answer(Struct, frozen=True):
    """The body of a response, as it goes over the wire."""

    text: str
    content_type: str = _JSON
    status: int = 200


def as_json(value: Any, status: int = 200) -> Answer:
    """Return the answer that has a value as JSON."""
    return Answer(json.dumps(value), status=status)


def failure(error: FailedError, variants: Variants) -> Answer:
    """Return the answer to a refused call; the form of a 400 is unknown (U: variant `refusal_body`)."""
    if error.status != 400:
        return as_json({"Message": str(error)}, error.status)
    return _REFUSALS[variants.refusal_body](error)


def _model_state(error: FailedError) -> Answer:
    """Return what ASP.NET makes of a body that it could not bind, or that is not valid (I)."""
    places = {path: [text] for path, text in error.places.items()} or {"request": [str(error)]}
    return as_json({"Message": "The request is invalid.", "ModelState": places}, 400)


def _message(error: FailedError) -> Answer:
    return as_json({"Message": _everything(error)}, 400)


def _plain(error: FailedError) -> Answer:
    return Answer(_everything(error), "text/plain; charset=utf-8", 400)


def _page(error: FailedError) -> Answer:
    text = f"<!DOCTYPE html><html><body><h1>Bad Request</h1><p>{_everything(error)}</p></body></html>"
    return Answer(text, "text/html; charset=utf-8", 400)


_REFUSALS = {"model-state": _model_state, "message": _message, "text": _plain, "html": _page}


def _everything(error: FailedError) -> str:
    return " ".join(error.places.values()) or str(error)


def _number(name: str, text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise _invalid(name, text)
    return int(text)


def _invalid(name: str, text: str) -> FailedError:
    return FailedError(400, "The request is invalid.", {name: f"The value '{text}' is not valid for {name}."})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
