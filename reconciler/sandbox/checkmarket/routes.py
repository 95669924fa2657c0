"""Which path leads where: the table of calls, and what happens around each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from reconciler.sandbox.state import State, Transaction
from reconciler.sandbox.variants import Variants

from . import import_configs, imports, surveys
from .access import READ_CONTACTS, WRITE_CONTACTS, Keys, spend_allowance
from .calls import Answer, Call, FailedError, RefusedError, envelope, failure, refusal

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
    _Route("GET", _CONFIGS, READ_CONTACTS, import_configs.list_configs),
    _Route("POST", _CONFIGS, WRITE_CONTACTS, import_configs.create_config),
    _Route("GET", _CONFIG, READ_CONTACTS, import_configs.read_one),
    _Route("PUT", _CONFIG, WRITE_CONTACTS, import_configs.update_config),
    _Route("DELETE", _CONFIG, WRITE_CONTACTS, import_configs.delete_config),
    _Route("POST", _IMPORT, WRITE_CONTACTS, imports.start_import),
    _Route("GET", _IMPORT, READ_CONTACTS, imports.read_queue_item),
    _Route("GET", "/3/surveys", None, surveys.list_surveys),
    _Route("GET", "/3/surveys/<int(max=2147483647):identity>", None, surveys.read_survey),
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
