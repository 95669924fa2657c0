"""Batches of customers: what is stored of them, who is mailed and when, and which status each has."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from reconciler.sandbox.expoints_calls import (
    Answer,
    Call,
    FailedError,
    Members,
    Tenant,
    answer_page,
    as_json,
    due,
    written,
)
from reconciler.sandbox.seeding import BATCHES, COLUMNS, CUSTOMERS, MAILS, OPT_OUTS, stored_customer
from reconciler.sandbox.state import Document, Key, State
from reconciler.sandbox.variants import Variants

_ADDRESS = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]+")


def is_valid(address: str | None, tenant: Tenant) -> bool:
    """Say whether an address can be mailed (U: variant `plus_addresses`)."""
    if address is None or not _ADDRESS.fullmatch(address):
        return False
    return "+" not in address or tenant.variants.plus_addresses == "accepted"


def folded(address: str | None, tenant: Tenant) -> str:
    """Return what is equal for addresses that are the same (U: variant `address_case`)."""
    address = address or ""
    return address if tenant.variants.address_case == "sensitive" else address.casefold()


def is_asked_for(address: str | None, wanted: str, tenant: Tenant) -> bool:
    """Say whether a list filtered by an address shows another (U: variant `address_filter`)."""
    have, ask = folded(address, tenant), folded(wanted, tenant)
    return ask in have if tenant.variants.address_filter == "contains" else have == ask


# The number that the vendor's example leaves out.
_TWIN: dict[Key, Document] = {
    17: {"Required": False, "Archived": False, "Name": "Business Unit", "DisplayName": "BU (second)"}
}


def list_columns(call: Call) -> Answer:
    """Answer with the columns that pass the filters Required, Archived and CustomerDataColumnIds; unpaged."""
    wanted = {"Required": call.flag("Required"), "Archived": call.flag("Archived")}
    ids = call.numbers("CustomerDataColumnIds")
    rows = [
        {"Id": identity, **column}
        for identity, column in columns_of(call.tenant).items()
        if all(flag in (None, column[name]) for name, flag in wanted.items()) and (not ids or identity in ids)
    ]
    return as_json({"CustomerDataColumns": rows})


def columns_of(tenant: Tenant) -> dict[Key, Document]:
    """Return every column by id; that names are unique is not stated (U: variant `twin_columns`)."""
    columns = tenant.documents.all(COLUMNS)
    return {**columns, **_TWIN} if tenant.variants.twin_columns else columns


def list_opt_outs(call: Call) -> Answer:
    """Answer with a page of the opt-outs, those of test customers only if asked for."""
    with_tests = call.flag("IncludeTestRecords")
    every = call.tenant.documents.all(OPT_OUTS).items()
    rows = {int(key): _row(opt_out) for key, opt_out in every if with_tests or not opt_out["IsTest"]}
    return answer_page("OptOuts", rows, call)


def has_opted_out(address: str, tenant: Tenant) -> bool:
    """Say whether an address is among the opt-outs (U, letter case: variant `address_case`)."""
    every = tenant.documents.all(OPT_OUTS).values()
    return folded(address, tenant) in {folded(opt_out["Email"], tenant) for opt_out in every}


def _row(opt_out: Document) -> dict[str, Any]:
    """Return an opt-out with every documented member."""
    return {
        "OptOutDate": written(opt_out["OptOutDate"]),
        "Email": opt_out["Email"],
        "TransactionDate": written(opt_out["OptOutDate"]),
        "SurveyClosedDate": None,
        "Data": [],
        "Language": "nl",
        "IsContactRequested": False,
        "IsConcept": False,
    }


class _Status(NamedTuple):
    code: int
    name: str


# None is printed on any page (U: variant `statuses`); initial, locked and fault are words of the add page.
_TENANTS: Mapping[str, Mapping[str, _Status]] = {
    "english": {
        "initial": _Status(0, "Initial"),
        "waiting": _Status(10, "Waiting for approval"),
        "invited": _Status(20, "Invited"),
        "finished": _Status(30, "Finished"),
        "fault": _Status(40, "Fault"),
        "locked": _Status(50, "Locked"),
        "opted-out": _Status(60, "Opted out"),
    },
    "dutch": {
        "initial": _Status(1, "Nieuw"),
        "waiting": _Status(2, "Wacht op goedkeuring"),
        "invited": _Status(3, "Uitgenodigd"),
        "finished": _Status(4, "Afgerond"),
        "fault": _Status(5, "Foutief"),
        "locked": _Status(6, "Geblokkeerd"),
        "opted-out": _Status(7, "Afgemeld"),
    },
}


def list_statuses(call: Call) -> Answer:
    """Answer with the code and name of each status."""
    statuses = _TENANTS[call.tenant.variants.statuses].values()
    return as_json({"Statuses": [{"StatusCode": s.code, "StatusName": s.name} for s in statuses]})


def status_code(customer: Document, tenant: Tenant) -> int:
    """Return the code of the status that a customer has now: an approved one is initial until it is mailed.

    Whether one that waits for approval has a status of its own is unknown (U: variant `waiting_status`).
    """
    state = customer["State"]
    if state == "approved":
        state = "initial" if is_scheduled(customer, tenant) else "invited"
    if state == "waiting" and tenant.variants.waiting_status == "initial":
        state = "initial"
    return _TENANTS[tenant.variants.statuses][state].code


def is_scheduled(customer: Document, tenant: Tenant) -> bool:
    """Say whether a customer is approved, and its mail still to come."""
    return bool(customer["State"] == "approved" and customer["NotBefore"] > tenant.now)


Item = dict[str, Any]

# Passed through as they came: how values are encrypted is not documented.
_ENCRYPTION = ("IsEncrypted", "CertificateThumbprint", "EncryptionKey")


class InvalidCustomerError(Exception):
    """A customer is not valid; `path` is where in the body, the message what is wrong."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def read_data(customer: Members, tenant: Tenant) -> list[Item]:
    """Return the data of a customer, the previous one's where it gives none itself (D: PreviousId).

    Raises `InvalidCustomerError` where a column cannot be used, or a required one has no value (D: "This
    will result in a validation error").
    """
    columns = columns_of(tenant)
    given = [(_column(item, columns, tenant), item) for item in customer.objects("Data")]
    data = _copied(customer, tenant)
    data.update({key: _item(key, item) for key, item in given if key in columns})
    _check_required(customer, data, columns, tenant)
    return list(data.values())


