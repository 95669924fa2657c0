"""The Expoints part of the sandbox: the external API, version 3, as far as test batches need it.

Sources: D, a page of documentation.expoints.nl, named by the last part of its address; C, the code or docs of
a client; I, inferred from these or from ASP.NET; U, unknown, so a variant.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from msgspec import Struct

from .calls import Call, FailedError, query, sent_json, texts_of
from .seeding import BATCHES, COLUMNS, CUSTOMERS, MAILS, OPT_OUTS, stored_customer
from .state import Document, Key, State
from .variants import Variants

_TOKENS = "expoints.tokens"
_JSON = "application/json; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
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
# Not stated anywhere; the platform is Dutch (I).
_LOCAL = ZoneInfo("Europe/Amsterdam")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
# The maximum, and the default too (D: GET-api-v3-customer).
_LIMIT = 100
_MARK = "after-"
# The address that is notified of a batch without any (D: "send to front office default").
_FRONT_OFFICE = "front-office@tenant.example"
_ANY = Variants()
_ADDRESS = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]+")
# "0 / email is default" (D); that 1 is portal follows from the order (I).
_TYPES = {"0": "email", "email": "email", "1": "portal", "portal": "portal"}
_ENCRYPTION = ("IsEncrypted", "CertificateThumbprint", "EncryptionKey")
# The number that the vendor's example leaves out.
_TWIN: dict[Key, Document] = {
    17: {"Required": False, "Archived": False, "Name": "Business Unit", "DisplayName": "BU (second)"}
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
        scheme, _, token = (part.strip() for part in authorization.partition(" "))
        is_good = bool(token) and (self.accepted is None or token in self.accepted)
        if given := call.documents.get(_TOKENS, token):
            is_good = call.now < given["Until"]
        if scheme.lower() != "bearer" or not is_good:
            raise FailedError(401, "Authorization has been denied for this request.")

    def give(self, form: Mapping[str, str], call: Call) -> Response:
        """Return a new token, or the error that OAuth2 has for a wrong request (I: RFC 6749, 5.2).

        The members of the answer are those that the client requires (C: OAuthTokenResponse.cs).
        """
        status, wrong, message = 400, "invalid_request", ""
        lacking = [name for name in ("client_id", "client_secret", "scope") if not form.get(name)]
        if request.mimetype != _FORM:
            message = f"Send the request as {_FORM}."
        elif form.get("grant_type") != "client_credentials":
            wrong, message = "unsupported_grant_type", "The grant type has to be client_credentials."
        elif lacking:
            message = f"The request lacks {lacking[0]}."
        elif self.clients is not None and self.clients.get(form["client_id"]) != form["client_secret"]:
            status, wrong, message = 401, "invalid_client", "The client id or secret is wrong."
        if message:
            return _json({"error": wrong, "error_description": message}, status)
        token, seconds = secrets.token_urlsafe(24), call.variants.token_seconds
        call.documents.put(_TOKENS, token, {"Until": call.now + seconds})
        lifetime = int(seconds) if call.variants.expires_in == "number" else str(int(seconds))
        times = {"expires_in": lifetime, "ext_expires_in": lifetime}
        return _json({"token_type": "Bearer", **times, "access_token": token})


def revoke_tokens(state: State) -> None:
    """Make every token that the endpoint gave so far invalid, as when a client's secret is replaced."""
    with state.transaction() as documents:
        for token in documents.all(_TOKENS):
            documents.put(_TOKENS, token, {"Until": 0.0})


def expoints_part(state: State, variants: Variants, tokens: Tokens, clock: Callable[[], float]) -> Blueprint:
    """Return the routes under `/external/api` and the token endpoint; paths have to come in lower case.

    One request is one transaction, of which a failure keeps nothing.
    """
    part = Blueprint("expoints", __name__)

    def give_token(**_directory: str) -> Response:
        with state.transaction() as documents:
            return tokens.give(request.form, Call(documents, variants, clock()))

    def viewing(answer: Callable[[Call], Response]) -> Callable[[], Response]:
        def view() -> Response:
            try:
                with state.transaction() as documents:
                    call = Call(documents, variants, clock())
                    tokens.admit(request.headers.get("Authorization", ""), call)
                    return answer(call)
            except FailedError as error:
                return _failure(error, variants.refusal_body)

        return view

    for method, path, answer in _ROUTES:
        part.add_url_rule(path, f"{method} {path}", viewing(answer), methods=[method])
    for path in _TOKEN_PATHS:
        part.add_url_rule(path, f"POST {path.replace('.', '_')}", give_token, methods=["POST"])
    return part


