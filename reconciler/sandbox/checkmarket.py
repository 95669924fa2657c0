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
from typing import Any, NoReturn

from flask import Blueprint, Response, request
from msgspec import Struct, field

from .calls import Call, FailedError
from .checkmarket_bodies import IMPORT_CONFIG, RefusedError, read_config, read_extras
from .seeding import CONFIGS, SURVEYS, stored_config
from .state import Document, State
from .variants import Variants

Clock = Callable[[], float]
Row = Mapping[str, Any]

_ALLOWANCE, _READS = "checkmarket.allowance", "checkmarket.reads"
_DEFAULT_TOP = 25  # DOC, contact folders page
_TIMES = ("InvitationTime", "ExpirationTime")
_TIME_DIGITS = {"long": 16, "seconds": 8, "short": 5}


class Answer(Struct, frozen=True):
    """What a route has to say; the envelope is put around it."""

    data: Any
    meta: Mapping[str, Any] = field(default_factory=dict)


def checkmarket_part(state: State, variants: Variants, clock: Clock) -> Blueprint:
    """Return the routes under `/3`; paths have to come in lower case and without a slash at the end.

    One request is one transaction, and has one answer.
    """
    part = Blueprint("checkmarket", __name__)

    def viewing(answer: Callable[..., Answer]) -> Callable[..., Response]:
        def view(**ids: int) -> Response:
            with state.transaction() as documents:
                call = Call.received(documents, variants, clock())
                try:
                    if not all(request.headers.get(name, "").strip() for name in ("X-Master-Key", "X-Key")):
                        raise FailedError(401, "X-Master-Key or X-Key is missing or wrong.")
                    _spend_allowance(call)
                    return _json_response(200, _read_again(answer, call, ids))
                except FailedError as error:
                    # UNK: variant `error_body`.
                    data: Any = str(error)
                    if variants.error_body == "object":
                        data = {"ErrorCode": error.status, "ErrorMessage": data, "ErrorType": "ApiError"}
                    body = _envelope(Answer(data), error.status, call)
                    return _json_response(error.status, body, error.headers)

        return view

    for method, path, answer in _ROUTES:
        part.add_url_rule(path, f"{method} {path}", viewing(answer), methods=[method])
    return part


