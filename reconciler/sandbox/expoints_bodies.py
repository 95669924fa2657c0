"""What goes in and out of a call to Expoints: bodies, times, pages of a list, answers and refusals.

Sources, here and in the other modules: D, a page of documentation.expoints.nl, named by the last part of its
address; C, the code or docs of a client; I, inferred from these or from ASP.NET; U, unknown, so a variant.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from .calls import Call, FailedError

# Not stated anywhere; the platform is Dutch (I).
_LOCAL = ZoneInfo("Europe/Amsterdam")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
# The maximum, and the default too (D: GET-api-v3-customer).
_LIMIT = 100
_MARK = "after-"


class Answer(Struct, frozen=True):
    """The body of a response, as it goes over the wire."""

    text: str
    content_type: str = "application/json; charset=utf-8"
    status: int = 200


def as_json(value: Any, status: int = 200) -> Answer:
    """Return the answer that has a value as JSON."""
    return Answer(json.dumps(value), status=status)


def invalid(path: str, message: str) -> FailedError:
    """Return the 400 that says what is wrong at one place of the request."""
    return FailedError(400, "The request is invalid.", places={path: message})


def failure(error: FailedError, form: str) -> Answer:
    """Return the answer to a refused call; the form of a 400 is unknown (U: variant `refusal_body`)."""
    if error.status != 400:
        return as_json({"Message": str(error)}, error.status)
    text = " ".join(error.places.values()) or str(error)
    if form == "model-state":  # what ASP.NET makes of a body that it could not bind, or that is not valid (I)
        places = {path: [place] for path, place in error.places.items()} or {"request": [str(error)]}
        return as_json({"Message": "The request is invalid.", "ModelState": places}, 400)
    if form == "message":
        return as_json({"Message": text}, 400)
    if form == "text":
        return Answer(text, "text/plain; charset=utf-8", 400)
    page = f"<!DOCTYPE html><html><body><h1>Bad Request</h1><p>{text}</p></body></html>"
    return Answer(page, "text/html; charset=utf-8", 400)


# The query. Collections are repeated names (I: Web API model binding).


def numbers(name: str, call: Call) -> Sequence[int]:
    """Return a collection of whole numbers in the query; `FailedError` with 400 for anything else."""
    for text in call.texts(name):
        if not _WHOLE_NUMBER.fullmatch(text):
            raise invalid(name, f"The value '{text}' is not valid for {name}.")
    return [int(text) for text in call.texts(name)]


def flag(name: str, call: Call) -> bool:
    """Return true or false of the query; `FailedError` with 400 for anything else."""
    text = next(iter(call.texts(name)), "false").lower()
    if text not in ("true", "false"):
        raise invalid(name, f"The value '{text}' is not valid for {name}.")
    return text == "true"


def answer_page(name: str, rows: Mapping[int, Any], call: Call) -> Answer:
    """Return a page of rows, which come with their ids in rising order, under a name, and the NextCursor.

    A cursor means "after this id", so a row that is added meanwhile neither repeats nor hides another (I). A
    Limit over the maximum is lowered. What the last page has is unknown (U: variant `last_cursor`).
    """
    limit = next(iter(numbers("Limit", call)), _LIMIT)
    if limit < 1:
        raise invalid("Limit", f"Limit has to be from 1 to {_LIMIT}.")
    cursor = next(iter(call.texts("Cursor")), f"{_MARK}0")  # an empty one is for the first page (D)
    after = cursor.removeprefix(_MARK)
    if after == cursor or not (after.isascii() and after.isdigit()):
        raise invalid("Cursor", "The cursor is not known.")
    later = [identity for identity in rows if identity > int(after)]
    page = later[: min(limit, _LIMIT)]
    answer: dict[str, Any] = {name: [rows[identity] for identity in page]}
    form = call.variants.last_cursor
    if len(later) > len(page) or (page and form == "empty-page"):
        answer["NextCursor"] = f"{_MARK}{page[-1]}"
    elif form != "absent":
        answer["NextCursor"] = "" if form == "empty" else None
    return as_json(answer)


# Times. Samples are ISO 8601 with seven digits after the second and an offset (D: POST-api-v3-customer-add);
# a plain date works too (C). The offsets of the samples are those of Dutch winter time.


def due(send_date: float | None, send_time: float | None, now: float) -> float:
    """Return when a mail may leave: on the SendDate, null means now, but not before the SendTime (D).

    Of the SendTime, a date and time, only the local time of day counts.
    """
    start = now if send_date is None else max(send_date, now)
    if send_time is None:
        return start
    day, time = datetime.fromtimestamp(start, _LOCAL), datetime.fromtimestamp(send_time, _LOCAL).time()
    return max(start, datetime.combine(day.date(), time, _LOCAL).timestamp())


def written(seconds: float) -> str:
    """Return a time as the samples write it, in local time (D)."""
    text = datetime.fromtimestamp(seconds, _LOCAL).strftime("%Y-%m-%dT%H:%M:%S.%f0%z")
    return f"{text[:-2]}:{text[-2:]}"


class Members(Struct, frozen=True):
    """An object of a body: its members by lower-case name, and its path in the body.

    A client mixes `ApproveAutomatically` with `sendDate` (C: NotifyNL-OMC). Members that no page documents
    are never looked at, as Json.NET ignores them (I). A wrong type is a `FailedError` with 400 (I), stricter
    than Json.NET, which turns the text "true" into true.
    """

    path: str
    values: dict[str, Any]

    @classmethod
    def of(cls, path: str, value: Any) -> Members:
        """Return the object that stands at a path."""
        if not isinstance(value, dict):
            raise _wrong(path, "an object")
        return cls(path, {name.lower(): member for name, member in value.items()})

    def at(self, name: str) -> str:
        """Return the path of a member."""
        return f"{self.path}.{name}"

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

    def moment(self, name: str) -> float | None:
        """Return a member that is a date or a time, in seconds since 1970; without an offset it is local."""
        text = self.text(name)
        try:
            moment = None if text is None else datetime.fromisoformat(text.strip())
            if moment is None:
                return None
            local = moment if moment.tzinfo else moment.replace(tzinfo=_LOCAL)
            return local.astimezone(_LOCAL).timestamp()
        except (ValueError, OverflowError) as error:
            raise _wrong(self.at(name), "a date") from error

    def objects(self, name: str) -> tuple[Members, ...]:
        """Return a member that is an array of objects; one that is left out has none."""
        path, value = self.at(name), self.raw(name)
        if value is not None and not isinstance(value, list):
            raise _wrong(path, "an array")
        return tuple(Members.of(f"{path}[{index}]", item) for index, item in enumerate(value or ()))


def _wrong(path: str, expected: str) -> FailedError:
    return invalid(path, f"{path} has to be {expected}.")
