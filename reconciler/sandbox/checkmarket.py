"""The CheckMarket part of the sandbox: the Survey API, version 3, as far as import configurations need it.

The pages for create, full update and rename are public; that reading and deleting exist is stated on the
bulk import page, their form is inferred from sibling collections. Sources: DOC, a page of the vendor; CLIENT,
the code of a client; INF, inferred; UNK, unknown, so a variant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NoReturn, TypeAlias

from flask import Blueprint, Response, request

from .calls import Call, FailedError, query, sent_json, texts_of
from .seeding import CONFIGS, SURVEYS, stored_config
from .state import Document, State
from .variants import Variants

Row: TypeAlias = Mapping[str, Any]
Members: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[Any, Mapping[str, Any]]
"""Data of an answer, and what its Meta has beside the status and the time."""
Reader: TypeAlias = Callable[[str, Any, Variants], Any]
"""From a member's name and value to what is stored.

`FailedError` with 400 for another JSON type than the vendor's page states, with 200 for a value that the
business refuses.
"""

_ALLOWANCE = "checkmarket.allowance"
_DEFAULT_TOP = 25  # DOC, contact folders page
_TIMES = ("InvitationTime", "ExpirationTime")
_JSON = "application/json; charset=utf-8"
_TIME_DIGITS = {"long": 16, "seconds": 8, "short": 5}


def checkmarket_part(state: State, variants: Variants, clock: Callable[[], float]) -> Blueprint:
    """Return the routes under `/3`; paths have to come in lower case and without a slash at the end.

    One request is one transaction, and has one answer.
    """
    part = Blueprint("checkmarket", __name__)

    def viewing(answer: Callable[..., Answer]) -> Callable[..., Response]:
        def view(**ids: int) -> Response:
            with state.transaction() as documents:
                call = Call(documents, variants, clock())
                status, headers = 200, None
                try:
                    if not all(request.headers.get(name, "").strip() for name in ("X-Master-Key", "X-Key")):
                        raise FailedError(401, "X-Master-Key or X-Key is missing or wrong.")
                    _spend_allowance(call)
                    body = _envelope(answer(call, **ids), 200, call)
                except FailedError as error:
                    status, headers = error.status, error.headers
                    data: Any = str(error)
                    if status == 200:
                        data = {"Succeeded": False, "FailureMessage": data}
                    elif variants.error_body == "object":  # UNK
                        data = {"ErrorCode": status, "ErrorMessage": data, "ErrorType": "ApiError"}
                    body = _envelope((data, {}), status, call)
                return Response(json.dumps(body), status, headers, content_type=_JSON)

        return view

    for method, path, answer in _ROUTES:
        part.add_url_rule(path, f"{method} {path}", viewing(answer), methods=[method])
    return part


def _spend_allowance(call: Call) -> None:
    """Count one request of the account; `FailedError` 429, and nothing counted, over its allowance.

    DOC, throttling page: counted per account over all keys, per minute and per day; the answer says which
    limit was hit and for how long. UNK: the numbers and Retry-After (variants).
    """
    variants, spent = call.variants, dict[str, Document]()
    limits = (("minute", 60, variants.requests_per_minute), ("day", 86_400, variants.requests_per_day))
    for unit, seconds, allowed in limits:
        if allowed is None:
            continue
        window, before = call.now // seconds, call.documents.get(_ALLOWANCE, unit)
        count = before["Count"] if before and before["Window"] == window else 0
        if count >= allowed:
            wait = int(seconds - call.now % seconds) + 1
            headers = {"Retry-After": str(wait)} if variants.retry_after == "header" else {}
            used_up = f"The allowance of {allowed} requests per {unit} is used up"
            raise FailedError(429, f"{used_up}; retry after {wait} seconds.", headers)
        spent[unit] = {"Window": window, "Count": count + 1}
    for unit, counted in spent.items():
        call.documents.put(_ALLOWANCE, unit, counted)


def _envelope(answer: Answer, status: int, call: Call) -> dict[str, Any]:
    """Return the body of an answer: Meta and Data, without empty members (DOC, PUT page).

    `Meta.Status` repeats the status of the response, as in the vendor's bulk import example.
    """
    data, more = answer
    meta = {"Status": status, **more, "Timestamp": _timestamp(call.now)}
    return {"Meta": _without_empty(meta, call.variants), "Data": _without_empty(data, call.variants)}


def _without_empty(value: Any, variants: Variants) -> Any:
    """Return a value without its empty members, at every depth (DOC, contact folders page).

    Whether false and 0 hold nothing is unknown: variant `false_and_zero`.
    """
    if isinstance(value, list):
        return [_without_empty(item, variants) for item in value]
    if not isinstance(value, dict):
        return value
    members = {name: _without_empty(member, variants) for name, member in value.items()}
    empty: tuple[Any, ...] = (None, "", [], {})
    if variants.false_and_zero == "omitted":
        empty = (*empty, False, 0)
    return {name: member for name, member in members.items() if member not in empty}


def _timestamp(seconds: float) -> str:
    """Return a time as answers write it: UTC, seven digits after the second (DOC, PUT page)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