def _column(item: Members, columns: dict[Any, Document], tenant: Tenant) -> int | None:
    """Return the id of the column that an item is for, None for one that is left out of the data.

    U: variants `unknown_column` and `archived_column`.
    """
    key = _named(item, columns, tenant)
    column = columns.get(key)
    if column is None and tenant.variants.unknown_column == "refused":
        raise InvalidCustomerError(item.path, "The customer data column does not exist.")
    if column and column["Archived"] and tenant.variants.archived_column == "refused":
        raise InvalidCustomerError(item.path, f"The customer data column {column['Name']} is archived.")
    return key


def _named(item: Members, columns: dict[Any, Document], tenant: Tenant) -> int | None:
    """Return the id that an item names, by itself or by a name; both, or a name alone, are unknown.

    U: variants `data_by_name` and `id_and_name_differ`.
    """
    identity, name = item.number("CustomerDataColumnId"), item.text("Name")
    if identity is None and tenant.variants.data_by_name == "refused":
        raise InvalidCustomerError(item.path, "The CustomerDataColumnId is required.")
    if identity is None:
        return _by_name(item, columns)
    differ = name is not None and name != columns.get(identity, {"Name": name})["Name"]
    if differ and tenant.variants.id_and_name_differ == "refused":
        raise InvalidCustomerError(item.path, "The CustomerDataColumnId and the Name are of two columns.")
    return _by_name(item, columns) if differ and tenant.variants.id_and_name_differ == "name" else identity


def _by_name(item: Members, columns: dict[Any, Document]) -> int | None:
    found = [key for key, column in columns.items() if column["Name"] == item.text("Name")]
    if len(found) > 1:
        raise InvalidCustomerError(item.path, "The Name is of several customer data columns.")
    return found[0] if found else None


def _item(key: int | None, item: Members) -> Item:
    encryption = {name: item.raw(name) for name in _ENCRYPTION if item.raw(name) is not None}
    return {"CustomerDataColumnId": key, "Value": item.text("Value"), **encryption}


def _copied(customer: Members, tenant: Tenant) -> dict[int | None, Item]:
    """Return the data of the previous customer (U, one that nobody has: variant `unknown_previous`)."""
    identity = customer.number("PreviousId")
    previous = None if identity is None else tenant.documents.get(CUSTOMERS, identity)
    if identity is not None and previous is None and tenant.variants.unknown_previous == "refused":
        raise InvalidCustomerError(customer.at("PreviousId"), "The previous customer does not exist.")
    return {item["CustomerDataColumnId"]: item for item in previous["Data"]} if previous else {}