def _list_columns(call: Call) -> Response:
    """Answer with the columns that a tenant keeps about its customers, unpaged (D: customerdatacolumn)."""
    columns = _columns(call).items()
    return _json({"CustomerDataColumns": [{"Id": key, **column} for key, column in columns]})


def _list_statuses(call: Call) -> Response:
    """Answer with the code and name of each status, the tenant's own (D: GET-…-getcustomerstatuses)."""
    statuses = _STATUSES[call.variants.statuses].values()
    return _json({"Statuses": [{"StatusCode": code, "StatusName": name} for code, name in statuses]})


def _status_code(customer: Document, call: Call) -> int:
    """Return the code of a customer's status now: an approved one is initial until it is mailed."""
    state = customer["State"]
    if state == "approved":
        state = "initial" if _is_scheduled(customer, call) else "invited"
    return _STATUSES[call.variants.statuses][state][0]


def _list_customers(call: Call) -> Response:
    """Answer with a page of the customers that pass the filters, oldest first (D: GET-api-v3-customer).

    A row has Id and AccessKey (C); the rest is not documented (U).
    """
    rows = {
        key: {
            "Id": key,
            "AccessKey": str(uuid5(NAMESPACE_URL, f"customer/{key}")),
            "Email": customer["Email"],
            "StatusCode": _status_code(customer, call),
            "TransactionDate": _written(customer["TransactionDate"]),
            "IsTest": customer["IsTest"],
            "IsConcept": customer["IsConcept"],
            "Data": customer["Data"],
        }
        for key, customer in _found(call)
    }
    return _answer_page("Customers", rows, call)


def _count_customers(call: Call) -> Response:
    """Answer with how many customers pass the filters of the list (D: GET-api-v3-customer-count)."""
    return _json({"CustomerCount": sum(1 for _ in _found(call))})


def _found(call: Call) -> Iterator[tuple[int, Document]]:
    """Yield the customers that pass the filters; test customers only if asked for (D).

    U: variants `waiting_customers` and `customers_appear_after_seconds`.
    """
    if used := {re.split(r"[.\[]", name)[0] for name in query()} & _NOT_EMULATED:
        raise FailedError(400, f"The sandbox does not emulate {', '.join(sorted(used))}.")
    variants, is_asked_for = call.variants, _addresses(call)
    statuses, with_tests = _numbers("Statuses"), _flag("IncludeTestRecords")
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
    wanted, form = texts_of("EmailAddresses"), call.variants.address_list
    compared = call.variants.address_filter
    if len(wanted) > 1 and form == "refused":
        raise _invalid("EmailAddresses", "One value is expected.")
    if not wanted or compared == "ignored" or (len(wanted) > 1 and form == "everybody"):
        return lambda _: True
    asked = [_folded(text, call) for text in (wanted[:1] if form == "first" else wanted)]
    if compared == "contains":
        return lambda address: any(text in _folded(address, call) for text in asked)
    return lambda address: _folded(address, call) in asked


def _list_opt_outs(call: Call) -> Response:
    """Answer with a page of the opt-outs, those of test customers only if asked for (D: getoptouts)."""
    with_tests = _flag("IncludeTestRecords")
    rows = {
        int(key): {
            "OptOutDate": _written(opt_out["OptOutDate"]),
            "Email": opt_out["Email"],
            "TransactionDate": _written(opt_out["OptOutDate"]),
            "SurveyClosedDate": None,
            "Data": [],
            "Language": "nl",
            "IsContactRequested": False,
            "IsConcept": False,
        }
        for key, opt_out in call.documents.all(OPT_OUTS).items()
        if with_tests or not opt_out["IsTest"]
    }
    return _answer_page("OptOuts", rows, call)


# Answers and refusals, the query, times, and bodies.


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type=_JSON)


def _invalid(path: str, message: str) -> FailedError:
    """Return the 400 that says what is wrong at one place of the request."""
    return FailedError(400, "The request is invalid.", places={path: message})