def _json_response(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")


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
            message = (
                f"The allowance of {allowed} requests per {unit} is used up; retry after {wait} seconds."
            )
            raise FailedError(429, message, headers=headers)
        spent[unit] = {"Window": window, "Count": count + 1}
    for unit, counted in spent.items():
        call.documents.put(_ALLOWANCE, unit, counted)


def _read_again(answer: Callable[..., Answer], call: Call, ids: Mapping[str, int]) -> Mapping[str, Any]:
    """Return the body of an answer; a read repeats what it said before for as long as the server keeps it.

    DOC, caching page: some reads are kept, for a time that their pages state; for configurations UNK, variant
    `read_cache_seconds`.
    """
    address = request.full_path.lower()
    kept = call.documents.get(_READS, address)
    if request.method == "GET" and kept and call.now < kept["Until"]:
        return dict(kept["Body"])
    try:
        found = answer(call, **ids)
    except RefusedError as error:
        found = Answer({"Succeeded": False, "FailureMessage": str(error)})
    body = _envelope(found, 200, call)
    if request.method == "GET" and call.variants.read_cache_seconds:
        until = call.now + call.variants.read_cache_seconds
        call.documents.put(_READS, address, {"Until": until, "Body": body})
    return body


def _envelope(answer: Answer, status: int, call: Call) -> dict[str, Any]:
    """Return the body of an answer: Meta and Data, without empty members (DOC, PUT page).

    `Meta.Status` repeats the status of the response, as in the vendor's bulk import example.
    """
    meta = {"Status": status, **answer.meta, "Timestamp": _timestamp(call.now)}
    return {"Meta": _without_empty(meta, call.variants), "Data": _without_empty(answer.data, call.variants)}


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


def _answer_list(rows: Sequence[Row], show: Callable[[Row], Row], call: Call) -> Answer:
    """Return the rows that a call asks for, each as `show` gives it (UNK: variants `listing`, `row_order`).

    `top` and `skip` are as on sibling collections (DOC, contact folders page). `FailedError` with 400 for one
    that cannot be read.
    """
    variants, total = call.variants, len(rows)
    limit, offset = total, 0
    if variants.listing != "unpaged":
        limit, offset = _number("top", _DEFAULT_TOP, call), _number("skip", 0, call)
    if variants.listing == "clamped":
        limit = min(limit, variants.clamp_at)
    elif variants.listing == "ignores-skip":
        offset = 0
    ordered = rows if variants.row_order == "oldest-first" else rows[::-1]
    page = ordered[offset : offset + limit]
    meta: dict[str, Any] = {"IsFiltered": False}
    if variants.meta_counts:
        stop = offset + len(page)
        meta |= {"TotalRowCount": total, "TotalPageCount": -(-total // max(limit, 1))}
        meta |= {"StartRec": min(offset + 1, stop), "StopRec": stop}
    if variants.listing != "unpaged":
        meta |= {"Limit": limit, "Offset": offset}
    return Answer([show(row) for row in page], meta)


def _number(name: str, default: int, call: Call) -> int:
    text = next(iter(call.texts(name)), "")
    if text and not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise FailedError(400, f"{name} has to be a whole number.")
    return int(text or default)


# Import configurations.


def _list_configs(call: Call) -> Answer:
    """Answer with the reusable configurations (DOC, PUT page: others are not available in the API)."""
    every = call.documents.all(CONFIGS)
    rows = [
        {"ImportConfigId": identity, "Name": stored["Config"]["Name"]}
        for identity, stored in every.items()
        if _has_appeared(stored, call) and stored["Config"].get("IsReusable")
    ]

    def show(row: Row) -> Row:
        """UNK: variant `rows`."""
        identity = row["ImportConfigId"]
        return row if call.variants.rows == "thin" else _shown_config(identity, every[identity], call)

    return _answer_list(rows, show, call)


def _read_config(call: Call, identity: int) -> Answer:
    stored = _find_config(call, identity)
    if not _has_appeared(stored, call):
        _reject_unknown(identity, call)
    return Answer(_shown_config(identity, stored, call))


def _create_config(call: Call) -> Answer:
    """Store a new configuration; 200 with its id, not 201 (DOC, bulk import example)."""
    config, extras = _sent_config(call)
    identity = call.documents.next_number(CONFIGS)
    stored = stored_config(config, call.now)
    if extras:
        stored["Extras"] = _merged(_server_extras(stored, call), extras)
    call.documents.put(CONFIGS, identity, stored)
    return Answer({"ImportConfigId": identity, "Succeeded": True})


def _update_config(call: Call, identity: int) -> Answer:
    """Replace a whole configuration, or rename it where the query has `name` (DOC, PUT and rename page)."""
    stored = _find_config(call, identity)
    if "name" in call.query:
        name = call.query["name"][0]
        if not name.strip():
            raise RefusedError("Name is required.")
        renamed = {**stored["Config"], "Name": IMPORT_CONFIG.members["Name"]("Name", name, call.variants)}
        call.documents.put(CONFIGS, identity, {**stored, "Config": renamed})
        return Answer({"Succeeded": True})  # no id (DOC, rename page)
    config, extras = _sent_config(call)
    call.documents.put(CONFIGS, identity, {**stored, "Config": config, "Extras": extras})
    return Answer({"ImportConfigId": identity, "Succeeded": True})


def _delete_config(call: Call, identity: int) -> Answer:
    """Remove a configuration (UNK: variant `delete_answer`)."""
    _find_config(call, identity)
    call.documents.remove(CONFIGS, identity)
    return Answer(True if call.variants.delete_answer == "true" else {"Succeeded": True})


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
    raise RefusedError(message) if call.variants.unknown_id == "refused" else FailedError(404, message)


def _sent_config(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the checked configuration that a body stands for, and its undocumented members."""
    body = call.json()
    config = read_config(body, call.variants)
    survey = (config["SurveySettings"] or {}).get("SurveyId")
    if survey is not None and call.documents.get(SURVEYS, survey) is None:
        raise RefusedError(f"The survey {survey} does not exist.")
    return config, read_extras(body, call.variants)


def _has_appeared(stored: Document, call: Call) -> bool:
    return bool(call.now >= stored["CreatedAt"] + call.variants.appears_after_seconds)


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


def _start_import(call: Call, identity: int) -> Answer:
    """Take contacts and answer with the queue item; nothing is mailed.

    The first import fills the empty ColumnMappings of its configuration (DOC, POST page), here from the
    members of the contacts in order of appearance.
    """
    stored, contacts = _find_config(call, identity), call.json()
    if not isinstance(contacts, list) or not all(isinstance(contact, dict) for contact in contacts):
        raise FailedError(400, "The contacts have to be an array of objects.")
    if not stored["Config"].get("ColumnMappings"):
        names = dict.fromkeys(name for contact in contacts for name in contact)
        mappings = [
            {"SourceColumnNumber": number, "TargetColumnName": name} for number, name in enumerate(names, 1)
        ]
        config = {**stored["Config"], "ColumnMappings": mappings}
        call.documents.put(CONFIGS, identity, {**stored, "Config": config})
    return Answer({"QueueItemId": call.documents.next_number("checkmarket.queue")})


# Surveys, which are only listed here (CLIENT: the vendor's own RespondentImporter), and the root.


def _list_surveys(call: Call) -> Answer:
    member, surveys = call.variants.survey_id_member, call.documents.all(SURVEYS)
    return _answer_list([{member: key, **survey} for key, survey in surveys.items()], lambda row: row, call)


def _root(_call: Call) -> Answer:
    """Answer that the service is there (DOC, getting started page)."""
    return Answer({"Version": "3"})


_ID = "<int(max=2147483647):identity>"
_CONFIGS, _IMPORT = "/3/contacts/import/configs", f"/3/contacts/import/{_ID}"
_ROUTES: Sequence[tuple[str, str, Callable[..., Answer]]] = (
    ("GET", "/3", _root),
    ("GET", _CONFIGS, _list_configs),
    ("POST", _CONFIGS, _create_config),
    ("GET", f"{_CONFIGS}/{_ID}", _read_config),
    ("PUT", f"{_CONFIGS}/{_ID}", _update_config),
    ("DELETE", f"{_CONFIGS}/{_ID}", _delete_config),
    ("POST", _IMPORT, _start_import),
    ("GET", "/3/surveys", _list_surveys),
)