def _check_required(
    customer: Members, data: dict[int | None, Item], columns: dict[Any, Document], tenant: Tenant
) -> None:
    given = {key for key, item in data.items() if _counts(item, tenant)}
    missing = [columns[key]["Name"] for key in _required(columns, tenant) if key not in given]
    if missing:
        message = f"Required customer data is missing: {', '.join(missing)}."
        raise InvalidCustomerError(customer.at("Data"), message)


def _required(columns: dict[Any, Document], tenant: Tenant) -> Iterable[Any]:
    """Return the required columns (U, archived ones: variant `archived_required`)."""
    with_archived = tenant.variants.archived_required == "needed"
    return (key for key, c in columns.items() if c["Required"] and (with_archived or not c["Archived"]))


def _counts(item: Item, tenant: Tenant) -> bool:
    """Say whether an item satisfies a required column (U, empty values: variant `empty_required`)."""
    return bool(item["Value"]) or tenant.variants.empty_required == "accepted"


_Readers = Mapping[str, Callable[[Members, str], object]]

_ANSWER: _Readers = {
    "BaseQuestionId": Members.number,
    "Text": Members.text,
    "PageRepetition": Members.number,
    "SectionRepetition": Members.number,
}
_POSITION: _Readers = {
    "Id": Members.number,
    "Label": Members.text,
    "Value": Members.number,
    "Ranking": Members.number,
}
_FILE: _Readers = {
    "Id": Members.number,
    "AnswerId": Members.number,
    "FileName": Members.text,
    "FileSize": Members.number,
    "FileType": Members.text,
    "Data": Members.base64,
    "CertificateThumbprint": Members.text,
    "EncryptionKey": Members.text,
}


def check_answers(customer: Members, variants: Variants) -> None:
    """Raise `FailedError` with 400 for an answer that has a member of another type than documented (I)."""
    for answer in customer.objects("Answers"):
        _read(answer, _ANSWER)
        answer.moment("DateAnswered", variants)
        for position in answer.objects("SelectedScalePositions"):
            _read(position, _POSITION)
        for file in answer.objects("FileAnswers"):
            _read(file, _FILE)


def _read(members: Members, readers: _Readers) -> None:
    for name, read in readers.items():
        read(members, name)


Kind = Literal["invitation", "text-message", "notification"]

# Who is told about a batch without NotificationEmailAddresses (D: "send to front office default").
FRONT_OFFICE = "front-office@tenant.example"

_ANY = Variants()


def approve(
    state: State, *, variants: Variants = _ANY, clock: Callable[[], float] = time.time
) -> Sequence[int]:
    """Approve every customer that waits, as an experience manager does by hand, and return their ids.

    D: with ApproveAutomatically false nothing is mailed before. `variants` and `clock` are to be those of the
    application over this state.
    """
    with state.transaction() as documents:
        tenant = Tenant(documents, variants, clock())
        return invite([int(key) for key in documents.all(CUSTOMERS)], tenant)


def first_state(customer: Document, tenant: Tenant) -> str:
    """Return the state of a new customer: waiting, unless it can never be mailed.

    An address that is not valid is a fault, not a refused call (D); that one which opted out is not mailed is
    inferred (I: variant `opted_out`).
    """
    if not is_valid(customer["Email"], tenant):
        return "fault"
    unmailed = tenant.variants.opted_out == "unmailed" and has_opted_out(customer["Email"], tenant)
    return "opted-out" if unmailed else "waiting"


def invite(identities: Iterable[int], tenant: Tenant) -> Sequence[int]:
    """Approve those of these customers that wait, test customers too (D), and return their ids.

    Each is mailed when its time comes, unless a higher priority locks it.
    """
    agenda = _Agenda(tenant)
    waiting = [key for key in identities if _load(CUSTOMERS, key, tenant)["State"] == "waiting"]
    for identity in waiting:
        agenda.invite(identity)
    return waiting


def notify(batch_id: int, addresses: Sequence[str], tenant: Tenant) -> None:
    """Tell these addresses about a batch, or the front office where there are none (D)."""
    batch = _load(BATCHES, batch_id, tenant)
    for address in addresses or [FRONT_OFFICE]:
        _record(_letter("notification", address, tenant.now, batch), tenant)


