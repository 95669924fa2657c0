"""Batches of customers: how one is read and stored, who is mailed, and when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .calls import Call, FailedError
from .expoints_bodies import Answer, Members, as_json, due, invalid
from .seeding import BATCHES, COLUMNS, CUSTOMERS, MAILS, OPT_OUTS, stored_customer
from .state import Document, Key, State
from .variants import Variants

# The address that is notified of a batch without any (D: "send to front office default").
FRONT_OFFICE = "front-office@tenant.example"

_ANY = Variants()
_ADDRESS = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]+")
# "0 / email is default" (D); that 1 is portal follows from the order (I).
_TYPES = {"0": "email", "email": "email", "1": "portal", "portal": "portal"}
# Passed through as they came: how values are encrypted is not documented.
_ENCRYPTION = ("IsEncrypted", "CertificateThumbprint", "EncryptionKey")
# The number that the vendor's example leaves out.
_TWIN: dict[Key, Document] = {
    17: {"Required": False, "Archived": False, "Name": "Business Unit", "DisplayName": "BU (second)"}
}

_Readers = Mapping[str, Callable[[Members, str], object]]

# Pre-filled answers, of which only the types are documented (D). No call lists questions or scale positions
# (U), so nothing here can know whether they exist.
_ANSWER: _Readers = {
    **dict.fromkeys(("BaseQuestionId", "PageRepetition", "SectionRepetition"), Members.number),
    "Text": Members.text,
    "DateAnswered": Members.moment,
}
_POSITION: _Readers = {
    **dict.fromkeys(("Id", "Value", "Ranking"), Members.number),
    "Label": Members.text,
}
_FILE: _Readers = {
    **dict.fromkeys(("Id", "AnswerId", "FileSize"), Members.number),
    **dict.fromkeys(("FileName", "FileType", "CertificateThumbprint", "EncryptionKey"), Members.text),
    "Data": Members.base64,
}


def add_customers(call: Call) -> Answer:
    """Store a batch, notify its addresses, and mail its customers if they need no approval (D: customer-add).

    There is no key by which the server could know a request again (D), so the same one twice is two batches
    (I). `FailedError` with 400, and nothing stored or mailed, for a batch that is not valid (D).
    """
    body = Members.of("request", call.json())
    batch, customers = _read_batch(body), _read_customers(body, call)
    documents = call.documents
    number = documents.next_number(BATCHES)
    documents.put(BATCHES, number, {"Id": number, **batch})
    identities = []
    for customer in customers:
        end = batch["EndDate"] if customer["EndDate"] is None else customer["EndDate"]
        also = {"BatchId": number, "EndDate": end, "IsTest": batch["IsTest"], "IsConcept": batch["IsConcept"]}
        identities.append(documents.next_number(CUSTOMERS))
        documents.put(CUSTOMERS, identities[-1], stored_customer({**customer, **also}, call.now))
    addresses = (body.text("NotificationEmailAddresses") or "").split(",")
    for address in [address.strip() for address in addresses if address.strip()] or [FRONT_OFFICE]:
        _mail("notification", address, call.now, number, None, call)
    if body.flag("ApproveAutomatically"):
        _invite(identities, call)
    # A 200 whose body is not documented (U: variant `add_answer`).
    answers: dict[str, Answer] = {
        "empty": Answer(""),
        "null": as_json(None),
        "batch-id": as_json({"BatchId": number}),
        "customer-ids": as_json({"CustomerIds": identities}),
        "text": Answer("The customers have been added.", "text/plain; charset=utf-8"),
        "true": as_json(True),
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


def columns_of(call: Call) -> dict[Key, Document]:
    """Return every column by id; that names are unique is not stated (U: variant `twin_columns`)."""
    columns = call.documents.all(COLUMNS)
    return {**columns, **_TWIN} if call.variants.twin_columns else columns


def folded(address: str | None, call: Call) -> str:
    """Return what is equal for addresses that are the same (U: variant `address_case`)."""
    address = address or ""
    return address if call.variants.address_case == "sensitive" else address.casefold()


def is_scheduled(customer: Document, call: Call) -> bool:
    """Tell whether a customer is approved, and its mail still to come."""
    return bool(customer["State"] == "approved" and customer["NotBefore"] > call.now)


def _read_batch(body: Members) -> Document:
    """Return what holds for every customer of a batch; a concept one is a test as well (D)."""
    kind = (body.text("TypeBatch") or "email").lower()
    if kind not in _TYPES:
        raise invalid(body.at("TypeBatch"), f"TypeBatch has to be one of {', '.join(_TYPES)}.")
    return {
        "Name": body.text("BatchName"),
        "Type": _TYPES[kind],
        "SendTime": body.moment("SendTime"),
        "EndDate": body.moment("EndDate"),
        "IsTest": body.flag("IsTest") or body.flag("IsConcept"),
        "IsConcept": body.flag("IsConcept"),
    }


def _read_customers(body: Members, call: Call) -> list[Document]:
    """Return the customers of a batch; `FailedError` names all that are not valid (I: none is left out)."""
    sent, at = body.objects("Customers"), body.at("Customers")
    if not sent:
        raise invalid(at, "There are no customers to add.")
    addresses = {folded(customer.text("Email"), call) for customer in sent}
    if len(addresses) < len(sent) and not body.flag("AllowDuplicateEmail"):
        raise invalid(at, "The batch has duplicate e-mail addresses.")
    customers, wrong = [], dict[str, str]()
    for members in sent:
        try:
            customers.append(_read_customer(members, call))
        except FailedError as error:
            wrong |= error.places
    if wrong:
        raise FailedError(400, "The request is invalid.", places=wrong)
    return customers


def _read_customer(members: Members, call: Call) -> Document:
    for answer in members.objects("Answers"):
        _check(answer, _ANSWER)
        for position in answer.objects("SelectedScalePositions"):
            _check(position, _POSITION)
        for file in answer.objects("FileAnswers"):
            _check(file, _FILE)
    email, transaction_date = members.text("Email"), members.moment("TransactionDate")
    return {
        "Email": email,
        "PhoneNumber": members.text("PhoneNumber"),
        "SendDate": members.moment("SendDate"),
        "TransactionDate": call.now if transaction_date is None else transaction_date,
        "EndDate": members.moment("EndDate"),
        "Priority": members.number("Priority") or 0,
        "PreviousId": members.number("PreviousId"),
        "Data": _read_data(members, call),
        "State": _first_state(email, call),
    }


def _check(members: Members, readers: _Readers) -> None:
    for name, read in readers.items():
        read(members, name)


def _read_data(customer: Members, call: Call) -> list[Document]:
    """Return the data of a customer, the previous one's where it gives none itself (D: PreviousId).

    `FailedError` where a column cannot be used (I), a required one that is not archived has no value (D:
    "This will result in a validation error"), or no customer has the previous id (U: variant
    `unknown_previous`). A column is named by its id or else by its name (I).
    """
    columns, previous = columns_of(call), customer.number("PreviousId")
    source = None if previous is None else call.documents.get(CUSTOMERS, previous)
    if previous is not None and source is None and call.variants.unknown_previous == "refused":
        raise invalid(customer.at("PreviousId"), "The previous customer does not exist.")
    data = {item["CustomerDataColumnId"]: item for item in source["Data"]} if source else {}
    for item in customer.objects("Data"):
        key: Any = item.number("CustomerDataColumnId")
        if key is None:
            found = [number for number, column in columns.items() if column["Name"] == item.text("Name")]
            if len(found) > 1:
                raise invalid(item.path, "The Name is of several customer data columns.")
            key = next(iter(found), None)
        if key not in columns:
            raise invalid(item.path, "The customer data column does not exist.")
        if columns[key]["Archived"]:
            raise invalid(item.path, f"The customer data column {columns[key]['Name']} is archived.")
        encryption = {name: item.raw(name) for name in _ENCRYPTION if item.raw(name) is not None}
        data[key] = {"CustomerDataColumnId": key, "Value": item.text("Value"), **encryption}
    given = {key for key, item in data.items() if item["Value"]}
    needed = {key: c["Name"] for key, c in columns.items() if c["Required"] and not c["Archived"]}
    if missing := [name for key, name in needed.items() if key not in given]:
        raise invalid(customer.at("Data"), f"Required customer data is missing: {', '.join(missing)}.")
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
    gone = {folded(opt_out["Email"], call) for opt_out in opt_outs}
    return "opted-out" if folded(email, call) in gone else "waiting"


def _invite(identities: Iterable[int], call: Call) -> Sequence[int]:
    """Approve those of these customers that wait, test customers too (D), and return their ids.

    Each is mailed when its time comes; one of a portal batch is not (I). D, model ImportCustomer: when
    another, future customer in status initial has a higher priority, this one becomes locked.
    """
    documents, approved = call.documents, list[int]()
    coming = {int(key): c for key, c in documents.all(CUSTOMERS).items() if is_scheduled(c, call)}
    for identity in identities:
        customer = documents.get(CUSTOMERS, identity)
        if customer is None or customer["State"] != "waiting":
            continue
        approved.append(identity)
        address, priority = folded(customer["Email"], call), customer["Priority"]
        rivals = {key: rival for key, rival in coming.items() if folded(rival["Email"], call) == address}
        if any(rival["Priority"] > priority for rival in rivals.values()):
            _lock(identity, customer, call)
            continue
        batch = documents.get(BATCHES, customer["BatchId"]) or {}
        not_before = due(customer["SendDate"], batch["SendTime"], call.now)
        customer = {**customer, "State": "approved", "NotBefore": not_before}
        documents.put(CUSTOMERS, identity, customer)
        if batch["Type"] != "portal":
            _mail("invitation", customer["Email"], not_before, batch["Id"], identity, call)
        if is_scheduled(customer, call):
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