def _failure(error: FailedError, form: str) -> Response:
    """Return the answer to a refused call; the form of a 400 is unknown (U: variant `refusal_body`)."""
    if error.status != 400:
        return _json({"Message": str(error)}, error.status)
    text = " ".join(error.places.values()) or str(error)
    if form == "model-state":  # what ASP.NET makes of a body that it could not bind, or that is not valid (I)
        places = {path: [place] for path, place in error.places.items()} or {"request": [str(error)]}
        return _json({"Message": "The request is invalid.", "ModelState": places}, 400)
    if form == "message":
        return _json({"Message": text}, 400)
    if form == "text":
        return Response(text, 400, content_type="text/plain; charset=utf-8")
    page = f"<!DOCTYPE html><html><body><h1>Bad Request</h1><p>{text}</p></body></html>"
    return Response(page, 400, content_type="text/html; charset=utf-8")


# The query. Collections are repeated names (I: Web API model binding).


def _numbers(name: str) -> Sequence[int]:
    """Return a collection of whole numbers in the query; `FailedError` with 400 for anything else."""
    for text in texts_of(name):
        if not _WHOLE_NUMBER.fullmatch(text):
            raise _invalid(name, f"The value '{text}' is not valid for {name}.")
    return [int(text) for text in texts_of(name)]


def _flag(name: str) -> bool:
    """Return true or false of the query; `FailedError` with 400 for anything else."""
    text = next(iter(texts_of(name)), "false").lower()
    if text not in ("true", "false"):
        raise _invalid(name, f"The value '{text}' is not valid for {name}.")
    return text == "true"


def _answer_page(name: str, rows: Mapping[int, Any], call: Call) -> Response:
    """Return a page of rows, which come with their ids in rising order, under a name, and the NextCursor.

    A cursor means "after this id", so a row that is added meanwhile neither repeats nor hides another (I). A
    Limit over the maximum is lowered. What the last page has is unknown (U: variant `last_cursor`).
    """
    limit = next(iter(_numbers("Limit")), _LIMIT)
    if limit < 1:
        raise _invalid("Limit", f"Limit has to be from 1 to {_LIMIT}.")
    cursor = next(iter(texts_of("Cursor")), f"{_MARK}0")  # an empty one is for the first page (D)
    after = cursor.removeprefix(_MARK)
    if after == cursor or not (after.isascii() and after.isdigit()):
        raise _invalid("Cursor", "The cursor is not known.")
    later = [identity for identity in rows if identity > int(after)]
    page = later[: min(limit, _LIMIT)]
    answer: dict[str, Any] = {name: [rows[identity] for identity in page]}
    form = call.variants.last_cursor
    if len(later) > len(page) or (page and form == "empty-page"):
        answer["NextCursor"] = f"{_MARK}{page[-1]}"
    elif form != "absent":
        answer["NextCursor"] = "" if form == "empty" else None
    return _json(answer)


# Times. Samples are ISO 8601 with seven digits after the second and an offset (D: POST-api-v3-customer-add);
# a plain date works too (C). The offsets of the samples are those of Dutch winter time.


def _due(send_date: float | None, send_time: float | None, now: float) -> float:
    """Return when a mail may leave: on the SendDate, null means now, but not before the SendTime (D).

    Of the SendTime, a date and time, only the local time of day counts.
    """
    start = now if send_date is None else max(send_date, now)
    if send_time is None:
        return start
    day, time = datetime.fromtimestamp(start, _LOCAL), datetime.fromtimestamp(send_time, _LOCAL).time()
    return max(start, datetime.combine(day.date(), time, _LOCAL).timestamp())


def _written(seconds: float) -> str:
    """Return a time as the samples write it, in local time (D)."""
    text = datetime.fromtimestamp(seconds, _LOCAL).strftime("%Y-%m-%dT%H:%M:%S.%f0%z")
    return f"{text[:-2]}:{text[-2:]}"


# Bodies: each member in its form. A client mixes `ApproveAutomatically` with `sendDate` (C: NotifyNL-OMC).
# Null and absence say the same, and members that no page documents are never looked at (I: Json.NET). A wrong
# type is a 400 (I), stricter than Json.NET, which turns the text "true" into true.

