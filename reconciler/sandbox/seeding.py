"""What a fresh sandbox holds: an account with configurations and surveys, a tenant with some customers."""

from __future__ import annotations

from typing import Any, Final

CONFIGS: Final = "checkmarket.import_configs"
SURVEYS: Final = "checkmarket.surveys"
COLUMNS: Final = "expoints.columns"
BATCHES: Final = "expoints.batches"
CUSTOMERS: Final = "expoints.customers"
OPT_OUTS: Final = "expoints.opt_outs"
MAILS: Final = "expoints.mails"

# 15 January 2024: long before any clock that a test sets, so that what is seeded is never "just created".
_CREATED_AT: Final = 1_705_309_200.0


def stored_config(members: dict[str, Any], created_at: float = _CREATED_AT) -> dict[str, Any]:
    """Return an import configuration as the state keeps it.

    `Config` holds the documented members; `Extras` the undocumented ones that a write left, None before the
    first; `CreatedAt` is in seconds since 1970.
    """
    return {"Config": members, "Extras": None, "CreatedAt": created_at}


def stored_customer(members: dict[str, Any], created_at: float = _CREATED_AT) -> dict[str, Any]:
    """Return a customer as the state keeps it: every member, with what is true of one that says nothing.

    Times are in seconds since 1970. `State` is waiting, approved, locked, fault, opted-out or finished;
    `NotBefore` is when an approved one is mailed.
    """
    absent = ("BatchId", "Email", "PhoneNumber", "SendDate", "EndDate", "PreviousId", "NotBefore")
    silent = {"TransactionDate": created_at, "Priority": 0, "Data": [], "State": "waiting"}
    tests = {"IsTest": False, "IsConcept": False}
    return {**dict.fromkeys(absent), **silent, **tests, **members, "CreatedAt": created_at}


def _survey(title: str, status: int, language: str) -> dict[str, Any]:
    return {
        "Title": title,
        "SurveyStatusId": status,
        "Langs": [language],
        "DefaultLang": language,
        "CreateDate": "2024-01-15T09:00:00.0000000Z",
    }


_NEWSLETTER_NL: Final[dict[str, Any]] = {
    "Name": "Newsletter NL",
    "ContactListId": 12,
    "SurveySettings": {
        "SurveyId": 4711,
        "InvitationDelayInDays": 5,
        "InvitationTime": "09:00:00.0000000",
        "ExpirationAfterDays": 14,
        "ExpirationTime": "22:00:00.0000000",
        "ConsiderCooldownPeriod": True,
        "SurveyCooldownAfterInvitation": 30,
    },
    "ColumnMappings": [
        {"SourceColumnNumber": 1, "TargetColumnName": "Email"},
        {"SourceColumnNumber": 2, "TargetColumnName": "FirstName"},
        {"SourceColumnNumber": 3, "TargetColumnName": "LastName"},
    ],
    "EmailIsRequired": True,
    "EmailMustBeUniqueWithinFile": True,
    "DateFormat": "dd/MM/yyyy",
    "SendNotificationMail": True,
    "IsReusable": True,
    "DefaultLanguageCode": "nl",
    "UpdateTypeId": 1,
}
_NEWSLETTER_BE: Final[dict[str, Any]] = {
    **_NEWSLETTER_NL,
    "Name": "Newsletter BE",
    "SurveySettings": {**_NEWSLETTER_NL["SurveySettings"], "SurveyId": 4712},
    "FirstRow": 2,
    "FieldDelimiter": ";",
    "DefaultLanguageCode": "fr",
}
_SUPPORT: Final[dict[str, Any]] = {
    "Name": "Support follow-up",
    "SurveySettings": {"SurveyId": 4713, "InvitationDelayInDays": 1},
    "EmailIsRequired": True,
    "SendNotificationMail": False,
    "IsReusable": True,
    "UpdateTypeId": 2,
}
_OLD_CAMPAIGN: Final[dict[str, Any]] = {
    "Name": "Old campaign 2023 (do not use)",
    "SurveySettings": {"SurveyId": 4700},
    "SendNotificationMail": False,
    "IsReusable": True,
    "UpdateTypeId": 1,
}


def _column(name: str, display_name: str, *, required: bool, archived: bool = False) -> dict[str, Any]:
    return {"Required": required, "Archived": archived, "Name": name, "DisplayName": display_name}


def _invited(email: str, state: str = "approved") -> dict[str, Any]:
    """Return a real customer, who was mailed long ago and is in every report."""
    return stored_customer({"Email": email, "State": state, "NotBefore": _CREATED_AT})


# Survey status 2 is live, 4 is closed. Two surveys share a title, for titles are nowhere said to be unique.
STARTING_POINT: Final[dict[str, dict[int | str, dict[str, Any]]]] = {
    CONFIGS: {
        288: stored_config(_NEWSLETTER_NL),
        289: stored_config(_NEWSLETTER_BE),
        290: stored_config(_SUPPORT),
        291: stored_config(_OLD_CAMPAIGN),
    },
    SURVEYS: {
        4700: _survey("Campaign 2023", 4, "nl"),
        4711: _survey("Customer satisfaction 2026", 2, "nl"),
        4712: _survey("Klanttevredenheid België 2026", 2, "fr"),
        4713: _survey("Support follow-up", 2, "nl"),
        4720: _survey("Event feedback", 2, "nl"),
        4721: _survey("Event feedback", 2, "nl"),
    },
    # Those of the vendor's example (customer/add page), of which fewer are required here, and an old one.
    COLUMNS: {
        13: _column("Region", "Region (until 2022)", required=True, archived=True),
        14: _column("Gender_customer", "Gender customer", required=True),
        15: _column("First_name_customer", "First name customer", required=True),
        16: _column("Family_name_customer", "Family_name_customer", required=True),
        18: _column("Business Unit", "BU", required=True),
        19: _column("ProductNumber", "Product", required=False),
        20: _column("EmployeeId", "EmployeeId", required=False),
    },
    # A person can be several customers, one a survey (customer/add page).
    CUSTOMERS: {
        1001: _invited("anna.devries@example.com", "finished"),
        1002: _invited("anna.devries@example.com"),
        1003: _invited("bram.jansen@example.com"),
    },
    OPT_OUTS: {1: {"Email": "optedout@example.com", "OptOutDate": _CREATED_AT, "IsTest": False}},
}
