"""The Expoints part of the sandbox: the external API, version 3, as far as test batches need it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from flask import Blueprint, Response, request
from msgspec import Struct

from .calls import Call, FailedError
from .expoints_batches import add_customers, columns_of, folded, is_scheduled
from .expoints_bodies import Answer, answer_page, as_json, failure, flag, invalid, numbers, written
from .seeding import CUSTOMERS, OPT_OUTS
from .state import Document, State
from .variants import Variants

Clock = Callable[[], float]

_TOKENS = "expoints.tokens"
_FORM = "application/x-www-form-urlencoded"
_DENIED = "Authorization has been denied for this request."
# None is printed on any page (U: variant `statuses`); initial, locked and fault are words of the add page.
_STATES = ("initial", "waiting", "invited", "finished", "fault", "locked", "opted-out")
_ENGLISH = ("Initial", "Waiting for approval", "Invited", "Finished", "Fault", "Locked", "Opted out")
_DUTCH = ("Nieuw", "Wacht op goedkeuring", "Uitgenodigd", "Afgerond", "Foutief", "Geblokkeerd", "Afgemeld")
_STATUSES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "english": dict(zip(_STATES, zip(range(0, 70, 10), _ENGLISH, strict=True), strict=True)),
    "dutch": dict(zip(_STATES, zip(range(1, 8), _DUTCH, strict=True), strict=True)),
}
# Documented filters that are not emulated; to ignore them would be to answer with too much.
_NOT_EMULATED = {
    *("customerids", "isoptout", "transactiondatefilter", "surveyfinisheddatefilter", "dateinvitedfilter"),
    *("scheduledinvitationdatefilter", "optedoutdatefilter", "batchcloseddatefilter", "datafilters"),
    *("lastactivitydatefilter", "reviewapproveddatefilter", "reviewstatus", "answerfilters"),
}


class Tokens(Struct, frozen=True, kw_only=True):
    """Which tokens are accepted, beside those that the endpoint gave, and which clients get one there.

    `accepted` is None for every token that is not blank, `clients` (id → secret) None for every client.
    Expoints documents neither how a token is got nor how long it is good; a client gets it by OAuth2 client
    credentials from a server of its own, apart from the tenant (C: NotifyNL-OMC, KtoHttpNetworkService.cs).
    """

    accepted: frozenset[str] | None = None
    clients: Mapping[str, str] | None = None

    def admit(self, authorization: str, call: Call) -> None:
        """Raise `FailedError` with 401 for a missing or invalid token (D).

        A token that the endpoint gave is good until it expires or is revoked (I).
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        given = call.documents.get(_TOKENS, token)
        if given is not None:
            is_good = call.now < given["Until"]
        else:
            is_good = bool(token) and (self.accepted is None or token in self.accepted)
        if scheme.lower() != "bearer" or not is_good:
            raise FailedError(401, _DENIED)

    def give(self, form: Mapping[str, str], call: Call) -> Answer:
        """Return a new token, or the error that OAuth2 has for a wrong request (I: RFC 6749, 5.2).

        The members of the answer are those that the client requires (C: OAuthTokenResponse.cs).
        """
        if call.content_type.partition(";")[0].strip().lower() != _FORM:
            return _no_token("invalid_request", f"Send the request as {_FORM}.")
        if form.get("grant_type") != "client_credentials":
            return _no_token("unsupported_grant_type", "The grant type has to be client_credentials.")
        for name in ("client_id", "client_secret", "scope"):
            if not form.get(name):
                return _no_token("invalid_request", f"The request lacks {name}.")
        if self.clients is not None and self.clients.get(form["client_id"]) != form["client_secret"]:
            return _no_token("invalid_client", "The client id or secret is wrong.", 401)
        token, seconds = secrets.token_urlsafe(24), call.variants.token_seconds
        call.documents.put(_TOKENS, token, {"Until": call.now + seconds})
        lifetime = int(seconds) if call.variants.expires_in == "number" else str(int(seconds))
        times = {"expires_in": lifetime, "ext_expires_in": lifetime}
        return as_json({"token_type": "Bearer", **times, "access_token": token})


def _no_token(code: str, message: str, status: int = 400) -> Answer:
    return as_json({"error": code, "error_description": message}, status)


def revoke_tokens(state: State) -> None:
    """Make every token that the endpoint gave so far invalid, as when a client's secret is replaced."""
    with state.transaction() as documents:
        for token in documents.all(_TOKENS):
            documents.put(_TOKENS, token, {"Until": 0.0})


def expoints_part(state: State, variants: Variants, tokens: Tokens, clock: Clock) -> Blueprint:
    """Return the routes under `/external/api` and the token endpoint; paths have to come in lower case.

    One request is one transaction, of which a failure keeps nothing.
    """
    part = Blueprint("expoints", __name__)

    def give_token(**_directory: str) -> Response:
        with state.transaction() as documents:
            call = Call(documents, variants, clock(), content_type=request.content_type or "")
            return _respond(tokens.give(request.form, call))

    def viewing(answer: Callable[[Call], Answer]) -> Callable[[], Response]:
        def view() -> Response:
            try:
                with state.transaction() as documents:
                    call = Call.received(documents, variants, clock())
                    tokens.admit(request.headers.get("Authorization", ""), call)
                    return _respond(answer(call))
            except FailedError as error:
                return _respond(failure(error, variants.refusal_body))

        return view

    for method, path, answer in _ROUTES:
        part.add_url_rule(path, f"{method} {path}", viewing(answer), methods=[method])
    for path in _TOKEN_PATHS:
        part.add_url_rule(path, f"POST {path.replace('.', '_')}", give_token, methods=["POST"])
    return part


