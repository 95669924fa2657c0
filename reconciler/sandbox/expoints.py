"""The Expoints part of the sandbox: the external API, version 3, as far as test batches need it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from flask import Blueprint, Response, request
from msgspec import Struct

from reconciler.sandbox import expoints_batches
from reconciler.sandbox.expoints_batches import is_asked_for, status_code
from reconciler.sandbox.expoints_calls import (
    Answer,
    Call,
    FailedError,
    Tenant,
    answer_page,
    as_json,
    failure,
    written,
)
from reconciler.sandbox.seeding import CUSTOMERS
from reconciler.sandbox.state import Document, State, Transaction
from reconciler.sandbox.variants import Variants

Form = Mapping[str, str]

_TOKENS = "expoints.tokens"
_FORM = "application/x-www-form-urlencoded"
_DENIED = "Authorization has been denied for this request."


class NoTokenError(Exception):
    """No token is given; `code` is one of the error codes of OAuth2."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Tokens(Struct, frozen=True, kw_only=True):
    """Which tokens are accepted, beside those that the endpoint gave, and which clients get one there.

    `accepted` is None for every token that is not blank, `clients` (id → secret) None for every client. A
    forbidden token is known but may not call.
    """

    accepted: frozenset[str] | None = None
    forbidden: frozenset[str] = frozenset()
    clients: Mapping[str, str] | None = None

    def admit(self, authorization: str, tenant: Tenant) -> None:
        """Raise `FailedError` with 401 for a missing or invalid token, 403 for a forbidden one (D).

        A token that the endpoint gave is good until it expires or is revoked (I).
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._is_good(token.strip(), tenant):
            raise FailedError(401, _DENIED)
        if token.strip() in self.forbidden:
            raise FailedError(403, _DENIED)

    def give(self, form: Form, content_type: str, tenant: Tenant) -> Answer:
        """Return a new token; `NoTokenError` for a request that is wrong or of an unknown client.

        The members of the answer are those that the client requires (C: OAuthTokenResponse.cs).
        """
        _check_request(form, content_type, tenant)
        if not self._knows(form["client_id"], form["client_secret"]):
            raise NoTokenError(401, "invalid_client", "The client id or secret is wrong.")
        token, seconds = secrets.token_urlsafe(24), tenant.variants.token_seconds
        tenant.documents.put(_TOKENS, token, {"Until": tenant.now + seconds})
        lifetime = int(seconds) if tenant.variants.expires_in == "number" else str(int(seconds))
        times = {"expires_in": lifetime, "ext_expires_in": lifetime}
        return as_json({"token_type": "Bearer", **times, "access_token": token})

    def _is_good(self, token: str, tenant: Tenant) -> bool:
        given = tenant.documents.get(_TOKENS, token)
        if given is not None:
            return bool(tenant.now < given["Until"])
        return bool(token) and (self.accepted is None or token in self.accepted | self.forbidden)

    def _knows(self, client: str, secret: str) -> bool:
        return self.clients is None or self.clients.get(client) == secret


def revoke_tokens(state: State) -> None:
    """Make every token that the endpoint gave so far invalid, as when a client's secret is replaced."""
    with state.transaction() as documents:
        for token in documents.all(_TOKENS):
            documents.put(_TOKENS, token, {"Until": 0.0})


def no_token(error: NoTokenError) -> Answer:
    """Return the answer to whoever gets no token, in the form of OAuth2 (I: RFC 6749, 5.2)."""
    return as_json({"error": error.code, "error_description": str(error)}, error.status)


def _check_request(form: Form, content_type: str, tenant: Tenant) -> None:
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise NoTokenError(400, "invalid_request", f"Send the request as {_FORM}.")
    if form.get("grant_type") != "client_credentials":
        raise NoTokenError(400, "unsupported_grant_type", "The grant type has to be client_credentials.")
    scope = ("scope",) if tenant.variants.scope_required else ()
    for name in ("client_id", "client_secret", *scope):
        if not form.get(name):
            raise NoTokenError(400, "invalid_request", f"The request lacks {name}.")


Test = Callable[[int, Document], bool]

# No customer has it, for it is no address.
_OF_NOBODY = "\0"

# Documented, but with members that are not; to ignore them would be to answer with too much.
_NOT_EMULATED = (
    "transactiondatefilter",
    "surveyfinisheddatefilter",
    "dateinvitedfilter",
    "scheduledinvitationdatefilter",
    "optedoutdatefilter",
    "batchcloseddatefilter",
    "lastactivitydatefilter",
    "reviewapproveddatefilter",
    "reviewstatus",
    "datafilters",
    "answerfilters",
)


def list_customers(call: Call) -> Answer:
    """Answer with a page of the customers that pass the filters, oldest first."""
    return answer_page("Customers", {key: _row(key, found, call) for key, found in _found(call)}, call)