# Lists.


def _page(rows: Sequence[Row], call: Call) -> tuple[Sequence[Row], Members]:
    """Return the rows that a call asks for, and what Meta says of them.

    UNK: variants `listing`, `row_order` and `orderby`. The options are as on sibling collections (DOC,
    contact folders page).
    """
    variants, total = call.variants, len(rows)
    limit, offset = total, 0
    if variants.listing != "unpaged":
        limit, offset = _number("top", _DEFAULT_TOP), _number("skip", 0)
    if variants.listing == "clamped":
        limit = min(limit, variants.clamp_at)
    elif variants.listing == "ignores-skip":
        offset = 0
    ordered, member = [*rows], next(iter(texts_of("orderby")), "")
    if member and variants.orderby == "refused":
        raise FailedError(400, "orderby is no option of this call.")
    if member and variants.orderby == "obeyed":
        ordered.sort(key=lambda row: str(row.get(member)).zfill(10))
    elif variants.row_order == "newest-first":
        ordered.reverse()
    elif variants.row_order == "another-each-time":
        shuffled = call.documents.next_number("checkmarket.pages")
        ordered.sort(key=lambda row: sha256(f"{shuffled} {row}".encode()).digest())
    page = ordered[offset : offset + limit]
    meta: dict[str, Any] = {"IsFiltered": False}
    if variants.meta_counts:
        stop = offset + len(page)
        meta |= {"TotalRowCount": total, "TotalPageCount": -(-total // max(limit, 1))}
        meta |= {"StartRec": min(offset + 1, stop), "StopRec": stop}
    if variants.listing != "unpaged":
        meta |= {"Limit": limit, "Offset": offset}
    return page, meta


def _number(name: str, default: int) -> int:
    text = next(iter(texts_of(name)), "")
    if text and not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise FailedError(400, f"{name} has to be a whole number.")
    return int(text or default)


# Import configurations.


def _list_configs(call: Call) -> Answer:
    """Answer with the reusable configurations (DOC, PUT page: others are not available in the API)."""
    every, latest = call.documents.all(CONFIGS), call.now - call.variants.appears_after_seconds
    rows = [
        {"ImportConfigId": identity, "Name": stored["Config"]["Name"]}
        for identity, stored in every.items()
        if stored["CreatedAt"] <= latest and stored["Config"].get("IsReusable")
    ]
    page, meta = _page(rows, call)
    if call.variants.rows == "whole":  # UNK
        page = [_shown_config(row["ImportConfigId"], every[row["ImportConfigId"]], call) for row in page]
    return page, meta


def _read_config(call: Call, identity: int) -> Answer:
    stored = _find_config(call, identity)
    if call.now < stored["CreatedAt"] + call.variants.appears_after_seconds:
        _reject_unknown(identity, call)
    return _shown_config(identity, stored, call), {}


def _create_config(call: Call) -> Answer:
    """Store a new configuration; 200 with its id, not 201 (DOC, bulk import example)."""
    config, extras = _sent_config(call)
    identity = call.documents.next_number(CONFIGS)
    stored = stored_config(config, call.now)
    if extras:
        stored["Extras"] = _merged(_server_extras(stored, call), extras)
    call.documents.put(CONFIGS, identity, stored)
    return {"ImportConfigId": identity, "Succeeded": True}, {}


def _update_config(call: Call, identity: int) -> Answer:
    """Replace a whole configuration, or rename it where the query has `name` (DOC, PUT and rename page)."""
    stored = _find_config(call, identity)
    if "name" in query():
        name = query()["name"][0]
        if not name.strip():
            raise _refused("Name is required.")
        renamed = {**stored["Config"], "Name": _IMPORT_CONFIG["Name"]("Name", name, call.variants)}
        call.documents.put(CONFIGS, identity, {**stored, "Config": renamed})
        return {"Succeeded": True}, {}  # no id (DOC, rename page)
    config, extras = _sent_config(call)
    call.documents.put(CONFIGS, identity, {**stored, "Config": config, "Extras": extras})
    return {"ImportConfigId": identity, "Succeeded": True}, {}


def _delete_config(call: Call, identity: int) -> Answer:
    """Remove a configuration (UNK: variant `delete_answer`)."""
    _find_config(call, identity)
    call.documents.remove(CONFIGS, identity)
    return True if call.variants.delete_answer == "true" else {"Succeeded": True}, {}


def _find_config(call: Call, identity: int) -> Document:
    """Return the stored configuration that a call names by id, or answer that there is none.

    UNK, variant `hidden`: whether one that is not reusable can still be reached by its id.
    """
    stored = call.documents.get(CONFIGS, identity)
    is_hidden = stored is not None and not stored["Config"].get("IsReusable")
    if stored is None or (is_hidden and call.variants.hidden == "404-by-id"):
        _reject_unknown(identity, call)
    return stored


def _reject_unknown(identity: int, call: Call) -> NoReturn:
    """Say that an id is not known, in the way of variant `unknown_id`."""
    message = f"There is no import configuration with id {identity}."
    raise FailedError(200 if call.variants.unknown_id == "refused" else 404, message)


def _shown_config(identity: int | str, stored: Document, call: Call) -> dict[str, Any]:
    """Return a configuration as the API shows it, with the server's own members and its forms of values.

    UNK: variants `times`, `mappings_order` and `server_extras`.
    """
    extras = _server_extras(stored, call) if stored["Extras"] is None else stored["Extras"]
    members = _merged({"ImportConfigId": identity, **stored["Config"]}, extras)
    if settings := members.get("SurveySettings"):
        digits = _TIME_DIGITS[call.variants.times]
        times = {name: settings[name][:digits] for name in _TIMES if settings.get(name)}
        members["SurveySettings"] = {**settings, **times}
    if members.get("ColumnMappings") and call.variants.mappings_order == "reversed":
        members["ColumnMappings"] = members["ColumnMappings"][::-1]
    if call.variants.server_extras == "volatile":
        members["LastReadAt"] = _timestamp(call.now)
        members["Revision"] = call.documents.next_number("checkmarket.revisions")
    return members


def _merged(members: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return members with extra ones laid in, those of the survey settings only where there are settings."""
    merged = {**extras, **members}
    if members.get("SurveySettings"):
        merged["SurveySettings"] = {**members["SurveySettings"], **extras.get("SurveySettings", {})}
    return merged


def _server_extras(stored: Document, call: Call) -> dict[str, Any]:
    """Return the undocumented members that the server sets on a create (UNK: variant `server_extras`)."""
    if call.variants.server_extras == "none":
        return {}
    return {"CreateDate": _timestamp(stored["CreatedAt"]), "SurveySettings": {"LinkVersion": 1}}


# The write side of an import configuration: from a body to what is stored. DOC, PUT page: every property that
# the body does not hold is reset to its default. SurveySettings is its own type (ImportSurveyLink), to which
# the same is applied (INF).

# What this account resets to under `defaults=account`; the real ones are not published.
_ACCOUNT_DEFAULTS: Mapping[str, Any] = {
    "DateFormat": "dd-MM-yyyy",
    "DefaultLanguageCode": "nl",
    "FirstRow": 1,
    "SendNotificationMail": False,
    "SurveySettings": {"InvitationTime": "09:00:00"},
    "UpdateTypeId": 1,
}

# Members that no page documents but that a server could well have; the volatile ones it writes by itself.
_SERVER_EXTRAS = frozenset({"CreateDate", "LinkVersion"})
_VOLATILE = frozenset({"LastReadAt", "Revision"})

# INF, from the numbering of the generated sample on the PUT page.
_NEVER_NULL = frozenset({"SendNotificationMail", "IsReusable"})
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?", re.ASCII)


def _refused(message: str) -> FailedError:
    """Return that the business says no: a 200 whose `Data.Succeeded` is false (DOC shape, PUT page)."""
    return FailedError(200, message)


def _sent_config(call: Call) -> tuple[Members, Members]:
    """Return the whole configuration that a body stands for, and the undocumented members that are kept.

    UNK: variants `extra_members` (unknown to the server) and `server_extras` (its own, which a PUT that
    omits them resets like any other).
    """
    sent, variants = _object("The import configuration", sent_json()), call.variants
    settings = sent.get("SurveySettings")
    extras = {name: value for name, value in sent.items() if name not in _IMPORT_CONFIG}
    nested = {
        name: value
        for name, value in (settings.items() if isinstance(settings, dict) else ())
        if name not in _SURVEY_LINK
    }
    if variants.extra_members == "strict" and (extras or nested):
        unknown = [*extras, *(f"SurveySettings.{name}" for name in nested)]
        raise _refused(f"Unknown members: {', '.join(sorted(unknown))}.")
    config = _complete(_IMPORT_CONFIG, sent, defaults_of(variants), variants)
    if not (config["Name"] or "").strip():
        raise _refused("Name is required.")
    survey = (config["SurveySettings"] or {}).get("SurveyId")
    if survey is not None and call.documents.get(SURVEYS, survey) is None:
        raise _refused(f"The survey {survey} does not exist.")

    def is_kept(name: str) -> bool:
        is_own = name in _SERVER_EXTRAS and variants.server_extras != "none"
        return name not in _VOLATILE | {"ImportConfigId"} and (is_own or variants.extra_members == "stored")

    kept: Members = {name: value for name, value in extras.items() if is_kept(name)}
    if kept_nested := {name: value for name, value in nested.items() if is_kept(name)}:
        kept["SurveySettings"] = kept_nested
    return config, kept


def defaults_of(variants: Variants) -> Mapping[str, Any]:
    """Return what omitted members are reset to (UNK: variant `defaults`)."""
    if isinstance(variants.defaults, Mapping):
        return variants.defaults
    return _ACCOUNT_DEFAULTS if variants.defaults == "account" else {}


def _complete(
    readers: Mapping[str, Reader], sent: Members, defaults: Mapping[str, Any], variants: Variants
) -> Members:
    """Return every member: the sent value, or the default where it was left out (DOC, PUT page)."""
    whole: Members = {}
    for name, read in readers.items():
        value = sent.get(name)
        stores_null = name in sent and variants.null_in_put == "stored-null"
        # Settings have defaults member by member; as a whole they are absent until they are sent.
        if value is None and not stores_null and name != "SurveySettings":
            value = defaults.get(name)
        empty = False if name in _NEVER_NULL else None
        whole[name] = empty if value is None else read(name, value, variants)
    return whole


def _object(name: str, value: Any) -> Members:
    if not isinstance(value, dict):
        raise FailedError(400, f"{name} has to be an object.")
    return value


def _settings(name: str, value: Any, variants: Variants) -> Members:
    return _complete(_SURVEY_LINK, _object(name, value), defaults_of(variants).get(name) or {}, variants)


def _mappings(name: str, value: Any, variants: Variants) -> list[Members]:
    if not isinstance(value, list):
        raise FailedError(400, f"{name} has to be an array.")
    return [_complete(_COLUMN_MAPPING, _object(f"An item of {name}", item), {}, variants) for item in value]


def _text(name: str, value: Any, _variants: Variants, longest: int | None = None) -> str:
    if not isinstance(value, str):
        raise FailedError(400, f"{name} has to be a string.")
    if longest is not None and len(value) > longest:
        raise _refused(f"{name} is too long: at most {longest} characters.")
    return value


def _delimiter(name: str, value: Any, variants: Variants) -> str:
    """Return a separator, up to 10 characters (DOC, PUT page); UNK, escaped or real: variant `delimiters`."""
    delimiter = _text(name, value, variants, longest=10)
    if variants.delimiters == "unescaped":
        for escaped, character in _ESCAPES.items():
            delimiter = delimiter.replace(escaped, character)
    return delimiter


def _integer(
    name: str, value: Any, _variants: Variants, low: int = -(2**31), high: int = 2**31 - 1
) -> int:  # INF: of 32 bits
    if type(value) is not int or not low <= value <= high:
        raise FailedError(400, f"{name} has to be an integer from {low} to {high}.")
    return value


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
        raise _refused(f"{name} is not a time of day: {value}.")
    return f"{int(hour):02}:{minute}:{int(second):02}.{fraction:0<7}"


_SURVEY_LINK: Mapping[str, Reader] = {
    **dict.fromkeys(("SurveyId", "InvitationDelayInDays"), _integer),
    "InvitationTime": _time_of_day,
    "ExpirationAfterDays": _integer,
    "ExpirationTime": _time_of_day,
    "ConsiderCooldownPeriod": _flag,
    **dict.fromkeys(("SurveyCooldownAfterInvitation", "SurveyCooldownAfterResponse"), _integer),
    **dict.fromkeys(("AccountCooldownAfterInvitation", "AccountCooldownAfterResponse"), _integer),
}
# A byte: INF, from the sample value on the PUT page, which a generator fills in by type.
_COLUMN_MAPPING: Mapping[str, Reader] = {
    "SourceColumnNumber": partial(_integer, low=0, high=255),
    "TargetColumnName": _text,
}
_UNIQUE = tuple(f"EmailMustBeUniqueWithin{place}" for place in ("Account", "Group", "File"))
_IMPORT_CONFIG: Mapping[str, Reader] = {
    "Name": partial(_text, longest=50),
    **dict.fromkeys(("ContactGroupId", "ContactListId"), _integer),
    "SurveySettings": _settings,
    "ColumnMappings": _mappings,
    **dict.fromkeys((*_UNIQUE, "EmailIsRequired"), _flag),
    "DateFormat": partial(_text, longest=10),
    "FirstRow": _integer,
    **dict.fromkeys(("FieldDelimiter", "RowDelimiter"), _delimiter),
    **dict.fromkeys(("SendNotificationMail", "IsReusable"), _flag),
    "DefaultLanguageCode": _text,
    "UpdateTypeId": _integer,
}


def _start_import(call: Call, identity: int) -> Answer:
    """Take contacts and answer with the queue item; nothing is mailed.

    The first import fills the empty ColumnMappings of its configuration (DOC, POST page), here from the
    members of the contacts in order of appearance.
    """
    stored, contacts = _find_config(call, identity), sent_json()
    if not isinstance(contacts, list) or not all(isinstance(contact, dict) for contact in contacts):
        raise FailedError(400, "The contacts have to be an array of objects.")
    if not stored["Config"].get("ColumnMappings"):
        names = enumerate(dict.fromkeys(name for contact in contacts for name in contact), 1)
        mappings = [{"SourceColumnNumber": number, "TargetColumnName": name} for number, name in names]
        config = {**stored["Config"], "ColumnMappings": mappings}
        call.documents.put(CONFIGS, identity, {**stored, "Config": config})
    return {"QueueItemId": call.documents.next_number("checkmarket.queue")}, {}


# Surveys, which are only listed here (CLIENT: the vendor's own RespondentImporter), and the root.


def _list_surveys(call: Call) -> Answer:
    member, surveys = call.variants.survey_id_member, call.documents.all(SURVEYS)
    return _page([{member: key, **survey} for key, survey in surveys.items()], call)


def _root(_call: Call) -> Answer:
    """Answer that the service is there (DOC, getting started page)."""
    return {"Version": "3"}, {}


_ID = "<int(max=2147483647):identity>"
_CONFIGS = "/3/contacts/import/configs"
_ROUTES: Sequence[tuple[str, str, Callable[..., Answer]]] = (
    ("GET", "/3", _root),
    ("GET", _CONFIGS, _list_configs),
    ("POST", _CONFIGS, _create_config),
    ("GET", f"{_CONFIGS}/{_ID}", _read_config),
    ("PUT", f"{_CONFIGS}/{_ID}", _update_config),
    ("DELETE", f"{_CONFIGS}/{_ID}", _delete_config),
    ("POST", f"/3/contacts/import/{_ID}", _start_import),
    ("GET", "/3/surveys", _list_surveys),
)