def _respond(answer: Answer) -> Response:
    return Response(answer.text, answer.status, content_type=answer.content_type)


def _list_columns(call: Call) -> Answer:
    """Answer with the columns that a tenant keeps about its customers, unpaged (D: customerdatacolumn)."""
    columns = columns_of(call).items()
    return as_json({"CustomerDataColumns": [{"Id": key, **column} for key, column in columns]})


def _list_statuses(call: Call) -> Answer:
    """Answer with the code and name of each status, the tenant's own (D: GET-…-getcustomerstatuses)."""
    statuses = _STATUSES[call.variants.statuses].values()
    return as_json({"Statuses": [{"StatusCode": code, "StatusName": name} for code, name in statuses]})


def _status_code(customer: Document, call: Call) -> int:
    """Return the code of a customer's status now: an approved one is initial until it is mailed."""
    state = customer["State"]
    if state == "approved":
        state = "initial" if is_scheduled(customer, call) else "invited"
    return _STATUSES[call.variants.statuses][state][0]


def _list_customers(call: Call) -> Answer:
    """Answer with a page of the customers that pass the filters, oldest first (D: GET-api-v3-customer).

    A row has Id and AccessKey (C); the rest is not documented (U).
    """
    rows = {
        key: {
            "Id": key,
            "AccessKey": str(uuid5(NAMESPACE_URL, f"customer/{key}")),
            "Email": customer["Email"],
            "StatusCode": _status_code(customer, call),
            "TransactionDate": written(customer["TransactionDate"]),
            "IsTest": customer["IsTest"],
            "IsConcept": customer["IsConcept"],
            "Data": customer["Data"],
        }
        for key, customer in _found(call)
    }
    return answer_page("Customers", rows, call)


def _count_customers(call: Call) -> Answer:
    """Answer with how many customers pass the filters of the list (D: GET-api-v3-customer-count)."""
    return as_json({"CustomerCount": sum(1 for _ in _found(call))})


def _found(call: Call) -> Iterator[tuple[int, Document]]:
    """Yield the customers that pass the filters; test customers only if asked for (D).

    U: variants `waiting_customers` and `customers_appear_after_seconds`.
    """
    if used := {re.split(r"[.\[]", name)[0] for name in call.query} & _NOT_EMULATED:
        raise FailedError(400, f"The sandbox does not emulate {', '.join(sorted(used))}.")
    variants, is_asked_for = call.variants, _addresses(call)
    statuses, with_tests = numbers("Statuses", call), flag("IncludeTestRecords", call)
    latest = call.now - variants.customers_appear_after_seconds
    for key, customer in call.documents.all(CUSTOMERS).items():
        has_appeared = customer["CreatedAt"] <= latest
        is_waiting = customer["State"] == "waiting" and variants.waiting_customers == "hidden"
        is_hidden = is_waiting or (customer["IsTest"] and not with_tests)
        has_status = not statuses or _status_code(customer, call) in statuses
        if has_appeared and has_status and not is_hidden and is_asked_for(customer["Email"]):
            yield int(key), customer


def _addresses(call: Call) -> Callable[[str | None], bool]:
    """Return the test of the address (U: variants `address_filter`, `address_list` and `address_case`)."""
    wanted, form, compared = (
        call.texts("EmailAddresses"),
        call.variants.address_list,
        call.variants.address_filter,
    )
    if len(wanted) > 1 and form == "refused":
        raise invalid("EmailAddresses", "One value is expected.")
    if not wanted or compared == "ignored" or (len(wanted) > 1 and form == "everybody"):
        return lambda _: True
    asked = [folded(text, call) for text in (wanted[:1] if form == "first" else wanted)]
    if compared == "contains":
        return lambda address: any(text in folded(address, call) for text in asked)
    return lambda address: folded(address, call) in asked


def _list_opt_outs(call: Call) -> Answer:
    """Answer with a page of the opt-outs, those of test customers only if asked for (D: getoptouts)."""
    with_tests = flag("IncludeTestRecords", call)
    rows = {
        int(key): {
            "OptOutDate": written(opt_out["OptOutDate"]),
            "Email": opt_out["Email"],
            "TransactionDate": written(opt_out["OptOutDate"]),
            "SurveyClosedDate": None,
            "Data": [],
            "Language": "nl",
            "IsContactRequested": False,
            "IsConcept": False,
        }
        for key, opt_out in call.documents.all(OPT_OUTS).items()
        if with_tests or not opt_out["IsTest"]
    }
    return answer_page("OptOuts", rows, call)


# The text of the add page points at version 1 of the columns (D).
_ROUTES: Sequence[tuple[str, str, Callable[[Call], Answer]]] = (
    ("GET", "/external/api/v1/customerdatacolumn", _list_columns),
    ("GET", "/external/api/v3/customerdatacolumn", _list_columns),
    ("GET", "/external/api/v3/customer", _list_customers),
    ("GET", "/external/api/v3/customer/count", _count_customers),
    ("GET", "/external/api/v3/customer/getcustomerstatuses", _list_statuses),
    ("GET", "/external/api/v3/customer/getoptouts", _list_opt_outs),
    ("POST", "/external/api/v3/customer/add", add_customers),
)
# The second is the form of the one documented example (C: NotifyNL-OMC, kto-expoints.md).
_TOKEN_PATHS = ("/oauth2/token", "/<directory>/oauth2/v2.0/token")