def count_customers(call: Call) -> Answer:
    """Answer with how many customers pass the filters, which are those of the list."""
    return as_json({"CustomerCount": sum(1 for _ in _found(call))})


def _found(call: Call) -> Iterator[tuple[int, Document]]:
    tests = _tests(call)
    for key, customer in call.tenant.documents.all(CUSTOMERS).items():
        if all(passes(int(key), customer) for passes in tests):
            yield int(key), customer


def _tests(call: Call) -> list[Test]:
    """Return what a customer has to pass; test customers are left out unless asked for (D)."""
    _refuse_unknown_filters(call)
    tests: list[Test] = [_has_appeared(call), _has_address(call), _has_status(call)]
    if call.tenant.variants.waiting_customers == "hidden":
        tests.append(lambda _key, customer: customer["State"] != "waiting")
    if ids := call.numbers("CustomerIds"):
        tests.append(lambda key, _customer: key in ids)
    if not call.flag("IncludeTestRecords"):
        tests.append(lambda _key, customer: not customer["IsTest"])
    if (opted_out := call.flag("IsOptout")) is not None:
        tests.append(lambda _key, customer: (customer["State"] == "opted-out") is opted_out)
    return tests


def _has_appeared(call: Call) -> Test:
    """Return the test of age (U: variant `customers_appear_after_seconds`)."""
    latest = call.tenant.now - call.tenant.variants.customers_appear_after_seconds
    return lambda _key, customer: bool(customer["CreatedAt"] <= latest)


def _has_address(call: Call) -> Test:
    """Return the test of the address (U: variants `address_filter`, `address_list` and `address_case`)."""
    wanted = call.texts("EmailAddresses")
    if len(wanted) > 1:
        wanted = _taken(wanted, call.tenant.variants.address_list)
    if not wanted or call.tenant.variants.address_filter == "ignored":
        return lambda _key, _customer: True
    return lambda _key, customer: any(is_asked_for(customer["Email"], text, call.tenant) for text in wanted)


def _taken(wanted: Sequence[str], form: str) -> Sequence[str]:
    """Return the addresses that several stand for; none at all filter nothing."""
    if form == "refused":
        raise FailedError(400, "The request is invalid.", {"EmailAddresses": "One value is expected."})
    forms = {
        "first": wanted[:1],
        "last": wanted[-1:],
        "first-ten": wanted[:10],
        "joined": [",".join(wanted)],
        "everybody": [],
        "nobody": [_OF_NOBODY],
    }
    return forms.get(form, wanted)


def _has_status(call: Call) -> Test:
    wanted = call.numbers("Statuses")
    return lambda _key, customer: not wanted or status_code(customer, call.tenant) in wanted


def _refuse_unknown_filters(call: Call) -> None:
    for name in call.query:
        if name.partition(".")[0].partition("[")[0] in _NOT_EMULATED:
            raise FailedError(400, f"The sandbox does not emulate {name}: its members are not documented.")


def _row(key: int, customer: Document, call: Call) -> dict[str, Any]:
    """Return a customer as the list shows it: Id and AccessKey (C), the rest is not documented (U).

    U: variant `customer_rows`.
    """
    identity = {"Id": key, "AccessKey": str(uuid5(NAMESPACE_URL, f"customer/{key}"))}
    form, email = call.tenant.variants.customer_rows, customer["Email"]
    if form == "thin":
        return identity
    address = {"Email": email} if form == "whole" else {"Contact": {"EmailAddress": email}}
    return {
        **identity,
        **address,
        "StatusCode": status_code(customer, call.tenant),
        "TransactionDate": written(customer["TransactionDate"]),
        "IsTest": customer["IsTest"],
        "IsConcept": customer["IsConcept"],
        "Data": customer["Data"],
    }


Clock = Callable[[], float]


class _Route(NamedTuple):
    """One call: its method and path, and the function that answers."""

    method: str
    path: str
    answer: Callable[[Call], Answer]


# The text of the add page points at version 1 of the columns (D).
_ROUTES = (
    _Route("GET", "/external/api/v1/customerdatacolumn", expoints_batches.list_columns),
    _Route("GET", "/external/api/v3/customerdatacolumn", expoints_batches.list_columns),
    _Route("GET", "/external/api/v3/customer", list_customers),
    _Route("GET", "/external/api/v3/customer/count", count_customers),
    _Route("GET", "/external/api/v3/customer/getcustomerstatuses", expoints_batches.list_statuses),
    _Route("GET", "/external/api/v3/customer/getoptouts", expoints_batches.list_opt_outs),
    _Route("POST", "/external/api/v3/customer/add", expoints_batches.add_customers),
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
