"""The CheckMarket part of the sandbox: the Survey API, version 3, as far as import configurations need it."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from flask import Blueprint, Response, request
from msgspec import Struct

from reconciler.sandbox.checkmarket_bodies import (
    Answer,
    Call,
    FailedError,
    RefusedError,
    envelope,
    failure,
    read_config,
    read_extras,
    read_name,
    refusal,
    reject_unknown,
    timestamp,
)
from reconciler.sandbox.seeding import CONFIGS, SURVEYS, stored_config
from reconciler.sandbox.state import Document, Key, State, Transaction
from reconciler.sandbox.variants import Listing, Variants

READ_CONTACTS = "Contacts (read)"
WRITE_CONTACTS = "Contacts (write)"

_ALLOWANCE = "checkmarket.allowance"


class Keys(Struct, frozen=True, kw_only=True):
    """Which keys are accepted, None for all that are not blank; a read-only key lacks the write role."""

    master: frozenset[str] | None = None
    accepted: frozenset[str] | None = None
    read_only: frozenset[str] = frozenset()

    def admit(self, master_key: str, key: str, role: str | None, call: Call) -> None:
        """Raise `FailedError` unless both keys are accepted (UNK: variant `bad_key`) and hold the role.

        A missing role is 403 (DOC, single contact example).
        """
        if not (_accepts(self.master, master_key) and _accepts(self.accepted, key)):
            raise FailedError(int(call.variants.bad_key), "X-Master-Key or X-Key is missing or wrong.")
        if role == WRITE_CONTACTS and key in self.read_only:
            raise FailedError(403, f"The key does not have the role {role}.")


def spend_allowance(call: Call) -> None:
    """Count one request of the account; `FailedError` 429, and nothing counted, over its allowance.

    DOC, throttling page: counted per account over all keys, per minute and per day; the answer says which
    limit was hit and for how long. UNK: the numbers and Retry-After (variants).
    """
    variants = call.variants
    windows = (
        _Window("minute", 60, variants.requests_per_minute),
        _Window("day", 86_400, variants.requests_per_day),
    )
    limited = [window for window in windows if window.allowed is not None]
    for window in limited:
        window.check(call)
    for window in limited:
        window.add_one(call)


class _Window(NamedTuple):
    """A calendar minute or day, and the requests that are allowed in it."""

    unit: str
    seconds: int
    allowed: int | None

    def check(self, call: Call) -> None:
        """Raise `FailedError` where the allowance is used up."""
        if self._spent(call) >= (self.allowed or 0):
            wait = int(self.seconds - call.now % self.seconds) + 1
            headers = {"Retry-After": str(wait)} if call.variants.retry_after == "header" else {}
            message = f"The allowance of {self.allowed} requests per {self.unit} is used up"
            raise FailedError(429, f"{message}; retry after {wait} seconds.", headers)

    def add_one(self, call: Call) -> None:
        """Count one request in this window."""
        spent = {"Window": call.now // self.seconds, "Count": self._spent(call) + 1}
        call.documents.put(_ALLOWANCE, self.unit, spent)

    def _spent(self, call: Call) -> int:
        spent = call.documents.get(_ALLOWANCE, self.unit)
        return int(spent["Count"]) if spent and spent["Window"] == call.now // self.seconds else 0


def _accepts(accepted: frozenset[str] | None, key: str) -> bool:
    return bool(key.strip()) and (accepted is None or key in accepted)


Row = Mapping[str, Any]

_DEFAULT_TOP = 25  # DOC, contact folders page
_WORD = re.compile(r"'(?:[^']|'')*'|[^\s']+")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class _Page(Struct, frozen=True):
    """A part of the rows: where it starts, how many it may hold, and what it holds."""

    rows: Sequence[Row]
    offset: int
    limit: int
    total: int

    def meta(self) -> dict[str, int]:
        """Return where this page lies and what there is to count (DOC names, PUT page)."""
        stop = self.offset + len(self.rows)
        counts = {"TotalRowCount": self.total, "TotalPageCount": -(-self.total // max(self.limit, 1))}
        return {**counts, "StartRec": min(self.offset + 1, stop), "StopRec": stop}


def answer_list(rows: Sequence[Row], show: Callable[[Row], Row], listing: Listing, call: Call) -> Answer:
    """Return the rows that a call asks for, each as `show` gives it, in the pages of the listing variant.

    `FailedError` with 400 for an option that cannot be read.
    """
    found = _ordered(_filtered(rows, call), call)
    page = _page(found, listing, call)
    paging = {} if listing == "unpaged" else {"Limit": page.limit, "Offset": page.offset}
    counts = page.meta() if call.variants.meta_counts else {}
    meta = {**counts, **paging, "IsFiltered": _is_filtered(call)}
    return Answer([_selected(show(row), call) for row in page.rows], meta=meta, links=_links(page, call))


def _page(rows: Sequence[Row], listing: Listing, call: Call) -> _Page:
    if listing == "unpaged":
        return _Page(rows, 0, len(rows), len(rows))
    top = _count("top", _DEFAULT_TOP, call)
    limit = min(top, call.variants.clamp_at) if listing == "clamped" else top
    skip = 0 if listing == "ignores-skip" else _count("skip", 0, call)
    return _Page(rows[skip : skip + limit], skip, limit, len(rows))


def _count(name: str, default: int, call: Call) -> int:
    text = call.options.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise FailedError(400, f"{name} has to be a whole number.")
    return int(text)


def _selected(row: Row, call: Call) -> dict[str, Any]:
    """Return the members that `select` names; an empty one selects all."""
    names = [name.strip() for name in call.options.get("select", "").split(",") if name.strip()]
    return {name: value for name, value in row.items() if not names or name in names}


def _ordered(rows: Sequence[Row], call: Call) -> Sequence[Row]:
    """Return the rows as `orderby` says, absent members first; UNK without it: variant `row_order`."""
    found = list(rows if call.variants.row_order == "oldest-first" else reversed(rows))
    for part in reversed(
        [part.split() for part in call.options.get("orderby", "").split(",") if part.strip()]
    ):
        name, *direction = part
        if direction not in ([], ["asc"], ["desc"]):
            raise FailedError(400, "orderby has to be a list of names, each with asc or desc.")
        found.sort(key=_rank(name), reverse=direction == ["desc"])
    return found


def _rank(name: str) -> Callable[[Row], tuple[bool, Any]]:
    def rank(row: Row) -> tuple[bool, Any]:
        value = row.get(name)
        if isinstance(value, dict | list):
            raise FailedError(400, f"orderby: {name} has no order.")
        return value is not None, value

    return rank


def _is_filtered(call: Call) -> bool:
    return call.variants.filter and bool(call.options.get("filter", "").strip())


def _filtered(rows: Sequence[Row], call: Call) -> Sequence[Row]:
    """Return the rows that `filter` lets through: comparisons joined by and/or, quotes doubled."""
    if not _is_filtered(call):
        return rows
    alternatives = [
        _comparisons(words, call) for words in _split(_WORD.findall(call.options["filter"]), "or")
    ]
    return [row for row in rows if any(all(holds(row) for holds in every) for every in alternatives)]


def _comparisons(words: list[str], call: Call) -> list[Callable[[Row], bool]]:
    return [_comparison(part, call) for part in _split(words, "and")]


def _comparison(words: list[str], call: Call) -> Callable[[Row], bool]:
    if len(words) != 3 or words[1] not in _COMPARISONS:
        raise FailedError(400, f"filter cannot be read: {call.options['filter']}")
    name, compare, wanted = words[0], _COMPARISONS[words[1]], _folded(_literal(words[2]), call)

    def holds(row: Row) -> bool:
        value = _folded(row.get(name), call)
        # Values of two types are never in order, and equal only if Python says so.
        return type(value) is type(wanted) and compare(value, wanted)

    return holds


def _literal(word: str) -> Any:
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    constants = {"true": True, "false": False, "null": None}
    if word in constants:
        return constants[word]
    if not re.fullmatch(r"-?\d{1,9}", word, re.ASCII):
        raise FailedError(400, f"filter has a literal that cannot be read: {word}")
    return int(word)


def _folded(value: Any, call: Call) -> Any:
    return value.casefold() if isinstance(value, str) and not call.variants.case_sensitive_names else value


def _split(words: list[str], separator: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == separator:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _links(page: _Page, call: Call) -> dict[str, Any]:
    """Return where the pages beside this one are (DOC: `Links` holds them; CLIENT: their shape)."""
    places = {"Previous": page.offset - page.limit, "Next": page.offset + page.limit}
    return {
        name: {"Href": f"{call.path}?top={page.limit}&skip={max(skip, 0)}", "Title": name, "Method": "GET"}
        for name, skip in places.items()
        if (name == "Next" and skip < page.total and page.rows) or (name == "Previous" and page.offset > 0)
    }


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


_QUEUE = "checkmarket.queue"
_FINISHED = 4
_CREATED = "R0301"  # DOC, import result codes


def start_import(call: Call, identity: int) -> Answer:
    """Take contacts and answer with the queue item; nothing is mailed.

    The first import fills the empty ColumnMappings of its configuration (DOC, POST page), here from the
    members of the contacts in order of appearance.
    """
    stored = find_config(call, identity)
    contacts = _contacts(call.json())
    if not stored["Config"].get("ColumnMappings"):
        config = {**stored["Config"], "ColumnMappings": _mappings(contacts)}
        call.documents.put(CONFIGS, identity, {**stored, "Config": config})
    item = call.documents.next_number(_QUEUE)
    call.documents.put(_QUEUE, item, {"ContactCount": len(contacts)})
    return Answer({"QueueItemId": item})


def read_queue_item(call: Call, identity: int) -> Answer:
    """Answer that an import is finished (DOC, queue item page; CLIENT: its members)."""
    item = call.documents.get(_QUEUE, identity)
    if item is None:
        reject_unknown("queue item", identity, call.variants)
    results = [{"ResultCode": _CREATED, "ContactCount": item["ContactCount"]}]
    return Answer({"QueueItemId": identity, "StatusId": _FINISHED, "Result": {"ImportResult": results}})


def _contacts(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(contact, dict) for contact in body):
        raise FailedError(400, "The contacts have to be an array of objects.")
    return body


def _mappings(contacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for contact in contacts for name in contact)
    return [
        {"SourceColumnNumber": number, "TargetColumnName": name} for number, name in enumerate(names, start=1)
    ]


def list_surveys(call: Call) -> Answer:
    """Answer with the surveys; titles are not unique, so `filter` by title can find several."""
    rows = [_row(identity, survey, call) for identity, survey in call.documents.all(SURVEYS).items()]
    return answer_list(rows, lambda row: row, call.variants.surveys_listing, call)


def read_survey(call: Call, identity: int) -> Answer:
    """Answer with one survey; its questions are empty here and therefore left out."""
    survey = call.documents.get(SURVEYS, identity)
    if survey is None:
        reject_unknown("survey", identity, call.variants)
    return Answer(_row(identity, survey, call))


def _row(identity: Key, survey: Document, call: Call) -> dict[str, Any]:
    return {call.variants.survey_id_member: identity, **survey}


Clock = Callable[[], float]

_READS = "checkmarket.reads"


class _Route(NamedTuple):
    """One call: its method and path, the role its key needs, and the function that answers."""

    method: str
    path: str
    role: str | None
    answer: Callable[..., Answer]


def _root(call: Call) -> Answer:
    """Answer that the service is there; the call needs no role (DOC, getting started page)."""
    return Answer({"Version": "3"}, links={"Self": {"Href": call.path, "Title": "Self", "Method": "GET"}})


_CONFIGS = "/3/contacts/import/configs"
_CONFIG = "/3/contacts/import/configs/<int(max=2147483647):identity>"
_IMPORT = "/3/contacts/import/<int(max=2147483647):identity>"

# The role for reading surveys is not on any page that was found.
_ROUTES = (
    _Route("GET", "/3", None, _root),
    _Route("GET", _CONFIGS, READ_CONTACTS, list_configs),
    _Route("POST", _CONFIGS, WRITE_CONTACTS, create_config),
    _Route("GET", _CONFIG, READ_CONTACTS, read_one),
    _Route("PUT", _CONFIG, WRITE_CONTACTS, update_config),
    _Route("DELETE", _CONFIG, WRITE_CONTACTS, delete_config),
    _Route("POST", _IMPORT, WRITE_CONTACTS, start_import),
    _Route("GET", _IMPORT, READ_CONTACTS, read_queue_item),
    _Route("GET", "/3/surveys", None, list_surveys),
    _Route("GET", "/3/surveys/<int(max=2147483647):identity>", None, read_survey),
)


def checkmarket_part(state: State, variants: Variants, keys: Keys, clock: Clock) -> Blueprint:
    """Return the routes under `/3`; paths have to come in lower case and without a slash at the end."""
    part = Blueprint("checkmarket", __name__)
    for route in _ROUTES:
        view = _view(route, state, variants, keys, clock)
        part.add_url_rule(route.path, f"{route.method} {route.path}", view, methods=[route.method])
    return part


def _view(
    route: _Route, state: State, variants: Variants, keys: Keys, clock: Clock
) -> Callable[..., Response]:
    """Return what the web framework calls: one request, one transaction, one answer."""

    def view(**ids: int) -> Response:
        with state.transaction() as documents:
            call = _call(documents, variants, clock())
            try:
                _admit(route, keys, call)
                return _respond(200, _read_again(route, call, ids), call)
            except FailedError as error:
                answer = failure(error, variants)
                return _respond(answer.status, envelope(answer, call), call, answer.headers)

    return view


def _call(documents: Transaction, variants: Variants, now: float) -> Call:
    options = {name.lower(): value for name, value in request.args.items()}
    content, content_type = request.get_data(), request.content_type or ""
    return Call(documents, variants, now, request.path, options, content, content_type)


def _admit(route: _Route, keys: Keys, call: Call) -> None:
    master_key, key = request.headers.get("X-Master-Key", ""), request.headers.get("X-Key", "")
    keys.admit(master_key, key, route.role, call)
    spend_allowance(call)


def _read_again(route: _Route, call: Call, ids: dict[str, int]) -> dict[str, Any]:
    """Return the body of an answer; a read repeats what it said before for as long as the server keeps it.

    DOC, caching page: some reads are kept, for a time that their pages state; for configurations UNK, variant
    `read_cache_seconds`.
    """
    address = request.full_path.lower()
    kept = call.documents.get(_READS, address)
    if route.method == "GET" and kept and call.now < kept["Until"]:
        return dict(kept["Body"])
    body = envelope(_answer(route, call, ids), call)
    if route.method == "GET" and call.variants.read_cache_seconds:
        until = call.now + call.variants.read_cache_seconds
        call.documents.put(_READS, address, {"Until": until, "Body": body})
    return body


def _answer(route: _Route, call: Call, ids: dict[str, int]) -> Answer:
    try:
        return route.answer(call, **ids)
    except RefusedError as error:
        return refusal(error)


def _respond(status: int, body: dict[str, Any], call: Call, headers: Any = None) -> Response:
    """Return the response; a read has ETag and max-age, and is 304 if known (DOC, caching page)."""
    content = json.dumps(body)
    response = Response(content, status, headers, content_type="application/json; charset=utf-8")
    if request.method == "GET" and status == 200:
        response.cache_control.max_age = int(call.variants.read_cache_seconds)
        response.add_etag()
        response.make_conditional(request)
    return response