class _Agenda:
    """The customers whose mail is still to come, while some are added; of one address, priorities decide.

    D, model ImportCustomer: when another, future customer in status initial has a higher priority, this one
    becomes locked.
    """

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        every = tenant.documents.all(CUSTOMERS).items()
        self._coming = {int(key): customer for key, customer in every if is_scheduled(customer, tenant)}

    def invite(self, identity: int) -> None:
        """Approve a customer, and lock it, or those that it surpasses."""
        waiting = _load(CUSTOMERS, identity, self._tenant)
        batch = _load(BATCHES, waiting["BatchId"], self._tenant)
        not_before = due(waiting["SendDate"], batch["SendTime"], self._tenant.now)
        customer = {**waiting, "State": "approved", "NotBefore": not_before}
        rivals = self._rivals(customer)
        if any(rival["Priority"] > customer["Priority"] for rival in rivals.values()):
            self._lock(identity, customer)
        else:
            self._schedule(identity, customer, batch, rivals)

    def _rivals(self, customer: Document) -> dict[int, Document]:
        address = folded(customer["Email"], self._tenant)
        return {
            k: rival for k, rival in self._coming.items() if folded(rival["Email"], self._tenant) == address
        }

    def _schedule(
        self, identity: int, customer: Document, batch: Document, rivals: dict[int, Document]
    ) -> None:
        self._tenant.documents.put(CUSTOMERS, identity, customer)
        _mail(identity, customer, batch, self._tenant)
        if not is_scheduled(customer, self._tenant):
            return
        self._coming[identity] = customer
        for key, rival in rivals.items():
            if rival["Priority"] < customer["Priority"]:
                self._lock(key, rival)

    def _lock(self, identity: int, customer: Document) -> None:
        """Keep a customer from being mailed, and take back the mail that it was to get."""
        documents = self._tenant.documents
        documents.put(CUSTOMERS, identity, {**customer, "State": "locked", "NotBefore": None})
        self._coming.pop(identity, None)
        for key, mail in documents.all(MAILS).items():
            if mail["customer_id"] == identity:
                documents.remove(MAILS, key)


def _mail(identity: int, customer: Document, batch: Document, tenant: Tenant) -> None:
    """Record what a customer gets (U: variants `portal_batch` and `phone_numbers`)."""
    if batch["Type"] == "portal" and tenant.variants.portal_batch == "unmailed":
        return
    when = customer["NotBefore"]
    _record(_letter("invitation", customer["Email"], when, batch, identity), tenant)
    if customer["PhoneNumber"] and tenant.variants.phone_numbers == "texted":
        _record(_letter("text-message", customer["PhoneNumber"], when, batch, identity), tenant)


def _letter(
    kind: Kind, to: str, not_before: float, batch: Document, customer: int | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "to": to,
        "customer_id": customer,
        "batch_id": batch["Id"],
        "batch_name": batch["Name"],
        "is_test": batch["IsTest"],
        "is_concept": batch["IsConcept"],
        "not_before": datetime.fromtimestamp(not_before, UTC).isoformat(),
    }


def _record(letter: dict[str, Any], tenant: Tenant) -> None:
    tenant.documents.put(MAILS, tenant.documents.next_number(MAILS), letter)


def _load(collection: str, key: int, tenant: Tenant) -> Document:
    document = tenant.documents.get(collection, key)
    if document is None:
        raise LookupError(f"{collection} has no {key}")
    return document


# "0 / email is default" (D); that 1 is portal follows from the order (I).
_TYPES = {"0": "email", "email": "email", "1": "portal", "portal": "portal"}
# Advice on the page, not said to be a limit (D).
_ADVISED = 200


def add_customers(call: Call) -> Answer:
    """Store a batch, tell somebody about it, and mail its customers if they need no approval.

    `FailedError` with 400, and nothing stored or mailed, for a batch that is not valid (D).
    """
    tenant, body = call.tenant, Members.of("request", call.json())
    batch, customers = _read_batch(body, tenant), _read_customers(body, tenant)
    batch_id = tenant.documents.next_number(BATCHES)
    tenant.documents.put(BATCHES, batch_id, {"Id": batch_id, **batch})
    identities = [_store(customer, batch_id, batch, tenant) for customer in customers]
    notify(batch_id, _addresses(body), tenant)
    if body.flag("ApproveAutomatically"):
        invite(identities, tenant)
    return _answer(batch_id, identities, tenant)


def _read_batch(body: Members, tenant: Tenant) -> Document:
    """Return what holds for every customer of a batch; a concept one is a test as well (D)."""
    is_concept = _is_concept(body, tenant)
    return {
        "Name": body.text("BatchName"),
        "Type": _type(body),
        "SendTime": body.time_of_day("SendTime", tenant.variants),
        "EndDate": body.moment("EndDate", tenant.variants),
        "IsTest": body.flag("IsTest") or is_concept,
        "IsConcept": is_concept,
    }


