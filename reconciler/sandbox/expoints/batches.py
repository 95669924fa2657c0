"""The call that adds a batch of customers, and so mails them (D: POST-api-v3-customer-add).

There is no key by which the server could know a request again (D), so the same one twice is two batches (I).
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.sandbox.seeding import BATCHES, CUSTOMERS, stored_customer
from reconciler.sandbox.state import Document

from .addresses import folded
from .answers import check_answers
from .bodies import Members
from .calls import Answer, Call, FailedError, Tenant, as_json
from .data import InvalidCustomerError, read_data
from .mailing import first_state, invite, notify

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
