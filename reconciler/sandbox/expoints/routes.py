"""Which path leads where: the table of calls, and what happens around each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask import Blueprint, Response, request

from reconciler.sandbox.state import State, Transaction
from reconciler.sandbox.variants import Variants

from . import batches, columns, customers, optouts, statuses
from .access import NoTokenError, Tokens, no_token
from .calls import Answer, Call, FailedError, Tenant, failure

Clock = Callable[[], float]


class _Route(NamedTuple):
    """One call: its method and path, and the function that answers."""

    method: str
    path: str
    answer: Callable[[Call], Answer]


# The text of the add page points at version 1 of the columns (D).
_ROUTES = (
    _Route("GET", "/external/api/v1/customerdatacolumn", columns.list_columns),
    _Route("GET", "/external/api/v3/customerdatacolumn", columns.list_columns),
    _Route("GET", "/external/api/v3/customer", customers.list_customers),
    _Route("GET", "/external/api/v3/customer/count", customers.count_customers),
    _Route("GET", "/external/api/v3/customer/getcustomerstatuses", statuses.list_statuses),
    _Route("GET", "/external/api/v3/customer/getoptouts", optouts.list_opt_outs),
    _Route("POST", "/external/api/v3/customer/add", batches.add_customers),
)
# The second is the form of the one documented example (C: NotifyNL-OMC, kto-expoints.md).
_TOKEN_PATHS = ("/oauth2/token", "/<directory>/oauth2/v2.0/token")


def expoints_part(state: State, variants: Variants, tokens: Tokens, clock: Clock) -> Blueprint:
    """Return the routes under `/external/api` and the token endpoint; paths have to come in lower case."""
    part = Blueprint("expoints", __name__)
    for route in _ROUTES:
        view = _view(route, state, variants, tokens, clock)
        part.add_url_rule(route.path, f"{route.method} {route.path}", view, methods=[route.method])
    for path in _TOKEN_PATHS:
        view = _token_view(state, variants, tokens, clock)
        part.add_url_rule(path, f"POST {path.replace('.', '_')}", view, methods=["POST"])
    return part


def _view(
    route: _Route, state: State, variants: Variants, tokens: Tokens, clock: Clock
) -> Callable[[], Response]:
    """Return what the web framework calls: one request, one transaction, of which a failure keeps nothing."""

    def view() -> Response:
        try:
            with state.transaction() as documents:
                call = _call(documents, variants, clock())
                tokens.admit(request.headers.get("Authorization", ""), call.tenant)
                return _respond(route.answer(call))
        except FailedError as error:
            return _respond(failure(error, variants))

    return view


def _token_view(state: State, variants: Variants, tokens: Tokens, clock: Clock) -> Callable[..., Response]:
    """Return what the web framework calls for a token, whatever directory its address names."""

    def view(**_directory: str) -> Response:
        try:
            with state.transaction() as documents:
                tenant = Tenant(documents, variants, clock())
                return _respond(tokens.give(request.form, request.content_type or "", tenant))
        except NoTokenError as error:
            return _respond(no_token(error))

    return view


def _call(documents: Transaction, variants: Variants, now: float) -> Call:
    query: dict[str, list[str]] = {}
    for name, texts in request.args.lists():
        query.setdefault(name.lower(), []).extend(texts)
    tenant = Tenant(documents, variants, now)
    return Call(tenant, query, request.get_data(), request.content_type or "")


def _respond(answer: Answer) -> Response:
    return Response(answer.text, answer.status, content_type=answer.content_type)