def _is_concept(body: Members, tenant: Tenant) -> bool:
    """Say whether a batch is for a concept questionnaire, "when available" (D; U: variant `concept`)."""
    is_concept = body.flag("IsConcept")
    if is_concept and tenant.variants.concept == "refused":
        raise _refused(body.at("IsConcept"), "There is no concept questionnaire.")
    return is_concept


def _type(body: Members) -> str:
    kind = body.text("TypeBatch") or "email"
    if kind.lower() not in _TYPES:
        raise _refused(body.at("TypeBatch"), f"TypeBatch has to be one of {', '.join(_TYPES)}.")
    return _TYPES[kind.lower()]


def _addresses(body: Members) -> Sequence[str]:
    """Return the comma-separated addresses that are told about a batch (D)."""
    text = body.text("NotificationEmailAddresses") or ""
    return [address.strip() for address in text.split(",") if address.strip()]


def _read_customers(body: Members, tenant: Tenant) -> list[Document]:
    sent = body.objects("Customers")
    _check_number(body, sent, tenant)
    return _valid(_without_duplicates(body, sent, tenant), tenant)


def _check_number(body: Members, sent: Sequence[Members], tenant: Tenant) -> None:
    """Refuse a batch of nobody (I), or one of too many (U: variant `over_200`)."""
    if not sent:
        raise _refused(body.at("Customers"), "There are no customers to add.")
    if len(sent) > _ADVISED and tenant.variants.over_200 == "refused":
        raise _refused(body.at("Customers"), f"A batch has at most {_ADVISED} customers.")


def _without_duplicates(body: Members, sent: Sequence[Members], tenant: Tenant) -> Sequence[Members]:
    """Return the first customer of each address, unless AllowDuplicateEmail (D) lets all of them in.

    Whether the others are left out, or the call is refused, is unknown (U: variant `duplicate_emails`).
    """
    if body.flag("AllowDuplicateEmail"):
        return sent
    firsts: dict[str, Members] = {}
    for customer in sent:
        firsts.setdefault(folded(customer.text("Email"), tenant), customer)
    if len(firsts) < len(sent) and tenant.variants.duplicate_emails == "refused":
        raise _refused(body.at("Customers"), "The batch has duplicate e-mail addresses.")
    return list(firsts.values())


def _valid(sent: Sequence[Members], tenant: Tenant) -> list[Document]:
    """Return the valid customers; what others do to the call is unknown (U: variant `invalid_customer`)."""
    customers, wrong = [], {}
    for members in sent:
        try:
            customers.append(_read_customer(members, tenant))
        except InvalidCustomerError as error:
            wrong[error.path] = str(error)
    if wrong and tenant.variants.invalid_customer == "refuses-batch":
        raise FailedError(400, "The request is invalid.", wrong)
    return customers


def _read_customer(members: Members, tenant: Tenant) -> Document:
    check_answers(members, tenant.variants)
    transaction_date = members.moment("TransactionDate", tenant.variants)
    return {
        "Email": members.text("Email"),
        "PhoneNumber": members.text("PhoneNumber"),
        "SendDate": members.moment("SendDate", tenant.variants),
        "TransactionDate": tenant.now if transaction_date is None else transaction_date,
        "EndDate": members.moment("EndDate", tenant.variants),
        "Priority": members.number("Priority") or 0,
        "PreviousId": members.number("PreviousId"),
        "Data": read_data(members, tenant),
    }


def _store(customer: Document, batch_id: int, batch: Document, tenant: Tenant) -> int:
    """Store a new customer, and return its id."""
    members = {
        **customer,
        "BatchId": batch_id,
        "EndDate": batch["EndDate"] if customer["EndDate"] is None else customer["EndDate"],
        "IsTest": batch["IsTest"],
        "IsConcept": batch["IsConcept"],
        "State": first_state(customer, tenant),
    }
    identity = tenant.documents.next_number(CUSTOMERS)
    tenant.documents.put(CUSTOMERS, identity, stored_customer(members, tenant.now))
    return identity


def _answer(batch_id: int, identities: Sequence[int], tenant: Tenant) -> Answer:
    """Return a 200 whose body is not documented (U: variant `add_answer`)."""
    answers: dict[str, Answer] = {
        "empty": Answer(""),
        "null": as_json(None),
        "batch-id": as_json({"BatchId": batch_id}),
        "customer-ids": as_json({"CustomerIds": list(identities)}),
        "text": Answer("The customers have been added.", "text/plain; charset=utf-8"),
        "true": as_json(True),
    }
    return answers[tenant.variants.add_answer]


def _refused(path: str, message: str) -> FailedError:
    return FailedError(400, message, {path: message})
