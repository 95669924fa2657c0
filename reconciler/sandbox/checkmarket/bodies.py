"""The write side of an import configuration: from a request body to what is stored.

DOC, page PUT-3-contacts-import-configs-importConfigId: every property that the body does not hold is reset
to its default. SurveySettings is its own type (ImportSurveyLink), to which the same is applied (INF).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from reconciler.sandbox.variants import Variants

from .calls import FailedError, RefusedError
from .values import Reader, delimiter, flag, integer, text, time_of_day

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
