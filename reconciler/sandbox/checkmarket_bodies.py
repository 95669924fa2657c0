"""The write side of an import configuration: from a request body to what is stored.

DOC, page PUT-3-contacts-import-configs-importConfigId: every property that the body does not hold is reset
to its default. SurveySettings is its own type (ImportSurveyLink), to which the same is applied (INF).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from .calls import FailedError
from .variants import Variants

Members = dict[str, Any]
Reader = Callable[[str, Any, Variants], Any]
"""From a member's name and value to what is stored.

`FailedError` with 400 for another JSON type than the vendor's page states, `RefusedError` for a value that
the business refuses.
"""

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

_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?", re.ASCII)


class RefusedError(Exception):
    """The business says no: a normal answer, 200, whose `Data.Succeeded` is false (DOC shape, PUT page)."""


class Shape(Struct, frozen=True):
    """The documented members of one type, with what reads each; those in `plain` are false, never null."""

    members: Mapping[str, Reader]
    plain: frozenset[str] = field(default_factory=frozenset)

    def complete(self, sent: Members, defaults: Mapping[str, Any], variants: Variants) -> Members:
        """Return every member: the sent value, or the default where it was left out (DOC, PUT page)."""
        whole: Members = {}
        for name, read in self.members.items():
            value = sent.get(name)
            stores_null = name in sent and variants.null_in_put == "stored-null"
            # Settings have defaults member by member; as a whole they are absent until they are sent.
            if value is None and not stores_null and name != "SurveySettings":
                value = defaults.get(name)
            empty = False if name in self.plain else None
            whole[name] = empty if value is None else read(name, value, variants)
        return whole

    def unknown(self, sent: Members) -> Members:
        """Return what was sent and is no documented member of this type."""
        return {name: value for name, value in sent.items() if name not in self.members}


def read_config(body: Any, variants: Variants) -> Members:
    """Return the complete configuration that a body of POST or PUT stands for."""
    sent = _object("The import configuration", body)
    if variants.extra_members == "strict":
        settings = sent.get("SurveySettings")
        nested = SURVEY_LINK.unknown(settings) if isinstance(settings, dict) else {}
        unknown = [*IMPORT_CONFIG.unknown(sent), *(f"SurveySettings.{name}" for name in nested)]
        if unknown:
            raise RefusedError(f"Unknown members: {', '.join(sorted(unknown))}.")
    config = IMPORT_CONFIG.complete(sent, defaults_of(variants), variants)
    if not (config["Name"] or "").strip():
        raise RefusedError("Name is required.")
    return config


def read_extras(body: Any, variants: Variants) -> Members:
    """Return the undocumented members of a body that this server keeps, nested as they were sent.

    UNK: variants `extra_members` (unknown to the server) and `server_extras` (its own, which a PUT that
    omits them resets like any other).
    """

    def kept(unknown: Members) -> Members:
        names = unknown.keys() - VOLATILE - {"ImportConfigId"}
        if variants.extra_members != "stored":
            names &= SERVER_EXTRAS if variants.server_extras != "none" else set()
        return {name: value for name, value in unknown.items() if name in names}

    extras = kept(IMPORT_CONFIG.unknown(body))
    nested = kept(SURVEY_LINK.unknown(body.get("SurveySettings") or {}))
    return {**extras, "SurveySettings": nested} if nested else extras


def defaults_of(variants: Variants) -> Mapping[str, Any]:
    """Return what omitted members are reset to (UNK: variant `defaults`)."""
    if isinstance(variants.defaults, Mapping):
        return variants.defaults
    return ACCOUNT_DEFAULTS if variants.defaults == "account" else {}


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


def _text(longest: int | None = None) -> Reader:
    """Return a reader of text up to a documented length."""

    def read(name: str, value: Any, _variants: Variants) -> str:
        if not isinstance(value, str):
            raise FailedError(400, f"{name} has to be a string.")
        if longest is not None and len(value) > longest:
            raise RefusedError(f"{name} is too long: at most {longest} characters.")
        return value

    return read


def _delimiter(name: str, value: Any, variants: Variants) -> str:
    """Return a separator, up to 10 characters (DOC, PUT page); UNK, escaped or real: variant `delimiters`."""
    delimiter: str = _text(longest=10)(name, value, variants)
    if variants.delimiters == "unescaped":
        for escaped, character in _ESCAPES.items():
            delimiter = delimiter.replace(escaped, character)
    return delimiter


def _integer(low: int = -(2**31), high: int = 2**31 - 1) -> Reader:
    """Return a reader of whole numbers, limits included; the usual ones are those of 32 bits (INF)."""

    def read(name: str, value: Any, _variants: Variants) -> int:
        if type(value) is not int or not low <= value <= high:
            raise FailedError(400, f"{name} has to be an integer from {low} to {high}.")
        return value

    return read


def _flag(name: str, value: Any, _variants: Variants) -> bool:
    if not isinstance(value, bool):
        raise FailedError(400, f"{name} has to be true or false.")
    return value


def _time_of_day(name: str, value: Any, _variants: Variants) -> str:
    """Return a time of day, hh:mm in UTC (DOC, ImportSurveyLink page), as hh:mm:ss.fffffff."""
    if not isinstance(value, str):
        raise FailedError(400, f"{name} has to be a string.")
    match = _TIME.fullmatch(value.strip())
    hour, minute, second, fraction = match.groups(default="0") if match else ("99", "", "", "")
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise RefusedError(f"{name} is not a time of day: {value}.")
    return f"{int(hour):02}:{minute}:{int(second):02}.{fraction:0<7}"


SURVEY_LINK = Shape(
    {
        "SurveyId": _integer(),
        "InvitationDelayInDays": _integer(),
        "InvitationTime": _time_of_day,
        "ExpirationAfterDays": _integer(),
        "ExpirationTime": _time_of_day,
        "ConsiderCooldownPeriod": _flag,
        "SurveyCooldownAfterInvitation": _integer(),
        "SurveyCooldownAfterResponse": _integer(),
        "AccountCooldownAfterInvitation": _integer(),
        "AccountCooldownAfterResponse": _integer(),
    }
)
# A byte: INF, from the sample value on the PUT page, which a generator fills in by type.
COLUMN_MAPPING = Shape({"SourceColumnNumber": _integer(0, 255), "TargetColumnName": _text()})
# Not nullable: INF, from the numbering of the generated sample on the PUT page.
IMPORT_CONFIG = Shape(
    {
        "Name": _text(longest=50),
        "ContactGroupId": _integer(),
        "ContactListId": _integer(),
        "SurveySettings": _settings,
        "ColumnMappings": _mappings,
        "EmailMustBeUniqueWithinAccount": _flag,
        "EmailMustBeUniqueWithinGroup": _flag,
        "EmailMustBeUniqueWithinFile": _flag,
        "EmailIsRequired": _flag,
        "DateFormat": _text(longest=10),
        "FirstRow": _integer(),
        "FieldDelimiter": _delimiter,
        "RowDelimiter": _delimiter,
        "SendNotificationMail": _flag,
        "IsReusable": _flag,
        "DefaultLanguageCode": _text(),
        "UpdateTypeId": _integer(),
    },
    plain=frozenset({"SendNotificationMail", "IsReusable"}),
)
