"""The calls on import configurations: list, read, create, full update, rename, delete.

The pages for create, full update and rename are public; that reading and deleting exist is stated on the
bulk import page, their form is inferred from sibling collections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from reconciler.sandbox.seeding import CONFIGS, SURVEYS, stored_config
from reconciler.sandbox.state import Document

from .bodies import read_config, read_extras, read_name
from .calls import Answer, Call, RefusedError, reject_unknown, timestamp
from .listing import Row, answer_list

# In development, live: what a single contact may be linked to (DOC, ContactCreateResult page).
_OPEN_SURVEY = (1, 2)
_TIMES = ("InvitationTime", "ExpirationTime")
_TIME_DIGITS = {"long": 16, "seconds": 8, "short": 5}


def list_configs(call: Call) -> Answer:
    """Answer with the reusable configurations (DOC, PUT page: others are not available in the API)."""
    every = call.documents.all(CONFIGS)
    rows = [
        {"ImportConfigId": identity, **stored["Config"]}
        for identity, stored in every.items()
        if _is_listed(stored, call)
    ]

    def show(row: Row) -> Row:
        return _listed(row["ImportConfigId"], every[row["ImportConfigId"]], call)

    return answer_list(rows, show, call.variants.listing, call)


def read_one(call: Call, identity: int) -> Answer:
    """Answer with one configuration, whole."""
    stored = find_config(call, identity)
    if not _has_appeared(stored, call):
        _reject(call, identity)
    return Answer(_whole(identity, stored, call))


def create_config(call: Call) -> Answer:
    """Store a new configuration; 200 with its id, not 201 (DOC, bulk import example)."""
    config, extras = _sent(call, None)
    identity = call.documents.next_number(CONFIGS)
    stored = stored_config(config, call.now)
    if extras:
        stored["Extras"] = _merged(_server_extras(stored, call), extras)
    call.documents.put(CONFIGS, identity, stored)
    return Answer({"ImportConfigId": identity, "Succeeded": True})


def update_config(call: Call, identity: int) -> Answer:
    """Replace a whole configuration, or rename it where the query has `name` (DOC, PUT and rename page)."""
    if "name" in call.options:
        return _rename(call, identity)
    stored = find_config(call, identity)
    config, extras = _sent(call, identity)
    call.documents.put(CONFIGS, identity, {**stored, "Config": config, "Extras": extras})
    return Answer({"ImportConfigId": identity, "Succeeded": True})


def delete_config(call: Call, identity: int) -> Answer:
    """Remove a configuration (UNK: variant `delete_answer`)."""
    find_config(call, identity)
    call.documents.remove(CONFIGS, identity)
    return Answer(True if call.variants.delete_answer == "true" else {"Succeeded": True})


def find_config(call: Call, identity: int) -> Document:
    """Return the stored configuration that a call names by id, or answer that there is none.

    UNK, variant `hidden`: whether one that is not reusable can still be reached by its id.
    """
    stored = call.documents.get(CONFIGS, identity)
    if stored is None or (_is_hidden(stored) and call.variants.hidden == "404-by-id"):
        _reject(call, identity)
    return stored


def _rename(call: Call, identity: int) -> Answer:
    """Change the name only; the answer holds no id (DOC, rename page)."""
    stored = find_config(call, identity)
    name = read_name(call.options["name"], call.variants)
    _check_name(name, identity, call)
    call.documents.put(CONFIGS, identity, {**stored, "Config": {**stored["Config"], "Name": name}})
    return Answer({"Succeeded": True})


def _sent(call: Call, identity: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the checked configuration that a body stands for, and its undocumented members."""
    body = call.json()
    config = read_config(body, call.variants)
    _check_survey(config, call)
    _check_name(config["Name"], identity, call)
    return config, read_extras(body, call.variants)


def _check_name(name: str | None, identity: int | None, call: Call) -> None:
    """Refuse a name that another configuration has (UNK: variant `unique_names`)."""
    if not call.variants.unique_names:
        return
    others = (stored["Config"] for key, stored in call.documents.all(CONFIGS).items() if key != identity)
    if any(_same(name, other.get("Name"), call) for other in others):
        raise RefusedError(f"An import configuration named {name} exists already.")


def _check_survey(config: dict[str, Any], call: Call) -> None:
    """Refuse a survey that does not exist; for one that is not open, UNK: variant `linked_survey`."""
    survey = (config["SurveySettings"] or {}).get("SurveyId")
    if survey is None:
        return
    stored = call.documents.get(SURVEYS, survey)
    if stored is None:
        raise RefusedError(f"The survey {survey} does not exist.")
    if call.variants.linked_survey == "open" and stored["SurveyStatusId"] not in _OPEN_SURVEY:
        raise RefusedError(f"The survey {survey} is not in development or live.")


def _same(name: str | None, other: str | None, call: Call) -> bool:
    if name is None or other is None or call.variants.case_sensitive_names:
        return name == other
    return name.casefold() == other.casefold()


def _reject(call: Call, identity: int) -> NoReturn:
    reject_unknown("import configuration", identity, call.variants)


def _is_hidden(stored: Document) -> bool:
    return not stored["Config"].get("IsReusable")


def _has_appeared(stored: Document, call: Call) -> bool:
    return bool(call.now >= stored["CreatedAt"] + call.variants.appears_after_seconds)


def _is_listed(stored: Document, call: Call) -> bool:
    return _has_appeared(stored, call) and not _is_hidden(stored)


def _listed(identity: int, stored: Document, call: Call) -> dict[str, Any]:
    """Return a row of a list: a whole configuration, or its id and name (UNK: variant `rows`)."""
    whole = _whole(identity, stored, call)
    if call.variants.rows == "whole":
        return whole
    return {name: whole.get(name) for name in ("ImportConfigId", "Name")}


def _whole(identity: int, stored: Document, call: Call) -> dict[str, Any]:
    """Return a configuration as the API shows it, with the server's own members and its forms of values."""
    extras = _server_extras(stored, call) if stored["Extras"] is None else stored["Extras"]
    members = _merged({"ImportConfigId": identity, **stored["Config"]}, extras)
    return {**_in_answer_form(members, call), **_volatile(call)}


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
    return {"CreateDate": timestamp(stored["CreatedAt"]), "SurveySettings": {"LinkVersion": 1}}


def _volatile(call: Call) -> dict[str, Any]:
    """Return undocumented members that differ each time anybody looks."""
    if call.variants.server_extras != "volatile":
        return {}
    return {
        "LastReadAt": timestamp(call.now),
        "Revision": call.documents.next_number("checkmarket.revisions"),
    }


def _in_answer_form(members: dict[str, Any], call: Call) -> dict[str, Any]:
    """Return the members with times and mappings in the form that answers have (UNK: two variants)."""
    settings, mappings = members.get("SurveySettings"), members.get("ColumnMappings")
    if settings:
        members = {**members, "SurveySettings": _short_times(settings, _TIME_DIGITS[call.variants.times])}
    if mappings and call.variants.mappings_order == "reversed":
        members = {**members, "ColumnMappings": mappings[::-1]}
    return members


def _short_times(settings: Mapping[str, Any], digits: int) -> dict[str, Any]:
    times = {name: settings[name][:digits] for name in _TIMES if settings.get(name)}
    return {**settings, **times}
