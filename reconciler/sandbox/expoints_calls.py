"""Calls to an Expoints tenant: what goes in and out of every route, and how bodies and times are read."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

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


# Not stated anywhere; the platform is Dutch (I).
_LOCAL = ZoneInfo("Europe/Amsterdam")


def read_moment(text: str, variants: Variants) -> float:
    """Return a date or time in seconds since 1970; `ValueError` or `OverflowError` for any other text.

    What a missing offset means is unknown (U: variant `missing_offset`).
    """
    return _read(text, variants).astimezone(_LOCAL).timestamp()


def read_time_of_day(text: str, variants: Variants) -> str:
    """Return the local time of day, hh:mm:ss, of a date and time whose date says nothing (D: SendTime).

    Whether its offset says something is unknown (U: variant `send_time_offset`).
    """
    moment = _read(text, variants)
    local = moment if variants.send_time_offset == "ignored" else moment.astimezone(_LOCAL)
    return local.time().isoformat("seconds")


def due(send_date: float | None, send_time: str | None, now: float) -> float:
    """Return when a mail may leave: on the SendDate, null means now, but not before the SendTime (D)."""
    start = now if send_date is None else max(send_date, now)
    if send_time is None:
        return start
    day = datetime.fromtimestamp(start, _LOCAL).date()
    return max(start, datetime.combine(day, time.fromisoformat(send_time), _LOCAL).timestamp())


def written(seconds: float) -> str:
    """Return a time as the samples write it, in local time (D)."""
    text = datetime.fromtimestamp(seconds, _LOCAL).strftime("%Y-%m-%dT%H:%M:%S.%f0%z")
    return f"{text[:-2]}:{text[-2:]}"


def _read(text: str, variants: Variants) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_LOCAL if variants.missing_offset == "local" else UTC)
    return moment


class Members(Struct, frozen=True):
    """An object of a body, its members by lower-case name, and its path in the body for whoever complains."""

    path: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: str, value: Any) -> Members:
        """Return the object that stands at a path; `FailedError` with 400 for anything else."""
        if not isinstance(value, dict):
            raise _wrong(path, "an object")
        return cls(path, {name.lower(): member for name, member in value.items()})

    def raw(self, name: str) -> Any:
        """Return a member as it is; None stands for null and for absence, which say the same here (I)."""
        return self.values.get(name.lower())

    def text(self, name: str) -> str | None:
        """Return a member that is text."""
        value = self.raw(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(self.at(name), "a string")
        return value

    def flag(self, name: str) -> bool:
        """Return a member that is true or false; one that is left out is false (I: .NET's default)."""
        value = self.values.get(name.lower(), False)
        if not isinstance(value, bool):
            raise _wrong(self.at(name), "true or false")
        return value

    def number(self, name: str) -> int | None:
        """Return a member that is a whole number of 32 bits."""
        value = self.raw(name)
        if value is not None and (type(value) is not int or not -(2**31) <= value < 2**31):
            raise _wrong(self.at(name), "an integer")
        return value

    def base64(self, name: str) -> bytes | None:
        """Return a member that is bytes, which JSON has as base64 (D: the sample `QEA=`)."""
        text = self.text(name)
        try:
            return None if text is None else b64decode(text, validate=True)
        except ValueError as error:
            raise _wrong(self.at(name), "base64") from error

    def moment(self, name: str, variants: Variants) -> float | None:
        """Return a member that is a date or a time, in seconds since 1970."""
        text = self.text(name)
        try:
            return None if text is None else read_moment(text, variants)
        except (ValueError, OverflowError) as error:
            raise _wrong(self.at(name), "a date") from error

    def time_of_day(self, name: str, variants: Variants) -> str | None:
        """Return the local time of day, hh:mm:ss, of a member whose date says nothing."""
        text = self.text(name)
        try:
            return None if text is None else read_time_of_day(text, variants)
        except (ValueError, OverflowError) as error:
            raise _wrong(self.at(name), "a date") from error

    def objects(self, name: str) -> tuple[Members, ...]:
        """Return a member that is an array of objects; one that is left out has none."""
        path, value = self.at(name), self.raw(name)
        if value is not None and not isinstance(value, list):
            raise _wrong(path, "an array")
        return tuple(Members.of(f"{path}[{index}]", item) for index, item in enumerate(value or ()))

    def at(self, name: str) -> str:
        """Return the path of a member."""
        return f"{self.path}.{name}"


def _wrong(path: str, expected: str) -> FailedError:
    return FailedError(400, "The request is invalid.", {path: f"{path} has to be {expected}."})


# The maximum, and the default too (D: GET-api-v3-customer).
_LIMIT = 100
_MARK = "after-"


def answer_page(name: str, rows: Mapping[int, Any], call: Call) -> Answer:
    """Return a page of rows, which come with their ids in rising order, under a name, and the NextCursor.

    A cursor means "after this id", so a row that is added meanwhile neither repeats nor hides another (I).
    """
    limit, after = _limit(call), _after(call)
    later = [identity for identity in rows if identity > after]
    page, rest = later[:limit], later[limit:]
    return as_json({name: [rows[identity] for identity in page], **_next(page, bool(rest), call)})


def _limit(call: Call) -> int:
    limit = call.number("Limit", _LIMIT)
    if limit < 1 or (limit > _LIMIT and call.tenant.variants.limit_over_100 == "refused"):
        raise FailedError(400, "The request is invalid.", {"Limit": f"Limit has to be from 1 to {_LIMIT}."})
    return min(limit, _LIMIT)


def _after(call: Call) -> int:
    """Return the id that a cursor stands for; an empty one is for the first page (D)."""
    cursor = next(iter(call.texts("Cursor")), f"{_MARK}0")
    number = cursor.removeprefix(_MARK)
    if number == cursor or not (number.isascii() and number.isdigit()):
        raise FailedError(400, "The request is invalid.", {"Cursor": "The cursor is not known."})
    return int(number)


def _next(page: Sequence[int], has_more: bool, call: Call) -> dict[str, str | None]:
    """Return the member that leads on; what the last page has is unknown (U: variant `last_cursor`)."""
    form = call.tenant.variants.last_cursor
    if has_more or (page and form == "empty-page"):
        return {"NextCursor": f"{_MARK}{page[-1]}"}
    return {} if form == "absent" else {"NextCursor": "" if form == "empty" else None}
