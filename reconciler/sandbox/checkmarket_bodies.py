"""CheckMarket's calls and bodies: what goes in and out of every route, and how a configuration is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
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


Reader = Callable[[str, Any, Variants], Any]

_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?", re.ASCII)


def text(longest: int | None = None) -> Reader:
    """Return a reader of text up to a documented length; over it: variant `too_long`."""

    def read(name: str, value: Any, variants: Variants) -> str:
        if not isinstance(value, str):
            raise FailedError(400, f"{name} has to be a string.")
        if longest is None or len(value) <= longest:
            return value
        if variants.too_long == "truncated":
            return value[:longest]
        raise RefusedError(f"{name} is too long: at most {longest} characters.")

    return read


def delimiter(name: str, value: Any, variants: Variants) -> str:
    """Return a separator, up to 10 characters (DOC, PUT page); UNK, escaped or real: variant `delimiters`."""
    delimiting: str = text(longest=10)(name, value, variants)
    if variants.delimiters == "unescaped":
        for escaped, character in _ESCAPES.items():
            delimiting = delimiting.replace(escaped, character)
    return delimiting


def integer(low: int = -(2**31), high: int = 2**31 - 1) -> Reader:
    """Return a reader of whole numbers, limits included; the usual ones are those of 32 bits (INF)."""

    def read(name: str, value: Any, _variants: Variants) -> int:
        if type(value) is not int or not low <= value <= high:
            raise FailedError(400, f"{name} has to be an integer from {low} to {high}.")
        return value

    return read


def flag(name: str, value: Any, _variants: Variants) -> bool:
    """Return true or false as sent."""
    if not isinstance(value, bool):
        raise FailedError(400, f"{name} has to be true or false.")
    return value


def time_of_day(name: str, value: Any, _variants: Variants) -> str:
    """Return a time of day, hh:mm in UTC (DOC, ImportSurveyLink page), as hh:mm:ss.fffffff."""
    if not isinstance(value, str):
        raise FailedError(400, f"{name} has to be a string.")
    match = _TIME.fullmatch(value.strip())
    hour, minute, second, fraction = match.groups(default="0") if match else ("99", "", "", "")
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise RefusedError(f"{name} is not a time of day: {value}.")
    return f"{int(hour):02}:{minute}:{int(second):02}.{fraction:0<7}"


Members = dict[str, Any]

# What this account resets to under `defaults=account`; the real ones are not published.
ACCOUNT_DEFAULTS: Mapping[str, Any] = {
    "DateFormat": "dd-MM-yyyy",
    "DefaultLanguageCode": "nl",
    "FirstRow": 1,
    "SendNotificationMail": False,
    "SurveySettings": {"InvitationTime": "09:00:00"},
    "UpdateTypeId": 1,
}

# Members that no page documents but that a server could well have; those in VOLATILE it writes by itself.
SERVER_EXTRAS = frozenset({"CreateDate", "LinkVersion"})
VOLATILE = frozenset({"LastReadAt", "Revision"})


class Shape(Struct, frozen=True):
    """The documented members of one type, with what reads each; those in `plain` are false, never null."""

    members: Mapping[str, Reader]
    plain: frozenset[str] = field(default_factory=frozenset)

    def complete(self, sent: Members, defaults: Mapping[str, Any], variants: Variants) -> Members:
        """Return every member: the sent value, or the default where it was left out (DOC, PUT page)."""
        return {name: self._value(name, sent, defaults, variants) for name in self.members}

    def unknown(self, sent: Members) -> Members:
        """Return what was sent and is no documented member of this type."""
        return {name: value for name, value in sent.items() if name not in self.members}

    def _value(self, name: str, sent: Members, defaults: Mapping[str, Any], variants: Variants) -> Any:
        value = sent.get(name)
        if value is not None:
            return self.members[name](name, value, variants)
        if name in sent and variants.null_in_put == "stored-null":
            return self._empty(name)
        return self._default(name, defaults, variants)

    def _default(self, name: str, defaults: Mapping[str, Any], variants: Variants) -> Any:
        # Settings have defaults member by member, but as a whole they are absent until somebody sends them.
        default = None if name == "SurveySettings" else defaults.get(name)
        return self._empty(name) if default is None else self.members[name](name, default, variants)

    def _empty(self, name: str) -> bool | None:
        return False if name in self.plain else None


def read_config(body: Any, variants: Variants) -> Members:
    """Return the complete configuration that a body of POST or PUT stands for.

    `FailedError` with 400 for a member of the wrong JSON type, `RefusedError` for a value that the business
    refuses.
    """
    sent = _object("The import configuration", body)
    _check_unknown(sent, variants)
    config = IMPORT_CONFIG.complete(sent, defaults_of(variants), variants)
    if variants.name_required and not (config["Name"] or "").strip():
        raise RefusedError("Name is required.")
    return config


def read_name(name: str, variants: Variants) -> str:
    """Return the name that a rename asks for; `RefusedError` for an empty or over-long one."""
    if not name.strip():
        raise RefusedError("Name is required.")
    return str(IMPORT_CONFIG.members["Name"]("Name", name, variants))


def read_extras(body: Any, variants: Variants) -> Members:
    """Return the undocumented members of a body that this server keeps, nested as they were sent.

    UNK: variants `extra_members` (unknown to the server) and `server_extras` (its own, which a PUT that
    omits them resets like any other).
    """
    extras = _kept(IMPORT_CONFIG.unknown(body), variants)
    nested = _kept(SURVEY_LINK.unknown(body.get("SurveySettings") or {}), variants)
    return {**extras, "SurveySettings": nested} if nested else extras


def defaults_of(variants: Variants) -> Mapping[str, Any]:
    """Return what omitted members are reset to (UNK: variant `defaults`)."""
    if isinstance(variants.defaults, Mapping):
        return variants.defaults
    return ACCOUNT_DEFAULTS if variants.defaults == "account" else {}


def _kept(unknown: Members, variants: Variants) -> Members:
    return {name: value for name, value in unknown.items() if _is_kept(name, variants)}


def _is_kept(name: str, variants: Variants) -> bool:
    if name == "ImportConfigId" or name in VOLATILE:
        return False
    return variants.extra_members == "stored" or (variants.server_extras != "none" and name in SERVER_EXTRAS)


def _check_unknown(sent: Members, variants: Variants) -> None:
    settings = sent.get("SurveySettings")
    nested = SURVEY_LINK.unknown(settings) if isinstance(settings, dict) else {}
    unknown = [*IMPORT_CONFIG.unknown(sent), *(f"SurveySettings.{name}" for name in nested)]
    if unknown and variants.extra_members == "strict":
        raise RefusedError(f"Unknown members: {', '.join(sorted(unknown))}.")


def _object(name: str, value: Any) -> Members:
    if not isinstance(value, dict):
        raise FailedError(400, f"{name} has to be an object.")
    return value


def _settings(name: str, value: Any, variants: Variants) -> Members:
    return SURVEY_LINK.complete(_object(name, value), defaults_of(variants).get(name) or {}, variants)


def _mappings(name: str, value: Any, variants: Variants) -> list[Members]:
    if not isinstance(value, list):
        raise FailedError(400, f"{name} has to be an array.")
    return [COLUMN_MAPPING.complete(_object(f"An item of {name}", item), {}, variants) for item in value]


SURVEY_LINK = Shape(
    {
        "SurveyId": integer(),
        "InvitationDelayInDays": integer(),
        "InvitationTime": time_of_day,
        "ExpirationAfterDays": integer(),
        "ExpirationTime": time_of_day,
        "ConsiderCooldownPeriod": flag,
        "SurveyCooldownAfterInvitation": integer(),
        "SurveyCooldownAfterResponse": integer(),
        "AccountCooldownAfterInvitation": integer(),
        "AccountCooldownAfterResponse": integer(),
    }
)
# A byte: INF, from the sample value on the PUT page, which a generator fills in by type.
COLUMN_MAPPING = Shape({"SourceColumnNumber": integer(0, 255), "TargetColumnName": text()})
# Not nullable: INF, from the numbering of the generated sample on the PUT page.
IMPORT_CONFIG = Shape(
    {
        "Name": text(longest=50),
        "ContactGroupId": integer(),
        "ContactListId": integer(),
        "SurveySettings": _settings,
        "ColumnMappings": _mappings,
        "EmailMustBeUniqueWithinAccount": flag,
        "EmailMustBeUniqueWithinGroup": flag,
        "EmailMustBeUniqueWithinFile": flag,
        "EmailIsRequired": flag,
        "DateFormat": text(longest=10),
        "FirstRow": integer(),
        "FieldDelimiter": delimiter,
        "RowDelimiter": delimiter,
        "SendNotificationMail": flag,
        "IsReusable": flag,
        "DefaultLanguageCode": text(),
        "UpdateTypeId": integer(),
    },
    plain=frozenset({"SendNotificationMail", "IsReusable"}),
)