_EXPECTED: Mapping[Any, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",  # of 32 bits
    bytes: "base64",  # D: the sample `QEA=`
    datetime: "a date",
}
# Pre-filled answers, of which only the types are documented (D). No call lists questions or scale positions
# (U), so nothing here can know whether they exist.
_ANSWER: Mapping[str, Any] = {
    **dict.fromkeys(("BaseQuestionId", "PageRepetition", "SectionRepetition"), int),
    "Text": str,
    "DateAnswered": datetime,
    "SelectedScalePositions": [{**dict.fromkeys(("Id", "Value", "Ranking"), int), "Label": str}],
    "FileAnswers": [
        {
            **dict.fromkeys(("Id", "AnswerId", "FileSize"), int),
            **dict.fromkeys(("FileName", "FileType", "CertificateThumbprint", "EncryptionKey"), str),
            "Data": bytes,
        }
    ],
}
_CUSTOMER: Mapping[str, Any] = {
    **dict.fromkeys(("Email", "PhoneNumber"), str),
    **dict.fromkeys(("SendDate", "TransactionDate", "EndDate"), datetime),
    **dict.fromkeys(("Priority", "PreviousId"), int),
    "Data": [
        {"CustomerDataColumnId": int, **dict.fromkeys(("Name", "Value"), str)}
        # Passed through as they came: how values are encrypted is not documented.
        | dict.fromkeys(_ENCRYPTION)
    ],
    "Answers": [_ANSWER],
}
_BATCH: Mapping[str, Any] = {
    **dict.fromkeys(("BatchName", "TypeBatch", "NotificationEmailAddresses"), str),
    **dict.fromkeys(("SendTime", "EndDate"), datetime),
    **dict.fromkeys(("IsTest", "IsConcept", "AllowDuplicateEmail", "ApproveAutomatically"), bool),
    "Customers": [_CUSTOMER],
}


def _read(path: str, value: Any, form: Any, wrong: dict[str, str]) -> Any:
    """Return a value of a body in its form; what is wrong is noted by its path.

    An absent flag is false (I: .NET's default), an absent array empty, and any other absent member None.
    """
    if isinstance(form, Mapping):
        if not isinstance(value, dict):
            wrong[path] = f"{path} has to be an object."
            return {}
        given = {name.lower(): member for name, member in value.items()}
        absent = {name: False for name, inner in form.items() if inner is bool}
        members = {name: given.get(name.lower(), absent.get(name)) for name in form}
        return {name: _read(f"{path}.{name}", members[name], inner, wrong) for name, inner in form.items()}
    if isinstance(form, list):
        if value is not None and not isinstance(value, list):
            wrong[path] = f"{path} has to be an array."
            return []
        return [_read(f"{path}[{index}]", item, form[0], wrong) for index, item in enumerate(value or ())]
    if form is None or (value is None and form is not bool):
        return value
    try:
        if form is bytes:
            return b64decode(value, validate=True)
        if form is datetime:
            moment = datetime.fromisoformat(value.strip())
            # Without an offset it is local.
            return (moment if moment.tzinfo else moment.replace(tzinfo=_LOCAL)).astimezone(_LOCAL).timestamp()
        if type(value) is form and (form is not int or -(2**31) <= value < 2**31):
            return value
    except (ValueError, OverflowError, TypeError, AttributeError):
        pass
    wrong[path] = f"{path} has to be {_EXPECTED[form]}."
    return None


# Batches: how one is read and stored, who is mailed, and when.


def _add_customers(call: Call) -> Response:
    """Store a batch, notify its addresses, and mail its customers if they need no approval (D: customer-add).

    There is no key by which the server could know a request again (D), so the same one twice is two batches
    (I). `FailedError` with 400, and nothing stored or mailed, for a batch that is not valid (D).
    """
    wrong, documents = dict[str, str](), call.documents
    body = _read("request", sent_json(), _BATCH, wrong)
    if wrong:
        raise FailedError(400, "The request is invalid.", places=wrong)
    if (kind := (body["TypeBatch"] or "email").lower()) not in _TYPES:
        raise _invalid("request.TypeBatch", f"TypeBatch has to be one of {', '.join(_TYPES)}.")
    customers = _read_customers(body, call)
    batch = {
        "Id": documents.next_number(BATCHES),
        "Name": body["BatchName"],
        "Type": _TYPES[kind],
        "SendTime": body["SendTime"],
    }
    # A concept batch is a test as well (D).
    tests = {"IsTest": body["IsTest"] or body["IsConcept"], "IsConcept": body["IsConcept"]}
    documents.put(BATCHES, batch["Id"], batch | tests)
    identities = []
    for customer in customers:
        end = body["EndDate"] if customer["EndDate"] is None else customer["EndDate"]
        also = {"BatchId": batch["Id"], "EndDate": end, **tests}
        identities.append(documents.next_number(CUSTOMERS))
        documents.put(CUSTOMERS, identities[-1], stored_customer({**customer, **also}, call.now))
    addresses = (body["NotificationEmailAddresses"] or "").split(",")
    for address in [address.strip() for address in addresses if address.strip()] or [_FRONT_OFFICE]:
        _mail("notification", address, call.now, batch["Id"], None, call)
    if body["ApproveAutomatically"]:
        _invite(identities, call)
    # A 200 whose body is not documented (U: variant `add_answer`).
    answers: dict[str, Response] = {
        "empty": Response("", content_type=_JSON),
        "null": _json(None),
        "batch-id": _json({"BatchId": batch["Id"]}),
        "customer-ids": _json({"CustomerIds": identities}),
        "text": Response("The customers have been added.", content_type="text/plain; charset=utf-8"),
        "true": _json(True),
    }
    return answers[call.variants.add_answer]


def approve(
    state: State, *, variants: Variants = _ANY, clock: Callable[[], float] = time.time
) -> Sequence[int]:
    """Approve every customer that waits, as an experience manager does by hand, and return their ids.

    D: with ApproveAutomatically false nothing is mailed before. `variants` and `clock` are to be those of the
    application over this state.
    """
    with state.transaction() as documents:
        call = Call(documents, variants, clock())
        return _invite([int(key) for key in documents.all(CUSTOMERS)], call)


def _columns(call: Call) -> dict[Key, Document]:
    """Return every column by id; that names are unique is not stated (U: variant `twin_columns`)."""
    columns = call.documents.all(COLUMNS)
    return {**columns, **_TWIN} if call.variants.twin_columns else columns


def _folded(address: str | None, call: Call) -> str:
    """Return what is equal for addresses that are the same (U: variant `address_case`)."""
    address = address or ""
    return address if call.variants.address_case == "sensitive" else address.casefold()


def _is_scheduled(customer: Document, call: Call) -> bool:
    """Tell whether a customer is approved, and its mail still to come."""
    return bool(customer["State"] == "approved" and customer["NotBefore"] > call.now)


def _read_customers(body: Mapping[str, Any], call: Call) -> list[Document]:
    """Return the customers of a batch; `FailedError` names all that are not valid (I: none is left out)."""
    sent, at = body["Customers"], "request.Customers"
    if not sent:
        raise _invalid(at, "There are no customers to add.")
    if len({_folded(one["Email"], call) for one in sent}) < len(sent) and not body["AllowDuplicateEmail"]:
        raise _invalid(at, "The batch has duplicate e-mail addresses.")
    customers, wrong = [], dict[str, str]()
    for index, one in enumerate(sent):
        try:
            data = _read_data(f"{at}[{index}]", one, call)
        except FailedError as error:
            wrong |= error.places
            continue
        stored = {name: member for name, member in one.items() if name != "Answers"}
        stored |= {"Data": data, "Priority": one["Priority"] or 0, "State": _first_state(one["Email"], call)}
        if one["TransactionDate"] is None:
            stored["TransactionDate"] = call.now
        customers.append(stored)
    if wrong:
        raise FailedError(400, "The request is invalid.", places=wrong)
    return customers


def _read_data(path: str, customer: Mapping[str, Any], call: Call) -> list[Document]:
    """Return the data of a customer, the previous one's where it gives none itself (D: PreviousId).

    `FailedError` where a column cannot be used (I), a required one that is not archived has no value (D:
    "This will result in a validation error"), or no customer has the previous id (U: variant
    `unknown_previous`). A column is named by its id or else by its name (I).
    """
    columns, previous = _columns(call), customer["PreviousId"]
    source = None if previous is None else call.documents.get(CUSTOMERS, previous)
    if previous is not None and source is None and call.variants.unknown_previous == "refused":
        raise _invalid(f"{path}.PreviousId", "The previous customer does not exist.")
    data = {item["CustomerDataColumnId"]: item for item in source["Data"]} if source else {}
    for index, item in enumerate(customer["Data"]):
        key, place = item["CustomerDataColumnId"], f"{path}.Data[{index}]"
        if key is None:
            found = [number for number, column in columns.items() if column["Name"] == item["Name"]]
            if len(found) > 1:
                raise _invalid(place, "The Name is of several customer data columns.")
            key = next(iter(found), None)
        if key not in columns:
            raise _invalid(place, "The customer data column does not exist.")
        if columns[key]["Archived"]:
            raise _invalid(place, f"The customer data column {columns[key]['Name']} is archived.")
        encryption = {name: item[name] for name in _ENCRYPTION if item[name] is not None}
        data[key] = {"CustomerDataColumnId": key, "Value": item["Value"], **encryption}
    given = {key for key, item in data.items() if item["Value"]}
    needed = {key: c["Name"] for key, c in columns.items() if c["Required"] and not c["Archived"]}
    if missing := [name for key, name in needed.items() if key not in given]:
        raise _invalid(f"{path}.Data", f"Required customer data is missing: {', '.join(missing)}.")
    return list(data.values())


def _first_state(email: str | None, call: Call) -> str:
    """Return the state of a new customer: waiting, unless it can never be mailed.

    An address that is not valid is a fault, not a refused call (D; U: variant `plus_addresses`); that one
    which opted out is not mailed is inferred (I).
    """
    has_plus = "+" in (email or "") and call.variants.plus_addresses == "fault"
    if email is None or has_plus or not _ADDRESS.fullmatch(email):
        return "fault"
    opt_outs = call.documents.all(OPT_OUTS).values()
    gone = {_folded(opt_out["Email"], call) for opt_out in opt_outs}
    return "opted-out" if _folded(email, call) in gone else "waiting"


def _invite(identities: Iterable[int], call: Call) -> Sequence[int]:
    """Approve those of these customers that wait, test customers too (D), and return their ids.

    Each is mailed when its time comes; one of a portal batch is not (I). D, model ImportCustomer: when
    another, future customer in status initial has a higher priority, this one becomes locked.
    """
    documents, approved = call.documents, list[int]()
    coming = {int(key): c for key, c in documents.all(CUSTOMERS).items() if _is_scheduled(c, call)}
    for identity in identities:
        customer = documents.get(CUSTOMERS, identity)
        if customer is None or customer["State"] != "waiting":
            continue
        approved.append(identity)
        address, priority = _folded(customer["Email"], call), customer["Priority"]
        rivals = {key: rival for key, rival in coming.items() if _folded(rival["Email"], call) == address}
        if any(rival["Priority"] > priority for rival in rivals.values()):
            _lock(identity, customer, call)
            continue
        batch = documents.get(BATCHES, customer["BatchId"]) or {}
        not_before = _due(customer["SendDate"], batch["SendTime"], call.now)
        customer = {**customer, "State": "approved", "NotBefore": not_before}
        documents.put(CUSTOMERS, identity, customer)
        if batch["Type"] != "portal":
            _mail("invitation", customer["Email"], not_before, batch["Id"], identity, call)
        if _is_scheduled(customer, call):
            coming[identity] = customer
            for key, rival in rivals.items():
                if rival["Priority"] < priority:
                    _lock(key, rival, call)
                    del coming[key]
    return approved


def _lock(identity: int, customer: Document, call: Call) -> None:
    """Keep a customer from being mailed, and take back the mail that it was to get."""
    documents = call.documents
    documents.put(CUSTOMERS, identity, {**customer, "State": "locked", "NotBefore": None})
    for key, mail in documents.all(MAILS).items():
        if mail["customer_id"] == identity:
            documents.remove(MAILS, key)


def _mail(kind: str, to: str, not_before: float, batch_id: int, customer: int | None, call: Call) -> None:
    """Record a mail that would be sent: an invitation, or a notification about a batch."""
    batch = call.documents.get(BATCHES, batch_id) or {}
    letter = {
        "kind": kind,
        "to": to,
        "customer_id": customer,
        "batch_id": batch_id,
        "batch_name": batch["Name"],
        "is_test": batch["IsTest"],
        "is_concept": batch["IsConcept"],
        "not_before": datetime.fromtimestamp(not_before, UTC).isoformat(),
    }
    call.documents.put(MAILS, call.documents.next_number(MAILS), letter)


# The text of the add page points at version 1 of the columns (D).
_ROUTES: Sequence[tuple[str, str, Callable[[Call], Response]]] = (
    ("GET", "/external/api/v1/customerdatacolumn", _list_columns),
    ("GET", "/external/api/v3/customerdatacolumn", _list_columns),
    ("GET", "/external/api/v3/customer", _list_customers),
    ("GET", "/external/api/v3/customer/count", _count_customers),
    ("GET", "/external/api/v3/customer/getcustomerstatuses", _list_statuses),
    ("GET", "/external/api/v3/customer/getoptouts", _list_opt_outs),
    ("POST", "/external/api/v3/customer/add", _add_customers),
)
# The second is the form of the one documented example (C: NotifyNL-OMC, kto-expoints.md).
_TOKEN_PATHS = ("/oauth2/token", "/<directory>/oauth2/v2.0/token")
